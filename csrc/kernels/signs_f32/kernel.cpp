#include "kernels/level.h"
#include "kernels/signs_f32/signs_f32_loop.h"

namespace edgert {
namespace {

struct Octet {
  bool zero, nan;  // whether they are -1

  explicit Octet(const SignsF32& g) : zero(g.zero < 0), nan(g.nan < 0) {}
  uint8_t operator()(const float* p) const {
    unsigned byte = 0;
    for (int i = 0; i < 8; ++i) {
      const bool negative = p[i] < 0 || (zero && p[i] == 0) || (nan && p[i] != p[i]);
      byte |= unsigned{negative} << i;
    }
    return static_cast<uint8_t>(byte);
  }
};

}  // namespace

void KERNEL_NAME(signs_f32)(const SignsF32& g) { signs<Octet>(g); }

}  // namespace edgert
