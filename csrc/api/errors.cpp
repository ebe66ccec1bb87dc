#include "api/errors.h"

#include <pthread.h>

#include <cstdlib>
#include <cstring>
#include <new>

#include "core/interrupt.h"
#include "core/text.h"

namespace edgert {
namespace {

struct LastError {
  const char* rule;  // a string literal
  const char* message;
};

const LastError kNone = {"", ""};
const LastError kOutOfMemory = {"MEMORY", "out of memory"};

void release(void* error) {
  if (error != &kOutOfMemory) std::free(error);
}

// What each thread has of its own for its last error. No thread-local object: glibc ends the
// process if there is no memory to register its destructor.
class Slot {
 public:
  Slot() : good_(pthread_key_create(&key_, &release) == 0) {}
  ~Slot() {  // the library is unloaded: nobody shall call release() any more
    if (good_) pthread_key_delete(key_);
  }
  const LastError& get() const {
    const void* const error = good_ ? pthread_getspecific(key_) : nullptr;
    return error != nullptr ? *static_cast<const LastError*>(error) : kNone;
  }
  // Takes what came from malloc(), or &kOutOfMemory.
  void set(const LastError* error) const {
    void* const old = good_ ? pthread_getspecific(key_) : nullptr;
    if (good_ && pthread_setspecific(key_, error) == 0)
      release(old);
    else
      release(const_cast<LastError*>(error));
  }

 private:
  pthread_key_t key_;
  bool good_;
};

const Slot& slot() {
  static const Slot slot;
  return slot;
}

edgert_status keep_out_of_memory() noexcept {
  slot().set(&kOutOfMemory);
  return EDGERT_ERROR_RESOURCE;
}

// Also where the runtime's message has text of others, as that of an environment variable, it is
// one line.
edgert_status keep(edgert_status status, const char* rule, const char* what) noexcept {
  try {
    const std::string message = printable(what);
    void* const memory = std::malloc(sizeof(LastError) + message.size() + 1);
    if (memory == nullptr) return keep_out_of_memory();
    char* const text = static_cast<char*>(memory) + sizeof(LastError);
    std::memcpy(text, message.c_str(), message.size() + 1);
    slot().set(new (memory) LastError{rule, text});
    return status;
  } catch (const std::bad_alloc&) {
    return keep_out_of_memory();
  }
}

edgert_status status_of(ErrorCode code) {
  switch (code) {
    case ErrorCode::kFormat:
      return EDGERT_ERROR_FORMAT;
    case ErrorCode::kVersion:
      return EDGERT_ERROR_VERSION;
    case ErrorCode::kIntegrity:
      return EDGERT_ERROR_INTEGRITY;
    case ErrorCode::kLimit:
      return EDGERT_ERROR_LIMIT;
    case ErrorCode::kUnsupported:
      return EDGERT_ERROR_UNSUPPORTED;
    case ErrorCode::kIo:
      return EDGERT_ERROR_IO;
    case ErrorCode::kInput:
      return EDGERT_ERROR_INPUT;
    case ErrorCode::kResource:
      return EDGERT_ERROR_RESOURCE;
  }
  return EDGERT_ERROR_INTERNAL;
}

}  // namespace

edgert_status keep_current_exception() noexcept {
  try {
    throw;
  } catch (const Refusal& error) {
    return keep(error.status(), error.rule(), error.what());
  } catch (const Error& error) {
    return keep(status_of(error.code()), error.rule(), error.what());
  } catch (const Interrupted& error) {
    return keep(EDGERT_INTERRUPTED, "INTERRUPTED", error.what());
  } catch (const std::bad_alloc&) {
    return keep_out_of_memory();
  } catch (const std::exception& error) {
    return keep(EDGERT_ERROR_INTERNAL, "INTERNAL", error.what());
  }
}

}  // namespace edgert

using namespace edgert;

const char* edgert_last_error() { return slot().get().message; }
const char* edgert_last_rule() { return slot().get().rule; }

const char* edgert_status_name(int status) {
  switch (status) {
    case EDGERT_OK:
      return "OK";
    case EDGERT_INTERRUPTED:
      return "INTERRUPTED";
    case EDGERT_ERROR_FORMAT:
      return "FORMAT";
    case EDGERT_ERROR_VERSION:
      return "VERSION";
    case EDGERT_ERROR_INTEGRITY:
      return "INTEGRITY";
    case EDGERT_ERROR_LIMIT:
      return "LIMIT";
    case EDGERT_ERROR_UNSUPPORTED:
      return "UNSUPPORTED";
    case EDGERT_ERROR_IO:
      return "IO";
    case EDGERT_ERROR_RESOURCE:
      return "RESOURCE";
    case EDGERT_ERROR_NULL:
      return "NULL";
    case EDGERT_ERROR_ARGUMENT:
      return "ARGUMENT";
    case EDGERT_ERROR_SIZE:
      return "SIZE";
    case EDGERT_ERROR_ALIGNMENT:
      return "ALIGNMENT";
    case EDGERT_ERROR_OVERLAP:
      return "OVERLAP";
    case EDGERT_ERROR_INPUT:
      return "INPUT";
    case EDGERT_ERROR_INTERNAL:
      return "INTERNAL";
  }
  return "?";
}
