#include "kernels/list.h"

namespace edgert {

std::vector<KernelInfo> kernel_list() {
  std::vector<KernelInfo> list;
#define KERNEL(symbol, isa, ...) list.push_back({#symbol, family, Isa::isa});
  const char* family;
  family = "gemm_f32";
#include "kernels/gemm_f32/kernels.inc"
#define KERNEL(symbol, isa, ...) list.push_back({#symbol, family, Isa::isa});
  family = "pool_f32";
#include "kernels/pool_f32/kernels.inc"
#define KERNEL(symbol, isa, ...) list.push_back({#symbol, family, Isa::isa});
  family = "batch_norm_f32";
#include "kernels/batch_norm_f32/kernels.inc"
#define KERNEL(symbol, isa, ...) list.push_back({#symbol, family, Isa::isa});
  family = "binary_f32";
#include "kernels/binary_f32/kernels.inc"
#define KERNEL(symbol, isa, ...) list.push_back({#symbol, family, Isa::isa});
  family = "layer_norm_f32";
#include "kernels/layer_norm_f32/kernels.inc"
#define KERNEL(symbol, isa, ...) list.push_back({#symbol, family, Isa::isa});
  family = "lrn_f32";
#include "kernels/lrn_f32/kernels.inc"
#define KERNEL(symbol, isa, ...) list.push_back({#symbol, family, Isa::isa});
  family = "reduce_f32";
#include "kernels/reduce_f32/kernels.inc"
#define KERNEL(symbol, isa, ...) list.push_back({#symbol, family, Isa::isa});
  family = "softmax_f32";
#include "kernels/softmax_f32/kernels.inc"
#define KERNEL(symbol, isa, ...) list.push_back({#symbol, family, Isa::isa});
  family = "unary_f32";
#include "kernels/unary_f32/kernels.inc"
#define KERNEL(symbol, isa, ...) list.push_back({#symbol, family, Isa::isa});
  family = "resize_f32";
#include "kernels/resize_f32/kernels.inc"
#define KERNEL(symbol, isa, ...) list.push_back({#symbol, family, Isa::isa});
  family = "resize_u8";
#include "kernels/resize_u8/kernels.inc"
#define KERNEL(symbol, isa, ...) list.push_back({#symbol, family, Isa::isa});
  family = "dwconv_f32";
#include "kernels/dwconv_f32/kernels.inc"
#define KERNEL(symbol, isa, ...) list.push_back({#symbol, family, Isa::isa});
  family = "col2im_f32";
#include "kernels/col2im_f32/kernels.inc"
#define KERNEL(symbol, isa, ...) list.push_back({#symbol, family, Isa::isa});
  family = "gemm_i8";
#include "kernels/gemm_i8/kernels.inc"
#define KERNEL(symbol, isa, ...) list.push_back({#symbol, family, Isa::isa});
  family = "gemm_i16";
#include "kernels/gemm_i16/kernels.inc"
#define KERNEL(symbol, isa, ...) list.push_back({#symbol, family, Isa::isa});
  family = "dwconv_i8";
#include "kernels/dwconv_i8/kernels.inc"
#define KERNEL(symbol, isa, ...) list.push_back({#symbol, family, Isa::isa});
  family = "dwconv_i16";
#include "kernels/dwconv_i16/kernels.inc"
#define KERNEL(symbol, isa, ...) list.push_back({#symbol, family, Isa::isa});
  family = "quantize_f32";
#include "kernels/quantize_f32/kernels.inc"
#define KERNEL(symbol, isa, ...) list.push_back({#symbol, family, Isa::isa});
  family = "dequantize_f32";
#include "kernels/dequantize_f32/kernels.inc"
#define KERNEL(symbol, isa, ...) list.push_back({#symbol, family, Isa::isa});
  family = "lookup_u8";
#include "kernels/lookup_u8/kernels.inc"
#define KERNEL(symbol, isa, ...) list.push_back({#symbol, family, Isa::isa});
  family = "binary_u8";
#include "kernels/binary_u8/kernels.inc"
#define KERNEL(symbol, isa, ...) list.push_back({#symbol, family, Isa::isa});
  family = "pool_u8";
#include "kernels/pool_u8/kernels.inc"
#define KERNEL(symbol, isa, ...) list.push_back({#symbol, family, Isa::isa});
  family = "softmax_u8";
#include "kernels/softmax_u8/kernels.inc"
#define KERNEL(symbol, isa, ...) list.push_back({#symbol, family, Isa::isa});
  family = "layer_norm_u8";
#include "kernels/layer_norm_u8/kernels.inc"
#define KERNEL(symbol, isa, ...) list.push_back({#symbol, family, Isa::isa});
  family = "winograd_f32";
#include "kernels/winograd_f32/kernels.inc"
#define KERNEL(symbol, isa, ...) list.push_back({#symbol, family, Isa::isa});
  family = "winograd_i8";
#include "kernels/winograd_i8/kernels.inc"
  return list;
}

}  // namespace edgert
