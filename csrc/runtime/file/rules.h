// The rules of docs/format.md, in the order in which they are checked.
#pragma once

#include "core/error.h"

namespace edgert {

struct Rule {
  const char* number;
  ErrorCode code;
  const char* name;
};

#define RULE(number, code, name) constexpr Rule number = {#number, ErrorCode::code, name};
RULE(F1, kFormat, "TRUNCATED")
RULE(F2, kFormat, "MAGIC")
RULE(F3, kFormat, "ENDIAN")
RULE(F4, kVersion, "VERSION")
RULE(F5, kFormat, "TRUNCATED")
RULE(F6, kFormat, "TRAILING")
RULE(F7, kLimit, "COUNT")
RULE(F8, kIntegrity, "CHECKSUM")
RULE(F9, kFormat, "RESERVED")
RULE(F10, kFormat, "DUPLICATE")
RULE(F11, kUnsupported, "SECTION")
RULE(F12, kFormat, "SECTION")
RULE(F13, kFormat, "ALIGN")
RULE(F14, kFormat, "RANGE")
RULE(F15, kFormat, "OVERLAP")
RULE(F16, kFormat, "HOLE")
RULE(F17, kFormat, "TRAILING")
RULE(F18, kLimit, "METADATA")
RULE(F19, kFormat, "SIZE")
RULE(F20, kLimit, "COUNT")
RULE(F21, kFormat, "RESERVED")
RULE(F22, kIntegrity, "CHECKSUM")
RULE(F23, kFormat, "STRINGS")
RULE(F24, kFormat, "NAME")
RULE(F25, kFormat, "DUPLICATE")
RULE(F26, kFormat, "DTYPE")
RULE(F27, kUnsupported, "FORM")
RULE(F28, kFormat, "FORM")
RULE(F29, kLimit, "RANK")
RULE(F30, kFormat, "RESERVED")
RULE(F31, kFormat, "DIMS")
RULE(F32, kFormat, "SHAPE")
RULE(F33, kLimit, "OVERFLOW")
RULE(F34, kFormat, "INDEX")
RULE(F35, kFormat, "FORM")
RULE(F36, kFormat, "SIZE")
RULE(F37, kFormat, "RANGE")
RULE(F38, kFormat, "RESERVED")
RULE(F39, kFormat, "EXPONENT")
RULE(F40, kFormat, "BLOCKS")
RULE(F41, kFormat, "COLUMN")
RULE(F42, kFormat, "PADDING")
RULE(F43, kFormat, "FACTS")
RULE(F44, kFormat, "TRAILING")
RULE(F45, kFormat, "INDEX")
RULE(F46, kFormat, "IO")
RULE(F47, kFormat, "DUPLICATE")
RULE(F48, kUnsupported, "OP")
RULE(F49, kFormat, "ARITY")
RULE(F50, kFormat, "EDGES")
RULE(F51, kFormat, "ATTR")
RULE(F52, kFormat, "INDEX")
RULE(F53, kFormat, "ORDER")
RULE(F54, kFormat, "WRITER")
RULE(F55, kFormat, "SHAPE")
RULE(F56, kFormat, "FORM")
RULE(F57, kFormat, "IO")
RULE(F58, kLimit, "OPERATIONS")
#undef RULE

// Throws the error of a broken rule.
[[noreturn]] __attribute__((format(printf, 2, 3))) void fail(const Rule& rule, const char* text,
                                                             ...);

using ull = unsigned long long;  // what %llu wants

}  // namespace edgert
