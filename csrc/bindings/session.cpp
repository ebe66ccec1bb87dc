#include "runtime/session.h"

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>
#include <utility>
#include <vector>

#include "bindings/bindings.h"
#include "bindings/object_type.h"
#include "bindings/without_gil.h"
#include "core/error.h"
#include "core/text.h"
#include "runtime/model_file.h"
#include "runtime/op.h"
#include "weights/forms.h"

namespace py = pybind11;

namespace edgert {
namespace {

// Numbers become Python's by name: what pybind11 makes of them where none is asked for is null if
// there is no memory.
py::tuple shape_tuple(const Shape& shape) {
  py::tuple tuple(shape.rank);
  for (int i = 0; i < shape.rank; ++i) tuple[i] = py::int_(shape[i]);
  return tuple;
}

std::string text(py::handle object) { return py::str(object); }

[[noreturn]] void fail(const Tensor& tensor, const char* rule, const std::string& what) {
  throw Error(ErrorCode::kInput, rule, quoted(tensor.name) + ": " + what);
}

bool is_masked(const py::array& array) {
  if (Py_TYPE(array.ptr()) == py::detail::npy_api::get().PyArray_Type_) return false;
  const py::dict modules = py::module_::import("sys").attr("modules");
  return modules.contains("numpy.ma") &&
         py::isinstance(array, modules["numpy.ma"].attr("MaskedArray"));
}

bool has_dtype(const py::array& array, DType dtype) {
  static const std::array<int, 256> numbers = [] {
    std::array<int, 256> table{};
#define X(name, id, bits, numpy) table[id] = py::dtype(numpy).normalized_num();
#include "schema/dtypes.def"
#undef X
    return table;
  }();
  const py::dtype found = array.dtype();
  return found.normalized_num() == numbers[static_cast<uint8_t>(dtype)] &&
         (found.byteorder() == '=' || found.byteorder() == '|');
}

// The object as an array of the tensor's type and shape. Only arrays are taken: what merely claims
// to be like one, with an address of its own, is not to be trusted. Reads the array's own fields,
// which subclasses cannot redefine.
py::array checked_array(const Tensor& tensor, const py::handle& object) {
  if (!py::isinstance<py::array>(object))
    fail(tensor, "ARRAY",
         "expected a numpy array, found " + text(py::type::of(object)) + "; see numpy.asarray");
  auto array = py::reinterpret_borrow<py::array>(object);
  if (is_masked(array))
    fail(tensor, "ARRAY", "masked arrays have no values where the mask is set; see .filled()");

  const char* const expected = dtype_name(tensor.type.dtype);
  if (!has_dtype(array, tensor.type.dtype))
    fail(tensor, "DTYPE",
         "expected dtype " + std::string(expected) + ", found " + text(array.dtype()) +
             "; convert it with .astype(numpy." + expected + ")");
  const Shape& shape = tensor.type.shape;
  bool same = array.ndim() == shape.rank;
  for (int i = 0; same && i < shape.rank; ++i) same = array.shape(i) == shape[i];
  if (!same) {
    py::tuple found(array.ndim());
    for (py::ssize_t i = 0; i < array.ndim(); ++i) found[i] = py::int_(array.shape(i));
    fail(tensor, "SHAPE", "expected shape " + text(shape_tuple(shape)) + ", found " + text(found));
  }
  return array;
}

bool is_plain(const py::array& array) {
  constexpr int kAligned = py::detail::npy_api::NPY_ARRAY_ALIGNED_;
  return (array.flags() & py::array::c_style) && (array.flags() & kAligned);
}

// The array, or a copy of it if it does not lie as the kernels need it.
py::array input_array(const Tensor& tensor, const py::handle& object) {
  py::array array = checked_array(tensor, object);
  if (is_plain(array)) return array;
  py::array copy(array.dtype(),
                 std::vector<py::ssize_t>(array.shape(), array.shape() + array.ndim()));
  if (py::detail::npy_api::get().PyArray_CopyInto_(copy.ptr(), array.ptr()) != 0)
    throw py::error_already_set();
  return copy;
}

py::array output_array(const Tensor& tensor, const py::handle& object) {
  py::array array = checked_array(tensor, object);
  if (!array.writeable()) fail(tensor, "READONLY", "the array is read-only");
  if (!is_plain(array))
    fail(tensor, "CONTIGUOUS", "an array for results must be C-contiguous and aligned");
  return array;
}

// Addresses for the runtime; allocates only if there are many.
template <typename T>
class PointerArray {
 public:
  explicit PointerArray(size_t count) {
    if (count > kInline) many_.resize(count);
  }
  T** data() { return many_.empty() ? few_ : many_.data(); }
  T*& operator[](size_t i) { return data()[i]; }
  T* operator[](size_t i) const { return many_.empty() ? few_[i] : many_[i]; }

 private:
  static constexpr size_t kInline = 8;
  T* few_[kInline];
  std::vector<T*> many_;
};

// The bytes of an object that lends them, such as bytes, bytearray and memoryview.
class LentBytes {
 public:
  explicit LentBytes(const py::object& object) {
    if (PyObject_GetBuffer(object.ptr(), &view_, PyBUF_SIMPLE) != 0) {
      if (PyErr_ExceptionMatches(PyExc_MemoryError)) throw py::error_already_set();
      PyErr_Clear();
      throw Error(ErrorCode::kInput, "ARGUMENT",
                  "the model is of type " + printable(Py_TYPE(object.ptr())->tp_name) +
                      ", expected the path of a file, or contiguous bytes");
    }
  }
  ~LentBytes() { PyBuffer_Release(&view_); }
  LentBytes(const LentBytes&) = delete;
  LentBytes& operator=(const LentBytes&) = delete;
  const void* data() const { return view_.buf; }
  size_t bytes() const { return static_cast<size_t>(view_.len); }

 private:
  Py_buffer view_;
};

class PySession {
 public:
  // source: the path of a file as a str, or its bytes.
  PySession(const py::object& source, int64_t threads, size_t memory_limit, double max_operations,
            bool map, bool verify) {
    if (threads < 1)
      throw Error(
          ErrorCode::kInput, "ARGUMENT",
          format("threads is %lld, expected a positive number", static_cast<long long>(threads)));
    const LoadOptions options = {cpu_isa(), memory_limit, map, verify, max_operations};
    const auto open = [&](const auto&... where) {
      without_gil([&] {
        session_ = std::make_unique<Session>(
            load_model(where..., options),
            static_cast<int>(std::min<int64_t>(threads, usable_cpus())), options.isa, memory_limit);
      });
    };
    if (py::isinstance<py::str>(source)) {
      const auto path = py::reinterpret_steal<py::bytes>(PyUnicode_EncodeFSDefault(source.ptr()));
      if (!path) {
        if (!PyErr_ExceptionMatches(PyExc_UnicodeError)) throw py::error_already_set();
        PyErr_Clear();
        throw Error(ErrorCode::kIo, "IO", "cannot open a path that no file can have");
      }
      open(std::string(path));
    } else {
      const LentBytes lent(source);
      open(lent.data(), lent.bytes());
    }
  }

  // inputs: one array per model input; outputs: None or one array per model output;
  // step_ms: None or a list that receives each step's milliseconds. Returns the outputs. Allocates
  // nothing if it is given outputs and the inputs need not be copied.
  py::list run(const py::list& inputs, const std::optional<py::list>& outputs,
               std::optional<py::list> step_ms) const {
    const Model& model = session_->model();
    if (inputs.size() != model.inputs.size() ||
        (outputs && outputs->size() != model.outputs.size()))
      throw Error(ErrorCode::kInput, "NAME", "wrong number of arrays");
    py::list lent(inputs.size()), results(model.outputs.size());  // keep the arrays alive
    PointerArray<const void> in(inputs.size());
    PointerArray<void> out(results.size());
    for (size_t i = 0; i < inputs.size(); ++i) {
      const py::array array = input_array(model.tensors[model.inputs[i]], inputs[i]);
      in[i] = array.data();
      lent[i] = array;
    }
    for (size_t i = 0; i < results.size(); ++i) {
      const Tensor& tensor = model.tensors[model.outputs[i]];
      py::array array = outputs ? output_array(tensor, (*outputs)[i]) : make_array(tensor);
      out[i] = array.mutable_data();
      results[i] = array;
    }
    if (outputs) check_overlaps(in, out);
    std::vector<double> times(step_ms ? session_->steps().size() : 0);
    without_gil([&] { session_->run(in.data(), out.data(), step_ms ? times.data() : nullptr); });
    for (double ms : times) step_ms->append(py::float_(ms));
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
    dict["file_copied"] = py::int_(memory.copied);
    dict["weights_mapped"] = py::int_(memory.mapped);
    dict["weights_repacked"] = py::int_(memory.repacked);
    dict["tables"] = py::int_(memory.tables);
    dict["arena"] = py::int_(memory.arena);
    dict["scratch"] = py::int_(memory.scratch);
    return dict;
  }

  // (result, operator, kernel, form of the weight, output shape, output dtype, bytes of
  // constants)
  py::list plan() const {
    const Model& model = session_->model();
    py::list list;
    for (size_t i = 0; i < model.nodes.size(); ++i) {
      const Node& node = model.nodes[i];
      const Tensor& output = model.tensors[node.outputs[0]];
      size_t constant_bytes = 0;
      for (uint32_t t : node.inputs)
        if (t != kNone) constant_bytes += model.tensors[t].data_bytes;
      const char* form = "";  // of the first weight
      for (size_t k = node.inputs.size(); k-- > 0;)
        if (op_arity(node.op).is_weight(static_cast<int>(k)) && node.inputs[k] != kNone &&
            model.tensors[node.inputs[k]].data != nullptr)
          form = form_name(model.tensors[node.inputs[k]].form);
      list.append(py::make_tuple(output.name, op_name(node.op), session_->steps()[i].kernel, form,
                                 shape_tuple(output.type.shape), dtype_name(output.type.dtype),
                                 constant_bytes));
    }
    return list;
  }

  py::float_ operations() const { return session_->model().operations; }
  py::int_ threads() const { return session_->threads(); }

  // The file that the session has a copy of.
  py::bytes file() const {
    const Model& model = session_->model();
    if (model.mapping.data() != nullptr)
      throw Error(ErrorCode::kInput, "ARGUMENT", "the file is mapped, not copied");
    return {reinterpret_cast<const char*>(model.copy.data()), model.file_bytes};
  }

 private:
  static py::array make_array(const Tensor& tensor) {
    std::vector<py::ssize_t> dims;
    for (int i = 0; i < tensor.type.shape.rank; ++i) dims.push_back(tensor.type.shape[i]);
    return py::array(py::dtype(dtype_name(tensor.type.dtype)), dims);
  }

  // No output may share bytes with an input or another output.
  void check_overlaps(const PointerArray<const void>& in, const PointerArray<void>& out) const {
    const Model& model = session_->model();
    const auto overlap = [&](const void* a, uint32_t a_tensor, const void* b, uint32_t b_tensor) {
      const auto a_begin = reinterpret_cast<uintptr_t>(a), b_begin = reinterpret_cast<uintptr_t>(b);
      return a_begin < b_begin + model.tensors[b_tensor].type.bytes() &&
             b_begin < a_begin + model.tensors[a_tensor].type.bytes();
    };
    for (size_t i = 0; i < model.outputs.size(); ++i) {
      const uint32_t t = model.outputs[i];
      bool shared = false;
      for (size_t j = 0; j < model.inputs.size(); ++j)
        shared |= overlap(out[i], t, in[j], model.inputs[j]);
      for (size_t j = 0; j < i; ++j) shared |= overlap(out[i], t, out[j], model.outputs[j]);
      if (shared)
        fail(model.tensors[t], "OVERLAP", "the array for this output overlaps another array");
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

std::unique_ptr<PySession> make_session(const py::object& source, int64_t threads,
                                        size_t memory_limit, double max_operations, bool map,
                                        bool verify) {
  return std::make_unique<PySession>(source, threads, memory_limit, max_operations, map, verify);
}

// The types of an operator's outputs and the forms of its inputs that are constants:
// ([(dtype id, shape)], [form id]).
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
    outputs.append(py::make_tuple(static_cast<int>(out.dtype), shape_tuple(out.shape)));
  }
  for (int i = 0; i < node.inputs(); ++i)
    forms.append(static_cast<int>(constant_form(static_cast<Op>(op), node, i)));
  return py::make_tuple(outputs, forms);
}

}  // namespace

void register_session(py::module_& m) {
  m.def("infer", &infer, py::arg("name"), py::arg("op"), py::arg("inputs"), py::arg("attrs"));
  const ObjectType<PySession> type(m, "edgert._core.Session");
  type.constructor(&make_session, py::arg("source"), py::arg("threads"), py::arg("memory_limit"),
                   py::arg("max_operations"), py::arg("map"), py::arg("verify"));
  type.method("run", &PySession::run, py::arg("inputs"), py::arg("outputs"), py::arg("step_ms"));
  type.method("file", &PySession::file);
  type.method("memory", &PySession::memory);
  type.method("plan", &PySession::plan);
  type.property("inputs", &PySession::inputs);
  type.property("outputs", &PySession::outputs);
  type.property("metadata", &PySession::metadata);
  type.property("threads", &PySession::threads);
  type.property("operations", &PySession::operations);
}

}  // namespace edgert
