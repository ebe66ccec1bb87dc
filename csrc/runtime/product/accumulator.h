// What follows the sums of a product, as products of all element types have it.
#pragma once

#include "core/tensor.h"
#include "kernels/records/accumulator.h"
#include "schema/attrs.h"

namespace edgert {

// f(sum + bias[j] + residual[i][j]) of sums of floats.
struct FloatOutput {
  const float* bias = nullptr;      // of each output, or null
  const float* residual = nullptr;  // of the output's shape, or null; may be the output itself
  Activation activation = {};
};

// `out` from an output channel, and from an element of the output, on.
inline FloatOutput part_of(FloatOutput out, size_t channel, size_t element) {
  if (out.bias) out.bias += channel;
  if (out.residual) out.residual += element;
  return out;
}

inline AccumulatorOutput part_of(AccumulatorOutput out, size_t channel, size_t element) {
  if (out.bias) out.bias += channel;
  out.multiplier += channel;
  if (out.residual) out.residual += element * (out.residual_is_i16 ? sizeof(int16_t) : 1);
  return out;
}

inline size_t output_bytes(const Requantize& output) {  // of an element
  return dtype_bytes(static_cast<DType>(output.dtype));
}

}  // namespace edgert
