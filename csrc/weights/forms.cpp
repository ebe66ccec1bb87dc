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
auto with_form(Layout layout, const WeightShape& shape, const Visit& visit) {
  switch (layout) {
    case Layout::row:
      break;
    case Layout::kn:
      return visit(Kn(shape));
    case Layout::k1n16:
      return visit(Panels<K1N16>(shape));
    case Layout::k2n16:
      return visit(Panels<K2N16>(shape));
    case Layout::k4n16:
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

int least_rank(Layout layout) {
  if (layout == Layout::row) return 0;
  return layout == Layout::k2n16 || layout == Layout::k4n16 ? 2 : 1;
}

}  // namespace

uint64_t form_elements(Layout layout, const WeightShape& shape) {
  return with_form(layout, shape, [](const auto& form) { return form.elements(); });
}

void pack(Layout layout, const WeightShape& shape, DType from, const std::byte* rows, DType to,
          std::byte* stored) {
  with_form(layout, shape, [&](const auto& form) {
    if (from != to)
      return form.pack(reinterpret_cast<const int8_t*>(rows), reinterpret_cast<int16_t*>(stored));
    with_size(dtype_bytes(to), [&](auto element) {
      using T = decltype(element);
      form.pack(reinterpret_cast<const T*>(rows), reinterpret_cast<T*>(stored));
    });
  });
}

void unpack(Layout layout, const WeightShape& shape, DType dtype, const std::byte* stored,
            std::byte* rows) {
  with_form(layout, shape, [&](const auto& form) {
    with_size(dtype_bytes(dtype), [&](auto element) {
      using T = decltype(element);
      form.unpack(reinterpret_cast<const T*>(stored), reinterpret_cast<T*>(rows));
    });
  });
}

bool is_filled_with_zeros(Layout layout, const WeightShape& shape, DType dtype,
                          const std::byte* stored) {
  bool zero = true;
  with_form(layout, shape, [&](const auto& form) {
    with_size(dtype_bytes(dtype), [&](auto element) {
      zero = form.is_filled_with_zeros(reinterpret_cast<const decltype(element)*>(stored));
    });
  });
  return zero;
}

size_t panel_count(const WeightShape& shape) { return Panels<K1N16>(shape).count(); }

void pack_transposed(const WeightShape& shape, const float* matrix, float* panels, size_t first,
                     size_t last) {
  Panels<K1N16>(shape).pack_transposed(matrix, panels, first, last);
}

std::optional<uint64_t> payload_bytes(const TensorType& type, Layout layout, Encoding encoding) {
  if (encoding == Encoding::shorts)
    return layout == Layout::row ? shorts_bytes(type) : std::nullopt;
  if (type.shape.rank < least_rank(layout)) return std::nullopt;
  return form_elements(layout, weight_shape(type.shape)) * dtype_bytes(type.dtype);
}

uint64_t payload_alignment(Encoding encoding) {
  return encoding == Encoding::plain ? kPayloadAlignment : 1;
}

const char* layout_name(Layout layout) {
  switch (layout) {
#define X(name, id)  \
  case Layout::name: \
    return #name;
#include "schema/layouts.def"
#undef X
  }
  return "?";
}

const char* encoding_name(Encoding encoding) {
  switch (encoding) {
#define X(name, id)    \
  case Encoding::name: \
    return #name;
#include "schema/encodings.def"
#undef X
  }
  return "?";
}

}  // namespace edgert
