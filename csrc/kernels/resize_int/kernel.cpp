#include "kernels/resize_int/resize_int.h"

#define EDGERT_ROUND_TWICE
#include "kernels/level.h"
#include "kernels/simd/math.h"

namespace edgert {
namespace {

// Few channels are loaded out of line: there would be many copies of it.
__attribute__((noinline)) F32 load_few(const uint8_t* p, int n) { return to_f32(load_u8(p, n)); }

inline F32 load(const uint8_t* p, int n) {
  return n == F32::kLanes ? to_f32(load_u8(p)) : load_few(p, n);
}
inline F32 load(const int16_t* p, int n) { return to_f32(load_i16_first(p, n)); }

inline void store(uint8_t* p, const I32 (&y)[1], int n) {
  n == F32::kLanes ? store_u8(p, y[0]) : store_u8(p, y[0], n);
}
inline void store(int16_t* p, const I32 (&y)[1], int n) {
  n == F32::kLanes ? store_i16(p, y[0]) : store_i16(p, y[0], n);
}
inline void store(uint8_t* p, const I32 (&y)[2], int) {
  Bytes4({y[0], y[1], y[0], y[1]}, Bytes4::Range(0, 0, 255)).store_half(0, p);
}
inline void store(uint8_t* p, const I32 (&y)[4], int) {
  store_bytes(p, Bytes4(y, Bytes4::Range(0, 0, 255)).bytes());
}

// Row r of the output in the channels from k on: whole vectors, or one of n lanes. What the two
// rows blend to is kept for the outputs that read it again.
template <typename T, int kVectors>
__attribute__((noinline)) void resize_channels(const ResizeInt& z, size_t r, size_t k, int n) {
  const T* rows[2];
  F32 row_weight[2];
  for (int i = 0; i < 2; ++i) {
    const size_t at = static_cast<size_t>(z.rows.at[2 * r + i]);
    rows[i] = static_cast<const T*>(z.x) + at * z.width * z.channels + k;
    row_weight[i] = F32::broadcast(z.rows.weight + 2 * r + i);
  }
  T* y = static_cast<T*>(z.y) + r * z.columns.size * z.channels + k;
  F32 left[kVectors] = {}, right[kVectors] = {};
  const auto blend = [&](F32(&t)[kVectors], int32_t column) {
    const size_t at = static_cast<size_t>(column) * z.channels;
    for (int v = 0; v < kVectors; ++v)
      t[v] = row_weight[0] * load(rows[0] + at + v * F32::kLanes, n) +
             row_weight[1] * load(rows[1] + at + v * F32::kLanes, n);
  };
  int32_t at_left = -1, at_right = -1;
  for (size_t c = 0; c < z.columns.size; ++c, y += z.channels) {
    const int32_t first = z.columns.at[2 * c], second = z.columns.at[2 * c + 1];
    if (first != at_left) {
      if (first == at_right)
        for (int v = 0; v < kVectors; ++v) left[v] = right[v];
      else
        blend(left, first);
      at_left = first;
    }
    if (second != at_right) {
      blend(right, second);
      at_right = second;
    }
    const F32 a = F32::broadcast(z.columns.weight + 2 * c);
    const F32 b = F32::broadcast(z.columns.weight + 2 * c + 1);
    I32 sum[kVectors];
    for (int v = 0; v < kVectors; ++v) sum[v] = to_i32(a * left[v] + b * right[v]);
    store(y, sum, n);
  }
}

// As many vectors of bytes at a time as there are, but for the portable ones, which are small.
template <typename T>
inline void resize_all(const ResizeInt& z) {
  constexpr size_t kLanes = F32::kLanes;
  constexpr bool kSeveral = sizeof(T) == 1 && kLanes > 4;
  const size_t n = z.channels < kLanes ? z.channels : kLanes;
  for (size_t r = 0; r < z.rows.size; ++r)
    for (size_t k = 0; k < z.channels;) {
      const size_t left = z.channels - k;
      if constexpr (kSeveral) {
        if (left >= 4 * kLanes) {
          resize_channels<T, 4>(z, r, k, kLanes);
          k += 4 * kLanes;
          continue;
        }
        if (left >= 2 * kLanes) {
          resize_channels<T, 2>(z, r, k, kLanes);
          k += 2 * kLanes;
          continue;
        }
      }
      if (left < n) k = z.channels - n;  // the last overlaps the one before it
      resize_channels<T, 1>(z, r, k, static_cast<int>(n));
      k += n;
    }
}

inline void resize(const ResizeInt& z) {
  if (z.dtype == DType::i16)
    resize_all<int16_t>(z);
  else
    resize_all<uint8_t>(z);
}

}  // namespace

void KERNEL_NAME(resize_int)(const ResizeInt& z) { resize(z); }

}  // namespace edgert
