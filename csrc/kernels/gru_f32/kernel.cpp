#include "kernels/gru_f32/gru_f32.h"
#include "kernels/level.h"
#include "kernels/simd/activation.h"

namespace edgert {
namespace {

inline F32 call(const Activation& f, F32 x) {
  return apply_other(static_cast<UnaryFn>(f.fn), x, constant(f.alpha), constant(f.beta));
}

// `usual`: the functions are the sigmoid and tanh.
template <bool usual>
void end_step(const GruF32& g) {
  constexpr size_t kLanes = F32::kLanes;
  const size_t units = g.units;
  const F32 high = constant(g.clip), low = constant(-g.clip), one = constant(1.0f);
  for (size_t row = 0; row < g.rows; ++row) {
    const size_t first = row * 3 * units;
    float* const h_row = g.h + row * units;
    const auto end = [&](size_t j, int n) {
      const auto gate = [&](size_t k) {
        const F32 x = clamp(load_first(g.gates + first + k * units + j, n), low, high);
        return usual ? sigmoid(x) : call(g.gate, x);
      };
      const F32 old = load_first(h_row + j, n);
      if (g.reset) return store_first(g.reset + row * units + j, n, gate(1) * old);
      const size_t at = first + 2 * units + j;
      F32 in = load_first(g.gates + at, n);
      if (g.input) in = fma(gate(1), in, load_first(g.input + at, n));
      in = clamp(in, low, high);
      const F32 candidate = usual ? tanh(in) : call(g.candidate, in);
      const F32 z = gate(0);
      store_first(h_row + j, n, fma(z, old, (one - z) * candidate));
    };
    size_t j = 0;
    for (; j + kLanes <= units; j += kLanes) end(j, kLanes);
    if (j < units) end(j, static_cast<int>(units - j));
  }
}

inline void gru(const GruF32& g) {
  const bool usual = g.gate.fn == static_cast<int32_t>(UnaryFn::sigmoid) &&
                     g.candidate.fn == static_cast<int32_t>(UnaryFn::tanh);
  usual ? end_step<true>(g) : end_step<false>(g);
}

}  // namespace

void KERNEL_NAME(gru_f32)(const GruF32& g) { gru(g); }

}  // namespace edgert
