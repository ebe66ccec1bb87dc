// Random numbers for tests.
#pragma once

#include <cstdint>

namespace edgert::test {

// xorshift64*; the same numbers on every machine.
class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed * 0x9E3779B97F4A7C15u + 1) {}
  uint64_t bits() {
    state_ ^= state_ >> 12;
    state_ ^= state_ << 25;
    state_ ^= state_ >> 27;
    return state_ * 0x2545F4914F6CDD1Du;
  }
  int integer(int low, int high) {  // both inclusive
    return low + static_cast<int>(bits() % static_cast<uint64_t>(high - low + 1));
  }
  float uniform(float low, float high) {
    return low + (high - low) * static_cast<float>(bits() >> 40) * 0x1p-24f;
  }

 private:
  uint64_t state_;
};

}  // namespace edgert::test
