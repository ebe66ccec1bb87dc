#include "weights/forms.h"

#include <algorithm>

#include "core/error.h"
#include "schema/format.h"
#include "weights/coded/coded.h"
#include "weights/element.h"
#include "weights/facts.h"
#include "weights/kn.h"
#include "weights/packed/code_panels.h"
#include "weights/panels.h"
#include "weights/rows.h"
#include "weights/sparse/blocks.h"

namespace edgert {
namespace {

template <typename Visit>
auto with_form(Form form, const WeightShape& shape, const Visit& visit) {
  switch (form) {
    case Form::row:
    case Form::shorts:  // until decoded, no elements
    case Form::codes:
    case Form::half:
    case Form::csr:  // whose elements have no places: see Blocks
    case Form::bsr1x4:
    case Form::bsr4x4:
    case Form::k4n16b4:  // whose elements are codes: see CodePanels
    case Form::k4n16b2:
      break;
    case Form::kn:
      return visit(Kn(shape));
    case Form::k1n16:
      return visit(Panels<K1N16>(shape));
    case Form::k2n16:
      return visit(Panels<K2N16>(shape));
    case Form::k4n16:
      return visit(Panels<K4N16>(shape));
  }
  return visit(Rows(shape));
}

int least_rank(Form form) {
  switch (form) {
#define X(name, id, least_rank, kind) \
  case Form::name:                    \
    return least_rank;
#include "schema/weights.def"
#undef X
  }
  return 0;
}

}  // namespace

uint64_t form_elements(Form form, const WeightShape& shape) {
  return with_form(form, shape, [](const auto& places) { return places.elements(); });
}

uint64_t packed_bytes(Form form, const WeightShape& shape, DType dtype, const std::byte* rows) {
  if (is_packed(form)) return CodePanels(form, shape, dtype).bytes().value_or(0);
  if (!is_sparse(form)) return form_elements(form, shape) * dtype_bytes(dtype);
  const Blocks blocks(form, shape, dtype);
  return blocks.bytes(blocks.count(rows)).value_or(0);
}

void pack(Form form, const WeightShape& shape, DType from, const std::byte* rows, DType to,
          std::byte* stored) {
  if (is_sparse(form)) return Blocks(form, shape, to).pack(rows, stored);
  if (is_packed(form)) return CodePanels(form, shape, to).pack(rows, stored);
  with_form(form, shape, [&](const auto& places) {
    if (from != to)
      return places.pack(reinterpret_cast<const int8_t*>(rows), reinterpret_cast<int16_t*>(stored));
    with_element(dtype_bytes(to), [&](auto element) {
      using T = decltype(element);
      places.pack(reinterpret_cast<const T*>(rows), reinterpret_cast<T*>(stored));
    });
  });
}

void unpack(Form form, const WeightShape& shape, DType dtype, const std::byte* stored,
            std::byte* rows) {
  if (is_sparse(form)) return Blocks(form, shape, dtype).unpack(stored, rows);
  if (is_packed(form)) return CodePanels(form, shape, dtype).unpack(stored, rows);
  with_form(form, shape, [&](const auto& places) {
    with_element(dtype_bytes(dtype), [&](auto element) {
      using T = decltype(element);
      places.unpack(reinterpret_cast<const T*>(stored), reinterpret_cast<T*>(rows));
    });
  });
}

bool is_filled_with_zeros(Form form, const WeightShape& shape, DType dtype,
                          const std::byte* stored) {
  if (is_sparse(form)) return Blocks(form, shape, dtype).is_filled_with_zeros(stored);
  if (is_packed(form)) return CodePanels(form, shape, dtype).is_filled_with_zeros(stored);
  bool zero = true;
  with_form(form, shape, [&](const auto& places) {
    with_element(dtype_bytes(dtype), [&](auto element) {
      zero = places.is_filled_with_zeros(reinterpret_cast<const decltype(element)*>(stored));
    });
  });
  return zero;
}

size_t panel_count(const WeightShape& shape) { return Panels<K1N16>(shape).count(); }

void pack_transposed(const WeightShape& shape, const float* matrix, float* panels, size_t first,
                     size_t last) {
  Panels<K1N16>(shape).pack_transposed(matrix, panels, first, last);
}

std::optional<uint64_t> payload_bytes(const TensorType& type, Form form, uint32_t facts) {
  if (is_decoded(form)) return coded_bytes(form, type, decode_coded_facts(facts));
  if (type.shape.rank < least_rank(form)) return std::nullopt;
  const WeightShape shape = weight_shape(type.shape);
  if (is_sparse(form)) {
    const auto claimed = decode_facts(form, type.dtype, facts & ~uint32_t{3});
    return Blocks(form, shape, type.dtype).bytes(claimed->blocks);
  }
  if (is_packed(form)) return CodePanels(form, shape, type.dtype).bytes();
  return form_elements(form, shape) * dtype_bytes(type.dtype);
}

bool is_ordered(Form form) { return kind_of(form) == FormKind::ordered; }
bool is_decoded(Form form) { return kind_of(form) == FormKind::decoded; }

uint64_t payload_alignment(Form form) { return is_decoded(form) ? 1 : kPayloadAlignment; }

double share_left_out(Form form, const TensorType& type, const WeightFacts& facts) {
  const double all = static_cast<double>(type.shape.elements());
  if (!is_sparse(form) || all == 0) return 0;
  const Blocks blocks(form, weight_shape(type.shape), type.dtype);
  // Blocks may reach beyond the weights.
  const double stored = static_cast<double>(facts.blocks) * blocks.block_elements();
  return std::max(0.0, 1 - stored / all);
}

const char* form_name(Form form) {
  switch (form) {
#define X(name, ...) \
  case Form::name:   \
    return #name;
#include "schema/weights.def"
#undef X
  }
  return "?";
}

}  // namespace edgert
