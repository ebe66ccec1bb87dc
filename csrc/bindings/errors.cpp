// C++ errors become the classes of edgert.errors.
#include <pybind11/pybind11.h>

#include <cstring>
#include <exception>
#include <new>

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

void raise(ErrorCode code, const char* rule, const char* what) {
  const py::object type = py::module_::import("edgert.errors").attr(class_name(code));
  // A path may be no UTF-8, and a long name may have been cut in the middle of a character.
  const py::object text = py::reinterpret_steal<py::object>(
      PyUnicode_DecodeUTF8(what, static_cast<py::ssize_t>(std::strlen(what)), "backslashreplace"));
  const py::object error = type(text, py::str(rule));
  PyErr_SetObject(type.ptr(), error.ptr());
}

void translate(std::exception_ptr pointer) {
  try {
    if (pointer) std::rethrow_exception(pointer);
  } catch (const Error& error) {
    raise(error.code(), error.rule(), error.what());
  } catch (const std::bad_alloc&) {
    raise(ErrorCode::kResource, "MEMORY", "out of memory");
  }
}

}  // namespace

void register_errors(py::module_&) { py::register_exception_translator(translate); }

}  // namespace edgert
