// The end of a quantised sum in the tests: a record, and what it makes of a sum by definition.
#pragma once

#include <algorithm>
#include <cmath>

#include "kernels/accumulator.h"
#include "schema/enums.h"

namespace edgert::test {

struct AccumulatorCase {
  bool residual, hard_swish, to_float;

  AccumulatorOutput record(const int32_t* bias, const float* multiplier,
                           const uint8_t* residuals) const {
    AccumulatorOutput out = {};
    out.bias = bias;
    out.multiplier = multiplier;
    out.residual = residual ? residuals : nullptr;
    out.residual_zero = 7;
    out.residual_scale = 0.25f;
    out.output.scale = hard_swish ? 0.75f : 1.0f;
    out.output.activation.fn =
        static_cast<int32_t>(hard_swish ? UnaryFn::hard_swish : UnaryFn::identity);
    out.output.dtype = static_cast<int32_t>(to_float ? DType::f32 : DType::u8);
    if (!to_float) out.output.zero = 100, out.output.low = 3, out.output.high = 250;
    return out;
  }

  // The output of a sum that includes the bias; `residuals` points to the one that belongs to it.
  float expected(int64_t sum, float multiplier, const uint8_t* residuals) const {
    float t = static_cast<float>(static_cast<int32_t>(sum)) * multiplier;
    if (residual) {
      const float scaled = static_cast<float>(int{*residuals} - 7) * 0.25f;
      t = t + scaled;
    }
    if (hard_swish) {
      const float gate = t * (1.0f / 6.0f) + 0.5f;
      t = t * std::min(std::max(gate, 0.0f), 1.0f) * 0.75f;
    }
    if (to_float) return t;
    return std::nearbyintf(std::min(std::max(t, 3.0f - 100.0f), 250.0f - 100.0f)) + 100.0f;
  }
};

}  // namespace edgert::test
