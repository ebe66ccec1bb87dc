#include "core/interrupt.h"

#include <time.h>

#include <utility>

namespace edgert {
namespace {

// With the threads' own memory that there is from their start, which includes the state of
// exceptions then: glibc gives a loaded library's to each thread at its first use, and aborts the
// process if there is none left.
#ifdef __GLIBC__
__attribute__((tls_model("initial-exec")))
#endif
thread_local InterruptScope* current = nullptr;

// The coarse clock, of some milliseconds, is read in a fraction of the time of the exact one.
int64_t now() {
  timespec time;
  clock_gettime(CLOCK_MONOTONIC_COARSE, &time);
  return int64_t{time.tv_sec} * 1000 + time.tv_nsec / 1000000;
}

}  // namespace

InterruptScope::InterruptScope(Wanted wanted, void* context)
    : wanted_(wanted),
      context_(context),
      next_(now() + kInterruptMilliseconds),
      outer_(std::exchange(current, this)) {}

InterruptScope::~InterruptScope() { current = outer_; }

void check_interrupt() {
  InterruptScope* const scope = current;
  if (scope == nullptr || now() < scope->next_) return;
  const bool wanted = scope->wanted_(scope->context_);
  scope->next_ = now() + kInterruptMilliseconds;
  if (wanted) throw Interrupted();
}

}  // namespace edgert
