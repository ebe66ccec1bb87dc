#include "kernels/select_f32/select_f32.h"

#include <cstring>

#include "harness.h"

namespace edgert {
namespace {

using test::Guard;
using test::GuardedArray;

// Elements of any bits, those of signalling NaNs and subnormal numbers among them.
float element(uint32_t i) {
  const uint32_t word = i * 0x9e3779b9u ^ (i % 7 == 0 ? 0x7f800001u : 0);
  float x;
  std::memcpy(&x, &word, sizeof x);
  return x;
}

bool same(float x, float y) { return std::memcmp(&x, &y, sizeof x) == 0; }

// Operands with their own elements, or with one for each row.
TEST(select_f32_every_repetition_and_tail) {
  constexpr size_t kRows = 3;
  for (const Kernel<SelectF32>& kernel : test::kernels(&LevelKernels::select_f32))
    for (int repeats = 0; repeats < 8; ++repeats)
      for (size_t columns : {1, 3, 8, 16, 21, 37})
        for (Guard guard : {Guard::kFront, Guard::kBack}) {
          size_t width[3], step[3];
          for (int i = 0; i < 3; ++i) {
            step[i] = repeats >> i & 1 ? 0 : 1;
            width[i] = step[i] ? columns : 1;
          }
          GuardedArray<uint8_t> c(kRows * width[0], guard);
          GuardedArray<float> a(kRows * width[1], guard), b(kRows * width[2], guard);
          for (size_t i = 0; i < c.size(); ++i) c[i] = static_cast<uint8_t>(i % 3 ? i * 85 : 0);
          for (size_t i = 0; i < a.size(); ++i) a[i] = element(static_cast<uint32_t>(i));
          for (size_t i = 0; i < b.size(); ++i) b[i] = element(static_cast<uint32_t>(i + 1000));
          GuardedArray<float> y(kRows * columns, guard);
          kernel.run({kRows,
                      columns,
                      {c.data(), width[0], step[0]},
                      {a.data(), width[1], step[1]},
                      {b.data(), width[2], step[2]},
                      y.data()});
          int wrong = 0;
          for (size_t r = 0; r < kRows; ++r)
            for (size_t j = 0; j < columns; ++j) {
              const bool chosen = c[r * width[0] + j * step[0]] != 0;
              const float expected =
                  chosen ? a[r * width[1] + j * step[1]] : b[r * width[2] + j * step[2]];
              wrong += !same(y[r * columns + j], expected);
            }
          CHECK(wrong == 0, "%s repetition %d columns=%zu: %d wrong", kernel.name, repeats, columns,
                wrong);
          if (repeats != 0) continue;
          for (float* place : {a.data(), b.data()}) {
            GuardedArray<float> saved(a.size());
            std::memcpy(saved.data(), place, a.size() * sizeof(float));
            kernel.run({kRows,
                        columns,
                        {c.data(), columns, 1},
                        {a.data(), columns, 1},
                        {b.data(), columns, 1},
                        place});
            CHECK(std::memcmp(place, y.data(), y.size() * sizeof(float)) == 0, "%s", kernel.name);
            std::memcpy(place, saved.data(), a.size() * sizeof(float));
          }
        }
}

}  // namespace
}  // namespace edgert
