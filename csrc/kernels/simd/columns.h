// Rows of an image turned into columns, for kernels whose lanes are pixels: words of four bytes,
// the bytes of four channels or a float. Included after the vector types; everything is local to
// the file.
#pragma once

#include <cstddef>
#include <cstdint>

namespace edgert {
namespace {

// The addresses of the rows i, i + 1, ... of a matrix whose runs of rows lie apart; strides are in
// bytes.
class RowAddresses {
 public:
  RowAddresses(const void* first, size_t run, size_t run_stride, size_t stride)
      : run_begin_(static_cast<const uint8_t*>(first)),
        next_(run_begin_),
        left_(run),
        run_(run),
        run_stride_(run_stride),
        stride_(stride) {}

  // The next `count`, and the last again in the places up to `places`.
  void take(const uint8_t** rows, size_t count, size_t places) {
    for (size_t i = 0; i < count; ++i) {
      rows[i] = next_;
      next_ += stride_;
      if (--left_ > 0) continue;
      run_begin_ += run_stride_;
      next_ = run_begin_;
      left_ = run_;
    }
    for (size_t i = count; i < places; ++i) rows[i] = rows[count - 1];
  }

 private:
  const uint8_t *run_begin_, *next_;
  size_t left_, run_, run_stride_, stride_;
};

// Word w of the rows goes to column w, which has a word of each of kRows rows and begins at
// columns[w * kRows]; each word is flipped by `flip`. From byte `at` of the rows on; zeros fill up
// the last word.
template <int kRows>
inline void to_columns(const uint8_t* const* rows, size_t at, size_t bytes, I32 flip,
                       uint32_t* columns) {
  constexpr int kLanes = F32::kLanes;
  static_assert(kRows % kLanes == 0);
  const size_t words = bytes / 4;
  size_t w = 0;
  for (; w + kLanes <= words; w += kLanes)
    for (int r = 0; r < kRows; r += kLanes) {
      F32 block[kLanes];
#pragma GCC unroll 16
      for (int i = 0; i < kLanes; ++i)
        block[i] = from_bits(load_bytes(rows[r + i] + at + 4 * w) ^ flip);
      transpose(block);
#pragma GCC unroll 16
      for (int i = 0; i < kLanes; ++i)
        bits(block[i]).store(reinterpret_cast<int32_t*>(columns + (w + i) * kRows + r));
    }
  int32_t flips[kLanes];
  flip.store(flips);
  for (; w < words; ++w)
    for (int r = 0; r < kRows; ++r) {
      uint32_t word;
      __builtin_memcpy(&word, rows[r] + at + 4 * w, sizeof word);
      columns[w * kRows + r] = word ^ static_cast<uint32_t>(flips[0]);
    }
  if (const size_t rest = bytes % 4; rest > 0)
    for (int r = 0; r < kRows; ++r) {
      uint32_t word = 0;
      for (size_t i = 0; i < rest; ++i) word |= uint32_t{rows[r][at + 4 * w + i]} << (8 * i);
      columns[w * kRows + r] = word ^ static_cast<uint32_t>(flips[0]);
    }
}

// The way back of results: value r of `count` arrays of kRows, which lie one behind the other, goes
// to row r of `rows`, `stride` apart. `arrays` is readable up to a whole vector of arrays.
template <int kRows, typename Store>
inline void to_rows(const float* arrays, int count, Store store) {
  constexpr int kLanes = F32::kLanes;
  for (int j = 0; j < count; j += kLanes)
    for (int r = 0; r < kRows; r += kLanes) {
      F32 block[kLanes];
#pragma GCC unroll 16
      for (int i = 0; i < kLanes; ++i) block[i] = F32::load(arrays + (j + i) * kRows + r);
      transpose(block);
      store(r, j, block);
    }
}

}  // namespace
}  // namespace edgert
