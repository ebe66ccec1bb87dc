#include "kernels/dwconv_i16/dwconv_i16.h"

namespace edgert {

const DwconvI16Kernel& select_dwconv_i16(IsaSet isa, bool is_narrow) {
#define KERNEL(symbol, level, form, block, narrow)                                 \
  static const DwconvI16Kernel kernel_##symbol = {#symbol,    Isa::level, symbol,  \
                                                  Form::form, block,      narrow}; \
  if (isa.has(Isa::level) && (is_narrow || !narrow)) return kernel_##symbol;
#include "kernels/dwconv_i16/kernels.inc"
  __builtin_unreachable();  // the weakest level is always there
}

}  // namespace edgert
