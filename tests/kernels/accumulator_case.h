// The end of a quantised sum in the tests: a record, and what it makes of a sum by definition.
#pragma once

#include <algorithm>
#include <cmath>

#include "kernels/records/accumulator.h"
#include "schema/enums.h"

namespace edgert::test {

struct AccumulatorCase {
  bool residual, hard_swish, to_float;
  bool i16 = false;    // of products of i16: residual and output are i16 too
  bool whole = false;  // all bytes are in the range of the output, and its zero point is 0

  AccumulatorOutput record(const int32_t* bias, const float* multiplier,
                           const void* residuals) const {
    AccumulatorOutput out = {};
    out.bias = bias;
    out.multiplier = multiplier;
    out.residual = residual ? static_cast<const uint8_t*>(residuals) : nullptr;
    out.residual_is_i16 = i16;
    out.residual_zero = i16 ? 0 : 7;
    out.residual_scale = 0.25f;
    out.output.scale = hard_swish ? 0.75f : 1.0f;
    out.output.activation.fn =
        static_cast<int32_t>(hard_swish ? UnaryFn::hard_swish : UnaryFn::identity);
    out.output.dtype = static_cast<int32_t>(to_float ? DType::f32 : i16 ? DType::i16 : DType::u8);
    if (to_float) return out;
    if (i16)
      out.output.low = -20000, out.output.high = 32767;
    else
      out.output.zero = zero(), out.output.low = low(), out.output.high = high();
    return out;
  }

  // The output of a sum that includes the bias; `residuals` points to the one that belongs to it.
  template <typename Residual>
  float expected(int64_t sum, float multiplier, const Residual* residuals) const {
    float t = static_cast<float>(i16 ? sum : int64_t{static_cast<int32_t>(sum)}) * multiplier;
    if (residual) {
      const float scaled = static_cast<float>(int{*residuals} - (i16 ? 0 : 7)) * 0.25f;
      t = t + scaled;
    }
    if (hard_swish) {
      const float gate = t * (1.0f / 6.0f) + 0.5f;
      t = t * std::min(std::max(gate, 0.0f), 1.0f) * 0.75f;
    }
    if (to_float) return t;
    if (i16) return std::nearbyintf(std::min(std::max(t, -20000.0f), 32767.0f));
    const float least = static_cast<float>(low() - zero()),
                most = static_cast<float>(high() - zero());
    return std::nearbyintf(std::min(std::max(t, least), most)) + static_cast<float>(zero());
  }

 private:
  int zero() const { return whole ? 0 : 100; }
  int low() const { return whole ? 0 : 3; }
  int high() const { return whole ? 255 : 250; }
};

}  // namespace edgert::test
