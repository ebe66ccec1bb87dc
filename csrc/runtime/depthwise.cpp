#include "runtime/depthwise.h"

#include <algorithm>

#include "core/memory.h"

namespace edgert {

DepthwiseTasks::DepthwiseTasks(const ConvGeometry& geometry, size_t channel_step, int threads)
    : g_(geometry) {
  // A few tasks per thread: rows first, since neighbouring rows share their input, then channels.
  const size_t macs =
      g_.batch * g_.out_height * g_.out_width * g_.channels * g_.kernel[0] * g_.kernel[1];
  constexpr size_t kTaskMacs = 50000, kLongestMacs = 32'000'000;  // microseconds; milliseconds
  const size_t wanted_tasks =
      threads == 1 ? 1 : std::min<size_t>(static_cast<size_t>(threads) * 4, macs / kTaskMacs + 1);
  const size_t tasks = std::max(wanted_tasks, macs / kLongestMacs);
  const size_t wanted = ceil_div(tasks, std::max<size_t>(1, g_.batch));
  block_rows_ = ceil_div(g_.out_height, std::min(ceil_div(g_.out_height, 4), wanted));
  row_blocks_ = ceil_div(g_.out_height, block_rows_);
  block_channels_ = round_up(ceil_div(g_.channels, ceil_div(wanted, row_blocks_)), channel_step);
  channel_blocks_ = ceil_div(g_.channels, block_channels_);
}

DepthwiseTasks::Task DepthwiseTasks::task(size_t index) const {
  Task task;
  task.channel = index % channel_blocks_ * block_channels_;
  task.channels = std::min(block_channels_, g_.channels - task.channel);
  task.row_begin = index / channel_blocks_ % row_blocks_ * block_rows_;
  task.row_end = std::min(task.row_begin + block_rows_, g_.out_height);
  const size_t image = index / channel_blocks_ / row_blocks_;
  task.x = image * g_.height * g_.width * g_.channels + task.channel;
  task.y = image * g_.out_height * g_.out_width * g_.channels + task.channel;
  return task;
}

}  // namespace edgert
