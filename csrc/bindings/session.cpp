#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include <cstring>
#include <vector>

#include "bindings/bindings.h"
#include "core/error.h"
#include "runtime/model_file.h"
#include "runtime/op.h"
#include "runtime/session.h"

namespace py = pybind11;

namespace edgert {
namespace {

py::tuple shape_tuple(const Shape& shape) {
  py::tuple tuple(shape.rank);
  for (int i = 0; i < shape.rank; ++i) tuple[i] = shape[i];
  return tuple;
}

std::string text(py::handle object) { return py::str(object); }

// An array lent to a run: the export pins its memory until the run is over.
class ArrayView {
 public:
  ArrayView(const Tensor& tensor, py::array array, bool writable) : array_(std::move(array)) {
    const char* const role = writable ? "output" : "input";
    check_type(tensor, role);
    check_shape(tensor, role);
    if (writable) {
      if (!array_.writeable()) fail(tensor, role, "the array is read-only");
      if (!is_plain()) fail(tensor, role, "the array must be C-contiguous and aligned");
    } else if (!is_plain()) {
      array_ = py::array::ensure(array_.attr("copy")("C"));
    }
    view_ = array_.request(writable);
  }

  std::byte* data() const { return static_cast<std::byte*>(view_.ptr); }
  size_t bytes() const { return static_cast<size_t>(array_.nbytes()); }
  const py::array& array() const { return array_; }
  bool overlaps(const ArrayView& other) const {
    return data() < other.data() + other.bytes() && other.data() < data() + bytes();
  }

 private:
  [[noreturn]] static void fail(const Tensor& tensor, const char* role, const std::string& what) {
    throw Error(ErrorCode::kInput, "INPUT", format("%s '%.256s': %s", role, tensor.name.c_str(),
                                                   what.c_str()));
  }

  void check_type(const Tensor& tensor, const char* role) const {
    const char* const expected = dtype_name(tensor.type.dtype);
    if (array_.dtype().equal(py::dtype(expected))) return;
    fail(tensor, role,
         "expected dtype " + std::string(expected) + ", found " + text(array_.dtype()) +
             "; convert it with .astype(numpy." + expected + ")");
  }

  void check_shape(const Tensor& tensor, const char* role) const {
    const Shape& shape = tensor.type.shape;
    bool same = array_.ndim() == shape.rank;
    for (int i = 0; same && i < shape.rank; ++i) same = array_.shape(i) == shape[i];
    if (same) return;
    fail(tensor, role,
         "expected shape " + text(shape_tuple(shape)) + ", found " + text(array_.attr("shape")));
  }

  bool is_plain() const {
    constexpr int kAligned = py::detail::npy_api::NPY_ARRAY_ALIGNED_;
    return (array_.flags() & py::array::c_style) && (array_.flags() & kAligned);
  }

  py::array array_;
  py::buffer_info view_;
};

py::array as_array(const Tensor& tensor, const py::handle& object) {
  py::array array = py::array::ensure(object);
  if (!array) {
    PyErr_Clear();
    throw Error(ErrorCode::kInput, "INPUT",
                format("'%.256s': expected an array, found %s", tensor.name.c_str(),
                       text(py::type::of(object)).c_str()));
  }
  return array;
}

class PySession {
 public:
  PySession(const std::string& path, int threads, size_t memory_limit, bool verify) {
    py::gil_scoped_release release;
    std::shared_ptr<const Model> model =
        load_model(path, verify ? Verify::kFull : Verify::kMetadata);
    session_ = std::make_unique<Session>(std::move(model), threads, cpu_isa(), memory_limit);
  }

  // inputs: one array per model input; outputs: None or one array per model output;
  // step_ms: None or a list that receives each step's milliseconds. Returns the outputs.
  py::list run(const py::list& inputs, const py::object& outputs, const py::object& step_ms) const {
    const Model& model = session_->model();
    std::vector<ArrayView> in, out;
    std::vector<const void*> in_data;
    std::vector<void*> out_data;
    in.reserve(model.inputs.size());
    out.reserve(model.outputs.size());
    for (size_t i = 0; i < model.inputs.size(); ++i) {
      const Tensor& tensor = model.tensors[model.inputs[i]];
      in.emplace_back(tensor, as_array(tensor, inputs[i]), false);
      in_data.push_back(in.back().data());
    }
    for (size_t i = 0; i < model.outputs.size(); ++i) {
      const Tensor& tensor = model.tensors[model.outputs[i]];
      py::array array = outputs.is_none() ? make_array(tensor)
                                          : as_array(tensor, py::list(outputs)[i]);
      out.emplace_back(tensor, std::move(array), true);
      out_data.push_back(out.back().data());
    }
    if (!outputs.is_none()) check_overlaps(in, out);
    std::vector<double> times(step_ms.is_none() ? 0 : session_->steps().size());
    {
      py::gil_scoped_release release;
      session_->run(in_data.data(), out_data.data(), step_ms.is_none() ? nullptr : times.data());
    }
    for (double ms : times) py::list(step_ms).append(ms);
    py::list results;
    for (const ArrayView& view : out) results.append(view.array());
    return results;
  }

  py::list inputs() const { return describe(session_->model().inputs); }
  py::list outputs() const { return describe(session_->model().outputs); }

  py::dict metadata() const {
    py::dict dict;
    for (const auto& [key, value] : session_->model().metadata) dict[py::str(key)] = value;
    return dict;
  }

  py::dict memory() const {
    const MemoryUse memory = session_->memory();
    py::dict dict;
    dict["weights_mapped"] = memory.mapped;
    dict["weights_repacked"] = memory.repacked;
    dict["arena"] = memory.arena;
    dict["scratch"] = memory.scratch;
    return dict;
  }

  // (node, operator, kernel, output dtype, output shape, layout of the weights, weight bytes)
  py::list plan() const {
    const Model& model = session_->model();
    py::list list;
    for (size_t i = 0; i < model.nodes.size(); ++i) {
      const Node& node = model.nodes[i];
      const TensorType& type = model.tensors[node.output].type;
      size_t weight_bytes = 0;
      const char* layout = "";
      for (uint32_t t : node.inputs) {
        if (t == kNone || model.tensors[t].data == nullptr) continue;
        if (*layout == '\0') layout = layout_name(model.tensors[t].layout);
        weight_bytes += model.tensors[t].data_bytes;
      }
      list.append(py::make_tuple(node.name, op_name(node.op), session_->steps()[i].kernel,
                                 dtype_name(type.dtype), shape_tuple(type.shape), layout,
                                 weight_bytes));
    }
    return list;
  }

  int threads() const { return session_->threads(); }

 private:
  static py::array make_array(const Tensor& tensor) {
    std::vector<py::ssize_t> dims;
    for (int i = 0; i < tensor.type.shape.rank; ++i) dims.push_back(tensor.type.shape[i]);
    return py::array(py::dtype(dtype_name(tensor.type.dtype)), dims);
  }

  void check_overlaps(const std::vector<ArrayView>& in, const std::vector<ArrayView>& out) const {
    for (size_t i = 0; i < out.size(); ++i) {
      bool overlap = false;
      for (const ArrayView& other : in) overlap |= out[i].overlaps(other);
      for (size_t j = 0; j < i; ++j) overlap |= out[i].overlaps(out[j]);
      if (!overlap) continue;
      const Model& model = session_->model();
      throw Error(ErrorCode::kInput, "INPUT",
                  format("output '%.256s': the array overlaps another array of this run",
                         model.tensors[model.outputs[i]].name.c_str()));
    }
  }

  py::list describe(const std::vector<uint32_t>& indices) const {
    py::list list;
    for (uint32_t index : indices) {
      const Tensor& tensor = session_->model().tensors[index];
      list.append(py::make_tuple(tensor.name, shape_tuple(tensor.type.shape),
                                 dtype_name(tensor.type.dtype)));
    }
    return list;
  }

  std::unique_ptr<Session> session_;
};

// The type of an operator's output and the layout of its weight: (dtype id, shape, layout id).
// `inputs` holds (dtype id, shape) or None.
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
                  format("'%.256s': rank %zu exceeds %d", name.c_str(), dims.size(), kMaxRank));
    types[i].dtype = static_cast<DType>(pair[0].cast<int>());
    for (py::handle dim : dims) types[i].shape[types[i].shape.rank++] = dim.cast<int32_t>();
    pointers.push_back(&types[i]);
  }
  const std::string bytes = attrs;
  std::vector<uint64_t> record(bytes.size() / 8 + 1);
  std::memcpy(record.data(), bytes.data(), bytes.size());
  if (bytes.size() != attrs_bytes(static_cast<Op>(op)))
    throw Error(ErrorCode::kFormat, "ATTR", format("'%.256s': wrong attributes", name.c_str()));
  const NodeTypes node(static_cast<Op>(op), name, pointers, record.data());
  const OpDef& def = op_def(static_cast<Op>(op));
  const TensorType out = def.infer(node);
  if (!in_bounds(out))
    throw Error(ErrorCode::kLimit, "OVERFLOW",
                format("%s '%.256s': the output %s is too large", op_name(static_cast<Op>(op)),
                       name.c_str(), to_string(out.shape).c_str()));
  const Layout layout = def.weight_layout == nullptr ? Layout::row : def.weight_layout(node);
  return py::make_tuple(static_cast<int>(out.dtype), shape_tuple(out.shape),
                        static_cast<int>(layout));
}

}  // namespace

void register_session(py::module_& m) {
  m.def("infer", &infer);
  py::class_<PySession>(m, "Session")
      .def(py::init<const std::string&, int, size_t, bool>(), py::arg("path"), py::arg("threads"),
           py::arg("memory_limit"), py::arg("verify"))
      .def("run", &PySession::run, py::arg("inputs"), py::arg("outputs"), py::arg("step_ms"))
      .def_property_readonly("inputs", &PySession::inputs)
      .def_property_readonly("outputs", &PySession::outputs)
      .def_property_readonly("metadata", &PySession::metadata)
      .def_property_readonly("threads", &PySession::threads)
      .def("memory", &PySession::memory)
      .def("plan", &PySession::plan);
}

}  // namespace edgert
