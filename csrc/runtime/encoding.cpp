#include "runtime/encoding.h"

#include <cmath>
#include <cstring>

#include "schema/format.h"

namespace edgert {
namespace {

template <typename T>
Buffer scaled(const std::byte* shorts, size_t n, T unit) {
  Buffer elements(n * sizeof(T));
  T* const to = reinterpret_cast<T*>(elements.data());
  for (size_t i = 0; i < n; ++i) {
    int16_t v;
    std::memcpy(&v, shorts + i * sizeof v, sizeof v);
    to[i] = static_cast<T>(v) * unit;
  }
  return elements;
}

}  // namespace

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

std::optional<uint64_t> payload_bytes(const TensorType& type, Layout layout, Encoding encoding) {
  if (encoding == Encoding::plain) return stored_bytes(type, layout);
  const size_t elements = type.shape.elements();
  if (layout != Layout::row || elements == 0) return std::nullopt;
  if (type.dtype != DType::i32 && type.dtype != DType::f32) return std::nullopt;
  return sizeof(int32_t) + elements * sizeof(int16_t);
}

uint64_t payload_alignment(Encoding encoding) {
  return encoding == Encoding::plain ? kPayloadAlignment : 1;
}

ExponentRange exponent_range(DType dtype) {
  return dtype == DType::i32 ? ExponentRange{0, 16} : ExponentRange{-126, 112};
}

Buffer decode_shorts(const TensorType& type, int32_t exponent, const std::byte* shorts) {
  const size_t n = type.shape.elements();
  if (type.dtype == DType::i32) return scaled<int32_t>(shorts, n, int32_t{1} << exponent);
  return scaled<float>(shorts, n, std::ldexp(1.0f, exponent));
}

}  // namespace edgert
