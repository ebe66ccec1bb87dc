#include "kernels/lookup_u8/lookup_u8.h"

#include "harness.h"

namespace edgert {
namespace {

using test::Guard;
using test::GuardedArray;
using test::Random;

void check(size_t n, Guard guard) {
  Random random(n);
  GuardedArray<uint8_t> table(256, guard), x(n, guard);
  for (uint8_t& entry : table) entry = static_cast<uint8_t>(random.bits());
  // Every index at every place of a vector.
  for (size_t i = 0; i < n; ++i) x[i] = static_cast<uint8_t>(i + i / 256);
  for (const Kernel<LookupU8>& kernel : test::kernels(&LevelKernels::lookup_u8)) {
    GuardedArray<uint8_t> y(n, guard), in_place(n, guard);
    for (size_t i = 0; i < n; ++i) in_place[i] = x[i];
    kernel.run({n, x.data(), y.data(), table.data()});
    kernel.run({n, in_place.data(), in_place.data(), table.data()});
    for (size_t i = 0; i < n; ++i)
      CHECK(y[i] == table[x[i]] && in_place[i] == y[i], "%s n=%zu i=%zu: %d gives %d, expected %d",
            kernel.name, n, i, x[i], y[i], table[x[i]]);
  }
}

TEST(lookup_u8_every_entry_at_every_place) { check(256 * 70, Guard::kBack); }

TEST(lookup_u8_lengths) {
  for (size_t n = 0; n < 140; ++n)
    for (Guard guard : {Guard::kFront, Guard::kBack}) check(n, guard);
}

}  // namespace
}  // namespace edgert
