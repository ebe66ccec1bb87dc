#include "kernels/dwconv_i16/dwconv_i16.h"

#include "dwconv_case.h"

namespace edgert {
namespace {

using test::DwconvFilter;
using test::Guard;
using test::kExtreme;
using test::kFloat;
using test::kInPlace;
using test::kResidual;
using test::kSquare;
using test::kStrided;

std::vector<DwconvI16Kernel> rows() {
  std::vector<DwconvI16Kernel> list;
#define KERNEL(symbol, isa, form, block, narrow) \
  if (test::can_run(Isa::isa))                   \
    list.push_back({#symbol, Isa::isa, symbol, Form::form, block, narrow});
#include "kernels/dwconv_i16/kernels.inc"
  return list;
}

enum Flag {
  kLargeSums = test::kFirstOwnFlag,  // sums of more than 32 bits
};

class Problem : public test::DwconvCase<int16_t, int16_t, DwconvI16> {
 public:
  Problem(size_t height, size_t width, size_t channels, const DwconvFilter& f, size_t pad,
          int flags, Guard guard)
      : DwconvCase(height, width, channels, f, pad, flags, guard) {
    for (int16_t& x : x_)
      x = static_cast<int16_t>(has(kExtreme) ? -32768 : random_.integer(-32768, 32767));
    for (int16_t& x : residual_) x = static_cast<int16_t>(random_.integer(-32768, 32767));
    const int taps = static_cast<int>(f.height * f.width);
    const int largest = has(kLargeSums) ? 32767 : 65535 / taps > 32767 ? 32767 : 65535 / taps;
    for (size_t i = 0; i < w_.size(); ++i)
      w_[i] = static_cast<int16_t>(!has(kExtreme)        ? random_.integer(-largest, largest)
                                   : i % pixel_ % 3 == 0 ? largest
                                                         : -largest);
    // What 32768 * 65535 leaves of 32 bits.
    for (int32_t& x : bias_)
      x = has(kLargeSums) ? INT32_MIN : random_.integer(0, 1) ? 32767 : -32767;
    for (float& x : multiplier_) x = random_.uniform(0.0f, 2e-5f);
  }

  void run() {
    for (const DwconvI16Kernel& kernel : rows())
      if (!kernel.narrow || !has(kLargeSums)) check(kernel, record(), 0);
  }
};

constexpr auto check = test::check_dwconv<Problem>;

TEST(dwconv_i16_shapes) {
  int flags = 0;
  for (const DwconvFilter& filter : test::kFilters)
    for (size_t pad : {0, 1, 2, 4})
      for (size_t width : {1, 2, 5, 7, 8, 14})
        for (size_t channels : {1, 8, 16, 37}) {
          ++flags;
          check(width / 3 + 2, width, channels, filter, pad, flags % 128);
          check(width / 3 + 2, width, channels, filter, pad, flags & (kStrided | kExtreme));
        }
}

TEST(dwconv_i16_channels) {
  for (size_t channels = 1; channels <= 50; ++channels)
    for (int flags : {0, int{kStrided}, kStrided | kFloat, kResidual | kInPlace}) {
      check(4, 6, channels, kSquare, 1, flags);
      check(5, 5, channels, {5, 5, {2, 2}, {1, 1}}, 2, flags);
    }
}

TEST(dwconv_i16_every_end) {
  for (int flags = 0; flags < 128; ++flags) check(6, 9, 40, kSquare, 1, flags);
}

}  // namespace
}  // namespace edgert
