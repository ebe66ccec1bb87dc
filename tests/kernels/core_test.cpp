// Memory: the planner and buffers; files.
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <utility>
#include <vector>

#include "core/file.h"
#include "core/memory.h"
#include "harness.h"
#include "runtime/arena.h"

namespace edgert::test {

TEST(arena_plans_are_sound_and_tight) {
  Random random(2);
  for (int round = 0; round < 300; ++round) {
    std::vector<Lifetime> lifetimes(static_cast<size_t>(random.integer(0, 40)));
    uint64_t most = 0;  // bytes alive at one time: no plan can do with less
    for (Lifetime& life : lifetimes) {
      life.first = random.integer(0, 30);
      life.last = life.first + random.integer(0, 10);
      life.bytes = static_cast<uint64_t>(random.integer(0, 5000));
    }
    for (int step = 0; step <= 40; ++step) {
      uint64_t alive = 0;
      for (const Lifetime& life : lifetimes)
        if (life.first <= step && step <= life.last) alive += life.bytes;
      most = alive > most ? alive : most;
    }
    ArenaPlan plan = plan_arena(lifetimes);
    CHECK(verify_arena(lifetimes, plan), "round %d", round);
    CHECK(plan.bytes >= most, "round %d", round);
    CHECK(plan.bytes <= most + most / 2 + 64 * lifetimes.size(), "round %d: %llu of %llu", round,
          static_cast<unsigned long long>(plan.bytes), static_cast<unsigned long long>(most));
  }
}

TEST(arena_verifier_finds_bad_plans) {
  const std::vector<Lifetime> lifetimes = {{0, 2, 100}, {2, 3, 50}, {4, 5, 10}};
  CHECK(verify_arena(lifetimes, {{0, 128, 0}, 192}), "a good plan");
  CHECK(!verify_arena(lifetimes, {{0, 64, 0}, 192}), "an overlap at step 2");
  CHECK(!verify_arena(lifetimes, {{0, 128, 0}, 170}), "an end beyond the arena");
  CHECK(!verify_arena(lifetimes, {{0, 136, 0}, 192}), "a misaligned offset");
  CHECK(!verify_arena(lifetimes, {{0, 128}, 192}), "a missing offset");
}

TEST(files_that_become_shorter) {
  char path[] = "/tmp/edgert_core_test_XXXXXX";
  const int descriptor = mkstemp(path);
  CHECK(descriptor >= 0 && write(descriptor, "0123456789", 10) == 10, "a file of ten bytes");
  const File file(path);
  CHECK(file.bytes() == 10, "its size");
  char bytes[10] = {};
  file.read(2, bytes, 8);
  CHECK(std::memcmp(bytes, "23456789", 8) == 0, "its bytes");
  CHECK(ftruncate(descriptor, 5) == 0, "cut off");
  file.read(1, bytes, 4);
  bool refused = false;
  try {
    file.read(2, bytes, 8);
  } catch (const Error& error) {
    refused = error.code() == ErrorCode::kIo && std::strstr(error.what(), "ended at 5 of 10");
  }
  CHECK(refused, "what is gone");
  close(descriptor);
  unlink(path);
}

TEST(buffers_are_aligned_and_have_an_address) {
  constexpr size_t kMega = size_t{1} << 20;
  for (size_t bytes : {size_t{0}, size_t{1}, size_t{63}, kMega - 1, kMega, 2 * kMega, 3 * kMega - 1,
                       3 * kMega, 5 * kMega + 1}) {
    for (bool huge : {false, true}) {
      Buffer buffer = huge ? Buffer::huge(bytes) : Buffer(bytes);
      CHECK(buffer.data() != nullptr, "%zu bytes", bytes);
      CHECK(reinterpret_cast<uintptr_t>(buffer.data()) % kAlignment == 0, "%zu bytes", bytes);
      CHECK(buffer.bytes() == (huge ? Buffer::huge_bytes(bytes) : bytes), "%zu bytes", bytes);
      CHECK(buffer.bytes() >= bytes && buffer.bytes() <= bytes + kMega, "%zu bytes", bytes);
      if (huge && bytes >= kMega)
        CHECK(reinterpret_cast<uintptr_t>(buffer.data()) % (2 * kMega) == 0, "%zu bytes", bytes);
      std::memset(buffer.data(), 1, buffer.bytes());
      Buffer other;
      other = std::move(buffer);
      CHECK(other.bytes() == 0 || other.data()[other.bytes() - 1] == std::byte{1}, "it moves");
    }
  }
  for (uint64_t bytes : {UINT64_MAX, UINT64_MAX - kMega, uint64_t{PTRDIFF_MAX} - 5}) {
    bool refused = false;
    try {
      Buffer::huge(bytes);
    } catch (const Error& error) {
      refused = error.code() == ErrorCode::kResource;
    }
    CHECK(refused, "%llu bytes", static_cast<unsigned long long>(bytes));
  }
}

}  // namespace edgert::test
