// The loops of every pool_u8 kernel, over the vector types of the including file.
#pragma once

#include "kernels/pool_u8/pool_u8.h"
#include "kernels/simd/requantize.h"

namespace edgert {
namespace {

// Calls body(tap) for what each tap of a window sees, row by row.
template <typename Body>
inline void for_taps(const PoolImage& image, const PoolWindow& row, const PoolWindow& column,
                     const uint8_t* x, const Body& body) {
  const size_t row_step = static_cast<size_t>(image.row_dilation) * image.width * image.channels;
  const size_t column_step = static_cast<size_t>(image.column_dilation) * image.channels;
  for (int32_t i = 0; i < row.taps; ++i) {
    const uint8_t* tap = x + static_cast<size_t>(i) * row_step;
    for (int32_t j = 0; j < column.taps; ++j, tap += column_step) body(tap);
  }
}

// Calls body(row, column, first tap, index of the output's pixel) for every window.
template <typename Body>
inline void for_windows(const PoolU8& p, const Body& body) {
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

// Vectors of packed bytes, and of one byte per lane, of which n exist.
struct Packed {
  static constexpr int kBytes = 4 * F32::kLanes;
  static I32 load(const uint8_t* p, int) { return load_bytes(p); }
  static void store(uint8_t* p, I32 x, int) { store_bytes(p, x); }
};
struct Spread {
  static constexpr int kBytes = F32::kLanes;
  static I32 load(const uint8_t* p, int n) { return load_u8_first(p, n); }
  static void store(uint8_t* p, I32 x, int n) { n == kBytes ? store_u8(p, x) : store_u8(p, x, n); }
};

// `flip` makes signed bytes unsigned.
template <typename Bytes, int kVectors>
inline void maximum(const PoolImage& image, const PoolWindow& row, const PoolWindow& column,
                    const uint8_t* x, uint8_t* y, I32 flip, int n) {
  I32 most[kVectors];
  for (int v = 0; v < kVectors; ++v) most[v] = I32::zero();
  for_taps(image, row, column, x, [&](const uint8_t* tap) {
#pragma GCC unroll 4
    for (int v = 0; v < kVectors; ++v)
      most[v] = max_u8(most[v], Bytes::load(tap + v * Bytes::kBytes, n) ^ flip);
  });
#pragma GCC unroll 4
  for (int v = 0; v < kVectors; ++v) Bytes::store(y + v * Bytes::kBytes, most[v] ^ flip, n);
}

inline void maxima(const PoolU8& p) {
  const PoolImage& image = p.image;
  const size_t channels = image.channels;
  const I32 flip = I32::broadcast(p.is_signed ? static_cast<int32_t>(0x80808080) : 0);
  for_windows(p,
              [&](const PoolWindow& row, const PoolWindow& column, const uint8_t* x, size_t pixel) {
                uint8_t* const y = static_cast<uint8_t*>(p.y) + pixel * channels;
                size_t k = 0;
                for (; k + 4 * Packed::kBytes <= channels; k += 4 * Packed::kBytes)
                  maximum<Packed, 4>(image, row, column, x + k, y + k, flip, Packed::kBytes);
                for (; k + Packed::kBytes <= channels; k += Packed::kBytes)
                  maximum<Packed, 1>(image, row, column, x + k, y + k, flip, Packed::kBytes);
                if (k < channels && k > 0) {
                  k = channels - Packed::kBytes;  // overlaps the one before
                  return maximum<Packed, 1>(image, row, column, x + k, y + k, flip, Packed::kBytes);
                }
                for (; k < channels; k += Spread::kBytes) {
                  const size_t left = channels - k;
                  const int n = static_cast<int>(left < Spread::kBytes ? left : Spread::kBytes);
                  maximum<Spread, 1>(image, row, column, x + k, y + k, flip, n);
                }
              });
}

template <typename T, int kVectors>
inline void average(const PoolImage& image, const PoolWindow& row, const PoolWindow& column,
                    const uint8_t* x, T* y, I32 zeros, F32 scale, const Requantizer& requantizer,
                    int n) {
  constexpr int kLanes = F32::kLanes;
  I32 sum[kVectors];
  for (int v = 0; v < kVectors; ++v) sum[v] = I32::zero();
  for_taps(image, row, column, x, [&](const uint8_t* tap) {
#pragma GCC unroll 4
    for (int v = 0; v < kVectors; ++v) sum[v] = sum[v] + load_u8_first(tap + v * kLanes, n);
  });
#pragma GCC unroll 4
  for (int v = 0; v < kVectors; ++v)
    requantizer.store(to_f32(sum[v] - zeros) * scale, y + v * kLanes, n);
}

template <typename T>
inline void averages(const PoolU8& p) {
  constexpr size_t kLanes = F32::kLanes;
  const PoolImage& image = p.image;
  const size_t channels = image.channels;
  const Requantizer requantizer(p.output);
  for_windows(p, [&](const PoolWindow& row, const PoolWindow& column, const uint8_t* x,
                     size_t pixel) {
    T* const y = static_cast<T*>(p.y) + pixel * channels;
    const uint32_t taps = static_cast<uint32_t>(row.taps) * static_cast<uint32_t>(column.taps);
    const I32 zeros = I32::broadcast(static_cast<int32_t>(taps * static_cast<uint32_t>(p.x_zero)));
    const int64_t counted = int64_t{row.counted} * column.counted;
    const F32 scale = constant(p.x_scale / static_cast<float>(counted));
    size_t k = 0;
    for (; k + 4 * kLanes <= channels; k += 4 * kLanes)
      average<T, 4>(image, row, column, x + k, y + k, zeros, scale, requantizer, kLanes);
    for (; k < channels; k += kLanes) {
      const size_t left = channels - k;
      const int n = static_cast<int>(left < kLanes ? left : kLanes);
      average<T, 1>(image, row, column, x + k, y + k, zeros, scale, requantizer, n);
    }
  });
}

inline void pool(const PoolU8& p) {
  if (!p.average)
    maxima(p);
  else if (p.output.dtype == static_cast<int32_t>(DType::f32))
    averages<float>(p);
  else
    averages<uint8_t>(p);
}

}  // namespace
}  // namespace edgert
