// Depthwise convolution of i16 by i8 or i16.
#pragma once

#include "kernels/records/accumulator.h"
#include "runtime/conv_gemm.h"
#include "runtime/op.h"

namespace edgert {

Step bind_depthwise_i16(const BindContext& context, const ConvGeometry& geometry,
                        const AccumulatorOutput& out);

}  // namespace edgert
