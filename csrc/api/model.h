// The handle of the C API.
#pragma once

#include <optional>

#include "api/edgert.h"
#include "api/errors.h"
#include "core/interrupt.h"
#include "runtime/session.h"

struct edgert_model {
  const edgert::Session session;
};

namespace edgert {

inline const Session& session_of(const edgert_model* model) {
  require_pointer(model, "the model");
  return model->session;
}

// Lets the caller of the API end the work of this thread while it lives.
class StopScope {
 public:
  StopScope(edgert_stop stop, void* context) : stop_(stop), context_(context) {
    if (stop != nullptr) scope_.emplace(&wanted, this);
  }

 private:
  static bool wanted(void* self) {
    const StopScope& scope = *static_cast<StopScope*>(self);
    return scope.stop_(scope.context_) != 0;
  }

  edgert_stop stop_;
  void* context_;
  std::optional<InterruptScope> scope_;
};

}  // namespace edgert
