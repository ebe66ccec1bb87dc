#include "runtime/file/rules.h"

#include <cstdarg>

namespace edgert {

void fail(const Rule& rule, const char* text, ...) {
  va_list args;
  va_start(args, text);
  const std::string message = format_list(text, args);
  va_end(args);
  throw Error(rule.code, rule.name, message + " [" + rule.number + "]");
}

}  // namespace edgert
