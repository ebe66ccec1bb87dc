// Structs of the C API grow at their end: a caller that was compiled earlier has fewer members.
#pragma once

#include <cstddef>
#include <cstring>

#include "api/errors.h"

namespace edgert {

// The bytes of a struct in the first version of the API. One that has grown gets a line of its own.
template <typename T>
constexpr size_t kFirstBytes = sizeof(T);
template <>
inline constexpr size_t kFirstBytes<edgert_step> = offsetof(edgert_step, zeros);

// The bytes that the caller's struct has. `name` is that of its type.
template <typename T>
size_t struct_bytes(const T* given, const char* name) {
  require_pointer(given, name);
  if (given->struct_size < kFirstBytes<T> || given->struct_size > sizeof(T))
    throw Refusal(EDGERT_ERROR_ARGUMENT, "STRUCT",
                  format("%s has a struct_size of %zu, expected %zu to %zu: it was not set, or the "
                         "library is older than the header",
                         name, given->struct_size, kFirstBytes<T>, sizeof(T)));
  return given->struct_size;
}

// Options: what the caller says, of the rest and of no struct at all the defaults.
template <typename T>
T read_struct(const T* given, T defaults, const char* name) {
  if (given != nullptr) std::memcpy(&defaults, given, struct_bytes(given, name));
  return defaults;
}

// Answers: the members that the caller's struct has.
template <typename T>
void write_struct(T* target, T value, const char* name) {
  value.struct_size = struct_bytes(target, name);
  std::memcpy(target, &value, value.struct_size);
}

}  // namespace edgert
