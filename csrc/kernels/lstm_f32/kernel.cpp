#include "kernels/level.h"
#include "kernels/lstm_f32/lstm_f32.h"
#include "kernels/simd/activation.h"

namespace edgert {
namespace {

inline F32 call(const Activation& f, F32 x) {
  return apply_other(static_cast<UnaryFn>(f.fn), x, constant(f.alpha), constant(f.beta));
}

// `usual`: the functions are the sigmoid and two times tanh.
template <bool usual>
void end_step(const LstmF32& g) {
  constexpr size_t kLanes = F32::kLanes;
  const size_t units = g.units;
  const F32 high = constant(g.clip), low = constant(-g.clip), one = constant(1.0f);
  const auto gate = [&](F32 x) {
    x = clamp(x, low, high);
    return usual ? sigmoid(x) : call(g.gate, x);
  };
  for (size_t r = 0; r < g.rows; ++r) {
    const float* const gates = g.gates + r * 4 * units;
    float* const c_row = g.c + r * units;
    float* const h_row = g.h + r * units;
    const auto end = [&](size_t j, int n) {
      const auto seen = [&](size_t k, F32 c) {  // gate k, with what it sees of the state
        const F32 x = load_first(gates + k * units + j, n);
        return g.peephole ? fma(load_first(g.peephole + k * units + j, n), c, x) : x;
      };
      const F32 old = load_first(c_row + j, n);
      const F32 i = gate(seen(0, old));
      const F32 forget = g.input_forget ? one - i : gate(seen(2, old));
      const F32 in = clamp(load_first(gates + 3 * units + j, n), low, high);
      const F32 c = fma(forget, old, i * (usual ? tanh(in) : call(g.cell, in)));
      const F32 o = gate(seen(1, c));
      store_first(c_row + j, n, c);
      store_first(h_row + j, n, o * (usual ? tanh(c) : call(g.hidden, c)));
    };
    size_t j = 0;
    for (; j + kLanes <= units; j += kLanes) end(j, kLanes);
    if (j < units) end(j, static_cast<int>(units - j));
  }
}

inline void lstm(const LstmF32& g) {
  const auto is = [](const Activation& f, UnaryFn fn) { return f.fn == static_cast<int32_t>(fn); };
  if (is(g.gate, UnaryFn::sigmoid) && is(g.cell, UnaryFn::tanh) && is(g.hidden, UnaryFn::tanh))
    end_step<true>(g);
  else
    end_step<false>(g);
}

}  // namespace

void KERNEL_NAME(lstm_f32)(const LstmF32& g) { lstm(g); }

}  // namespace edgert
