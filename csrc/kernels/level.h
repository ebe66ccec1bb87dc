// The vector types of the instruction set level that the including file is compiled for, and the
// names of its kernels. Included by the files that are compiled once per level, after
// EDGERT_ROUND_TWICE if they want that; simd/README.md has the contract of the types.
#pragma once

#define EDGERT_JOIN_TOKENS(family, level) family##_##level
#define EDGERT_JOIN(family, level) EDGERT_JOIN_TOKENS(family, level)
#define EDGERT_QUOTE_TOKENS(...) #__VA_ARGS__
#define EDGERT_QUOTE(...) EDGERT_QUOTE_TOKENS(__VA_ARGS__)

// <family>_<level>
#define KERNEL_NAME(family) EDGERT_JOIN(family, EDGERT_LEVEL)

// clang-format off
#include EDGERT_QUOTE(kernels/simd/EDGERT_LEVEL.h)
// clang-format on
