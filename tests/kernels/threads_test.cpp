#include "core/threads.h"

#include <sys/wait.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <thread>

#include "core/interrupt.h"
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

// The first exception of a task is the caller's, on whichever thread it was thrown, and the pool is
// as good as new.
TEST(threads_tasks_that_throw) {
  for (int threads : {1, 2, 3}) {
    ThreadPool pool(threads);
    for (int round = 0; round < 300; ++round) {
      std::atomic<int> runs{0};
      int caught = 0;
      try {
        pool.parallel_for(1000, [&](size_t task, int thread) {
          runs.fetch_add(1);
          if (round % 2 == 0 ? task % 7 == 3 : thread == threads - 1) throw round;
        });
      } catch (int thrown) {
        caught = thrown == round ? 1 : 2;
      }
      // A round that is over before the last thread wakes up has no task that throws.
      CHECK(caught == 1 || (caught == 0 && runs == 1000 && round % 2 == 1), "round %d", round);
      CHECK(round % 2 == 1 || runs < 1000, "round %d: %d tasks", round, runs.load());
      CHECK(runs_each_once(pool, 9), "after round %d", round);
    }
  }
}

TEST(threads_end_when_interrupted) {
  for (int threads : {1, 3}) {
    ThreadPool pool(threads);
    bool wanted = true;
    const auto ask = [](void* wanted) { return *static_cast<bool*>(wanted); };
    for (const bool interrupt : {true, false, true}) {
      wanted = interrupt;
      const InterruptScope scope(ask, &wanted);
      bool interrupted = false;
      std::atomic<int> runs{0};
      const auto task = [&](size_t, int) {
        std::this_thread::sleep_for(std::chrono::microseconds(100));
        runs.fetch_add(1);
      };
      const size_t tasks = interrupt ? 10'000'000 : 1000;
      try {
        pool.parallel_for(tasks, task);
      } catch (const Interrupted&) {
        interrupted = true;
      }
      CHECK(interrupted == interrupt, "%d threads", threads);
      CHECK((static_cast<size_t>(runs.load()) == tasks) == !interrupt, "%d runs", runs.load());
    }
    CHECK(runs_each_once(pool, 9), "without a scope");
  }
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
