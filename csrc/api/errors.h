// How errors leave the C API: every function that can fail is a guarded() block.
#pragma once

#include <exception>

#include "api/edgert.h"
#include "core/error.h"

namespace edgert {

// What the caller of the C API gave cannot be used.
class Refusal : public Error {
 public:
  Refusal(edgert_status status, const char* rule, const std::string& what)
      : Error(ErrorCode::kInput, rule, what), status_(status) {}
  edgert_status status() const { return status_; }

 private:
  edgert_status status_;
};

// Keeps the exception that is being handled as the thread's last error; returns its status.
edgert_status keep_current_exception() noexcept;

// What unwinds a thread that is cancelled is no std::exception and passes.
template <typename Work>
edgert_status guarded(const Work& work) {
  try {
    work();
    return EDGERT_OK;
  } catch (const std::exception&) {
    return keep_current_exception();
  }
}

// Refuses a null pointer, which `what` names.
inline void require_pointer(const void* pointer, const char* what) {
  if (pointer == nullptr)
    throw Refusal(EDGERT_ERROR_NULL, "NULL", format("%s is a null pointer", what));
}

}  // namespace edgert
