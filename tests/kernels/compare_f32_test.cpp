#include "kernels/compare_f32/compare_f32.h"

#include <algorithm>
#include <limits>

#include "harness.h"

namespace edgert {
namespace {

using test::Guard;
using test::GuardedArray;

bool holds(CompareFn fn, float a, float b) {
  switch (fn) {
    case CompareFn::equal:
      return a == b;
    case CompareFn::not_equal:
      return a != b;
    case CompareFn::less:
      return a < b;
    case CompareFn::less_or_equal:
      return a <= b;
  }
  return false;
}

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
const float kValues[] = {0.0f, -0.0f, 1.0f,      -1.0f,      1e-45f, -1e-45f,
                         kNan, 2.5f,  kInfinity, -kInfinity, 1e-38f, 1.0f};

// Operands with their own elements, or with one for each row.
TEST(compare_f32_every_repetition_and_tail) {
  constexpr size_t kRows = 3;
  for (const Kernel<CompareF32>& kernel : test::kernels(&LevelKernels::compare_f32))
    for (int fn = 0; fn < 4; ++fn)
      for (const bool a_repeats : {false, true})
        for (const bool b_repeats : {false, true})
          for (size_t columns : {1, 3, 8, 16, 21, 37})
            for (Guard guard : {Guard::kFront, Guard::kBack}) {
              if (a_repeats && b_repeats) continue;
              const size_t in_a = a_repeats ? 1 : columns, in_b = b_repeats ? 1 : columns;
              GuardedArray<float> a(kRows * in_a, guard), b(kRows * in_b, guard);
              for (size_t i = 0; i < a.size(); ++i) a[i] = kValues[i % std::size(kValues)];
              for (size_t i = 0; i < b.size(); ++i) b[i] = kValues[i * 5 % 11];
              GuardedArray<uint8_t> y(kRows * columns, guard);
              const CompareFn function = static_cast<CompareFn>(fn);
              kernel.run({function,
                          kRows,
                          columns,
                          {a.data(), in_a, a_repeats ? size_t{0} : 1},
                          {b.data(), in_b, b_repeats ? size_t{0} : 1},
                          y.data()});
              int wrong = 0;
              for (size_t r = 0; r < kRows; ++r)
                for (size_t j = 0; j < columns; ++j)
                  wrong += y[r * columns + j] != holds(function, a[r * in_a + (a_repeats ? 0 : j)],
                                                       b[r * in_b + (b_repeats ? 0 : j)]);
              CHECK(wrong == 0, "%s function %d columns=%zu: %d wrong", kernel.name, fn, columns,
                    wrong);
            }
}

}  // namespace
}  // namespace edgert
