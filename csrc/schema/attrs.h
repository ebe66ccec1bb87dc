// Attribute records of the operators, stored as they are here. Members are i32 or f32 only, so that
// no record has padding and every byte of it has a meaning. Axes and pads are never negative.
#pragma once

#include <cstdint>

namespace edgert {

constexpr int32_t kMaxRank = 8;

struct Activation {
  int32_t fn;  // UnaryFn; identity: none
  float alpha;
  float beta;
};

struct EmptyAttrs {
  int32_t reserved;  // zero
};

struct ConvAttrs {
  int32_t strides[2];    // height, width
  int32_t dilations[2];  // height, width
  int32_t pads[4];       // top, left, bottom, right
  int32_t groups;
  Activation activation;
};

struct ConvTransposeAttrs {
  int32_t kernel[2];
  int32_t strides[2];
  int32_t dilations[2];
  int32_t pads[4];            // what is cut from top, left, bottom, right
  int32_t output_padding[2];  // rows and columns added at the bottom and at the right
  int32_t groups;
  Activation activation;
};

struct GemmAttrs {
  Activation activation;
};

struct PoolAttrs {
  int32_t kernel[2];
  int32_t strides[2];
  int32_t dilations[2];
  int32_t pads[4];            // top, left, bottom, right
  int32_t ceil_mode;          // 0, 1: a window may hang over the bottom and right pads
  int32_t count_include_pad;  // 0, 1; average_pool: pads count in the divisor, overhang does not
};

struct ReduceAttrs {
  int32_t fn;         // ReduceFn
  int32_t axes;       // bit i: axis i is reduced
  int32_t keep_dims;  // 0, 1
};

struct UnaryAttrs {
  Activation function;
};

struct BinaryAttrs {
  int32_t fn;  // BinaryFn
  Activation activation;
};

struct CompareAttrs {
  int32_t fn;  // CompareFn
};

struct CumulateAttrs {
  int32_t fn;  // ReduceFn: sum or prod
  int32_t axis;
};

// Of the recurrent operators: reverse walks from the last step to the first, clip bounds what the
// functions see to -clip .. clip, 0 does not. The functions are those of ONNX's list, in its order.
struct RnnAttrs {
  int32_t reverse;  // 0, 1
  float clip;
  Activation hidden;
};

struct LstmAttrs {
  int32_t reverse;       // 0, 1
  int32_t input_forget;  // 0, 1
  float clip;
  Activation gate, cell, hidden;
};

struct GruAttrs {
  int32_t reverse;              // 0, 1
  int32_t linear_before_reset;  // 0, 1
  float clip;
  Activation gate, candidate;
};

struct BatchNormAttrs {
  Activation activation;
};

struct LayerNormAttrs {
  float epsilon;
};

struct SoftmaxAttrs {
  int32_t axis;
  int32_t log;  // 0, 1: the logarithm of the softmax
};

struct LrnAttrs {  // over the last axis
  int32_t size;
  float alpha;
  float beta;
  float bias;
};

struct TransposeAttrs {
  int32_t perm[kMaxRank];  // unused entries are zero
};

struct ShapeAttrs {
  int32_t rank;
  int32_t dims[kMaxRank];  // unused entries are zero
};

struct AxisAttrs {
  int32_t axis;
};

struct TopKAttrs {
  int32_t k;         // at most the dimension
  int32_t smallest;  // 0, 1
};

struct SliceAttrs {
  int32_t starts[kMaxRank];  // first element taken, in range
  int32_t steps[kMaxRank];   // not zero; negative walks backwards
  int32_t sizes[kMaxRank];   // elements taken along the axis
};

struct TileAttrs {
  int32_t repeats[kMaxRank];
};

struct PadAttrs {
  int32_t mode;  // PadMode
  int32_t before[kMaxRank];
  int32_t after[kMaxRank];
  float value;
};

// Of the height and the width of an image: element i of the output comes from the place
// (first + i * step) / unit of the input, exactly; `nearest` takes the element at that place
// rounded down, and the converter has put the rounding that the model wants into `first`.
struct ResizeAttrs {
  int32_t mode;     // ResizeMode
  int32_t size[2];  // height, width of the output
  int32_t first[2];
  int32_t step[2];
  int32_t unit[2];  // positive
  float cubic_coefficient;
  int32_t exclude_outside;  // 0, 1
};

struct CastAttrs {
  int32_t dtype;  // DType of the output
};

// The end of every quantised operator. With t the exact result as a float, which the operator
// states, f the activation, and each operation rounded on its own:
//
//   u8, i16:  y = clamp(round(f(t) * scale), low - zero, high - zero) + zero, half to even; NaN
//             gives low
//   f32:      y = f(t) * scale; zero, low and high are 0
struct Requantize {
  int32_t dtype;  // DType of the output
  Activation activation;
  float scale;
  int32_t zero;
  int32_t low, high;  // in the range of the type
};

struct QuantizeAttrs {
  int32_t dtype;  // DType of the output
  float scale;
  int32_t zero;
  int32_t shift;  // quantize: what is added before rounding; the zero point is zero + shift
};

struct QConvAttrs {
  int32_t strides[2];    // height, width
  int32_t dilations[2];  // height, width
  int32_t pads[4];       // top, left, bottom, right
  int32_t groups;
  int32_t x_zero;  // what the pads hold
  int32_t residual_zero;
  float residual_scale;
  Requantize output;
};

struct QGemmAttrs {
  int32_t residual_zero;
  float residual_scale;
  Requantize output;
};

struct QConvTransposeAttrs {
  int32_t strides[2];         // height, width
  int32_t dilations[2];       // height, width
  int32_t pads[4];            // what is cut from top, left, bottom, right
  int32_t output_padding[2];  // rows and columns added at the bottom and at the right
  int32_t x_zero;
  Requantize output;
};

struct QBinaryAttrs {
  int32_t fn;       // BinaryFn: add or mul
  int32_t shifted;  // 0, 1; of u8: shift is added
  int32_t a_zero;
  float a_scale;
  int32_t b_zero;
  float b_scale;
  float shift;  // only if shifted
  Requantize output;
};

struct QLayerNormAttrs {
  float epsilon;  // in squared levels of x
  int32_t zero;   // of y
};

struct QPoolAttrs {
  PoolAttrs pool;
  int32_t x_zero;
  float x_scale;
  Requantize output;
};

// What floats without a sign become: -1 or 1.
struct SignsAttrs {
  int32_t zero;
  int32_t nan;
};

struct BConvAttrs {
  int32_t strides[2];    // height, width
  int32_t dilations[2];  // height, width
  int32_t pads[4];       // top, left, bottom, right
  int32_t groups;
  int32_t channels;  // of the input
  int32_t pad;       // 0, 1: what the pads hold
  Activation activation;
};

struct BGemmAttrs {
  int32_t channels;  // of the input
  Activation activation;
};

struct BlockGemmAttrs {
  int32_t block;  // elements of a block: a multiple of 16, at most 256
  int32_t zero;   // of all blocks, if input 3 is absent; 0 to 255
  Activation activation;
};

}  // namespace edgert
