#include "weights/sparse/blocks.h"

#include <algorithm>
#include <cstring>
#include <numeric>

#include "core/memory.h"

namespace edgert {
namespace {

constexpr size_t kLongestGap = UINT8_MAX, kMostColumns = UINT16_MAX;
constexpr size_t kMostBlockBytes = 16;

// Bits that say that weights do not fit: four of the depth of an output in each of two blocks,
// whose products meet in sums of 16 bits.
template <WeightFit kFit>
uint64_t misfits(uint64_t weights) {
  constexpr uint64_t kOnes = 0x0101010101010101, kSigns = kOnes << 7;
  const uint64_t others = weights ^ kSigns;
  uint64_t found = (others - kOnes) & ~others & kSigns;  // of -128: a zero without its sign
  if constexpr (kFit == WeightFit::kSymmetric) return found;
  const uint64_t negative = weights >> 7 & kOnes, mask = negative * 0xff;
  // What neighbours add up to; and the amounts of negative ones, of which none is zero, so that
  // nothing is carried over.
  for (uint64_t amounts : {weights & ~mask, (~weights & mask) + negative}) {
    constexpr uint64_t kEven = 0x00ff00ff00ff00ff;
    uint64_t sums = (amounts & kEven) + (amounts >> 8 & kEven);
    if constexpr (kFit == WeightFit::kQuads) sums = (sums & 0xffffffff) + (sums >> 32);
    // More than kMaxFit, 128, has a bit above it, or that one and another.
    found |= (sums + 0x007f007f007f007f) & 0xff00ff00ff00ff00;
  }
  return found;
}
static_assert(kMaxFit == 128, "misfits() counts on it");

}  // namespace

bool is_sparse(Form form) { return kind_of(form) == FormKind::sparse; }

Blocks::Blocks(Form form, const WeightShape& shape, DType dtype)
    : shape_(shape), dtype_(dtype), possible_(false), element_bytes_(dtype_bytes(dtype)) {
  const auto set = [this](auto block) {
    outputs_ = static_cast<size_t>(block.kOutputs);
    depth_ = static_cast<size_t>(block.kDepth);
  };
  form == Form::csr ? set(Csr()) : form == Form::bsr1x4 ? set(Bsr1x4()) : set(Bsr4x4());
  const bool held = dtype == DType::i8 || (form == Form::csr && dtype == DType::f32);
  possible_ = held && shape.groups == 1 && columns() <= kMostColumns;
}

size_t Blocks::rows() const { return ceil_div(shape_.outputs, outputs_); }
size_t Blocks::tap_columns() const { return ceil_div(shape_.channels, depth_); }
uint64_t Blocks::counts_bytes() const {
  return round_up64(uint64_t{rows()} * sizeof(uint16_t), sizeof(uint32_t));
}

std::optional<uint64_t> Blocks::bytes(uint64_t blocks) const {
  if (!possible_ || blocks > uint64_t{rows()} * columns()) return std::nullopt;
  return counts_bytes() + blocks * (block_bytes() + 1);
}

uint64_t Blocks::sum_of_counts(const uint16_t* counts, size_t rows) {
  return std::accumulate(counts, counts + rows, uint64_t{0});
}

uint64_t Blocks::stored_blocks(const std::byte* stored) const {
  return sum_of_counts(counts(stored), rows());
}

template <typename Visit>
void Blocks::for_elements(size_t row, size_t column, const Visit& visit) const {
  const size_t channel = column % tap_columns() * depth_;
  const size_t outputs = std::min(outputs_, shape_.outputs - row * outputs_);
  const size_t depth = std::min(depth_, shape_.channels - channel);
  for (size_t o = 0; o < outputs; ++o)
    for (size_t d = 0; d < depth; ++d) visit(row * outputs_ + o, channel + d, o * depth_ + d);
}

template <typename Visit>
void Blocks::for_nonzero(const std::byte* weights, const Visit& visit) const {
  const std::byte zeros[kMostBlockBytes] = {};
  const size_t all = columns(), stride = shape_.depth() * element_bytes_;
  const size_t many = sizeof(uint64_t) / element_bytes_;
  for (size_t r = 0; r < rows(); ++r) {
    const std::byte* const row = weights + r * outputs_ * stride;
    const size_t outputs = std::min(outputs_, shape_.outputs - r * outputs_);
    size_t gap = 0, tap = 0, channel = 0;
    const auto advance = [&](size_t channels) {
      channel += channels;
      if (channel < shape_.channels) return;
      channel = 0;
      ++tap;
    };
    for (size_t c = 0; c < all;) {
      const std::byte* from = row + (tap * shape_.channels + channel) * element_bytes_;
      if (outputs_ == 1 && shape_.channels - channel >= many) {  // most are zeros: quickly
        uint64_t next;
        std::memcpy(&next, from, sizeof next);
        if (next == 0) {
          c += many / depth_;
          gap += many / depth_;
          advance(many);
          continue;
        }
      }
      std::byte block[kMostBlockBytes] = {};
      const size_t width = std::min(depth_, shape_.channels - channel) * element_bytes_;
      for (size_t o = 0; o < outputs; ++o, from += stride) {
        std::byte* const to = block + o * depth_ * element_bytes_;
        if (width == sizeof(uint32_t))
          std::memcpy(to, from, sizeof(uint32_t));
        else
          std::memcpy(to, from, width);
      }
      ++c;
      advance(depth_);
      if (std::memcmp(block, zeros, sizeof block) == 0) {
        ++gap;
        continue;
      }
      for (; gap > kLongestGap; gap -= kLongestGap + 1) visit(r, kLongestGap, zeros);
      visit(r, gap, block);
      gap = 0;
    }
  }
}

uint64_t Blocks::count(const std::byte* weights) const {
  uint64_t count = 0;
  for_nonzero(weights, [&](size_t, size_t, const std::byte*) { ++count; });
  return count;
}

void Blocks::pack(const std::byte* weights, std::byte* stored) const {
  std::memset(stored, 0, counts_bytes());
  uint16_t* const counts = reinterpret_cast<uint16_t*>(stored);
  for_nonzero(weights, [&](size_t row, size_t, const std::byte*) { ++counts[row]; });
  std::byte* to = stored + counts_bytes();
  std::byte* gap_to = to + stored_blocks(stored) * block_bytes();
  for_nonzero(weights, [&](size_t, size_t gap, const std::byte* block) {
    std::memcpy(to, block, block_bytes());
    to += block_bytes();
    *gap_to++ = static_cast<std::byte>(gap);
  });
}

bool Blocks::counts_add_up(uint64_t blocks, const std::byte* stored) const {
  return stored_blocks(stored) == blocks;
}

bool Blocks::columns_exist(const std::byte* stored) const {
  const uint16_t* const counts = this->counts(stored);
  const uint8_t* gap = gaps(stored);
  for (size_t r = 0; r < rows(); ++r) {
    const size_t count = counts[r];
    uint32_t passed = 0;  // 65535 gaps of 255 fit
    for (size_t i = 0; i < count; ++i) passed += gap[i];
    if (passed + count > columns()) return false;
    gap += count;
  }
  return true;
}

template <typename Visit>
void Blocks::for_blocks(const std::byte* stored, const Visit& visit) const {
  const uint16_t* const counts = this->counts(stored);
  const std::byte* block = blocks(stored);
  const uint8_t* gap = gaps(stored);
  for (size_t r = 0; r < rows(); ++r)
    for (size_t i = 0, next = 0; i < counts[r]; ++i, ++gap, block += block_bytes()) {
      const size_t column = next + *gap;
      visit(r, column, block);
      next = column + 1;
    }
}

bool Blocks::is_filled_with_zeros(const std::byte* stored) const {
  if (rows() % 2 != 0 && counts(stored)[rows()] != 0) return false;
  if (shape_.outputs % outputs_ == 0 && shape_.channels % depth_ == 0) return true;
  bool zero = true;
  for_blocks(stored, [&](size_t row, size_t column, const std::byte* block) {
    std::byte rest[kMostBlockBytes] = {};
    std::memcpy(rest, block, block_bytes());
    for_elements(row, column, [&](size_t, size_t, size_t place) {
      std::memset(rest + place * element_bytes_, 0, element_bytes_);
    });
    for (std::byte b : rest) zero &= b == std::byte{};
  });
  return zero;
}

bool Blocks::fits(WeightFit fit, const std::byte* stored) const {
  switch (fit) {
    case WeightFit::kAny:
      return true;
    case WeightFit::kSymmetric:
      return fits<WeightFit::kSymmetric>(stored);
    case WeightFit::kPairs:
      return fits<WeightFit::kPairs>(stored);
    case WeightFit::kQuads:
      return fits<WeightFit::kQuads>(stored);
  }
  return false;
}

template <WeightFit kFit>
bool Blocks::fits(const std::byte* stored) const {
  const uint16_t* const counts = this->counts(stored);
  const std::byte* block = blocks(stored);
  const size_t bytes = block_bytes();
  for (size_t r = 0; r < rows(); ++r) {
    uint64_t found = 0;
    size_t left = counts[r];
    if (outputs_ == 1) {  // two blocks lie side by side
      for (; left >= 2; left -= 2, block += sizeof(uint64_t)) {
        uint64_t two;
        std::memcpy(&two, block, sizeof two);
        found |= misfits<kFit>(two);
      }
    }
    for (; left > 0; left -= std::min<size_t>(left, 2)) {
      for (size_t o = 0; o < outputs_; ++o) {
        uint32_t first, second = 0;
        std::memcpy(&first, block + o * depth_, sizeof first);
        if (left > 1) std::memcpy(&second, block + bytes + o * depth_, sizeof second);
        found |= misfits<kFit>(first | uint64_t{second} << 32);
      }
      block += bytes * std::min<size_t>(left, 2);
    }
    if (found != 0) return false;
  }
  return true;
}

WeightFit Blocks::best_fit(const std::byte* stored) const {
  if (dtype_ != DType::i8 || depth_ == 1) return WeightFit::kAny;
  for (WeightFit fit : {WeightFit::kQuads, WeightFit::kPairs, WeightFit::kSymmetric})
    if (fits(fit, stored)) return fit;
  return WeightFit::kAny;
}

bool Blocks::holds(uint64_t bytes, const std::byte* stored) const {
  if (!possible_ || bytes < counts_bytes()) return false;
  const uint64_t count = (bytes - counts_bytes()) / (block_bytes() + 1);
  return this->bytes(count) == bytes && counts_add_up(count, stored) && columns_exist(stored);
}

void Blocks::unpack(const std::byte* stored, std::byte* weights) const {
  std::memset(weights, 0, shape_.elements() * element_bytes_);
  for_blocks(stored, [&](size_t row, size_t column, const std::byte* block) {
    for_elements(row, column, [&](size_t output, size_t channel, size_t place) {
      const size_t tap = column / tap_columns();
      const size_t to = (output * shape_.taps + tap) * shape_.channels + channel;
      std::memcpy(weights + to * element_bytes_, block + place * element_bytes_, element_bytes_);
    });
  });
}

std::vector<int32_t> Blocks::sums(const std::byte* stored) const {
  std::vector<uint32_t> sums(rows() * outputs_);
  for_blocks(stored, [&](size_t row, size_t, const std::byte* block) {
    for (size_t o = 0; o < outputs_; ++o)
      for (size_t d = 0; d < depth_; ++d)
        sums[row * outputs_ + o] +=
            static_cast<uint32_t>(int{static_cast<int8_t>(block[o * depth_ + d])});
  });
  return {sums.begin(), sums.begin() + static_cast<ptrdiff_t>(shape_.outputs)};
}

size_t Blocks::part(size_t part, size_t parts, size_t step, const std::byte* stored) const {
  if (part >= parts) return shape_.outputs;
  const uint64_t wanted = stored_blocks(stored) * part / parts;
  const uint16_t* const counts = this->counts(stored);
  const size_t step_rows = step / outputs_;
  size_t row = 0;
  for (uint64_t passed = 0; row < rows() && passed < wanted;) {
    const size_t next = std::min(row + step_rows, rows());
    passed += sum_of_counts(counts + row, next - row);
    row = next;
  }
  return std::min(row * outputs_, shape_.outputs);
}

}  // namespace edgert
