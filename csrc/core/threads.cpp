#include "core/threads.h"

#include <unistd.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <exception>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "core/error.h"
#include "core/interrupt.h"

namespace edgert {
namespace {

// Longer than the gap between two operators, shorter than what a battery would notice.
constexpr std::chrono::microseconds kSpinTime(50);
constexpr int kPauses = 64;  // between looks at the clock: some 3 us on x86-64, far less on ARM

void pause() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__) || defined(__arm__)
  __asm__ volatile("yield");
#endif
}

template <typename Condition>
bool spin_until(Condition condition) {
  using Clock = std::chrono::steady_clock;
  Clock::time_point end{};
  for (;;) {
    for (int i = 0; i < kPauses; ++i) {
      if (condition()) return true;
      pause();
    }
    const Clock::time_point now = Clock::now();
    if (end == Clock::time_point{}) end = now + kSpinTime;
    if (now >= end) return false;
  }
}

}  // namespace

struct ThreadPool::State {
  const pid_t owner = getpid();   // the process that has the workers
  std::atomic<bool> busy{false};  // a thread is inside parallel_for
  bool started = false;
  std::vector<std::thread> workers;

  // One round of work. Who works on it is inside: the caller lets workers in, and when there is
  // nothing left to begin, no more; then it waits for those inside alone. A worker that the system
  // lets run too late is not waited for. What a round is made of changes while nobody is inside.
  static constexpr uint32_t kOpen = uint32_t{1} << 31;
  const TaskRef* task = nullptr;
  // The tasks in equal parts, one per thread. Neighbours in a part, and the same part of operators
  // that follow each other, mostly touch the same data, which the thread's own cache has.
  struct alignas(64) Part {
    std::atomic<size_t> next{0};
    size_t end = 0;
  };
  std::vector<Part> parts;
  std::atomic<bool> failed{false};
  std::exception_ptr failure;                   // the first exception of a task, if there is one
  alignas(64) std::atomic<uint32_t> inside{0};  // the number of workers, and whether it is kOpen
  alignas(64) std::atomic<unsigned> round{0};

  std::atomic<bool> stop{false};
  std::atomic<int> sleeping{0};
  std::mutex sleep_mutex;
  std::condition_variable wake;

  // All memory is taken here: once there is work, nothing but a thread can be refused.
  explicit State(int threads) : parts(static_cast<size_t>(threads)) {
    workers.reserve(parts.size() - 1);
  }

  ~State() {
    stop = true;
    announce();
    for (std::thread& worker : workers) worker.join();
  }

  void share(size_t count) {
    for (size_t p = 0; p < parts.size(); ++p) {
      parts[p].next.store(count * p / parts.size(), std::memory_order_relaxed);
      parts[p].end = count * (p + 1) / parts.size();
    }
  }

  // A thread's own part, then what is left of the others. After an exception nobody takes more.
  void drain(int thread) noexcept {
    try {
      for (size_t p = 0; p < parts.size(); ++p) {
        Part& part = parts[(static_cast<size_t>(thread) + p) % parts.size()];
        for (size_t i; (i = part.next.fetch_add(1, std::memory_order_relaxed)) < part.end;) {
          check_interrupt();
          (*task)(i, thread);
        }
      }
    } catch (...) {
      if (!failed.exchange(true)) failure = std::current_exception();
      for (Part& part : parts) part.next.store(part.end, std::memory_order_relaxed);
    }
  }

  bool enter() {
    uint32_t found = inside.load(std::memory_order_relaxed);
    do {
      if ((found & kOpen) == 0) return false;
    } while (!inside.compare_exchange_weak(found, found + 1, std::memory_order_acquire,
                                           std::memory_order_relaxed));
    return true;
  }

  void work(int thread) noexcept {
    unsigned seen = 0;
    for (;;) {
      if (!spin_until([&] { return round.load(std::memory_order_acquire) != seen; })) {
        std::unique_lock<std::mutex> lock(sleep_mutex);
        sleeping.fetch_add(1);
        // Sequentially consistent, as all in announce(): either this sees the round, or that sees
        // somebody asleep.
        wake.wait(lock, [&] { return round.load() != seen; });
        sleeping.fetch_sub(1);
      }
      seen = round.load(std::memory_order_acquire);
      if (stop.load(std::memory_order_relaxed)) return;
      if (!enter()) continue;
      drain(thread);
      inside.fetch_sub(1, std::memory_order_release);
    }
  }

  void announce() {
    round.fetch_add(1);
    if (sleeping.load() > 0) {
      std::lock_guard<std::mutex> lock(sleep_mutex);
      wake.notify_all();
    }
  }

  void start() noexcept {
    try {
      while (workers.size() + 1 < parts.size())
        workers.emplace_back([this, i = static_cast<int>(workers.size()) + 1] { work(i); });
    } catch (...) {
      // The system gives fewer threads than asked for: the tasks run on those that there are.
    }
  }
};

ThreadPool::ThreadPool(int threads) : threads_(threads), state_(new State(threads)) {}

ThreadPool::~ThreadPool() {
  // A forked child leaves its copy of the parent's alone: nothing in it can be joined or locked.
  if (State* const state = state_.load(); state->owner == getpid()) delete state;
}

// The state of this process. In a child of fork() the copy has no threads behind its handles, and
// locks that nobody will release: the child leaves it alone and makes its own.
ThreadPool::State& ThreadPool::state() {
  State* state = state_.load();
  if (state->owner == getpid()) return *state;
  State* const fresh = new State(threads_);
  if (state_.compare_exchange_strong(state, fresh)) return *fresh;
  delete fresh;  // another thread was faster
  return *state;
}

void ThreadPool::parallel_for(size_t count, TaskRef task) {
  const auto run_alone = [&] {
    for (size_t i = 0; i < count; ++i) {
      check_interrupt();
      task(i, 0);
    }
  };
  if (threads_ == 1 || count <= 1) return run_alone();
  State& s = state();
  if (s.busy.exchange(true, std::memory_order_acquire)) return run_alone();
  if (!std::exchange(s.started, true)) s.start();
  s.task = &task;
  s.share(count);
  s.inside.store(State::kOpen, std::memory_order_release);
  s.announce();
  s.drain(0);
  s.inside.fetch_and(~State::kOpen, std::memory_order_acquire);
  const auto finished = [&] { return s.inside.load(std::memory_order_acquire) == 0; };
  while (!spin_until(finished)) {
    // A signal handler has forked in the middle of the work, and this is the child.
    if (s.owner != getpid())
      throw Error(ErrorCode::kResource, "FORK", "a forked process lacks the threads of a run");
    std::this_thread::yield();
  }
  std::exception_ptr failure;
  if (s.failed.exchange(false, std::memory_order_relaxed)) failure = std::exchange(s.failure, {});
  s.busy.store(false, std::memory_order_release);
  if (failure) std::rethrow_exception(failure);
}

}  // namespace edgert
