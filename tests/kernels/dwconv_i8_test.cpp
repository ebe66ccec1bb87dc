#include "kernels/dwconv_i8/dwconv_i8.h"

#include <iterator>

#include "dwconv_case.h"

namespace edgert {
namespace {

using test::DwconvFilter;
using test::Guard;
using test::GuardedArray;
using test::kExtreme;
using test::kFloat;
using test::kInPlace;
using test::kResidual;
using test::kSquare;
using test::kStrided;

std::vector<DwconvI8Kernel> rows() {
  std::vector<DwconvI8Kernel> list;
#define KERNEL(symbol, isa, form, block, group_rows) \
  if (test::can_run(Isa::isa))                       \
    list.push_back({#symbol, Isa::isa, symbol, Form::form, block, false, group_rows});
#include "kernels/dwconv_i8/kernels.inc"
  return list;
}

enum Flag {
  kHuge = test::kFirstOwnFlag,  // sums wrap, results leave 32 bits
  kUnproven = 2 * kHuge,        // that results are small
};

class Problem : public test::DwconvCase<uint8_t, int8_t, DwconvI8> {
 public:
  Problem(size_t height, size_t width, size_t channels, const DwconvFilter& f, size_t pad,
          int flags, Guard guard)
      : DwconvCase(height, width, channels, f, pad, flags, guard) {
    x_zero_ = static_cast<uint8_t>(has(kExtreme) ? 255 : random_.integer(0, 255));
    for (uint8_t& x : x_) x = static_cast<uint8_t>(has(kExtreme) ? 255 : random_.integer(0, 255));
    for (uint8_t& x : residual_) x = static_cast<uint8_t>(random_.integer(0, 255));
    for (size_t i = 0; i < w_.size(); ++i)
      w_[i] = static_cast<int8_t>(!has(kExtreme) ? random_.integer(-128, 127)
                                  : i % 3 == 0   ? 127
                                                 : -128);
    for (int32_t& x : bias_)  // near the ends of the range, and beyond: sums wrap around
      x = has(kHuge) ? static_cast<int32_t>((random_.integer(0, 1) ? 0x80000000u : 0x7fffffffu) +
                                            static_cast<uint32_t>(random_.integer(-4, 4)))
                     : random_.integer(-20000, 20000);
    for (float& x : multiplier_)  // results beyond 16 bits, and beyond 32
      x = has(kHuge) ? 0x1p38f : random_.uniform(0.0f, has(kExtreme) ? 30.0f : 1e-2f);
  }

  void run() {
    DwconvI8 g = record();
    g.x_zero = x_zero_;
    g.out.small = !has(kHuge) && !has(kUnproven);
    for (const DwconvI8Kernel& kernel : rows()) {
      GuardedArray<std::byte> scratch(dwconv_i8_scratch_bytes(kernel, g));
      g.scratch = scratch.data();
      check(kernel, g, x_zero_);
    }
  }

 private:
  uint8_t x_zero_;
};

constexpr auto check = test::check_dwconv<Problem>;

TEST(dwconv_i8_shapes) {
  constexpr size_t kChannels[] = {1, 8, 16, 37, 64, 111};
  int flags = 0;
  size_t turn = 0;  // two numbers of channels for each width, all of them in turn
  for (const DwconvFilter& filter : test::kFilters)
    for (size_t pad : {0, 1, 2, 4})
      for (size_t width : {1, 2, 5, 7, 8, 14, 35}) {
        for (size_t i : {turn, turn + 3}) {
          const size_t channels = kChannels[i % std::size(kChannels)];
          ++flags;
          check(width / 3 + 2, width, channels, filter, pad, flags % 256);
          check(width / 3 + 2, width, channels, filter, pad, flags & (kStrided | kExtreme));
        }
        ++turn;
      }
}

TEST(dwconv_i8_channels) {
  for (size_t channels = 1; channels <= 200; channels += channels < 70 ? 1 : 7)
    for (int flags : {0, int{kStrided}, kStrided | kFloat, kResidual | kInPlace}) {
      check(4, 5, channels, kSquare, 1, flags);
      check(5, 4, channels, {5, 5, {1, 1}, {1, 1}}, 2, flags);
    }
}

// Images of which a part at a time is computed.
TEST(dwconv_i8_big) {
  check(12, 100, 700, kSquare, 1, 0);
  check(15, 90, 650, {5, 5, {2, 2}, {1, 1}}, 2, kResidual);
}

TEST(dwconv_i8_every_end) {
  for (int flags = 0; flags < 256; ++flags)
    for (size_t channels : {24, 83}) check(6, 9, channels, kSquare, 1, flags);
}

}  // namespace
}  // namespace edgert
