// A Python type whose objects hold a C++ object. pybind11 has class_ for that, but cannot do
// without memory for an object or for its entry in a table of them, and lets methods see objects
// whose constructor was never called.
#pragma once

#include <pybind11/pybind11.h>

#include <memory>
#include <utility>

#include "core/error.h"

namespace edgert {

template <typename T>
class ObjectType {
 public:
  // Adds the type to a module. `full_name`, "package.module.Name", must be a literal.
  ObjectType(pybind11::module_& m, const char* full_name) {
    PyType_Slot slots[] = {{Py_tp_dealloc, reinterpret_cast<void*>(&dealloc)}, {0, nullptr}};
    PyType_Spec spec = {full_name, sizeof(Object), 0, Py_TPFLAGS_DEFAULT, slots};
    type_ = pybind11::reinterpret_steal<pybind11::object>(PyType_FromSpec(&spec));
    if (!type_) throw pybind11::error_already_set();
    m.attr(type_.attr("__name__")) = type_;
  }

  // `names` are those of the arguments of `make`.
  template <typename... Args, typename... Names>
  void constructor(std::unique_ptr<T> (*make)(Args...), const Names&... names) const {
    const auto create = [make, type = type_.ptr()](pybind11::handle cls, Args... args) {
      if (cls.ptr() != type) throw pybind11::type_error("a constructor makes its own type alone");
      std::unique_ptr<T> value = make(std::forward<Args>(args)...);
      auto object = pybind11::reinterpret_steal<pybind11::object>(
          PyType_GenericAlloc(reinterpret_cast<PyTypeObject*>(type), 0));
      if (!object) throw pybind11::error_already_set();
      reinterpret_cast<Object*>(object.ptr())->value = value.release();
      return object;
    };
    type_.attr("__new__") = pybind11::staticmethod(
        pybind11::cpp_function(create, pybind11::name("__new__"), pybind11::arg("cls"), names...));
  }

  template <typename Result, typename... Args, typename... Names>
  void method(const char* name, Result (T::*function)(Args...) const, const Names&... names) const {
    type_.attr(name) = pybind11::cpp_function(
        [function, type = type_.ptr()](pybind11::handle self, Args... args) {
          return (value_of(self, type)->*function)(std::forward<Args>(args)...);
        },
        pybind11::name(name), pybind11::is_method(type_), names...);
  }

  template <typename Result>
  void property(const char* name, Result (T::*function)() const) const {
    const pybind11::handle builtin(reinterpret_cast<PyObject*>(&PyProperty_Type));
    type_.attr(name) = builtin(pybind11::cpp_function(
        [function, type = type_.ptr()](pybind11::handle self) {
          return (value_of(self, type)->*function)();
        },
        pybind11::name(name)));
  }

 private:
  struct Object {
    PyObject_HEAD T* value;  // null in an object that its constructor has not made
  };

  static const T* value_of(pybind11::handle self, PyObject* type) {
    if (pybind11::type::handle_of(self).ptr() != type)
      throw pybind11::type_error("self is of another type");
    const T* const value = reinterpret_cast<Object*>(self.ptr())->value;
    if (value == nullptr) throw Error(ErrorCode::kInput, "CLOSED", "the object was never made");
    return value;
  }

  static void dealloc(PyObject* self) {
    PyTypeObject* const type = Py_TYPE(self);
    delete reinterpret_cast<Object*>(self)->value;
    type->tp_free(self);
    Py_DECREF(type);
  }

  pybind11::object type_;
};

}  // namespace edgert
