#include <type_traits>

#include "kernels/pool_int/pool_int.h"

#define EDGERT_ROUND_TWICE
#include "kernels/level.h"
#include "kernels/simd/requantize.h"

namespace edgert {
namespace {

// Calls body(tap) for what each tap of a window sees, row by row.
template <typename Element, typename Body>
inline void for_taps(const PoolImage& image, const PoolWindow& row, const PoolWindow& column,
                     const Element* x, const Body& body) {
  const size_t row_step = static_cast<size_t>(image.row_dilation) * image.width * image.channels;
  const size_t column_step = static_cast<size_t>(image.column_dilation) * image.channels;
  for (int32_t i = 0; i < row.taps; ++i) {
    const Element* tap = x + static_cast<size_t>(i) * row_step;
    for (int32_t j = 0; j < column.taps; ++j, tap += column_step) body(tap);
  }
}

// Calls body(row, column, first tap, index of the output's pixel) for every window.
template <typename Body>
inline void for_windows(const PoolInt& p, const Body& body) {
  const PoolImage& image = p.image;
  size_t pixel = 0;
  for (size_t r = 0; r < image.row_count; ++r)
    for (size_t c = 0; c < image.column_count; ++c, ++pixel) {
      const PoolWindow &row = image.rows[r], &column = image.columns[c];
      const size_t first =
          static_cast<size_t>(row.first) * image.width + static_cast<size_t>(column.first);
      body(row, column, p.x + first * image.channels, pixel);
    }
}

// The vectors that the loops below work on: as many bytes as there can be, sixteen, one per lane,
// and only the first n of these.
struct Packed {
  using Vector = I32;
  static constexpr int kBytes = 4 * F32::kLanes;
  int count() const { return kBytes; }
  I32 load(const uint8_t* p) const { return load_bytes(p); }
  void store(uint8_t* p, I32 x) const { store_bytes(p, x); }
};
struct Sixteen {
  typedef uint8_t Vector __attribute__((vector_size(16)));
  static constexpr int kBytes = 16;
  int count() const { return kBytes; }
  Vector load(const uint8_t* p) const {
    Vector x;
    __builtin_memcpy(&x, p, sizeof x);
    return x;
  }
  void store(uint8_t* p, Vector x) const { __builtin_memcpy(p, &x, sizeof x); }
};
inline Sixteen::Vector max_u8(Sixteen::Vector a, Sixteen::Vector b) { return a > b ? a : b; }
struct Spread {
  using Vector = I32;
  static constexpr int kBytes = F32::kLanes;
  int count() const { return kBytes; }
  I32 load(const uint8_t* p) const { return load_u8(p); }
  void store(uint8_t* p, I32 x) const { store_u8(p, x); }
};
struct Few {
  using Vector = I32;
  static constexpr int kBytes = F32::kLanes;
  int n;
  int count() const { return n; }
  I32 load(const uint8_t* p) const { return load_u8(p, n); }
  void store(uint8_t* p, I32 x) const { store_u8(p, x, n); }
};

// Calls body(number of vectors, first channel) for all channels, of which there are at least
// bytes.count(): four vectors at a time, then one; the last may overlap the one before it.
template <typename Bytes, typename Body>
inline void for_channels(const Bytes& bytes, size_t channels, const Body& body) {
  const std::integral_constant<int, 4> four;
  const std::integral_constant<int, 1> one;
  const size_t count = static_cast<size_t>(bytes.count());
  size_t k = 0;
  for (; k + 4 * Bytes::kBytes <= channels; k += 4 * Bytes::kBytes) body(four, k);
  for (; k + count <= channels; k += count) body(one, k);
  if (k < channels) body(one, channels - count);
}

template <int kVectors, typename Bytes>
inline void maximum(const PoolImage& image, const PoolWindow& row, const PoolWindow& column,
                    const uint8_t* x, uint8_t* y, typename Bytes::Vector flip, const Bytes& bytes) {
  typename Bytes::Vector most[kVectors];
  for (int v = 0; v < kVectors; ++v) most[v] = flip ^ flip;
  for_taps(image, row, column, x, [&](const uint8_t* tap) {
#pragma GCC unroll 4
    for (int v = 0; v < kVectors; ++v)
      most[v] = max_u8(most[v], bytes.load(tap + v * Bytes::kBytes) ^ flip);
  });
#pragma GCC unroll 4
  for (int v = 0; v < kVectors; ++v) bytes.store(y + v * Bytes::kBytes, most[v] ^ flip);
}

template <typename Bytes>
inline void maxima(const PoolInt& p, const Bytes& bytes) {
  const PoolImage& image = p.image;
  const uint8_t sign = p.dtype == DType::i8 ? 0x80 : 0;
  uint8_t flips[64];  // make signed bytes unsigned
  for (uint8_t& flip : flips) flip = sign;
  const auto flip = bytes.load(flips);
  for_windows(p,
              [&](const PoolWindow& row, const PoolWindow& column, const uint8_t* x, size_t pixel) {
                uint8_t* const y = static_cast<uint8_t*>(p.y) + pixel * image.channels;
                for_channels(bytes, image.channels, [&](auto vectors, size_t k) {
                  maximum<decltype(vectors)::value>(image, row, column, x + k, y + k, flip, bytes);
                });
              });
}

// To element `at` of y on.
template <int kVectors, typename T, typename Bytes>
inline void average(const PoolImage& image, const PoolWindow& row, const PoolWindow& column,
                    const uint8_t* x, T* y, size_t at, I32 zeros, F32 scale,
                    const Requantizer& requantizer, const Bytes& bytes) {
  I32 sum[kVectors];
  for (int v = 0; v < kVectors; ++v) sum[v] = I32::zero();
  for_taps(image, row, column, x, [&](const uint8_t* tap) {
#pragma GCC unroll 4
    for (int v = 0; v < kVectors; ++v) sum[v] = sum[v] + bytes.load(tap + v * Bytes::kBytes);
  });
#pragma GCC unroll 4
  for (int v = 0; v < kVectors; ++v)
    requantizer.store(to_f32(sum[v] - zeros) * scale, y, at + v * Bytes::kBytes, bytes.count());
}

// y is p.y; of bytes, or of any type of outputs.
template <typename T, typename Bytes>
inline void averages(const PoolInt& p, T* y, const Bytes& bytes) {
  const PoolImage& image = p.image;
  const Requantizer requantizer(p.output);
  for_windows(p, [&](const PoolWindow& row, const PoolWindow& column, const uint8_t* x,
                     size_t pixel) {
    const uint32_t taps = static_cast<uint32_t>(row.taps) * static_cast<uint32_t>(column.taps);
    const I32 zeros = I32::broadcast(static_cast<int32_t>(taps * static_cast<uint32_t>(p.x_zero)));
    const int64_t counted = int64_t{row.counted} * column.counted;
    const F32 scale = constant(p.x_scale / static_cast<float>(counted));
    for_channels(bytes, image.channels, [&](auto vectors, size_t k) {
      average<decltype(vectors)::value>(image, row, column, x + k, y, pixel * image.channels + k,
                                        zeros, scale, requantizer, bytes);
    });
  });
}

// A window of integers of 16 bits, a vector of channels at a time: sums and maxima alike.
__attribute__((noinline)) inline void pool_i16(const PoolInt& p) {
  constexpr size_t kLanes = F32::kLanes;
  const PoolImage& image = p.image;
  const Requantizer requantizer(p.output);
  for_windows(p, [&](const PoolWindow& row, const PoolWindow& column, const uint8_t*,
                     size_t pixel) {
    const size_t first =
        (static_cast<size_t>(row.first) * image.width + static_cast<size_t>(column.first)) *
        image.channels;
    const int16_t* const x = reinterpret_cast<const int16_t*>(p.x) + first;
    const int64_t counted = int64_t{row.counted} * column.counted;
    const F32 scale = constant(p.x_scale / static_cast<float>(counted));
    for (size_t k = 0; k < image.channels; k += kLanes) {
      const size_t left = image.channels - k;
      const int n = static_cast<int>(left < kLanes ? left : kLanes);
      I32 sum = I32::zero();
      F32 most = constant(-0x1p15f);
      for_taps(image, row, column, x + k, [&](const int16_t* tap) {
        const I32 value = load_i16_first(tap, n);
        if (p.average)
          sum = sum + value;
        else
          most = max(most, to_f32(value));
      });
      requantizer.store(p.average ? to_f32(sum) * scale : most, p.y, pixel * image.channels + k, n);
    }
  });
}

inline void pool(const PoolInt& p) {
  const size_t channels = p.image.channels;
  if (channels == 0) return;
  if (p.dtype == DType::i16) return pool_i16(p);
  const Few few = {static_cast<int>(channels)};
  if (p.average) {
    if (channels < Spread::kBytes)
      averages(p, p.y, few);
    else if (p.output.dtype == static_cast<int32_t>(DType::u8))
      averages(p, static_cast<uint8_t*>(p.y), Spread());
    else
      averages(p, p.y, Spread());
  } else if (channels < Spread::kBytes) {
    maxima(p, few);
  } else if (channels < Sixteen::kBytes) {
    maxima(p, Spread());
  } else if (channels < Packed::kBytes) {
    maxima(p, Sixteen());
  } else {
    maxima(p, Packed());
  }
}

}  // namespace

void KERNEL_NAME(pool_int)(const PoolInt& p) { pool(p); }

}  // namespace edgert
