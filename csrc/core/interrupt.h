// How long work is ended from outside, by Ctrl-C say. The work asks now and then, where it can be
// left: between the tasks of a parallel_for, between steps and between the parts of a file.
#pragma once

#include <cstdint>
#include <exception>

namespace edgert {

// Thrown by check_interrupt(). No Error: nothing is wrong, and whoever wanted it knows.
class Interrupted : public std::exception {
 public:
  const char* what() const noexcept override { return "interrupted"; }
};

// While it lives, check_interrupt() of this thread asks `wanted(context)`, at most every
// kInterruptMilliseconds. Scopes nest; the innermost one is asked.
class InterruptScope {
 public:
  using Wanted = bool (*)(void* context);
  InterruptScope(Wanted wanted, void* context);
  ~InterruptScope();
  InterruptScope(const InterruptScope&) = delete;
  InterruptScope& operator=(const InterruptScope&) = delete;

 private:
  friend void check_interrupt();
  Wanted wanted_;
  void* context_;
  int64_t next_;  // when to ask again
  InterruptScope* outer_;
};

constexpr int64_t kInterruptMilliseconds = 50;

// Throws Interrupted if this thread's work is to end. Some nanoseconds; nothing in a thread without
// a scope.
void check_interrupt();

}  // namespace edgert
