// What becomes of the exact sums of gemm_i8, and what the tiles of the same columns share. Included
// after the vector types.
#pragma once

#include "kernels/gemm_i8/gemm_i8.h"
#include "kernels/simd/epilogue.h"
#include "kernels/simd/requantize.h"

namespace edgert {
namespace {

// From sums, `rows` rows of `columns` of them, `stride` elements apart, to
// the outputs from row i, column j on.
__attribute__((noinline, noclone)) inline void finish_dynamic(const GemmI8& g, size_t i, size_t j,
                                                              const int32_t* sums, int rows,
                                                              int stride, int columns) {
  const DynamicOutput dynamic = *g.dynamic;
  const Activation& activation = g.out.output.activation;
  const Clamp clamp(activation);
  const size_t c_stride = g.c_stride, at = i * c_stride + j;
  float* const c = static_cast<float*>(g.c) + at;
  for (int v = 0; v < columns; v += F32::kLanes) {
    const int n = columns - v < F32::kLanes ? columns - v : F32::kLanes;
    const I32 sum = load_first(g.column_sums + j + v, n);
    const F32 multiplier = load_first(g.out.multiplier + j + v, n);
    const F32 bias = dynamic.bias ? load_first(dynamic.bias + j + v, n) : F32::zero();
    const DynamicScale* scale = dynamic.scales + i * dynamic.scale_step;
    const float* residual = dynamic.residual ? dynamic.residual + at + v : nullptr;
    float* to = c + v;
    for (int r = 0; r < rows; ++r, scale += dynamic.scale_step, to += c_stride) {
      const I32 zero = I32::broadcast(-scale->zero) * sum;
      F32 t = to_f32(I32::load(sums + r * stride + v) + zero) * multiplier *
                  F32::broadcast(&scale->scale) +
              bias;
      if (residual) {
        t = t + load_first(residual, n);
        residual += c_stride;
      }
      store_first(to, n, clamp(t));
    }
  }
  if (!is_clamp(activation)) activate(activation, c, rows, c_stride, columns);
}

// What the tiles of the same columns share. `columns` exist, 1 or more: of the last vectors perhaps
// none.
template <int kVectors>
struct ColumnBlock {
  static constexpr int kLanes = F32::kLanes;
  const int8_t* b[kVectors];
  I32 bias[kVectors];
  F32 multiplier[kVectors];
  int last;  // columns in the last vector; less than 1 if there are none
  int columns() const { return (kVectors - 1) * kLanes + last; }

  // `shifted`: bytes of a are taken as what they are above 128.
  ColumnBlock(const GemmI8& g, size_t j, int columns, bool shifted)
      : last(columns - (kVectors - 1) * kLanes) {
    for (int v = 0; v < kVectors; ++v) {
      const size_t column = j + v * kLanes;
      const int left = columns - v * kLanes;
      const int n = left < 0 ? 0 : left < kLanes ? left : kLanes;
      b[v] = g.b + column / K4N16::kOutputs * g.b_panel_stride +
             column % K4N16::kOutputs * K4N16::kDepth;
      bias[v] = g.out.bias ? load_first(g.out.bias + column, n) : I32::broadcast(0);
      if (shifted) bias[v] = bias[v] + shift_left<7>(load_first(g.column_sums + column, n));
      multiplier[v] = load_first(g.out.multiplier + column, n);
    }
  }
};

// The outputs of `rows` rows of sums, as finish() has them, whatever becomes of them.
inline void finish_sums(const GemmI8& g, size_t i, size_t j, const int32_t* sums, int rows,
                        int stride, int columns) {
  if (g.dynamic != nullptr) return finish_dynamic(g, i, j, sums, rows, stride, columns);
  finish(g.out, j, sums, rows, stride, columns, g.c, i * g.c_stride + j, g.c_stride);
}

}  // namespace
}  // namespace edgert
