#include "runtime/op.h"
#include "runtime/strided_copy.h"

namespace edgert {
namespace {

TensorType infer(const NodeTypes& node) {
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
  size_t offset;  // bytes in the output
  StridedCopy copy;
};

Step bind(const BindContext& context) {
  const int axis = context.attrs<AxisAttrs>().axis;
  const Shape& out = context.output().type.shape;
  const size_t element_bytes = dtype_bytes(context.output().type.dtype);
  const size_t outer = out.elements(0, axis), row = out.elements(axis, out.rank);
  std::vector<Part> parts;
  size_t offset = 0;
  for (size_t i = 0; i < context.node.inputs.size(); ++i) {
    const size_t part = context.input(i)->type.shape.elements(axis, out.rank);
    const StridedCopy copy(
        element_bytes,
        {{outer, static_cast<ptrdiff_t>(part), static_cast<ptrdiff_t>(row)}, {part, 1, 1}});
    parts.push_back({context.input_index(i), offset * element_bytes, copy});
    offset += part;
  }
  const char* const name = parts[0].copy.name();
  return {name, 0, 0,
          [parts = std::move(parts), output = context.node.output](const RunContext& run) {
            for (const Part& part : parts)
              part.copy.run(run.tensor<std::byte>(part.tensor),
                            run.tensor<std::byte>(output) + part.offset, run.pool());
          }};
}

}  // namespace

extern const OpDef concat_op = {infer, bind};

}  // namespace edgert
