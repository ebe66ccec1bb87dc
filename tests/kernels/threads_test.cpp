#include "core/threads.h"

#include <sys/wait.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <thread>

#include "harness.h"

namespace edgert {
namespace {

// Whether every task ran exactly once, on a thread that the pool has.
bool runs_each_once(ThreadPool& pool, size_t count) {
  std::vector<std::atomic<int>> runs(count);
  std::atomic<bool> known{true};
  pool.parallel_for(count, [&](size_t task, int thread) {
    runs[task].fetch_add(1);
    if (thread < 0 || thread >= pool.threads()) known = false;
  });
  for (const std::atomic<int>& n : runs)
    if (n != 1) return false;
  return known;
}

TEST(threads_each_task_once) {
  test::Random random(1);
  for (int threads : {1, 2, 3, 8}) {
    ThreadPool pool(threads);
    for (int round = 0; round < 2000; ++round) {
      const size_t count = random.integer(0, 40);
      CHECK(runs_each_once(pool, count), "%d threads, %zu tasks", threads, count);
    }
  }
}

// Pauses around the length of the workers' spinning, so that rounds meet them going to sleep: a
// lost wake-up would hang here.
TEST(threads_wake_sleeping_workers) {
  ThreadPool pool(3);
  for (int round = 0; round < 300; ++round) {
    std::this_thread::sleep_for(std::chrono::microseconds(round * 7 % 1000));
    CHECK(runs_each_once(pool, 5), "round %d", round);
  }
}

TEST(threads_callers_at_the_same_time) {
  ThreadPool pool(3);
  std::atomic<int> wrong{0};
  std::vector<std::thread> callers;
  for (int i = 0; i < 4; ++i)
    callers.emplace_back([&] {
      for (int round = 0; round < 500; ++round)
        if (!runs_each_once(pool, 7)) wrong.fetch_add(1);
    });
  for (std::thread& caller : callers) caller.join();
  CHECK(wrong == 0, "%d rounds", wrong.load());
}

TEST(threads_work_inside_work) {
  ThreadPool pool(2);
  std::atomic<int> sum{0};
  pool.parallel_for(
      4, [&](size_t, int) { pool.parallel_for(5, [&](size_t, int) { sum.fetch_add(1); }); });
  CHECK(sum == 20, "%d", sum.load());
}

TEST(threads_after_fork) {
  ThreadPool pool(3);
  CHECK(runs_each_once(pool, 9), "parent");
  const pid_t child = fork();
  if (child == 0) {
    bool good = true;
    for (int round = 0; round < 20; ++round) good = runs_each_once(pool, 9) && good;
    std::_Exit(good ? EXIT_SUCCESS : EXIT_FAILURE);
  }
  int status = -1;
  waitpid(child, &status, 0);
  CHECK(WIFEXITED(status) && WEXITSTATUS(status) == EXIT_SUCCESS, "child: status %d", status);
  CHECK(runs_each_once(pool, 9), "parent after the fork");
}

}  // namespace
}  // namespace edgert
