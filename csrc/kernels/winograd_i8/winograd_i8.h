// A 3x3 convolution of stride 1 of u8 by i8 by Winograd's F(2x2, 3x3), exactly.
//
// The formula is that of winograd_f32.h with 2 G in place of G, so that everything is an integer:
//
//   u = (2 G) g (2 G)^T    |u| <= 9 * 128, fits 16 bits
//   v = B^T d B            |v| <= 4 * 255, fits 16 bits
//   m = sum over the channels of u * v, modulo 2^32
//   A^T m A = 4 * the sum of the convolution, modulo 2^32
//
// The last is exact where 4 * 9 * 255 * 128 * channels < 2^31, which kWinogradMaxChannels keeps,
// and so is a quarter of it. So the bits are those of gemm_i8.h.
//
// Preconditions: `w` and `u` are aligned to 64 bytes. Reads and writes nothing outside of the
// elements stated.
#pragma once

#include <cstddef>
#include <cstdint>

#include "core/cpu.h"
#include "kernels/records/accumulator.h"
#include "kernels/records/winograd.h"
#include "schema/enums.h"
#include "weights/panel.h"

namespace edgert {

constexpr size_t kWinogradMaxChannels = 1827;
static_assert(4ull * 9 * 255 * 128 * kWinogradMaxChannels < 1ull << 31 &&
              4ull * 9 * 255 * 128 * (kWinogradMaxChannels + 1) >= 1ull << 31);

constexpr size_t kWinogradOutputs = K4N16::kOutputs;  // of a panel
// Channels of a tile are written in whole vectors of so many; those beyond the last meet weights of
// zero or none.
constexpr size_t kWinogradChannels = 16;

struct WinogradWeightsI8 {  // of one panel
  size_t blocks;            // of four channels
  const int8_t* w;          // [3][3][blocks][16 outputs][4 channels], as form k4n16
  int16_t* u;               // [point][2 * blocks pairs of channels][16 outputs][2 channels]
};

// v[p][t] has room for the channels rounded up to kWinogradChannels. `outside` is the zero point.
using WinogradInputI8 = WinogradInput<uint8_t, int16_t>;

// The products of one point and one panel: m[t][o] = sum over the channels of v[t][c] * u[c][o].
struct WinogradProductsI8 {
  size_t tiles, blocks;
  const int16_t* v;
  size_t tile_stride;  // of v
  const int16_t* u;
  int32_t* m;               // [tiles][16]
  const int16_t* prefetch;  // the weights that follow, as many, or null
};

struct WinogradOutputI8 {  // of one panel
  size_t channels;         // that exist, 1 .. 16
  const int32_t* m;        // point p, tile t: m[p * point_stride + (t - first) * 16]
  size_t point_stride;
  size_t row, first, last;  // tiles, as in WinogradInput
  void* y;                  // [height][width][pixel_stride]; outputs outside are left out
  size_t height, width, pixel_stride;
  AccumulatorOutput out;  // of these channels
};

struct WinogradStepsI8 {
  void (*weights)(const WinogradWeightsI8&);
  void (*input)(const WinogradInputI8&);
  void (*products)(const WinogradProductsI8&);
  void (*output)(const WinogradOutputI8&);
  size_t rows;  // tiles whose products are held in registers
};

struct WinogradI8Kernel {
  const char* name;
  Isa isa;
  const WinogradStepsI8& steps;
  Form form;                       // of the weights from which it makes its own
  int macs_per_cycle, task_kmacs;  // as in ProductKernel
};

#define KERNEL(symbol, ...) extern const WinogradStepsI8 symbol;
#include "kernels/winograd_i8/kernels.inc"

// The best kernel that `isa` can run, or null.
const WinogradI8Kernel* select_winograd_i8(IsaSet isa);

}  // namespace edgert
