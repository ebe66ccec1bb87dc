// C++ errors become the classes of edgert.errors.
#include <pybind11/pybind11.h>

#include <cstring>
#include <exception>
#include <new>
#include <stdexcept>

#include "bindings/bindings.h"
#include "core/error.h"

namespace py = pybind11;

namespace edgert {
namespace {

const char* class_name(ErrorCode code) {
  switch (code) {
    case ErrorCode::kFormat:
      return "FormatError";
    case ErrorCode::kVersion:
      return "VersionError";
    case ErrorCode::kIntegrity:
      return "IntegrityError";
    case ErrorCode::kLimit:
      return "LimitError";
    case ErrorCode::kUnsupported:
      return "UnsupportedError";
    case ErrorCode::kIo:
      return "ModelIOError";
    case ErrorCode::kInput:
      return "InputError";
    case ErrorCode::kResource:
      return "ResourceError";
  }
  return "EdgertError";
}

// Sets the Python error; if there is no memory for that, Python's own MemoryError stays. Throws
// nothing: pybind11 would forget it and take the C++ error for an unknown one.
void raise(ErrorCode code, const char* rule, const char* what) noexcept {
  PyErr_Clear();
  PyObject* const errors = PyImport_ImportModule("edgert.errors");
  PyObject* const type = errors ? PyObject_GetAttrString(errors, class_name(code)) : nullptr;
  // A path may be no UTF-8, and a long name may have been cut in the middle of a character.
  PyObject* const text =
      type ? PyUnicode_DecodeUTF8(what, static_cast<Py_ssize_t>(std::strlen(what)),
                                  "backslashreplace")
           : nullptr;
  PyObject* const error = text ? PyObject_CallFunction(type, "Os", text, rule) : nullptr;
  if (error) PyErr_SetObject(type, error);
  Py_XDECREF(error);
  Py_XDECREF(text);
  Py_XDECREF(type);
  Py_XDECREF(errors);
}

void raise_out_of_memory() { raise(ErrorCode::kResource, "MEMORY", "out of memory"); }

// Local to this module: others that use pybind11 have their own idea of std::bad_alloc.
void translate(std::exception_ptr pointer) {
  try {
    if (pointer) std::rethrow_exception(pointer);
  } catch (const Error& error) {
    raise(error.code(), error.rule(), error.what());
  } catch (const std::bad_alloc&) {
    raise_out_of_memory();
  } catch (const std::runtime_error&) {
    // What pybind11 makes of an object that Python had no memory for.
    if (PyErr_Occurred() == nullptr || !PyErr_ExceptionMatches(PyExc_MemoryError)) throw;
    raise_out_of_memory();
  }
}

}  // namespace

void register_errors(py::module_&) { py::register_local_exception_translator(translate); }

}  // namespace edgert
