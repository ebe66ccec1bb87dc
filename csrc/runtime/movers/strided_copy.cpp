#include "runtime/movers/strided_copy.h"

#include <algorithm>
#include <cstdint>
#include <cstring>

#include "core/memory.h"
#include "runtime/movers/transpose_tile.h"
#include "runtime/split.h"
#include "schema/attrs.h"

namespace edgert {
namespace {

constexpr size_t kBlockBytes = 32 * 1024;
// What one thread copies in about 20 us, the price of waking another one.
constexpr size_t kAloneBytes = 128 * 1024;

bool merges(const CopyAxis& outer, const CopyAxis& inner) {
  const ptrdiff_t size = static_cast<ptrdiff_t>(inner.size);
  return outer.src == inner.src * size && outer.dst == inner.dst * size;
}

bool is_element(size_t bytes) { return bytes == 1 || bytes == 2 || bytes == 4 || bytes == 8; }

}  // namespace

StridedCopy::StridedCopy(size_t element_bytes, const std::vector<CopyAxis>& axes)
    : run_bytes_(element_bytes), bytes_(element_bytes) {
  const ptrdiff_t unit = static_cast<ptrdiff_t>(element_bytes);
  for (const CopyAxis& axis : axes) {
    bytes_ *= axis.size;
    if (axis.size == 1) continue;
    const CopyAxis next = {axis.size, axis.src * unit, axis.dst * unit};
    if (!outer_.empty() && merges(outer_.back(), next))
      outer_.back() = {outer_.back().size * next.size, next.src, next.dst};
    else
      outer_.push_back(next);
  }
  if (bytes_ == 0) return;
  if (!outer_.empty() && merges(outer_.back(), {element_bytes, 1, 1})) {
    run_bytes_ *= outer_.back().size;
    outer_.pop_back();
  }
  choose_inner();
  split_into_blocks();
}

void StridedCopy::choose_inner() {
  const ptrdiff_t run = static_cast<ptrdiff_t>(run_bytes_);
  if (outer_.empty() || run_bytes_ >= kBlockBytes) {
    inner_ = Inner::kBytes;
    x_ = {run_bytes_, 1, 1};
    return;
  }
  x_ = outer_.back();
  outer_.pop_back();
  if (!is_element(run_bytes_)) {
    inner_ = Inner::kRows;
    return;
  }
  inner_ = x_.src == 0 && x_.dst == run ? Inner::kFill : Inner::kStrided;
  const auto y = std::find_if(outer_.begin(), outer_.end(),
                              [run](const CopyAxis& axis) { return axis.src == run; });
  if (inner_ == Inner::kStrided && x_.dst == run && y != outer_.end()) {
    inner_ = Inner::kTranspose;
    y_ = *y;
    outer_.erase(y);
  }
}

void StridedCopy::split_into_blocks() {
  const size_t item = inner_ == Inner::kBytes ? 1 : run_bytes_;
  x_block_ = std::min(x_.size, std::max<size_t>(1, kBlockBytes / item));
  if (inner_ == Inner::kTranspose) {
    // Whole cache lines of the source for each row of the destination, and the other way round.
    x_block_ = std::min<size_t>(x_block_, 512);
    const size_t line = kAlignment / item;
    y_block_ =
        std::min(y_.size, round_up(std::max<size_t>(1, kBlockBytes / (x_block_ * item)), line));
  }
  const auto blocks = [](const CopyAxis& axis, size_t block) {
    const ptrdiff_t step = static_cast<ptrdiff_t>(block);
    return CopyAxis{ceil_div(axis.size, block), axis.src * step, axis.dst * step};
  };
  outer_.push_back(blocks(x_, x_block_));
  outer_.push_back(blocks(y_, y_block_));
  for (const CopyAxis& axis : outer_) blocks_ *= axis.size;
}

const char* StridedCopy::name() const {
  switch (inner_) {
    case Inner::kFill:
      return "fill";
    case Inner::kStrided:
      return "copy_strided";
    case Inner::kTranspose:
      return "transpose";
    default:
      return "copy";
  }
}

void StridedCopy::run(const std::byte* src, std::byte* dst, ThreadPool& pool) const {
  if (bytes_ == 0) return;
  if (bytes_ <= kAloneBytes) return run_blocks(src, dst, 0, blocks_);
  const size_t task_bytes = pool.threads() == 1 ? kLongestBytes : kBlockBytes;
  const size_t tasks = std::min(blocks_, ceil_div(bytes_, task_bytes));
  pool.parallel_for(tasks, [&](size_t task, int) {
    run_blocks(src, dst, blocks_ * task / tasks, blocks_ * (task + 1) / tasks);
  });
}

void StridedCopy::run_blocks(const std::byte* src, std::byte* dst, size_t first,
                             size_t last) const {
  const size_t axes = outer_.size();
  size_t index[2 * kMaxRank + 2];
  size_t rest = first;
  for (size_t i = axes; i-- > 0;) {
    index[i] = rest % outer_[i].size;
    rest /= outer_[i].size;
    src += static_cast<ptrdiff_t>(index[i]) * outer_[i].src;
    dst += static_cast<ptrdiff_t>(index[i]) * outer_[i].dst;
  }
  for (size_t block = first; block < last; ++block) {
    run_block(src, dst, std::min(x_block_, x_.size - index[axes - 2] * x_block_),
              std::min(y_block_, y_.size - index[axes - 1] * y_block_));
    for (size_t i = axes; i-- > 0;) {
      src += outer_[i].src;
      dst += outer_[i].dst;
      if (++index[i] < outer_[i].size) break;
      src -= static_cast<ptrdiff_t>(index[i]) * outer_[i].src;
      dst -= static_cast<ptrdiff_t>(index[i]) * outer_[i].dst;
      index[i] = 0;
    }
  }
}

void StridedCopy::run_block(const std::byte* src, std::byte* dst, size_t x, size_t y) const {
  if (inner_ == Inner::kBytes) {
    std::memcpy(dst, src, x);
  } else if (inner_ == Inner::kRows) {
    for (size_t i = 0; i < x; ++i, src += x_.src, dst += x_.dst) std::memcpy(dst, src, run_bytes_);
  } else if (run_bytes_ == 1) {
    run_elements<1>(src, dst, x, y);
  } else if (run_bytes_ == 2) {
    run_elements<2>(src, dst, x, y);
  } else if (run_bytes_ == 4) {
    run_elements<4>(src, dst, x, y);
  } else {
    run_elements<8>(src, dst, x, y);
  }
}

template <size_t bytes>
void StridedCopy::run_elements(const std::byte* src, std::byte* dst, size_t x, size_t y) const {
  if (inner_ == Inner::kTranspose) {
    transpose<bytes>(src, x_.src, dst, y_.dst, static_cast<ptrdiff_t>(x),
                     static_cast<ptrdiff_t>(y));
  } else if (inner_ == Inner::kFill) {
    std::byte element[bytes];
    std::memcpy(element, src, bytes);
    for (size_t i = 0; i < x; ++i) std::memcpy(dst + i * bytes, element, bytes);
  } else {
    for (size_t i = 0; i < x; ++i, src += x_.src, dst += x_.dst) std::memcpy(dst, src, bytes);
  }
}

Step copy_step(const BindContext& context, const StridedCopy& copy, ptrdiff_t start) {
  const uint32_t in = context.input_index(0), out = context.output_index();
  return {copy.name(), 0, [copy, in, out, start](const RunContext& run) {
            copy.run(run.tensor<std::byte>(in) + start, run.tensor<std::byte>(out), run.pool());
          }};
}

}  // namespace edgert
