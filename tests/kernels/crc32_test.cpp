#include "kernels/crc32/crc32.h"

#include "harness.h"
#include "runtime/file/checksum.h"

namespace edgert {
namespace {

using test::Guard;
using test::GuardedArray;
using test::Random;

std::vector<Crc32Kernel> rows() {
  std::vector<Crc32Kernel> list;
#define KERNEL(symbol, isa) \
  if (test::can_run(Isa::isa)) list.push_back({#symbol, Isa::isa, symbol});
#include "kernels/crc32/kernels.inc"
  return list;
}

uint32_t run(const Crc32Kernel& kernel, const void* data, size_t n, uint32_t crc) {
  kernel.run({data, n, &crc});
  return crc;
}

uint32_t bit_by_bit(const unsigned char* data, size_t n, uint32_t crc = 0) {
  crc = ~crc;
  for (size_t i = 0; i < n; ++i) {
    crc ^= data[i];
    for (int bit = 0; bit < 8; ++bit) crc = crc >> 1 ^ (crc & 1 ? kCrc32Polynomial : 0);
  }
  return ~crc;
}

TEST(crc32_is_that_of_zlib) {
  for (const Crc32Kernel& kernel : rows()) {
    CHECK(run(kernel, "123456789", 9, 0) == 0xCBF43926, "%s: the standard check value",
          kernel.name);
    CHECK(run(kernel, nullptr, 0, 0) == 0, "%s: no bytes", kernel.name);
  }
}

// Every length, at every place in a vector, flush against memory that must not be read.
TEST(crc32_lengths_and_alignments) {
  Random random(1);
  for (size_t n = 0; n <= 300; ++n)
    for (Guard guard : {Guard::kFront, Guard::kBack}) {
      GuardedArray<unsigned char> data(n, guard);
      for (size_t i = 0; i < n; ++i) data.data()[i] = static_cast<unsigned char>(random.bits());
      const uint32_t expected = bit_by_bit(data.data(), n);
      for (const Crc32Kernel& kernel : rows()) {
        CHECK(run(kernel, data.data(), n, 0) == expected, "%s: %zu bytes", kernel.name, n);
        for (size_t cut = 0; cut <= n; cut += 1 + n / 37) {
          const uint32_t head = run(kernel, data.data(), cut, 0);
          CHECK(run(kernel, data.data() + cut, n - cut, head) == expected,
                "%s: %zu bytes, cut at %zu", kernel.name, n, cut);
          const uint32_t tail = run(kernel, data.data() + cut, n - cut, 0);
          CHECK(joined_checksum(head, tail, n - cut) == expected, "%s: %zu bytes, joined at %zu",
                kernel.name, n, cut);
        }
      }
    }
  GuardedArray<unsigned char> data(5000);
  for (unsigned char& byte : data) byte = static_cast<unsigned char>(random.bits());
  for (size_t first = 0; first < 64; ++first)
    for (const Crc32Kernel& kernel : rows()) {
      const uint32_t found = run(kernel, data.data() + first, data.size() - first, 77);
      CHECK(found == bit_by_bit(data.data() + first, data.size() - first, 77), "%s from %zu on",
            kernel.name, first);
    }
}

}  // namespace
}  // namespace edgert
