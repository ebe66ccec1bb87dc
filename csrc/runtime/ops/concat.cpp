#include <cstring>

#include "core/interrupt.h"
#include "runtime/op.h"
#include "runtime/split.h"

namespace edgert {
namespace {

OutputTypes infer(const NodeTypes& node) {
  const int32_t axis = node.attrs<AxisAttrs>().axis;
  Shape out = node.shape(0);
  if (axis < 0 || axis >= out.rank)
    node.fail("ATTR", "axis is %d, inputs have rank %d", axis, out.rank);
  int64_t size = out[axis];
  for (int i = 1; i < node.inputs(); ++i) {
    node.require_dtype(i, node.input(0).dtype);
    Shape expected = node.shape(0);
    if (node.shape(i).rank == expected.rank) expected[axis] = node.shape(i)[axis];
    if (node.shape(i) != expected)
      node.fail("SHAPE", "input %d has shape %s, expected that of input 0, %s, but for axis %d", i,
                to_string(node.shape(i)).c_str(), to_string(node.shape(0)).c_str(), axis);
    size += node.shape(i)[axis];
  }
  out[axis] = node.output_dim(size);
  return {node.input(0).dtype, out};
}

struct Part {
  uint32_t tensor;
  size_t bytes;  // of a row: the axis and those behind it
};

Step bind(const BindContext& context) {
  const int axis = context.attrs<AxisAttrs>().axis;
  const TensorType& out = context.output().type;
  const size_t rows = out.shape.elements(0, axis);
  const size_t row_bytes = out.shape.elements(axis, out.shape.rank) * dtype_bytes(out.dtype);
  std::vector<Part> parts;
  for (size_t i = 0; i < context.node.inputs.size(); ++i) {
    const TensorType& type = context.input(i)->type;
    parts.push_back({context.input_index(i),
                     type.shape.elements(axis, type.shape.rank) * dtype_bytes(type.dtype)});
  }
  return {"copy", 0,
          [parts = std::move(parts), rows, row_bytes,
           output = context.output_index()](const RunContext& run) {
            std::byte* const out = run.tensor<std::byte>(output);
            // Row by row, so that the output is written once from end to end.
            split(run.pool(), rows, 2 * row_bytes, [&](size_t first, size_t last) {
              std::byte* to = out + first * row_bytes;
              for (size_t row = first; row < last; ++row)
                for (const Part& part : parts) {
                  if (part.bytes > kLongestBytes) check_interrupt();
                  std::memcpy(to, run.tensor<std::byte>(part.tensor) + row * part.bytes,
                              part.bytes);
                  to += part.bytes;
                }
            });
          }};
}

}  // namespace

extern const OpDef concat_op = {infer, bind};

}  // namespace edgert
