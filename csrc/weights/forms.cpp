#include "weights/forms.h"

#include "core/error.h"
#include "schema/format.h"
#include "weights/kn.h"
#include "weights/panels.h"
#include "weights/rows.h"
#include "weights/shorts.h"

namespace edgert {
namespace {

template <typename Visit>
auto with_form(Form form, const WeightShape& shape, const Visit& visit) {
  switch (form) {
    case Form::row:
    case Form::shorts:  // once decoded
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

// Calls visit with an element of any type of this size.
template <typename Visit>
void with_size(size_t bytes, const Visit& visit) {
  switch (bytes) {
    case 1:
      return visit(uint8_t{});
    case 2:
      return visit(uint16_t{});
    case 4:
      return visit(uint32_t{});
    default:
      return visit(uint64_t{});
  }
}

int least_rank(Form form) {
  switch (form) {
#define X(name, id, least_rank, decoded) \
  case Form::name:                       \
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

void pack(Form form, const WeightShape& shape, DType from, const std::byte* rows, DType to,
          std::byte* stored) {
  with_form(form, shape, [&](const auto& places) {
    if (from != to)
      return places.pack(reinterpret_cast<const int8_t*>(rows), reinterpret_cast<int16_t*>(stored));
    with_size(dtype_bytes(to), [&](auto element) {
      using T = decltype(element);
      places.pack(reinterpret_cast<const T*>(rows), reinterpret_cast<T*>(stored));
    });
  });
}

void unpack(Form form, const WeightShape& shape, DType dtype, const std::byte* stored,
            std::byte* rows) {
  with_form(form, shape, [&](const auto& places) {
    with_size(dtype_bytes(dtype), [&](auto element) {
      using T = decltype(element);
      places.unpack(reinterpret_cast<const T*>(stored), reinterpret_cast<T*>(rows));
    });
  });
}

bool is_filled_with_zeros(Form form, const WeightShape& shape, DType dtype,
                          const std::byte* stored) {
  bool zero = true;
  with_form(form, shape, [&](const auto& places) {
    with_size(dtype_bytes(dtype), [&](auto element) {
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

std::optional<uint64_t> payload_bytes(const TensorType& type, Form form) {
  if (form == Form::shorts) return shorts_bytes(type);
  if (type.shape.rank < least_rank(form)) return std::nullopt;
  return form_elements(form, weight_shape(type.shape)) * dtype_bytes(type.dtype);
}

bool is_decoded(Form form) {
  switch (form) {
#define X(name, id, least_rank, decoded) \
  case Form::name:                       \
    return decoded;
#include "schema/weights.def"
#undef X
  }
  return false;
}

uint64_t payload_alignment(Form form) { return is_decoded(form) ? 1 : kPayloadAlignment; }

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
