// What an operator makes of its inputs, for the converter: there is no second inference.
#include <pybind11/pybind11.h>

#include <cstring>
#include <string>
#include <vector>

#include "bindings/bindings.h"
#include "core/error.h"
#include "core/text.h"
#include "runtime/op.h"

namespace py = pybind11;

namespace edgert {
namespace {

// The types of an operator's outputs and the forms that each input may have if it is a constant,
// the usual one first: ([(dtype id, shape)], [[form id]]). `inputs` holds (dtype id, shape) or
// None.
py::tuple infer(const std::string& name, int op, const py::list& inputs, const py::bytes& attrs) {
  std::vector<TensorType> types(inputs.size());
  std::vector<const TensorType*> pointers;
  for (size_t i = 0; i < inputs.size(); ++i) {
    if (inputs[i].is_none()) {
      pointers.push_back(nullptr);
      continue;
    }
    const py::tuple pair = inputs[i].cast<py::tuple>();
    const py::tuple dims = pair[1].cast<py::tuple>();
    if (dims.size() > kMaxRank)
      throw Error(ErrorCode::kLimit, "RANK",
                  format("%s: rank %zu exceeds %d", quoted(name).c_str(), dims.size(), kMaxRank));
    types[i].dtype = static_cast<DType>(pair[0].cast<int>());
    for (py::handle dim : dims) types[i].shape[types[i].shape.rank++] = dim.cast<int32_t>();
    if (!in_bounds(types[i]))
      throw Error(ErrorCode::kLimit, "OVERFLOW",
                  format("%s: input %zu, %s, is too large", quoted(name).c_str(), i,
                         describe(types[i]).c_str()));
    pointers.push_back(&types[i]);
  }
  const std::string bytes = attrs;
  std::vector<uint64_t> record(bytes.size() / 8 + 1);
  std::memcpy(record.data(), bytes.data(), bytes.size());
  if (bytes.size() != attrs_bytes(static_cast<Op>(op)))
    throw Error(ErrorCode::kFormat, "ATTR", quoted(name) + ": wrong attributes");
  const NodeTypes node(static_cast<Op>(op), name, pointers, record.data());
  const OpDef& def = op_def(static_cast<Op>(op));
  const Arity arity = op_arity(static_cast<Op>(op));
  if (node.inputs() < arity.min || node.inputs() > arity.max)
    node.fail("ARITY", "%d inputs, expected %d to %d", node.inputs(), arity.min, arity.max);
  for (int i = 0; i < node.inputs(); ++i)
    if (!node.has(i) && !arity.may_lack(i)) node.fail("INDEX", "input %d is absent", i);
  const OutputTypes inferred = def.infer(node);
  py::list outputs, forms;
  for (size_t i = 0; i < inferred.size(); ++i) {
    const TensorType& out = inferred[i];
    if (!in_bounds(out))
      throw Error(ErrorCode::kLimit, "OVERFLOW",
                  format("%s %s: the output %s is too large", op_name(static_cast<Op>(op)),
                         quoted(name).c_str(), to_string(out.shape).c_str()));
    outputs.append(py::make_tuple(static_cast<int>(out.dtype),
                                  shape_tuple(out.shape.rank, out.shape.dims.data())));
  }
  for (int i = 0; i < node.inputs(); ++i) {
    py::list possible;
    possible.append(static_cast<int>(constant_form(static_cast<Op>(op), node, i)));
#define X(name, id, ...) \
  if (may_have_form(static_cast<Op>(op), node, i, Form::name)) possible.append(id);
#include "schema/weights.def"
#undef X
    forms.append(possible);
  }
  return py::make_tuple(outputs, forms);
}

}  // namespace

void register_infer(py::module_& m) {
  m.def("infer", &infer, py::arg("name"), py::arg("op"), py::arg("inputs"), py::arg("attrs"));
}

}  // namespace edgert
