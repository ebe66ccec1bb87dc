// C++ errors become the classes of edgert.errors.
#include "api/errors.h"

#include <pybind11/pybind11.h>

#include <cstring>
#include <exception>
#include <new>
#include <stdexcept>

#include "bindings/bindings.h"

namespace py = pybind11;

namespace edgert {
namespace {

const char* class_name(edgert_status status) {
  switch (status) {
    case EDGERT_ERROR_FORMAT:
      return "FormatError";
    case EDGERT_ERROR_VERSION:
      return "VersionError";
    case EDGERT_ERROR_INTEGRITY:
      return "IntegrityError";
    case EDGERT_ERROR_LIMIT:
      return "LimitError";
    case EDGERT_ERROR_UNSUPPORTED:
      return "UnsupportedError";
    case EDGERT_ERROR_IO:
      return "ModelIOError";
    case EDGERT_ERROR_RESOURCE:
      return "ResourceError";
    case EDGERT_ERROR_NULL:
    case EDGERT_ERROR_ARGUMENT:
    case EDGERT_ERROR_SIZE:
    case EDGERT_ERROR_ALIGNMENT:
    case EDGERT_ERROR_OVERLAP:
    case EDGERT_ERROR_INPUT:
      return "InputError";
    default:
      return "EdgertError";
  }
}

// Sets the Python error; if there is no memory for that, Python's own MemoryError stays. Throws
// nothing: pybind11 would forget it and take the C++ error for an unknown one.
void raise(edgert_status status, const char* rule, const char* what) noexcept {
  PyErr_Clear();
  // First, as the import may run handlers of signals, and these models, whose errors take the place
  // of this one.
  PyObject* const text =
      PyUnicode_DecodeUTF8(what, static_cast<Py_ssize_t>(std::strlen(what)), "backslashreplace");
  PyObject* const errors = text ? PyImport_ImportModule("edgert.errors") : nullptr;
  PyObject* const type = errors ? PyObject_GetAttrString(errors, class_name(status)) : nullptr;
  PyObject* const error = type ? PyObject_CallFunction(type, "Os", text, rule) : nullptr;
  if (error) PyErr_SetObject(type, error);
  Py_XDECREF(error);
  Py_XDECREF(text);
  Py_XDECREF(type);
  Py_XDECREF(errors);
}

void raise_last(edgert_status status) noexcept {
  raise(status, edgert_last_rule(), edgert_last_error());
}

// Local to this module: others that use pybind11 have their own idea of std::bad_alloc.
void translate(std::exception_ptr pointer) {
  try {
    if (pointer) std::rethrow_exception(pointer);
  } catch (const Failed& failed) {
    raise_last(failed.status);
  } catch (const Error&) {
    raise_last(keep_current_exception());
  } catch (const std::bad_alloc&) {
    raise_last(keep_current_exception());
  } catch (const std::runtime_error&) {
    // What pybind11 makes of an object that Python had no memory for.
    if (PyErr_Occurred() == nullptr || !PyErr_ExceptionMatches(PyExc_MemoryError)) throw;
    raise(EDGERT_ERROR_RESOURCE, "MEMORY", "out of memory");
  }
}

}  // namespace

void register_errors(py::module_&) { py::register_local_exception_translator(translate); }

}  // namespace edgert
