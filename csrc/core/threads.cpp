#include "core/threads.h"

#include <unistd.h>

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <system_error>
#include <thread>
#include <vector>

namespace edgert {
namespace {

// About 50 us: longer than the gap between two operators, shorter than what a battery would notice.
constexpr int kSpins = 2000;

void pause() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__) || defined(__arm__)
  __asm__ volatile("yield");
#endif
}

template <typename Condition>
bool spin_until(Condition condition) {
  for (int i = 0; i < kSpins; ++i) {
    if (condition()) return true;
    pause();
  }
  return false;
}

}  // namespace

struct ThreadPool::State {
  std::mutex busy;  // held by the thread that is inside parallel_for
  std::vector<std::thread> workers;
  pid_t owner = 0;  // the process that started the workers

  // One round of work. `round` is written last by the caller, read first by the workers.
  const TaskRef* task = nullptr;
  size_t count = 0;
  alignas(64) std::atomic<size_t> next{0};
  alignas(64) std::atomic<int> running{0};   // workers that have not finished the round
  alignas(64) std::atomic<unsigned> round{0};

  std::atomic<bool> stop{false};
  std::atomic<int> sleeping{0};
  std::mutex sleep_mutex;
  std::condition_variable wake;

  void drain(int thread) {
    for (size_t i; (i = next.fetch_add(1, std::memory_order_relaxed)) < count;) (*task)(i, thread);
  }

  void work(int thread) {
    unsigned seen = 0;
    for (;;) {
      const auto changed = [&] { return round.load(std::memory_order_acquire) != seen; };
      if (!spin_until(changed)) {
        std::unique_lock<std::mutex> lock(sleep_mutex);
        sleeping.fetch_add(1);
        wake.wait(lock, changed);
        sleeping.fetch_sub(1);
      }
      ++seen;
      if (stop.load(std::memory_order_relaxed)) return;
      drain(thread);
      running.fetch_sub(1, std::memory_order_release);
    }
  }

  void announce() {
    round.fetch_add(1);  // sequentially consistent: ordered against `sleeping`
    if (sleeping.load() > 0) {
      std::lock_guard<std::mutex> lock(sleep_mutex);
      wake.notify_all();
    }
  }
};

ThreadPool::ThreadPool(int threads) : threads_(threads), state_(new State) {}

// Workers start with the first parallel work, and anew in a child of fork(), whose copy of the
// pool has no threads behind its handles.
void ThreadPool::start_workers() {
  if (state_->owner == getpid()) return;
  if (state_->owner != 0) {
    State* stale = state_.release();  // its threads and locks belong to the parent: leaked on purpose
    state_.reset(new State);
    state_->busy.lock();
    (void)stale;
  }
  state_->owner = getpid();
  try {
    for (int i = 1; i < threads_; ++i)
      state_->workers.emplace_back([state = state_.get(), i] { state->work(i); });
  } catch (const std::system_error&) {
    // The system gives fewer threads than asked for: the tasks run on those that there are.
  }
}

ThreadPool::~ThreadPool() {
  if (state_->owner != getpid()) {
    if (state_->owner != 0) (void)state_.release();  // a forked child: nothing of it can be joined
    return;
  }
  state_->stop = true;
  state_->announce();
  for (std::thread& worker : state_->workers) worker.join();
}

void ThreadPool::parallel_for(size_t count, TaskRef task) {
  const auto run_alone = [&] {
    for (size_t i = 0; i < count; ++i) task(i, 0);
  };
  if (threads_ == 1 || count <= 1) return run_alone();
  if (!state_->busy.try_lock()) return run_alone();
  start_workers();
  State& s = *state_;
  s.task = &task;
  s.count = count;
  s.next.store(0, std::memory_order_relaxed);
  s.running.store(static_cast<int>(s.workers.size()), std::memory_order_relaxed);
  s.announce();
  s.drain(0);
  const auto finished = [&] { return s.running.load(std::memory_order_acquire) == 0; };
  while (!spin_until(finished)) std::this_thread::yield();
  s.busy.unlock();
}

}  // namespace edgert
