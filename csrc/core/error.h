// The one exception type of the runtime. The bindings turn each code into its Python class.
#pragma once

#include <algorithm>
#include <cstdarg>
#include <cstdio>
#include <stdexcept>
#include <string>

namespace edgert {

enum class ErrorCode {
  kFormat,       // the file breaks a rule of docs/format.md
  kVersion,      // the file is of another version
  kIntegrity,    // a checksum does not match
  kLimit,        // a limit of the format or of the caller is exceeded
  kUnsupported,  // well-formed, but this build cannot do it
  kIo,           // the operating system refused
  kInput,        // the tensors given to run() do not fit the model
  kResource,     // out of memory or threads
};

class Error : public std::runtime_error {
 public:
  // `rule` names the broken rule ("TRUNCATED", "SHAPE"): stable, for programs; empty if none.
  Error(ErrorCode code, const char* rule, const std::string& what)
      : std::runtime_error(what), code_(code), rule_(rule) {}
  ErrorCode code() const { return code_; }
  const char* rule() const { return rule_; }

 private:
  ErrorCode code_;
  const char* rule_;  // a string literal
};

// printf to std::string, for messages.
inline std::string format_list(const char* text, va_list args) {
  va_list again;
  va_copy(again, args);
  std::string result(static_cast<size_t>(std::max(0, std::vsnprintf(nullptr, 0, text, again))), 0);
  va_end(again);
  std::vsnprintf(result.data(), result.size() + 1, text, args);
  return result;
}

__attribute__((format(printf, 1, 2))) inline std::string format(const char* text, ...) {
  va_list args;
  va_start(args, text);
  const std::string result = format_list(text, args);
  va_end(args);
  return result;
}

}  // namespace edgert
