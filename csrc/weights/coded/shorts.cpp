#include "weights/coded/shorts.h"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace edgert {
namespace {

bool is_held(DType dtype) { return dtype == DType::i32 || dtype == DType::f32; }

// Calls visit with an element of the type, of which only the type matters.
template <typename Visit>
auto with_type(DType dtype, const Visit& visit) {
  return dtype == DType::i32 ? visit(int32_t{}) : visit(float{});
}

template <typename T>
double largest_of(const T* x, size_t n) {
  double most = 0;
  for (size_t i = 0; i < n; ++i) {
    const double magnitude = std::fabs(static_cast<double>(x[i]));
    if (!(magnitude <= most)) most = magnitude;  // of NaN, too
    if (std::isnan(most)) break;
  }
  return most;
}

}  // namespace

std::optional<uint64_t> shorts_bytes(const TensorType& type) {
  const size_t elements = type.shape.elements();
  if (!is_held(type.dtype) || elements == 0) return std::nullopt;
  return sizeof(int32_t) + uint64_t{elements} * sizeof(int16_t);
}

ExponentRange exponent_range(DType dtype) {
  return dtype == DType::i32 ? ExponentRange{0, 16} : ExponentRange{-126, 112};
}

std::optional<int32_t> shorts_exponent(DType dtype, const std::byte* elements, size_t n) {
  const double largest = with_type(dtype, [=](auto element) {
    return largest_of(reinterpret_cast<const decltype(element)*>(elements), n);
  });
  if (!std::isfinite(largest)) return std::nullopt;
  const ExponentRange range = exponent_range(dtype);
  int exponent = range.least;
  if (largest > 0) {
    std::frexp(largest, &exponent);
    exponent -= 15;
    exponent += std::nearbyint(std::ldexp(largest, -exponent)) > INT16_MAX;
  }
  exponent = std::max(exponent, range.least);
  if (exponent > range.most) return std::nullopt;
  return exponent;
}

void round_to_shorts(DType dtype, int32_t exponent, size_t n, const std::byte* elements,
                     std::byte* rounded) {
  with_type(dtype, [=](auto element) {
    using T = decltype(element);
    const T* const x = reinterpret_cast<const T*>(elements);
    T* const y = reinterpret_cast<T*>(rounded);
    const double unit = std::ldexp(1.0, exponent), per_unit = std::ldexp(1.0, -exponent);
    for (size_t i = 0; i < n; ++i)  // the sum makes one zero of two
      y[i] = static_cast<T>(std::nearbyint(static_cast<double>(x[i]) * per_unit) * unit + 0.0);
  });
}

void pack_shorts(DType dtype, int32_t exponent, size_t n, const std::byte* elements,
                 std::byte* shorts) {
  with_type(dtype, [=](auto element) {
    const auto* const x = reinterpret_cast<const decltype(element)*>(elements);
    const double per_unit = std::ldexp(1.0, -exponent);
    for (size_t i = 0; i < n; ++i) {
      const auto v = static_cast<int16_t>(static_cast<double>(x[i]) * per_unit);
      std::memcpy(shorts + i * sizeof v, &v, sizeof v);
    }
  });
}

void unpack_shorts(DType dtype, int32_t exponent, size_t n, const std::byte* shorts,
                   std::byte* elements) {
  with_type(dtype, [=](auto element) {
    using T = decltype(element);
    T* const x = reinterpret_cast<T*>(elements);
    const T unit = static_cast<T>(std::ldexp(1.0, exponent));
    for (size_t i = 0; i < n; ++i) {
      int16_t v;
      std::memcpy(&v, shorts + i * sizeof v, sizeof v);
      x[i] = static_cast<T>(v) * unit;
    }
  });
}

}  // namespace edgert
