#include "kernels/dwconv_i8/dwconv_i8.h"
#include "kernels/dwconv_i8/dwconv_i8_plan.h"

namespace edgert {

const DwconvI8Kernel& select_dwconv_i8(IsaSet isa) {
#define KERNEL(symbol, level, form, block, group_rows)                                       \
  static const DwconvI8Kernel kernel_##symbol = {#symbol, Isa::level, symbol,    Form::form, \
                                                 block,   false,      group_rows};           \
  if (isa.has(Isa::level)) return kernel_##symbol;
#include "kernels/dwconv_i8/kernels.inc"
  __builtin_unreachable();  // the weakest level is always there
}

size_t dwconv_i8_scratch_bytes(const DwconvI8Kernel& kernel, const DwconvI8& g) {
  if (kernel.group_rows == 0) return 0;
  return DwconvI8Plan(g, static_cast<size_t>(kernel.block), static_cast<size_t>(kernel.group_rows))
      .bytes;
}

}  // namespace edgert
