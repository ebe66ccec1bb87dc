#define EDGERT_ROUND_TWICE
#include "kernels/simd/avx2.h"

#include "kernels/winograd_i8/winograd_i8_steps.h"

namespace edgert {
namespace {

struct I16 {
  static constexpr int kLanes = 16;
  __m256i v;

  static I16 broadcast(int x) { return {_mm256_set1_epi16(static_cast<int16_t>(x))}; }
  static I16 load(const uint8_t* p) {
    return {_mm256_cvtepu8_epi16(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)))};
  }
  static I16 load(const uint8_t* p, int n) {  // the first n, 1 .. 15; the other lanes are zero
    uint64_t low = 0, high = 0;
    if (n < 8) {
      for (int i = 0; i < n; ++i) low |= static_cast<uint64_t>(p[i]) << (8 * i);
    } else {
      __builtin_memcpy(&low, p, 8);
      __builtin_memcpy(&high, p + n - 8, 8);
      high = n == 8 ? 0 : high >> (8 * (16 - n));
    }
    return {_mm256_cvtepu8_epi16(
        _mm_set_epi64x(static_cast<long long>(high), static_cast<long long>(low)))};
  }
  static I16 load(const int8_t* p) {
    return {_mm256_cvtepi8_epi16(_mm_load_si128(reinterpret_cast<const __m128i*>(p)))};
  }
  void store(int16_t* p) const { _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), v); }
  void store(int16_t* p, int) const { store(p); }
};
inline I16 operator+(I16 a, I16 b) { return {_mm256_add_epi16(a.v, b.v)}; }
inline I16 operator-(I16 a, I16 b) { return {_mm256_sub_epi16(a.v, b.v)}; }

void weights(const WinogradWeightsI8& g) {
  constexpr size_t kBlock = kWinogradOutputs * 4;  // elements
  constexpr int kHalf = kBlock / 2;                // eight outputs, or a pair of channels
  const size_t tap = g.blocks * kBlock;
  for (size_t b = 0; b < g.blocks; ++b)
    for (int half = 0; half < 2; ++half) {
      I16 x[kWinogradPoints], y[kWinogradPoints];
      const int8_t* const w = g.w + b * kBlock + half * kHalf;
      transform_filter(w, tap, x);
      transform_filter(w + I16::kLanes, tap, y);
      for (size_t p = 0; p < kWinogradPoints; ++p) {
        // Each word of 32 bits is a pair of channels; even ones are the first pair.
        const __m256 a = _mm256_castsi256_ps(x[p].v), c = _mm256_castsi256_ps(y[p].v);
        const auto put = [&](int pair, __m256 words) {
          I16{_mm256_permute4x64_epi64(_mm256_castps_si256(words), 0xd8)}.store(
              g.u + p * tap + b * kBlock + pair * kHalf + half * I16::kLanes);
        };
        put(0, _mm256_shuffle_ps(a, c, 0x88));
        put(1, _mm256_shuffle_ps(a, c, 0xdd));
      }
    }
}

// With the intrinsic of the addition gcc 12 reorders sums over the depth, and spills them.
inline I32 add_products(I32 sum, I32 x, I32 w) {
  __asm__("vpaddd %1, %0, %0" : "+x"(sum.v) : "x"(_mm256_madd_epi16(x.v, w.v)));
  return sum;
}

// The products of kRows tiles from tile i on.
template <int kRows>
void product_rows(const WinogradProductsI8& g, size_t i, const int16_t* next) {
  constexpr int kStep = kWinogradOutputs * 2;  // elements of u for a pair of channels
  // Every third row has a pointer; the two after it are reached through an index register.
  constexpr int kPointers = (kRows + 2) / 3;
  const int16_t* v[kPointers];
  for (int r = 0; r < kPointers; ++r) v[r] = g.v + (i + 3 * r) * g.tile_stride;
  const int16_t* u = g.u;
  I32 sum[kRows][2];
#pragma GCC unroll 32
  for (int r = 0; r < kRows; ++r) sum[r][0] = sum[r][1] = I32::zero();
  for (size_t left = g.blocks; left > 0; --left) {
#pragma GCC unroll 2
    for (int step = 0; step < 2; ++step) {
      const int16_t* const w = u + step * kStep;
      const I32 w0 = I32::load(reinterpret_cast<const int32_t*>(w));
      const I32 w1 = I32::load(reinterpret_cast<const int32_t*>(w + I16::kLanes));
#pragma GCC unroll 32
      for (int r = 0; r < kRows; ++r) {
        int32_t pair;
        __builtin_memcpy(&pair, v[r / 3] + r % 3 * g.tile_stride + 2 * step, sizeof pair);
        const I32 x = I32::broadcast(pair);
        sum[r][0] = add_products(sum[r][0], x, w0);
        sum[r][1] = add_products(sum[r][1], x, w1);
      }
    }
    for (int r = 0; r < kPointers; ++r) v[r] += 4;
    u += 2 * kStep;
    __builtin_prefetch(next, 0, 2);
    next += kStep;
  }
#pragma GCC unroll 32
  for (int r = 0; r < kRows; ++r) {
    sum[r][0].store(g.m + (i + r) * kWinogradOutputs);
    sum[r][1].store(g.m + (i + r) * kWinogradOutputs + F32::kLanes);
  }
}

constexpr ProductRows kOfRows[] = {product_rows<1>, product_rows<2>, product_rows<3>,
                                   product_rows<4>, product_rows<5>, product_rows<6>};

void products(const WinogradProductsI8& g) { in_groups(g, kOfRows); }

}  // namespace

const WinogradStepsI8 winograd_i8_avx2 = {weights, input_tiles<I16>, products, output,
                                          sizeof kOfRows / sizeof *kOfRows};

}  // namespace edgert
