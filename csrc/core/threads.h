// A pool of persistent worker threads.
#pragma once

#include <atomic>
#include <cstddef>

namespace edgert {

// A non-owning reference to a callable: what parallel_for needs of std::function, without
// allocating.
class TaskRef {
 public:
  template <typename F>
  TaskRef(const F& f)  // NOLINT: implicit on purpose
      : object_(&f), call_([](const void* object, size_t task, int thread) {
          (*static_cast<const F*>(object))(task, thread);
        }) {}
  void operator()(size_t task, int thread) const { call_(object_, task, thread); }

 private:
  const void* object_;
  void (*call_)(const void*, size_t, int);
};

// Runs tasks 0 .. count-1, each once, on up to threads() threads; the caller is thread 0. Which
// thread runs a task is not fixed, so a task's result must not depend on it. One parallel_for at a
// time: a caller that finds the pool busy runs its tasks alone, as does a pool of one thread.
//
// A thread that the system does not let run, as on a busy machine, holds nobody up.
//
// After the first exception, of a task or of check_interrupt() on the caller's thread, no more
// tasks begin, and parallel_for throws it once those under way are done.
//
// Workers start with the first call, or as many as the system grants, spin for a short while
// between calls, then sleep. After fork() the child starts its own.
class ThreadPool {
 public:
  explicit ThreadPool(int threads);  // at least 1
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  int threads() const { return threads_; }
  void parallel_for(size_t count, TaskRef task);

 private:
  struct State;
  State& state();

  int threads_;
  std::atomic<State*> state_;
};

}  // namespace edgert
