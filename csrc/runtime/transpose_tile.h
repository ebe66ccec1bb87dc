// Transposition of a matrix in square tiles of 16-byte vectors, which every architecture's baseline
// has. Elements have 1, 2, 4 or 8 bytes and need no alignment; strides are in bytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace edgert {

template <size_t bytes>
struct TileElement;
template <>
struct TileElement<1> {
  typedef uint8_t Type;
};
template <>
struct TileElement<2> {
  typedef uint16_t Type;
};
template <>
struct TileElement<4> {
  typedef uint32_t Type;
};
template <>
struct TileElement<8> {
  typedef uint64_t Type;
};

template <size_t bytes>
struct TileVector {
  static constexpr int kLanes = 16 / bytes;
  typedef typename TileElement<bytes>::Type Type __attribute__((vector_size(16)));
};

// The low, or the high, halves of a and b with their lanes interleaved: a0 b0 a1 b1 ...
template <size_t bytes, bool high>
inline auto interleave(typename TileVector<bytes>::Type a, typename TileVector<bytes>::Type b) {
  constexpr int n = TileVector<bytes>::kLanes, s = high ? n / 2 : 0;
#if defined(__clang__)
#define SHUFFLE(...) __builtin_shufflevector(a, b, __VA_ARGS__)
#else
#define SHUFFLE(...) __builtin_shuffle(a, b, typename TileVector<bytes>::Type{__VA_ARGS__})
#endif
  if constexpr (n == 2)
    return SHUFFLE(s, s + n);
  else if constexpr (n == 4)
    return SHUFFLE(s, s + n, s + 1, s + 1 + n);
  else if constexpr (n == 8)
    return SHUFFLE(s, s + n, s + 1, s + 1 + n, s + 2, s + 2 + n, s + 3, s + 3 + n);
  else
    return SHUFFLE(s, s + n, s + 1, s + 1 + n, s + 2, s + 2 + n, s + 3, s + 3 + n, s + 4, s + 4 + n,
                   s + 5, s + 5 + n, s + 6, s + 6 + n, s + 7, s + 7 + n);
#undef SHUFFLE
}

// A tile of kLanes rows and columns: each round interleaves row i with row i + kLanes / 2.
template <size_t bytes>
inline void transpose_tile(const std::byte* src, ptrdiff_t src_stride, std::byte* dst,
                           ptrdiff_t dst_stride) {
  constexpr int kLanes = TileVector<bytes>::kLanes;
  typename TileVector<bytes>::Type rows[kLanes], next[kLanes];
  for (int i = 0; i < kLanes; ++i) std::memcpy(&rows[i], src + i * src_stride, 16);
#pragma GCC unroll 4
  for (int round = 1; round < kLanes; round *= 2) {
#pragma GCC unroll 8
    for (int i = 0; i < kLanes / 2; ++i) {
      next[2 * i] = interleave<bytes, false>(rows[i], rows[i + kLanes / 2]);
      next[2 * i + 1] = interleave<bytes, true>(rows[i], rows[i + kLanes / 2]);
    }
#pragma GCC unroll 16
    for (int i = 0; i < kLanes; ++i) rows[i] = next[i];
  }
  for (int i = 0; i < kLanes; ++i) std::memcpy(dst + i * dst_stride, &rows[i], 16);
}

// dst[j * dst_stride + i * bytes] = src[i * src_stride + j * bytes] for i < rows and j < columns.
template <size_t bytes>
inline void transpose(const std::byte* src, ptrdiff_t src_stride, std::byte* dst,
                      ptrdiff_t dst_stride, ptrdiff_t rows, ptrdiff_t columns) {
  constexpr ptrdiff_t kLanes = TileVector<bytes>::kLanes, kBytes = bytes;
  constexpr ptrdiff_t kLine = 64 / kBytes;
  const auto plain = [&](ptrdiff_t i0, ptrdiff_t i1, ptrdiff_t j0, ptrdiff_t j1) {
    for (ptrdiff_t j = j0; j < j1; ++j)
      for (ptrdiff_t i = i0; i < i1; ++i)
        std::memcpy(dst + j * dst_stride + i * kBytes, src + i * src_stride + j * kBytes, bytes);
  };
  const ptrdiff_t tile_rows = rows / kLanes * kLanes, tile_columns = columns / kLanes * kLanes;
  // Down a cache line's worth of rows first, so that the lines of dst are written whole.
  for (ptrdiff_t i0 = 0; i0 < tile_rows; i0 += kLine) {
    const ptrdiff_t i1 = i0 + kLine < tile_rows ? i0 + kLine : tile_rows;
    for (ptrdiff_t j = 0; j < tile_columns; j += kLanes)
      for (ptrdiff_t i = i0; i < i1; i += kLanes)
        transpose_tile<bytes>(src + i * src_stride + j * kBytes, src_stride,
                              dst + j * dst_stride + i * kBytes, dst_stride);
  }
  plain(0, tile_rows, tile_columns, columns);
  plain(tile_rows, rows, 0, columns);
}

}  // namespace edgert
