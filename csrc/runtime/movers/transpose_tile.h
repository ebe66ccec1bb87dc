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

// Two or three rows of 4-byte elements to pixels that lie together: dst[j * rows + i] = src[i][j].
// A pixel of three is written with a fourth element, which the next one replaces; the last pixels
// are left to the caller. Returns how many are done.
inline ptrdiff_t interleave_rows(const std::byte* src, ptrdiff_t src_stride, std::byte* dst,
                                 ptrdiff_t rows, ptrdiff_t columns) {
  TileVector<4>::Type a, b, c;
  ptrdiff_t j = 0;
  for (; j + 5 <= columns; j += 4) {
    std::byte* const to = dst + j * rows * 4;
    std::memcpy(&a, src + j * 4, 16);
    std::memcpy(&b, src + src_stride + j * 4, 16);
    if (rows == 2) {
      const auto low = interleave<4, false>(a, b), high = interleave<4, true>(a, b);
      std::memcpy(to, &low, 16);
      std::memcpy(to + 16, &high, 16);
      continue;
    }
    std::memcpy(&c, src + 2 * src_stride + j * 4, 16);
    const auto ac = interleave<4, false>(a, c), bb = interleave<4, false>(b, b);
    const auto ac2 = interleave<4, true>(a, c), bb2 = interleave<4, true>(b, b);
    const TileVector<4>::Type pixels[4] = {
        interleave<4, false>(ac, bb), interleave<4, true>(ac, bb), interleave<4, false>(ac2, bb2),
        interleave<4, true>(ac2, bb2)};
    for (int i = 0; i < 4; ++i) std::memcpy(to + i * 12, &pixels[i], 16);
  }
  return j;
}

// The same for two to four rows of bytes.
inline ptrdiff_t interleave_byte_rows(const std::byte* src, ptrdiff_t src_stride, std::byte* dst,
                                      ptrdiff_t rows, ptrdiff_t columns) {
  TileVector<1>::Type a, b, c, d = {};
  ptrdiff_t j = 0;
  for (; j + 17 <= columns; j += 16) {
    std::byte* const to = dst + j * rows;
    std::memcpy(&a, src + j, 16);
    std::memcpy(&b, src + src_stride + j, 16);
    const auto ab = interleave<1, false>(a, b), ab2 = interleave<1, true>(a, b);
    if (rows == 2) {
      std::memcpy(to, &ab, 16);
      std::memcpy(to + 16, &ab2, 16);
      continue;
    }
    std::memcpy(&c, src + 2 * src_stride + j, 16);
    if (rows == 4) std::memcpy(&d, src + 3 * src_stride + j, 16);
    const auto cd = interleave<1, false>(c, d), cd2 = interleave<1, true>(c, d);
    using Pairs = TileVector<2>::Type;
    const Pairs pixels[4] = {
        interleave<2, false>((Pairs)ab, (Pairs)cd), interleave<2, true>((Pairs)ab, (Pairs)cd),
        interleave<2, false>((Pairs)ab2, (Pairs)cd2), interleave<2, true>((Pairs)ab2, (Pairs)cd2)};
    for (int i = 0; i < 4; ++i) {
      if (rows == 4) {
        std::memcpy(to + i * 16, &pixels[i], 16);
        continue;
      }
      // Two pixels of three bytes, and a zero each, in every lane.
      TileVector<8>::Type two = (TileVector<8>::Type)pixels[i];
      two = (two & 0xffffff) | (two >> 8 & 0xffffff000000);
      for (int k = 0; k < 2; ++k) {
        const uint64_t six = two[k];
        std::memcpy(to + i * 12 + k * 6, &six, 8);
      }
    }
  }
  return j;
}

// The way back, of elements of 4 bytes: dst[j][i] = src[i * columns + j], for two or three columns.
inline ptrdiff_t separate_columns(const std::byte* src, std::byte* dst, ptrdiff_t dst_stride,
                                  ptrdiff_t rows, ptrdiff_t columns) {
  TileVector<4>::Type p[4];
  ptrdiff_t i = 0;
  for (; i + 5 <= rows; i += 4) {
    const std::byte* const from = src + i * columns * 4;
    std::byte* const to = dst + i * 4;
    if (columns == 2) {
      for (int k = 0; k < 2; ++k) std::memcpy(&p[k], from + k * 16, 16);
      const auto low = interleave<4, false>(p[0], p[1]), high = interleave<4, true>(p[0], p[1]);
      p[0] = interleave<4, false>(low, high);
      p[1] = interleave<4, true>(low, high);
    } else {
      for (int k = 0; k < 4; ++k) std::memcpy(&p[k], from + k * 12, 16);
      const auto low = interleave<4, false>(p[0], p[2]), low2 = interleave<4, false>(p[1], p[3]);
      const auto high = interleave<4, true>(p[0], p[2]), high2 = interleave<4, true>(p[1], p[3]);
      p[0] = interleave<4, false>(low, low2);
      p[1] = interleave<4, true>(low, low2);
      p[2] = interleave<4, false>(high, high2);
      std::memcpy(to + 2 * dst_stride, &p[2], 16);
    }
    std::memcpy(to, &p[0], 16);
    std::memcpy(to + dst_stride, &p[1], 16);
  }
  return i;
}

// dst[j * dst_stride + i * bytes] = src[i * src_stride + j * bytes] for i < rows and j < columns.
template <size_t bytes>
inline void transpose(const std::byte* src, ptrdiff_t src_stride, std::byte* dst,
                      ptrdiff_t dst_stride, ptrdiff_t rows, ptrdiff_t columns) {
  constexpr ptrdiff_t kLanes = TileVector<bytes>::kLanes, kBytes = bytes;
  constexpr ptrdiff_t kLine = 64 / kBytes;
  if (rows < kLanes || columns < kLanes) {
    ptrdiff_t first_row = 0, first_column = 0;
    if (bytes == 4 && (rows == 2 || rows == 3) && dst_stride == rows * kBytes)
      first_column = interleave_rows(src, src_stride, dst, rows, columns);
    else if (bytes == 1 && rows >= 2 && rows <= 4 && dst_stride == rows)
      first_column = interleave_byte_rows(src, src_stride, dst, rows, columns);
    else if (bytes == 4 && (columns == 2 || columns == 3) && src_stride == columns * kBytes)
      first_row = separate_columns(src, dst, dst_stride, rows, columns);
    for (ptrdiff_t j = first_column; j < columns; ++j)
      for (ptrdiff_t i = first_row; i < rows; ++i)
        std::memcpy(dst + j * dst_stride + i * kBytes, src + i * src_stride + j * kBytes, bytes);
    return;
  }
  // Down a cache line's worth of rows first, so that the lines of dst are written whole. The last
  // tiles overlap those before them.
  for (ptrdiff_t i0 = 0; i0 < rows; i0 += kLine) {
    const ptrdiff_t i1 = i0 + kLine < rows ? i0 + kLine : rows;
    for (ptrdiff_t j0 = 0; j0 < columns; j0 += kLanes) {
      const ptrdiff_t j = j0 + kLanes <= columns ? j0 : columns - kLanes;
      for (ptrdiff_t i = i0; i < i1; i += kLanes) {
        const ptrdiff_t at = i + kLanes <= rows ? i : rows - kLanes;
        transpose_tile<bytes>(src + at * src_stride + j * kBytes, src_stride,
                              dst + j * dst_stride + at * kBytes, dst_stride);
      }
    }
  }
}

}  // namespace edgert
