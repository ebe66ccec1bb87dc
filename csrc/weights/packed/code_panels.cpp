#include "weights/packed/code_panels.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "schema/format.h"
#include "weights/fit.h"

namespace edgert {

static_assert(CodePanel::kTableBytes == kPayloadAlignment, "panels would not be aligned");

bool is_packed(Form form) { return kind_of(form) == FormKind::packed; }

CodePanels::CodePanels(Form form, const WeightShape& shape, DType dtype)
    : shape_(shape),
      dtype_(dtype),
      bits_(form == Form::k4n16b4   ? 4
            : form == Form::k4n16b2 ? 2
                                    : 8) {}

std::optional<uint64_t> CodePanels::bytes() const {
  if (dtype_ != DType::i8 && dtype_ != DType::u8) return std::nullopt;
  const uint64_t panels = ceil_div(shape_.outputs, size_t{CodePanel::kOutputs});
  return table_bytes() + panels * shape_.taps * tap_steps() * CodePanel::kStep;
}

template <typename Visit>
void CodePanels::for_codes(const Visit& visit) const {
  constexpr size_t kOutputs = CodePanel::kOutputs, kSide = K4N16::kDepth;
  for (size_t o = 0, row = 0; o < shape_.outputs; ++o) {
    size_t step = o / kOutputs * panel_stride() + o % kOutputs * kSide;
    for (size_t t = 0; t < shape_.taps; ++t)
      for (size_t c = 0; c < shape_.channels; c += depth(), step += CodePanel::kStep) {
        const size_t n = std::min(depth(), shape_.channels - c);
        for (size_t i = 0; i < n; ++i, ++row)
          visit(o, row, step + i % kSide, static_cast<unsigned>(i / kSide) * bits_);
      }
  }
}

size_t CodePanels::find_values(const std::byte* rows, int8_t (&table)[17]) const {
  const size_t most = size_t{1} << bits_;
  bool there[256] = {};
  for (size_t i = 0; i < shape_.elements(); ++i) there[std::to_integer<size_t>(rows[i])] = true;
  size_t count = 0;
  for (int value = INT8_MIN; value <= INT8_MAX && count <= most; ++value)
    if (there[static_cast<uint8_t>(value)]) table[count++] = static_cast<int8_t>(value);
  return count;
}

bool CodePanels::can_hold(const std::byte* rows) const {
  const size_t codes = size_t{1} << bits_;
  if (dtype_ == DType::u8)
    return std::all_of(rows, rows + shape_.elements(),
                       [=](std::byte w) { return std::to_integer<size_t>(w) < codes; });
  int8_t table[17];
  return find_values(rows, table) <= codes;
}

void CodePanels::pack(const std::byte* rows, std::byte* stored) const {
  std::memset(stored, 0, static_cast<size_t>(*bytes()));
  uint8_t codes[256];
  for (size_t i = 0; i < 256; ++i) codes[i] = static_cast<uint8_t>(i);
  if (dtype_ == DType::i8) {
    int8_t table[17] = {};
    const size_t count = find_values(rows, table);
    for (size_t i = 0; i < count; ++i)
      codes[static_cast<uint8_t>(table[i])] = static_cast<uint8_t>(i);
    std::memcpy(stored, table, count);
    stored += table_bytes();
  }
  for_codes([&](size_t, size_t row, size_t place, unsigned shift) {
    stored[place] |= std::byte{codes[std::to_integer<size_t>(rows[row])]} << shift;
  });
}

void CodePanels::unpack(const std::byte* stored, std::byte* rows) const {
  std::byte table[16];
  for (size_t i = 0; i < 16; ++i) table[i] = dtype_ == DType::i8 ? stored[i] : std::byte(i);
  const std::byte* const panels = stored + table_bytes();
  const unsigned mask = (1u << bits_) - 1;
  for_codes([&](size_t, size_t row, size_t place, unsigned shift) {
    rows[row] = table[std::to_integer<unsigned>(panels[place]) >> shift & mask];
  });
}

bool CodePanels::is_filled_with_zeros(const std::byte* stored) const {
  const auto is_zero = [](const std::byte* from, const std::byte* to) {
    return std::all_of(from, to, [](std::byte b) { return b == std::byte{0}; });
  };
  const size_t codes = size_t{1} << bits_;
  if (dtype_ == DType::i8 && !is_zero(stored + codes, stored + table_bytes())) return false;
  const size_t panels = ceil_div(shape_.outputs, size_t{CodePanel::kOutputs});
  const std::byte* step = stored + table_bytes();
  for (size_t p = 0; p < panels; ++p) {
    const size_t left = shape_.outputs - p * CodePanel::kOutputs;
    for (size_t t = 0; t < shape_.taps; ++t)
      for (size_t c = 0; c < shape_.channels; c += depth(), step += CodePanel::kStep)
        if (!has_only(step, left, shape_.channels - c)) return false;
  }
  return true;
}

bool CodePanels::has_only(const std::byte* step, size_t outputs, size_t elements) const {
  if (outputs >= CodePanel::kOutputs && elements >= depth()) return true;
  const unsigned mask = (1u << bits_) - 1;
  for (size_t i = 0; i < CodePanel::kStep; ++i) {
    unsigned used = 0;
    for (size_t e = i % K4N16::kDepth, shift = 0; e < std::min(elements, depth());
         e += K4N16::kDepth, shift += bits_)
      used |= mask << shift;
    if (i / K4N16::kDepth >= outputs) used = 0;
    if ((std::to_integer<unsigned>(step[i]) & ~used) != 0) return false;
  }
  return true;
}

bool CodePanels::fits(const std::byte* stored) const {
  if (dtype_ != DType::i8) return false;
  const int8_t* const table = reinterpret_cast<const int8_t*>(stored);
  return std::all_of(table, table + (1 << bits_),
                     [](int8_t w) { return 4 * std::abs(int{w}) <= kMaxFit; });
}

std::vector<int32_t> CodePanels::sums(const std::byte* stored) const {
  const int8_t* const table = reinterpret_cast<const int8_t*>(stored);
  const uint8_t* const codes = panel(stored);
  const unsigned mask = (1u << bits_) - 1;
  std::vector<int32_t> sums(shape_.outputs);
  for_codes([&](size_t o, size_t, size_t place, unsigned shift) {
    sums[o] += table[codes[place] >> shift & mask];
  });
  return sums;
}

}  // namespace edgert
