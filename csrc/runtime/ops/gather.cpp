#include <algorithm>
#include <cstring>

#include "core/memory.h"
#include "core/text.h"
#include "runtime/op.h"

namespace edgert {
namespace {

OutputTypes infer(const NodeTypes& node) {
  const int32_t axis = node.attrs<AxisAttrs>().axis;
  const Shape &data = node.shape(0), &indices = node.shape(1);
  if (axis < 0 || axis >= data.rank)
    node.fail("ATTR", "axis is %d, the data has rank %d", axis, data.rank);
  if (node.input(1).dtype != DType::i64) node.require_dtype(1, DType::i32);
  if (data.rank - 1 + indices.rank > kMaxRank)
    node.fail("SHAPE", "data %s and indices %s give an output of more than %d axes",
              to_string(data).c_str(), to_string(indices).c_str(), kMaxRank);
  Shape out;
  for (int i = 0; i < axis; ++i) out[out.rank++] = data[i];
  for (int i = 0; i < indices.rank; ++i) out[out.rank++] = indices[i];
  for (int i = axis + 1; i < data.rank; ++i) out[out.rank++] = data[i];
  return {node.input(0).dtype, out};
}

// Bytes copied by one thread in about 20 us, the price of waking another one.
constexpr size_t kInlineBytes = 128 * 1024;

struct Gather {
  uint32_t data, indices, output;
  bool is_i64;       // the indices are
  size_t outer;      // product of the axes before the gathered one
  size_t size;       // of the gathered axis
  size_t run;        // bytes of the axes behind it
  size_t count;      // indices
  std::string name;  // of the node

  long long bound() const { return static_cast<long long>(size); }
  int64_t index(const std::byte* indices, size_t i) const {
    return is_i64 ? reinterpret_cast<const int64_t*>(indices)[i]
                  : reinterpret_cast<const int32_t*>(indices)[i];
  }

  // The offsets in bytes that the indices stand for. They are taken once, so that what is checked
  // is what is used. Returns the first index out of range, or `count`.
  size_t offsets(const std::byte* indices, size_t* offsets) const {
    for (size_t i = 0; i < count; ++i) {
      const int64_t value = index(indices, i);
      if (value < -bound() || value >= bound()) return i;
      offsets[i] = static_cast<size_t>(value < 0 ? value + bound() : value) * run;
    }
    return count;
  }

  void operator()(const RunContext& context) const {
    const std::byte* const from = context.tensor<std::byte>(data);
    std::byte* const to = context.tensor<std::byte>(output);
    const std::byte* const table = context.tensor<std::byte>(indices);
    size_t* const at = reinterpret_cast<size_t*>(context.scratch());
    if (const size_t bad = offsets(table, at); bad < count)
      throw Error(
          ErrorCode::kInput, "INDEX",
          format("gather %s: index %zu is %lld, expected %lld to %lld", quoted(name).c_str(), bad,
                 static_cast<long long>(index(table, bad)), -bound(), bound() - 1));
    const auto copy = [&](size_t first, size_t last) {
      for (size_t i = first; i < last; ++i)
        std::memcpy(to + i * run, from + i / count * size * run + at[i % count], run);
    };
    const size_t rows = outer * count, bytes = rows * run;
    if (bytes <= kInlineBytes) return copy(0, rows);
    const size_t tasks = std::min(rows, ceil_div(bytes, kInlineBytes / 4));
    context.pool().parallel_for(
        tasks, [&](size_t task, int) { copy(rows * task / tasks, rows * (task + 1) / tasks); });
  }
};

Step bind(const BindContext& context) {
  const int axis = context.attrs<AxisAttrs>().axis;
  const TensorType &data = context.input(0)->type, &indices = context.input(1)->type;
  Gather gather;
  gather.data = context.input_index(0);
  gather.indices = context.input_index(1);
  gather.output = context.output_index();
  gather.is_i64 = indices.dtype == DType::i64;
  gather.outer = data.shape.elements(0, axis);
  gather.size = static_cast<size_t>(data.shape[axis]);
  gather.run = data.shape.elements(axis + 1, data.shape.rank) * dtype_bytes(data.dtype);
  gather.count = indices.shape.elements();
  gather.name = context.output().name;
  if (const std::byte* const constant = context.input(1)->data) {
    std::vector<size_t> offsets(gather.count);
    if (const size_t bad = gather.offsets(constant, offsets.data()); bad < gather.count)
      context.fail("INDEX", "index %zu is %lld, expected %lld to %lld", bad,
                   static_cast<long long>(gather.index(constant, bad)), -gather.bound(),
                   gather.bound() - 1);
  }
  return {"gather", uint64_t{gather.count} * sizeof(size_t), gather};
}

}  // namespace

extern const OpDef gather_op = {infer, bind};

}  // namespace edgert
