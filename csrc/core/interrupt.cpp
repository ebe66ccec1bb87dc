#include "core/interrupt.h"

#include <utility>

#include "core/system.h"

namespace edgert {
namespace {

// With the threads' own memory that there is from their start, which includes the state of
// exceptions then: glibc gives a loaded library's to each thread at its first use, and aborts the
// process if there is none left.
#ifdef __GLIBC__
__attribute__((tls_model("initial-exec")))
#endif
thread_local InterruptScope* current = nullptr;

}  // namespace

InterruptScope::InterruptScope(Wanted wanted, void* context)
    : wanted_(wanted),
      context_(context),
      next_(coarse_milliseconds() + kInterruptMilliseconds),
      outer_(std::exchange(current, this)) {}

InterruptScope::~InterruptScope() { current = outer_; }

void check_interrupt() {
  InterruptScope* const scope = current;
  if (scope == nullptr || coarse_milliseconds() < scope->next_) return;
  const bool wanted = scope->wanted_(scope->context_);
  scope->next_ = coarse_milliseconds() + kInterruptMilliseconds;
  if (wanted) throw Interrupted();
}

}  // namespace edgert
