#include "kernels/level.h"
#include "kernels/simd/activation.h"
#include "kernels/unary_f32/unary_f32.h"

namespace edgert {
namespace {

template <UnaryFn fn>
void map(const UnaryF32& u) {
  constexpr size_t kLanes = F32::kLanes;
  const F32 alpha = F32::broadcast(u.function.alpha), beta = F32::broadcast(u.function.beta);
  size_t i = 0;
  for (; i + kLanes <= u.n; i += kLanes) apply<fn>(F32::load(u.x + i), alpha, beta).store(u.y + i);
  const int left = static_cast<int>(u.n - i);
  if (left > 0) apply<fn>(F32::load(u.x + i, left), alpha, beta).store(u.y + i, left);
}

inline void unary(const UnaryF32& u) {
  switch (static_cast<UnaryFn>(u.function.fn)) {
#define UNARY(name, id) \
  case UnaryFn::name:   \
    return map<UnaryFn::name>(u);
#include "schema/functions.def"
  }
}

}  // namespace

void KERNEL_NAME(unary_f32)(const UnaryF32& u) { unary(u); }

}  // namespace edgert
