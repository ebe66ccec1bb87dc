// For what contains the C++ library: its last words on an exception that nobody catches would bring
// along 90 KB of code that demangle the name of a type. Nothing of ours gets there, and a mangled
// name says enough.
#include <cstddef>

extern "C" char* __cxa_demangle(const char*, char*, size_t*, int* status) {
  if (status != nullptr) *status = -1;
  return nullptr;
}
