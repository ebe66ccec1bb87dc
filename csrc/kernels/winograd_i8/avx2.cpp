#define EDGERT_ROUND_TWICE
#include "kernels/simd/avx2.h"

#include <utility>

#include "kernels/simd/requantize.h"
#include "kernels/simd/winograd.h"
#include "kernels/winograd_i8/winograd_i8.h"

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

// u of 4 outputs by 4 channels; `w` is [3][3] of them, `stride` bytes apart.
inline void transform_filter(const int8_t* w, size_t stride, I16 (&u)[kWinogradPoints]) {
  I16 g[4][3];  // 2 G g
  for (int j = 0; j < 3; ++j) {
    const I16 top = I16::load(w + j * stride), middle = I16::load(w + (3 + j) * stride);
    const I16 bottom = I16::load(w + (6 + j) * stride), ends = top + bottom;
    g[0][j] = top + top;
    g[1][j] = ends + middle;
    g[2][j] = ends - middle;
    g[3][j] = bottom + bottom;
  }
  for (int i = 0; i < 4; ++i) {
    const I16 ends = g[i][0] + g[i][2];
    u[4 * i] = g[i][0] + g[i][0];
    u[4 * i + 1] = ends + g[i][1];
    u[4 * i + 2] = ends - g[i][1];
    u[4 * i + 3] = g[i][2] + g[i][2];
  }
}

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

void input(const WinogradInputI8& g) { input_tiles<I16>(g); }

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

constexpr size_t kRows = 6;
using ProductRows = void (*)(const WinogradProductsI8&, size_t, const int16_t*);

template <int... kLess>
constexpr ProductRows row_count(size_t rows, std::integer_sequence<int, kLess...>) {
  constexpr ProductRows of_rows[] = {product_rows<kLess + 1>...};
  return of_rows[rows - 1];
}

// In groups of tiles of nearly equal size, so that there is no thin last one.
void products(const WinogradProductsI8& g) {
  const size_t half = g.blocks * kWinogradOutputs * 2;  // of the weights that follow
  const int16_t* next = g.prefetch;
  size_t left = (g.tiles + kRows - 1) / kRows;
  for (size_t i = 0, group = 0; left > 0; --left, ++group) {
    const size_t rows = (g.tiles - i + left - 1) / left;
    const bool fetch = next != nullptr && group < 2;
    row_count(rows, std::make_integer_sequence<int, kRows>())(g, i,
                                                              fetch ? next + group * half : g.u);
    i += rows;
  }
}

void output(const WinogradOutputI8& g) {
  constexpr size_t kTiles = 8;  // at a time
  const int n = static_cast<int>(g.channels);
  const size_t y0 = kWinogradTile * g.row;
  const I32 bias[] = {
      load_first(g.out.bias, n < F32::kLanes ? n : F32::kLanes),
      n > F32::kLanes ? load_first(g.out.bias + F32::kLanes, n - F32::kLanes) : I32::zero()};
  for (size_t first = g.first; first < g.last; first += kTiles) {
    const size_t tiles = g.last - first < kTiles ? g.last - first : kTiles;
    int32_t sums[kWinogradTile][kWinogradTile * kTiles * kWinogradOutputs];
    const int32_t* m = g.m + (first - g.first) * kWinogradOutputs;
    for (size_t e = 0; e < tiles * kWinogradOutputs; e += F32::kLanes) {
      I32 y[2][2];
      transform_output([&](int p) { return I32::load(m + p * g.point_stride + e); }, y);
      const size_t tile = e / kWinogradOutputs, c = e % kWinogradOutputs;
      for (size_t i : {0, 1})
        for (size_t j : {0, 1})
          (shift_right<2>(y[i][j]) + bias[c / F32::kLanes])
              .store(sums[i] + (kWinogradTile * tile + j) * kWinogradOutputs + c);
    }
    const size_t x0 = kWinogradTile * first;
    const size_t pixels =
        g.width - x0 < kWinogradTile * tiles ? g.width - x0 : kWinogradTile * tiles;
    for (size_t i = 0; i < kWinogradTile && y0 + i < g.height; ++i)
      finish(g.out, 0, sums[i], static_cast<int>(pixels), kWinogradOutputs, n, g.y,
             ((y0 + i) * g.width + x0) * g.pixel_stride, g.pixel_stride);
  }
}

}  // namespace

const WinogradStepsI8 winograd_i8_avx2 = {weights, input, products, output, kRows};

}  // namespace edgert
