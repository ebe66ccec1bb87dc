#include "kernels/winograd_i8/winograd_i8.h"

namespace edgert {

const WinogradI8Kernel* select_winograd_i8([[maybe_unused]] IsaSet isa) {
#define KERNEL(symbol, level, form, ...)                                                    \
  static const WinogradI8Kernel kernel_##symbol = {#symbol, Isa::level, symbol, Form::form, \
                                                   __VA_ARGS__};                            \
  if (isa.has(Isa::level)) return &kernel_##symbol;
#include "kernels/winograd_i8/kernels.inc"
  return nullptr;
}

}  // namespace edgert
