#include "kernels/dwconv_f32/dwconv_f32.h"

namespace edgert {

const DwconvF32Kernel& select_dwconv_f32(IsaSet isa) {
#define KERNEL(symbol, level, form, block)                                        \
  static const DwconvF32Kernel kernel_##symbol = {#symbol,    Isa::level, symbol, \
                                                  Form::form, block,      false}; \
  if (isa.has(Isa::level)) return kernel_##symbol;
#include "kernels/dwconv_f32/kernels.inc"
  __builtin_unreachable();  // the weakest level is always there
}

}  // namespace edgert
