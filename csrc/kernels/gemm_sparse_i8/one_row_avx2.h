// The product of a single row by blocks of 4x4, over AVX2: lanes are not rows but the outputs of
// two blocks. Included after the vector types and gemm_sparse_i8_tile.h.
#pragma once

#include "kernels/gemm_sparse_i8/gemm_sparse_i8_tile.h"

namespace edgert {
namespace {

inline int32_t word_at(const uint8_t* p) {
  int32_t word;
  __builtin_memcpy(&word, p, sizeof word);
  return word;
}

// Goes through the columns of the blocks of a row.
class Columns {
 public:
  Columns(const uint8_t* x, const uint8_t* gap) : x_(x), gap_(gap) {}
  int32_t next() {
    x_ += 4 * size_t{*gap_++};
    const int32_t word = word_at(x_);
    x_ += 4;
    return word;
  }
  void restart(const uint8_t* x) { x_ = x; }

 private:
  const uint8_t *x_, *gap_;
};

inline __m256i load_weights(const int8_t* p) {
  return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
}

// The sums of the four outputs of a row of blocks, without bias. kDot adds the products of bytes to
// lanes of 32 bits.
template <I32 (*kDot)(I32, I32, I32)>
inline __m128i row_sums(const uint8_t* x, size_t count, const int8_t*& w, Columns& columns) {
  columns.restart(x);
  I32 sum[2] = {I32::zero(), I32::zero()};
  const auto two = [&] {
    const int32_t a = columns.next(), b = columns.next();
    return I32{_mm256_setr_m128i(_mm_set1_epi32(a), _mm_set1_epi32(b))};
  };
  for (; count >= 4; count -= 4, w += 64) {
    const I32 first = two(), second = two();
    sum[0] = kDot(sum[0], first, {load_weights(w)});
    sum[1] = kDot(sum[1], second, {load_weights(w + 32)});
  }
  for (; count >= 2; count -= 2, w += 32) sum[0] = kDot(sum[0], two(), {load_weights(w)});
  if (count > 0) {
    const __m128i weights = _mm_loadu_si128(reinterpret_cast<const __m128i*>(w));
    const I32 input = {_mm256_zextsi128_si256(_mm_set1_epi32(columns.next()))};
    sum[1] = kDot(sum[1], input, {_mm256_zextsi128_si256(weights)});
    w += 16;
  }
  const __m256i all = _mm256_add_epi32(sum[0].v, sum[1].v);
  return _mm_add_epi32(_mm256_castsi256_si128(all), _mm256_extracti128_si256(all, 1));
}

template <I32 (*kDot)(I32, I32, I32)>
void multiply_row(const GemmSparseI8& g) {
  const uint8_t* x = g.a + g.a_offsets[0];
  if (g.segments > 1 || g.k % 4 > 0) {  // each segment filled up to whole words
    const size_t bytes = (g.k + 3) / 4 * 4;
    uint8_t* row = reinterpret_cast<uint8_t*>(g.scratch);
    x = row;
    for (size_t s = 0; s < g.segments; ++s, row += bytes) {
      for (size_t i = g.k; i < bytes; ++i) row[i] = 0;
      __builtin_memcpy(row, g.a + g.a_offsets[s], g.k);
    }
  }
  Columns columns(x, g.b.gaps);
  const int8_t* w = g.b.blocks;
  const uint16_t* count = g.b.counts;
  for (size_t j = 0; j < g.n; j += kSparseGroup) {
    const int outputs = g.n - j < kSparseGroup ? static_cast<int>(g.n - j) : int{kSparseGroup};
    int32_t sums[kSparseGroup + 4] = {};
    for (int o = 0; o < outputs; o += Bsr4x4::kOutputs) {
      const __m128i sum = row_sums<kDot>(x, *count++, w, columns);
      _mm_storeu_si128(reinterpret_cast<__m128i*>(sums + o), sum);
    }
    for (int o = 0; o < outputs; ++o)
      sums[o] = static_cast<int32_t>(static_cast<uint32_t>(sums[o]) +
                                     static_cast<uint32_t>(g.out.bias[j + o]));
    finish(g.out, j, sums, 1, kSparseGroup, outputs, g.c, j, g.c_stride);
  }
}

}  // namespace
}  // namespace edgert
