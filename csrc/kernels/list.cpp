#include "kernels/list.h"

#include <cstring>

#include "kernels/kernel.h"

namespace edgert {

#define VECTOR_LEVEL(name, needs, flags) extern const LevelKernels level_kernels_##name;
#include "core/isa.def"

namespace {

// Weakest first.
const LevelKernels* const kLevels[] = {
#define VECTOR_LEVEL(name, needs, flags) &level_kernels_##name,
#include "core/isa.def"
};
constexpr size_t kLevelCount = sizeof kLevels / sizeof *kLevels;

struct Row {
  const char* name;
  Isa isa;
};

// Of all families with tables, whose names their rows' begin with.
const Row kTables[] = {
#define KERNEL(symbol, isa, ...) {#symbol, Isa::isa},
#include "kernels/crc32/kernels.inc"
#define KERNEL(symbol, isa, ...) {#symbol, Isa::isa},
#include "kernels/dwconv_f32/kernels.inc"
#define KERNEL(symbol, isa, ...) {#symbol, Isa::isa},
#include "kernels/dwconv_i16/kernels.inc"
#define KERNEL(symbol, isa, ...) {#symbol, Isa::isa},
#include "kernels/dwconv_i8/kernels.inc"
#define KERNEL(symbol, isa, ...) {#symbol, Isa::isa},
#include "kernels/gemm_bits/kernels.inc"
#define KERNEL(symbol, isa, ...) {#symbol, Isa::isa},
#include "kernels/gemm_blocks/kernels.inc"
#define KERNEL(symbol, isa, ...) {#symbol, Isa::isa},
#include "kernels/gemm_f32/kernels.inc"
#define KERNEL(symbol, isa, ...) {#symbol, Isa::isa},
#include "kernels/gemm_i16/kernels.inc"
#define KERNEL(symbol, isa, ...) {#symbol, Isa::isa},
#include "kernels/gemm_i8/kernels.inc"
#define KERNEL(symbol, isa, ...) {#symbol, Isa::isa},
#include "kernels/gemm_sparse_f32/kernels.inc"
#define KERNEL(symbol, isa, ...) {#symbol, Isa::isa},
#include "kernels/gemm_sparse_i8/kernels.inc"
#define KERNEL(symbol, isa, ...) {#symbol, Isa::isa},
#include "kernels/winograd_f32/kernels.inc"
#define KERNEL(symbol, isa, ...) {#symbol, Isa::isa},
#include "kernels/winograd_i8/kernels.inc"
};

}  // namespace

const LevelKernels* level_kernels(Isa isa) {
  for (const LevelKernels* level : kLevels)
    if (level->isa == isa) return level;
  return nullptr;
}

const LevelKernels& select_kernels(IsaSet isa) {
  for (size_t i = kLevelCount; i-- > 1;)
    if (isa.has(kLevels[i]->isa)) return *kLevels[i];
  return *kLevels[0];  // the weakest level is always there
}

std::vector<KernelInfo> kernel_list() {
  std::vector<KernelInfo> list;
  const auto add_levels = [&](const char* family, auto kernels) {
    for (size_t i = kLevelCount; i-- > 0;)
      list.push_back({(kLevels[i]->*kernels).name, family, kLevels[i]->isa});
  };
  const auto add_table = [&](const char* family) {
    for (const Row& row : kTables)
      if (std::strncmp(row.name, family, std::strlen(family)) == 0)
        list.push_back({row.name, family, row.isa});
  };
#define FAMILY(family, Arguments) add_levels(#family, &LevelKernels::family);
#define TABLE_FAMILY(family) add_table(#family);
#include "kernels/families.def"
  return list;
}

}  // namespace edgert
