#include "run/values.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>

namespace edgert::run {
namespace {

constexpr size_t kTop = 5;

uint64_t next(uint64_t& state) {  // splitmix64
  uint64_t z = state += 0x9E3779B97F4A7C15u;
  z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
  z = (z ^ z >> 27) * 0x94D049BB133111EBu;
  return z ^ z >> 31;
}

// About normal: the sum of twelve uniform numbers has the variance 1, and is the same everywhere.
double normal(uint64_t& state) {
  double sum = -6;
  for (int i = 0; i < 12; ++i) sum += static_cast<double>(next(state) >> 11) * 0x1p-53;
  return sum;
}

// A float of up to 6 as float16, towards zero; what is small becomes zero.
uint16_t to_half(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, sizeof bits);
  const int exponent = static_cast<int>(bits >> 23 & 0xFF) - 127 + 15;
  const uint32_t sign = bits >> 16 & 0x8000;
  if (exponent <= 0) return static_cast<uint16_t>(sign);
  return static_cast<uint16_t>(sign | static_cast<uint32_t>(exponent) << 10 | (bits >> 13 & 0x3FF));
}

double from_half(uint16_t bits) {
  const int exponent = bits >> 10 & 0x1F, mantissa = bits & 0x3FF;
  const double magnitude = exponent == 0x1F ? (mantissa == 0 ? INFINITY : NAN)
                           : exponent == 0  ? std::ldexp(mantissa, -24)
                                            : std::ldexp(1024 + mantissa, exponent - 25);
  return (bits & 0x8000) != 0 ? -magnitude : magnitude;
}

template <typename T>
double load(const unsigned char* at) {
  T value;
  std::memcpy(&value, at, sizeof value);
  return static_cast<double>(value);
}

double element(edgert_dtype dtype, const unsigned char* at) {
  switch (dtype) {
    case EDGERT_FLOAT32:
      return load<float>(at);
    case EDGERT_INT32:
      return load<int32_t>(at);
    case EDGERT_INT64:
      return load<int64_t>(at);
    case EDGERT_INT8:
      return load<int8_t>(at);
    case EDGERT_UINT8:
    case EDGERT_BOOL:
      return load<uint8_t>(at);
    case EDGERT_INT16:
      return load<int16_t>(at);
    case EDGERT_FLOAT16: {
      uint16_t bits;
      std::memcpy(&bits, at, sizeof bits);
      return from_half(bits);
    }
    case EDGERT_FLOAT64:
      return load<double>(at);
  }
  return NAN;
}

bool is_float(edgert_dtype dtype) {
  return dtype == EDGERT_FLOAT32 || dtype == EDGERT_FLOAT16 || dtype == EDGERT_FLOAT64;
}

void store_random(edgert_dtype dtype, unsigned char* at, uint64_t& state) {
  const auto store = [&](auto value) { std::memcpy(at, &value, sizeof value); };
  if (dtype == EDGERT_FLOAT32) return store(static_cast<float>(normal(state)));
  if (dtype == EDGERT_FLOAT64) return store(normal(state));
  if (dtype == EDGERT_FLOAT16) return store(to_half(static_cast<float>(normal(state))));
  const uint64_t bits = next(state);
  if (dtype == EDGERT_UINT8 || dtype == EDGERT_INT8) return store(static_cast<uint8_t>(bits >> 56));
  *at = static_cast<unsigned char>(bits >> 63);  // little-endian, as all of this
}

}  // namespace

Bytes random_elements(const edgert_tensor& tensor, uint64_t& state) {
  Bytes bytes(tensor.bytes);
  const size_t size = edgert_dtype_bytes(tensor.dtype);
  for (size_t at = 0; at < bytes.size(); at += size)
    store_random(tensor.dtype, bytes.data() + at, state);
  return bytes;
}

Summary summarize(const edgert_tensor& tensor, const Bytes& elements) {
  const size_t size = edgert_dtype_bytes(tensor.dtype), count = elements.size() / size;
  const auto at = [&](size_t i) { return element(tensor.dtype, elements.data() + i * size); };
  Summary summary;
  for (size_t i = 0; i < count; ++i) {
    const double value = at(i);
    if (!std::isfinite(value)) {
      ++summary.not_finite;
      continue;
    }
    if (summary.finite == 0 || value < summary.min) summary.min = value;
    if (summary.finite == 0 || value > summary.max) summary.max = value;
    ++summary.finite;
    summary.mean += (value - summary.mean) / static_cast<double>(summary.finite);
  }
  const bool one_row =
      tensor.rank > 0 && count > 1 && static_cast<size_t>(tensor.dims[tensor.rank - 1]) == count;
  if (!is_float(tensor.dtype) || !one_row) return summary;
  std::vector<std::pair<size_t, double>>& top = summary.top;
  for (size_t i = 0; i < count; ++i) {
    const double value = at(i);
    if (std::isnan(value)) continue;
    const auto place = std::upper_bound(top.begin(), top.end(), value,
                                        [](double v, const auto& row) { return v > row.second; });
    if (static_cast<size_t>(place - top.begin()) < kTop) top.insert(place, {i, value});
    if (top.size() > kTop) top.pop_back();
  }
  return summary;
}

}  // namespace edgert::run
