#define EDGERT_ROUND_TWICE
#include "kernels/simd/avx2.h"

#include "kernels/dwconv_i16/dwconv_i16.h"
#include "kernels/simd/requantize.h"

namespace edgert {
namespace {

constexpr int kBlock = 16;  // channels of a vector

__attribute__((noinline)) __m256i load_some(const int16_t* p, int n) {
  const __m256i place = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
  const __m256i pairs = _mm256_maskload_epi32(reinterpret_cast<const int*>(p),
                                              _mm256_cmpgt_epi32(_mm256_set1_epi32(n / 2), place));
  if (n % 2 == 0) return pairs;
  const __m256i last = _mm256_cmpeq_epi32(_mm256_set1_epi32(n / 2), place);
  return _mm256_or_si256(
      pairs, _mm256_and_si256(last, _mm256_set1_epi32(static_cast<uint16_t>(p[n - 1]))));
}

// The first n words at p, zeros above them.
inline __m256i load_words(const int16_t* p, int n) {
  if (__builtin_expect(n == kBlock, 1))
    return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
  return load_some(p, n);
}

// Two rows, channel by channel: those of the low halves of both 128-bit parts, and of the high
// ones.
struct Pairs {
  __m256i low, high;
  Pairs() = default;
  Pairs(__m256i a, __m256i b)
      : low(_mm256_unpacklo_epi16(a, b)), high(_mm256_unpackhi_epi16(a, b)) {}
};

// The channels [c, c + n) of g, n at most kBlock.
struct Block {
  const DwconvI16& g;
  size_t c;
  int n;
  OutputVectors<2> outputs;
  bool direct;  // the results go from registers to whole vectors of i16

  Block(const DwconvI16& g, size_t c)
      : g(g),
        c(c),
        n(g.channels - c < kBlock ? static_cast<int>(g.channels - c) : kBlock),
        outputs(g.out, c, n),
        direct(n == kBlock && is_linear_i16(g.out)) {}

  Pairs weights(size_t i, size_t j) const {  // column j of the filter's rows i and i + 1
    const int16_t* const w = g.w + (i * g.kernel[1] + j) * g.w_stride + c;
    const bool both = i + 1 < g.kernel[0];
    return {load_words(w, n),
            both ? load_words(w + g.kernel[1] * g.w_stride, n) : _mm256_setzero_si256()};
  }
};

constexpr size_t kMostRows = 6;  // of a filter whose weights are interleaved beforehand

// kColumns neighbouring outputs of a row from column ox on. An input column is interleaved once and
// used for all the outputs that it reaches, if the filter is kWidth wide, dense and has stride
// kStride along the row, and its weights are given; 0: any.
template <int kWidth, int kStride, int kColumns>
void strip(const Block& block, const Pairs* weights, size_t oy, size_t ox) {
  const DwconvI16& g = block.g;
  const int n = block.n;
  const size_t pixel = g.pixel_stride;
  Pairs acc[kColumns];
#pragma GCC unroll 8
  for (Pairs& sum : acc) sum.low = sum.high = _mm256_setzero_si256();
  const auto add = [](Pairs& sum, const Pairs& x, const Pairs& w) __attribute__((always_inline)) {
    sum.low = _mm256_add_epi32(sum.low, _mm256_madd_epi16(x.low, w.low));
    sum.high = _mm256_add_epi32(sum.high, _mm256_madd_epi16(x.high, w.high));
  };
  for (size_t i = 0; i < g.kernel[0]; i += 2) {
    // Rows above the image are huge. A row outside of it gives zeros, as its weights were zero.
    const size_t y = oy * g.strides[0] + i * g.dilations[0] - g.pads[0], z = y + g.dilations[0];
    const bool has_first = y < g.height, has_second = i + 1 < g.kernel[0] && z < g.height;
    if (!has_first && !has_second) continue;
    const int16_t* const first = has_first ? g.x + y * g.width * pixel + block.c : nullptr;
    const int16_t* const second = has_second ? g.x + z * g.width * pixel + block.c : nullptr;
    const auto column = [&](size_t x) __attribute__((always_inline)) {
      const __m256i zero = _mm256_setzero_si256();
      return Pairs(has_first ? load_words(first + x * pixel, n) : zero,
                   has_second ? load_words(second + x * pixel, n) : zero);
    };
    if constexpr (kWidth > 0) {
      const Pairs* const w = weights + i / 2 * kWidth;
      const size_t x0 = ox * kStride - g.pads[1];
#pragma GCC unroll 32
      for (int k = 0; k < (kColumns - 1) * kStride + kWidth; ++k) {
        if (x0 + k >= g.width) continue;  // huge if left of the image
        const Pairs x = column(x0 + k);
#pragma GCC unroll 8
        for (int o = 0; o < kColumns; ++o)
          if (const int j = k - o * kStride; j >= 0 && j < kWidth) add(acc[o], x, w[j]);
      }
    } else {
      for (size_t j = 0; j < g.kernel[1]; ++j) {
        const Pairs w = block.weights(i, j);
        for (int o = 0; o < kColumns; ++o) {
          const size_t x = (ox + o) * g.strides[1] + j * g.dilations[1] - g.pads[1];
          if (x < g.width) add(acc[o], column(x), w);
        }
      }
    }
  }
  const size_t at = (oy * g.out_width + ox) * pixel + block.c;
  const LinearI16 end(g.out, g.y);
  float sums[kColumns * kBlock];
#pragma GCC unroll 8
  for (int o = 0; o < kColumns; ++o) {
    const I32 halves[2] = {{_mm256_permute2x128_si256(acc[o].low, acc[o].high, 0x20)},
                           {_mm256_permute2x128_si256(acc[o].low, acc[o].high, 0x31)}};
#pragma GCC unroll 2
    for (int v = 0; v < 2; ++v) {
      const I32 sum = halves[v] + block.outputs.bias[v];
      if (block.direct)
        end.store(sum, block.outputs.multiplier[v], at + o * pixel + v * F32::kLanes);
      else
        to_f32(sum).store(sums + o * kBlock + v * F32::kLanes);
    }
  }
  if (!block.direct) finish(g.out, block.c, sums, kColumns, kBlock, n, g.y, at, pixel);
}

template <int kWidth, int kStride>
void rows(const DwconvI16& g) {
  constexpr int kColumns = 4;
  for (size_t oy = g.row_begin; oy < g.row_end; ++oy)
    for (size_t c = 0; c < g.channels; c += kBlock) {
      const Block block(g, c);
      Pairs weights[kWidth > 0 ? kMostRows / 2 * kWidth : 1];
      for (size_t i = 0; kWidth > 0 && i < g.kernel[0]; i += 2)
        for (size_t j = 0; j < kWidth; ++j) weights[i / 2 * kWidth + j] = block.weights(i, j);
      size_t ox = 0;
      for (; ox + kColumns <= g.out_width; ox += kColumns)
        strip<kWidth, kStride, kColumns>(block, weights, oy, ox);
      for (; ox < g.out_width; ++ox) strip<kWidth, kStride, 1>(block, weights, oy, ox);
    }
}

// For filters that are kWidth wide and dense, of few rows; false for others.
template <int kWidth>
bool dense_rows(const DwconvI16& g) {
  if (g.kernel[1] != kWidth || g.kernel[0] > kMostRows || g.dilations[1] != 1) return false;
  if (g.strides[1] == 1)
    rows<kWidth, 1>(g);
  else if (g.strides[1] == 2)
    rows<kWidth, 2>(g);
  return g.strides[1] <= 2;
}

}  // namespace

void dwconv_i16_avx2(const DwconvI16& g) {
  if (!dense_rows<3>(g) && !dense_rows<5>(g)) rows<0, 0>(g);
}

}  // namespace edgert
