#include "weights/sparse/blocks.h"

#include <algorithm>
#include <cstring>
#include <numeric>

#include "core/memory.h"

namespace edgert {
namespace {

constexpr size_t kLongestGap = UINT8_MAX, kMostColumns = UINT16_MAX;
constexpr size_t kMostBlockBytes = 16;

// The weights that meet in a sum of products if each two blocks of a row are added: four of the
// depth of an output, from either.
struct Met {
  uint64_t bytes;

  // Whether the sums fit, of two blocks or of each alone.
  bool fit(WeightFit needed) const {
    constexpr uint64_t kBytes = 0x00ff00ff00ff00ff;
    const uint64_t negative = bytes >> 7 & 0x0101010101010101;  // 1 for each
    const uint64_t mask = negative * 0xff;
    const uint64_t positive_bytes = bytes & ~mask;
    // 256 - b of the negative ones; no byte is zero, so that nothing is carried over.
    const uint64_t amounts = (~bytes & mask) + negative;
    return sums_fit((positive_bytes & kBytes) + (positive_bytes >> 8 & kBytes), needed) &&
           sums_fit((amounts & kBytes) + (amounts >> 8 & kBytes), needed);
  }
  bool has_least() const {  // -128
    for (int i = 0; i < 64; i += 8)
      if ((bytes >> i & 0xff) == 0x80) return true;
    return false;
  }

 private:
  static bool sums_fit(uint64_t words, WeightFit needed) {
    if (needed == WeightFit::kQuads) words = (words & 0xffffffff) + (words >> 32);
    // More than kMaxFit, 128, has a bit above it, or that one and another.
    return ((words + 0x007f007f007f007f) & 0xff00ff00ff00ff00) == 0;
  }
};
static_assert(kMaxFit == 128, "Met::sums_fit() counts on it");

}  // namespace

bool is_sparse(Form form) {
  constexpr bool ordered = false, sparse = true, decoded = false;
  switch (form) {
#define X(name, id, least_rank, kind) \
  case Form::name:                    \
    return kind;
#include "schema/weights.def"
#undef X
  }
  return false;
}

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
  for (size_t r = 0; r < rows(); ++r) {
    size_t gap = 0;
    for (size_t c = 0; c < columns(); ++c) {
      std::byte block[kMostBlockBytes] = {};
      for_elements(r, c, [&](size_t output, size_t channel, size_t place) {
        const size_t tap = c / tap_columns();
        const size_t from = (output * shape_.taps + tap) * shape_.channels + channel;
        std::memcpy(block + place * element_bytes_, weights + from * element_bytes_,
                    element_bytes_);
      });
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
  if (fit == WeightFit::kAny) return true;
  const uint16_t* const counts = this->counts(stored);
  const std::byte* block = blocks(stored);
  for (size_t r = 0; r < rows(); ++r) {
    for (size_t i = 0; i < counts[r]; i += 2)
      for (size_t o = 0; o < outputs_; ++o) {
        uint32_t first, second = 0;
        const std::byte* const from = block + i * block_bytes() + o * depth_;
        std::memcpy(&first, from, sizeof first);
        if (i + 1 < counts[r]) std::memcpy(&second, from + block_bytes(), sizeof second);
        const Met met = {first | uint64_t{second} << 32};
        if (met.has_least() || (fit > WeightFit::kSymmetric && !met.fit(fit))) return false;
      }
    block += counts[r] * block_bytes();
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
