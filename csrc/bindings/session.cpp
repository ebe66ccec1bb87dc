// Models of the C API for Python: numpy's arrays become the API's, its answers Python's objects.
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "api/edgert.h"
#include "bindings/bindings.h"
#include "bindings/object_type.h"
#include "bindings/without_gil.h"
#include "core/error.h"
#include "core/small_array.h"
#include "core/text.h"

namespace py = pybind11;

namespace edgert {

// Numbers become Python's by name: what pybind11 makes of them where none is asked for is null if
// there is no memory.
py::tuple shape_tuple(int rank, const int32_t* dims) {
  py::tuple tuple(rank);
  for (int i = 0; i < rank; ++i) tuple[i] = py::int_(dims[i]);
  return tuple;
}

namespace {

std::string text(py::handle object) { return py::str(object); }

[[noreturn]] void fail(const edgert_tensor& tensor, const char* rule, const std::string& what) {
  throw Error(ErrorCode::kInput, rule, quoted(tensor.name) + ": " + what);
}

bool is_masked(const py::array& array) {
  if (Py_TYPE(array.ptr()) == py::detail::npy_api::get().PyArray_Type_) return false;
  const py::dict modules = py::module_::import("sys").attr("modules");
  return modules.contains("numpy.ma") &&
         py::isinstance(array, modules["numpy.ma"].attr("MaskedArray"));
}

// numpy's number of each element type; 0 of what is none.
std::array<int, 256> numpy_numbers() {
  std::array<int, 256> numbers{};
  for (size_t i = 0; i < numbers.size(); ++i) {
    const auto dtype = static_cast<int>(i);
    if (edgert_dtype_bytes(dtype) > 0)
      numbers[i] = py::dtype(edgert_dtype_name(dtype)).normalized_num();
  }
  return numbers;
}

bool has_dtype(const py::array& array, edgert_dtype dtype) {
  static const std::array<int, 256> numbers = numpy_numbers();
  const py::dtype found = array.dtype();
  return found.normalized_num() == numbers[dtype] &&
         (found.byteorder() == '=' || found.byteorder() == '|');
}

// The object as an array of the tensor's type and shape. Only arrays are taken: what merely claims
// to be like one, with an address of its own, is not to be trusted. Reads the array's own fields,
// which subclasses cannot redefine.
py::array checked_array(const edgert_tensor& tensor, const py::handle& object) {
  if (!py::isinstance<py::array>(object))
    fail(tensor, "ARRAY",
         "expected a numpy array, found " + text(py::type::of(object)) + "; see numpy.asarray");
  auto array = py::reinterpret_borrow<py::array>(object);
  if (is_masked(array))
    fail(tensor, "ARRAY", "masked arrays have no values where the mask is set; see .filled()");

  const char* const expected = edgert_dtype_name(tensor.dtype);
  if (!has_dtype(array, tensor.dtype))
    fail(tensor, "DTYPE",
         "expected dtype " + std::string(expected) + ", found " + text(array.dtype()) +
             "; convert it with .astype(numpy." + expected + ")");
  bool same = array.ndim() == tensor.rank;
  for (int i = 0; same && i < tensor.rank; ++i) same = array.shape(i) == tensor.dims[i];
  if (!same) {
    py::tuple found(array.ndim());
    for (py::ssize_t i = 0; i < array.ndim(); ++i) found[i] = py::int_(array.shape(i));
    fail(
        tensor, "SHAPE",
        "expected shape " + text(shape_tuple(tensor.rank, tensor.dims)) + ", found " + text(found));
  }
  return array;
}

bool is_plain(const py::array& array) {
  constexpr int kAligned = py::detail::npy_api::NPY_ARRAY_ALIGNED_;
  return (array.flags() & py::array::c_style) && (array.flags() & kAligned);
}

// The array, or a copy of it if it does not lie as the kernels need it.
py::array input_array(const edgert_tensor& tensor, const py::handle& object) {
  py::array array = checked_array(tensor, object);
  if (is_plain(array)) return array;
  py::array copy(array.dtype(),
                 std::vector<py::ssize_t>(array.shape(), array.shape() + array.ndim()));
  if (py::detail::npy_api::get().PyArray_CopyInto_(copy.ptr(), array.ptr()) != 0)
    throw py::error_already_set();
  return copy;
}

py::array output_array(const edgert_tensor& tensor, const py::handle& object) {
  py::array array = checked_array(tensor, object);
  if (!array.writeable()) fail(tensor, "READONLY", "the array is read-only");
  if (!is_plain(array))
    fail(tensor, "CONTIGUOUS", "an array for results must be C-contiguous and aligned");
  return array;
}

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
  // source: the path of a file as a str, or its bytes. Threads and limit: None for the defaults.
  PySession(const py::object& source, std::optional<int64_t> threads,
            std::optional<uint64_t> memory_limit, double max_operations, bool map, bool verify) {
    edgert_load_options options = EDGERT_LOAD_OPTIONS_INIT;
    options.threads = threads.value_or(options.threads);
    options.memory_limit = memory_limit.value_or(options.memory_limit);
    options.max_operations = max_operations;
    options.flags = (map ? EDGERT_MAP : 0) | (verify ? EDGERT_VERIFY : 0);
    const auto load = [&](const auto& call) {
      without_gil([&](edgert_stop stop, void* context) {
        options.stop = stop;
        options.stop_context = context;
        return call();
      });
    };
    edgert_model* model = nullptr;
    if (py::isinstance<py::str>(source)) {
      const auto path = py::reinterpret_steal<py::bytes>(PyUnicode_EncodeFSDefault(source.ptr()));
      if (!path && !PyErr_ExceptionMatches(PyExc_UnicodeError)) throw py::error_already_set();
      PyErr_Clear();
      // What the API takes for the end would be the path of another file.
      if (!path || std::string(path).find('\0') != std::string::npos)
        throw Error(ErrorCode::kIo, "IO", "cannot open a path that no file can have");
      load([&] { return edgert_load(PyBytes_AS_STRING(path.ptr()), &options, &model); });
    } else {
      const LentBytes lent(source);
      load([&] { return edgert_load_memory(lent.data(), lent.bytes(), &options, &model); });
    }
    model_.reset(model);
    require_ok(edgert_get_info(model, &info_));
    inputs_ = tensors(info_.inputs, &edgert_get_input);
    outputs_ = tensors(info_.outputs, &edgert_get_output);
  }

  // inputs: one array per model input; outputs: None or one array per model output;
  // step_ms: None or a list that receives each step's milliseconds. Returns the outputs. Allocates
  // nothing if it is given outputs and the inputs need not be copied.
  py::list run(const py::list& inputs, const std::optional<py::list>& outputs,
               std::optional<py::list> step_ms) const {
    if (inputs.size() != inputs_.size() || (outputs && outputs->size() != outputs_.size()))
      throw Error(ErrorCode::kInput, "NAME", "wrong number of arrays");
    py::list lent(inputs_.size()), results(outputs_.size());  // keep the arrays alive
    SmallArray<edgert_input_array, 8> in(inputs_.size());
    SmallArray<edgert_output_array, 8> out(outputs_.size());
    for (size_t i = 0; i < inputs_.size(); ++i) {
      const py::array array = input_array(inputs_[i], inputs[i]);
      in[i] = {array.data(), inputs_[i].bytes};
      lent[i] = array;
    }
    for (size_t i = 0; i < outputs_.size(); ++i) {
      const edgert_tensor& tensor = outputs_[i];
      py::array array = outputs ? output_array(tensor, (*outputs)[i]) : make_array(tensor);
      out[i] = {array.mutable_data(), tensor.bytes};
      results[i] = array;
    }
    edgert_run_options options = EDGERT_RUN_OPTIONS_INIT;
    std::vector<double> times(step_ms ? info_.steps : 0);
    options.step_ms = step_ms ? times.data() : nullptr;
    options.steps = times.size();
    without_gil([&](edgert_stop stop, void* context) {
      options.stop = stop;
      options.stop_context = context;
      return edgert_run(model_.get(), in.data(), in.size(), out.data(), out.size(), &options);
    });
    for (double ms : times) step_ms->append(py::float_(ms));
    return results;
  }

  py::list inputs() const { return described(inputs_); }
  py::list outputs() const { return described(outputs_); }

  py::dict metadata() const {
    py::dict dict;
    for (size_t i = 0; i < info_.metadata; ++i) {
      const char *key, *value;
      require_ok(edgert_get_metadata(model_.get(), i, &key, &value));
      dict[py::str(key)] = py::str(value);
    }
    return dict;
  }

  py::dict memory() const {
    py::dict dict;
    dict["file_copied"] = py::int_(info_.file_copied);
    dict["weights_mapped"] = py::int_(info_.weights_mapped);
    dict["weights_repacked"] = py::int_(info_.weights_repacked);
    dict["tables"] = py::int_(info_.tables);
    dict["arena"] = py::int_(info_.arena);
    dict["scratch"] = py::int_(info_.scratch);
    return dict;
  }

  // (result, operator, kernel, form of the weight, output shape, output dtype, bytes of
  // constants, share of the weight that is left out)
  py::list plan() const {
    py::list list;
    for (size_t i = 0; i < info_.steps; ++i) {
      edgert_step step = EDGERT_STEP_INIT;
      require_ok(edgert_get_step(model_.get(), i, &step));
      list.append(py::make_tuple(step.name, step.op, step.kernel, step.form,
                                 shape_tuple(step.rank, step.dims), edgert_dtype_name(step.dtype),
                                 step.constant_bytes, step.zeros));
    }
    return list;
  }

  py::float_ operations() const { return info_.operations; }
  py::int_ threads() const { return info_.threads; }

  // The file that the session has a copy of.
  py::bytes file() const {
    const void* data;
    size_t bytes;
    require_ok(edgert_get_file(model_.get(), &data, &bytes));
    return {static_cast<const char*>(data), bytes};
  }

 private:
  using Getter = edgert_status (*)(const edgert_model*, size_t, edgert_tensor*);

  std::vector<edgert_tensor> tensors(size_t count, Getter get) const {
    std::vector<edgert_tensor> list(count, edgert_tensor EDGERT_TENSOR_INIT);
    for (size_t i = 0; i < count; ++i) require_ok(get(model_.get(), i, &list[i]));
    return list;
  }

  static py::array make_array(const edgert_tensor& tensor) {
    return py::array(py::dtype(edgert_dtype_name(tensor.dtype)),
                     std::vector<py::ssize_t>(tensor.dims, tensor.dims + tensor.rank));
  }

  static py::list described(const std::vector<edgert_tensor>& tensors) {
    py::list list;
    for (const edgert_tensor& tensor : tensors)
      list.append(py::make_tuple(tensor.name, shape_tuple(tensor.rank, tensor.dims),
                                 edgert_dtype_name(tensor.dtype)));
    return list;
  }

  struct Free {
    void operator()(edgert_model* model) const { edgert_free(model); }
  };

  std::unique_ptr<edgert_model, Free> model_;
  edgert_info info_ = EDGERT_INFO_INIT;
  std::vector<edgert_tensor> inputs_, outputs_;
};

std::unique_ptr<PySession> make_session(const py::object& source, std::optional<int64_t> threads,
                                        std::optional<uint64_t> memory_limit, double max_operations,
                                        bool map, bool verify) {
  return std::make_unique<PySession>(source, threads, memory_limit, max_operations, map, verify);
}

}  // namespace

void register_session(py::module_& m) {
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
