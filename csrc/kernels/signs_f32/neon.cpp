#ifdef __aarch64__

#include <arm_neon.h>

#include "kernels/signs_f32/signs_f32_loop.h"

namespace edgert {
namespace {

struct Octet {
  uint32x4_t zero, nan;  // all bits, if they are -1

  explicit Octet(const SignsF32& g)
      : zero(vdupq_n_u32(g.zero < 0 ? ~0u : 0)), nan(vdupq_n_u32(g.nan < 0 ? ~0u : 0)) {}
  uint8_t operator()(const float* p) const {
    static const uint32_t kBits[8] = {1, 2, 4, 8, 16, 32, 64, 128};
    const uint32x4_t low = vandq_u32(negative(vld1q_f32(p)), vld1q_u32(kBits));
    const uint32x4_t high = vandq_u32(negative(vld1q_f32(p + 4)), vld1q_u32(kBits + 4));
    return static_cast<uint8_t>(vaddvq_u32(vorrq_u32(low, high)));
  }

 private:
  uint32x4_t negative(float32x4_t x) const {
    const uint32x4_t zeros = vandq_u32(zero, vceqzq_f32(x));
    const uint32x4_t nans = vbicq_u32(nan, vceqq_f32(x, x));
    return vorrq_u32(vcltzq_f32(x), vorrq_u32(zeros, nans));
  }
};

}  // namespace

void signs_f32_neon(const SignsF32& g) { signs<Octet>(g); }

}  // namespace edgert

#endif
