#include "kernels/level.h"
#include "kernels/select_f32/select_f32.h"
#include "kernels/simd/math.h"
#include "kernels/simd/operand.h"

namespace edgert {
namespace {

template <bool a_repeats, bool b_repeats>
void select_rows(const SelectF32& g) {
  constexpr size_t kLanes = F32::kLanes;
  for (size_t r = 0; r < g.rows; ++r) {
    const uint8_t* const c = g.c.data + r * g.c.row;
    const float* const a = g.a.data + r * g.a.row;
    const float* const b = g.b.data + r * g.b.row;
    float* const y = g.y + r * g.columns;
    const auto at = [&](size_t j, int n) {
      const I32 chosen = g.c.column == 0 ? operand<true>(c, j, n) : operand<false>(c, j, n);
      const Mask other = to_f32(chosen) == F32::zero();
      return select(other, operand<b_repeats>(b, j, n), operand<a_repeats>(a, j, n));
    };
    size_t j = 0;
    for (; j + kLanes <= g.columns; j += kLanes) at(j, kLanes).store(y + j);
    const int left = static_cast<int>(g.columns - j);
    if (left > 0) at(j, left).store(y + j, left);
  }
}

inline void select_elements(const SelectF32& g) {
  if (g.a.column == 0)
    g.b.column == 0 ? select_rows<true, true>(g) : select_rows<true, false>(g);
  else
    g.b.column == 0 ? select_rows<false, true>(g) : select_rows<false, false>(g);
}

}  // namespace

void KERNEL_NAME(select_f32)(const SelectF32& g) { select_elements(g); }

}  // namespace edgert
