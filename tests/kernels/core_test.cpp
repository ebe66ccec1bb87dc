// The checksum and the memory planner.
#include <cstring>
#include <vector>

#include "core/crc32.h"
#include "harness.h"
#include "runtime/arena.h"

namespace edgert::test {
namespace {

uint32_t crc32_bit_by_bit(const unsigned char* data, size_t bytes) {
  uint32_t crc = 0xFFFFFFFF;
  for (size_t i = 0; i < bytes; ++i) {
    crc ^= data[i];
    for (int bit = 0; bit < 8; ++bit) crc = crc >> 1 ^ (crc & 1 ? 0xEDB88320u : 0);
  }
  return ~crc;
}

}  // namespace

TEST(crc32_is_that_of_zlib) {
  CHECK(crc32("123456789", 9) == 0xCBF43926, "the standard check value");
  CHECK(crc32(nullptr, 0) == 0, "no bytes");
  Random random(1);
  for (size_t bytes = 0; bytes < 100; ++bytes) {
    GuardedArray<unsigned char> data(bytes);
    for (size_t i = 0; i < bytes; ++i) data.data()[i] = static_cast<unsigned char>(random.bits());
    const uint32_t expected = crc32_bit_by_bit(data.data(), bytes);
    for (size_t cut = 0; cut <= bytes; ++cut) {
      const uint32_t found = crc32(data.data() + cut, bytes - cut, crc32(data.data(), cut));
      CHECK(found == expected, "%zu bytes, cut at %zu", bytes, cut);
    }
  }
}

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

}  // namespace edgert::test
