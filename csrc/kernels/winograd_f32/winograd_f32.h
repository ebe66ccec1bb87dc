// The transforms around a 3x3 convolution of stride 1 in float32 by Winograd's F(2x2, 3x3).
//
// A tile is 2x2 outputs y, computed from 4x4 pixels d and the filter g:
//
//   y = A^T [sum over the channels of (G g G^T) * (B^T d B)] A        (*: element by element)
//
//         | 1  0 -1  0 |        | 1    0    0  |          | 1  1  1  0 |
//   B^T = | 0  1  1  0 |    G = | 1/2  1/2 1/2 |    A^T = | 0  1 -1 -1 |
//         | 0 -1  1  0 |        | 1/2 -1/2 1/2 |
//         | 0  1  0 -1 |        | 0    0    1  |
//
// The weight transform makes the matrix u = G g G^T, the input transform v = B^T d B, the output
// transform y from the matrix m of the sums, plus bias and residual, each 0 if absent:
// f(y + (bias + residual)). The 16 elements of such a matrix are its points, numbered row by row.
// The sums are 16 matrix multiplications, 4 multiplications per output instead of 9.
//
// Every element of a transform is a few additions in a fixed order, so that its bits depend neither
// on the kernel nor on how tiles and channels are split. If the sums over C channels are chains of
// fused multiply-adds, the error of y is, with u = 2^-24, at most
//
//   (C + 12) u * sum over the channels of |A^T| [(|G| |g| |G^T|) * (|B^T| |d| |B|)] |A|
//
// and terms in u^2. That sum is at most 64 C max|d| max|g|; one chain of 9 C multiply-adds has the
// bound 9 C u * 9 C max|d| max|g|. v reaches 4 max|d|, and a pixel that is not finite can make all
// four outputs of a tile NaN.
//
// Reads and writes nothing outside of the pixels and channels stated; nothing need be aligned.
#pragma once

#include <cstddef>

#include "core/cpu.h"
#include "kernels/records/winograd.h"
#include "schema/attrs.h"

namespace edgert {

struct WinogradWeightsF32 {  // of any number of filters, side by side
  size_t length;             // filters; a multiple of 16
  const float* w;            // [3][3][length]
  float* u;                  // [point][length]
};

using WinogradInputF32 = WinogradInput<float, float>;

struct WinogradOutputF32 {
  size_t channels;  // to compute
  const float* m;   // as v above
  size_t point_stride, tile_stride;
  size_t row, first, last;  // as above
  float* y;                 // [height][width][pixel_stride]; outputs outside are left out
  size_t height, width, pixel_stride;
  const float* bias;      // or null
  const float* residual;  // as y, or null; may be y itself
  Activation activation;  // the function f
};

struct WinogradTransforms {
  void (*weights)(const WinogradWeightsF32&);
  void (*input)(const WinogradInputF32&);
  void (*output)(const WinogradOutputF32&);
};

struct WinogradF32Kernel {
  const char* name;
  Isa isa;
  const WinogradTransforms& transforms;
};

#define KERNEL(symbol, isa) extern const WinogradTransforms symbol;
#include "kernels/winograd_f32/kernels.inc"

// The best kernel that `isa` can run.
const WinogradF32Kernel& select_winograd_f32(IsaSet isa);

}  // namespace edgert
