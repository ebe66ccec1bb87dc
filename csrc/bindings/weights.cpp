// How constants lie in a file, for the converter: there is no second packer.
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include <cstring>
#include <string>

#include "bindings/bindings.h"
#include "core/error.h"
#include "weights/coded/coded.h"
#include "weights/coded/shorts.h"
#include "weights/facts.h"
#include "weights/forms.h"
#include "weights/packed/code_panels.h"
#include "weights/sparse/blocks.h"

namespace py = pybind11;

namespace edgert {
namespace {

const std::byte* bytes_of(const py::array& array) {
  return static_cast<const std::byte*>(array.data());
}
std::byte* bytes_of(py::array& array) { return static_cast<std::byte*>(array.mutable_data()); }

// The type of an array whose elements lie side by side.
TensorType type_of(const py::array& array) {
  TensorType type;
  if (array.ndim() > kMaxRank || !(array.flags() & py::array::c_style))
    throw Error(ErrorCode::kInput, "ARRAY", "expected a contiguous array");
  bool known = false;
#define X(name, id, bits, numpy)                                             \
  if (array.dtype().normalized_num() == py::dtype(numpy).normalized_num()) { \
    type.dtype = DType::name;                                                \
    known = true;                                                            \
  }
#include "schema/dtypes.def"
#undef X
  if (!known) throw Error(ErrorCode::kInput, "DTYPE", "no element type of a file");
  for (py::ssize_t i = 0; i < array.ndim(); ++i)
    type.shape[type.shape.rank++] = static_cast<int32_t>(array.shape(i));
  return type;
}

uint64_t checked_bytes(const TensorType& type, Form form, uint32_t facts) {
  const auto bytes = payload_bytes(type, form, facts);
  if (!bytes) throw Error(ErrorCode::kInput, "FORM", "no constant of this type lies so");
  return *bytes;
}

// The elements in the order, and with the zeros, of a form that is used where it lies; the bytes of
// a sparse or packed one.
py::array pack_weight(const py::array& data, int id) {
  const TensorType type = type_of(data);
  const Form form = static_cast<Form>(id);
  const WeightShape shape = weight_shape(type.shape);
  checked_bytes(type, form, 0);
  if (is_packed(form) && !CodePanels(form, shape, type.dtype).can_hold(bytes_of(data)))
    throw Error(ErrorCode::kInput, "FORM", "more different elements than the form has codes for");
  const uint64_t bytes = packed_bytes(form, shape, type.dtype, bytes_of(data));
  const bool ordered = is_ordered(form);
  py::array stored(ordered ? data.dtype() : py::dtype::of<uint8_t>(),
                   static_cast<py::ssize_t>(bytes / (ordered ? dtype_bytes(type.dtype) : 1)));
  pack(form, shape, type.dtype, bytes_of(data), type.dtype, bytes_of(stored));
  return stored;
}

// What a file can claim of the array, which pack_weight() has made `stored` of.
uint32_t weight_facts(const py::array& data, const py::array& stored, int id) {
  const TensorType type = type_of(data);
  const Form form = static_cast<Form>(id);
  return encode_facts(form, facts_of(form, type.dtype, weight_shape(type.shape), bytes_of(stored)));
}

// Fills `data` with the elements of a payload, of which a file claims `facts`.
void unpack_weight(const py::buffer& payload, int id, py::array data, uint32_t facts) {
  const TensorType type = type_of(data);
  const py::buffer_info info = payload.request();
  const Form form = static_cast<Form>(id);
  const uint64_t bytes = static_cast<uint64_t>(info.size * info.itemsize);
  const auto* const stored = static_cast<const std::byte*>(info.ptr);
  if (is_sparse(form)) {
    const Blocks blocks(form, weight_shape(type.shape), type.dtype);
    if (!blocks.holds(bytes, stored))
      throw Error(ErrorCode::kInput, "SIZE", "no payload of blocks of this weight");
  } else if (bytes != checked_bytes(type, form, facts)) {
    throw Error(ErrorCode::kInput, "SIZE", "a payload of the wrong size");
  }
  if (is_decoded(form))
    return decode(form, type, decode_coded_facts(facts).bits, stored, bytes_of(data));
  unpack(form, weight_shape(type.shape), type.dtype, stored, bytes_of(data));
}

// The array, int32 or float32, rounded to what the form `shorts` keeps; unchanged if elements
// are not finite, or the largest is too large for it.
py::array nearest_shorts(const py::array& any) {
  const py::array data = py::array::ensure(any, py::array::c_style);
  const TensorType type = type_of(data);
  if (!shorts_bytes(type)) return data;
  const size_t n = type.shape.elements();
  const auto exponent = shorts_exponent(type.dtype, bytes_of(data), n);
  if (!exponent) return data;
  py::array rounded(data.dtype(),
                    std::vector<py::ssize_t>(data.shape(), data.shape() + data.ndim()));
  round_to_shorts(type.dtype, *exponent, n, bytes_of(data), bytes_of(rounded));
  return rounded;
}

// The form, the facts and the payload of the shortest that is decoded to these elements, bit by
// bit, in the form `wanted`, of which `claimed` is claimed; None if there is none.
py::object encode_weight(const py::array& data, int wanted, uint32_t claimed) {
  const auto coded = encode(type_of(data), bytes_of(data));
  if (!coded) return py::none();
  const uint32_t facts = encode_coded_facts({static_cast<Form>(wanted), coded->bits, claimed});
  const auto* const payload = reinterpret_cast<const char*>(coded->payload.data());
  return py::make_tuple(static_cast<int>(coded->form), facts,
                        py::bytes(payload, coded->payload.size()));
}

// [sums, members]: the places of the weights that meet in each, -1 for none.
py::array weights_that_meet(int fit, size_t rows, size_t taps, size_t channels) {
  const auto rule = static_cast<WeightFit>(fit);
  const std::vector<int64_t> sums = meeting(rule, rows, taps, channels);
  const size_t members = sum_members(rule);
  return py::array_t<int64_t>({sums.size() / members, members}, sums.data());
}

}  // namespace

void register_weights(py::module_& m) {
  m.def("pack_weight", &pack_weight, py::arg("data"), py::arg("form"));
  m.def("weight_facts", &weight_facts, py::arg("data"), py::arg("stored"), py::arg("form"));
  m.def("unpack_weight", &unpack_weight, py::arg("payload"), py::arg("form"), py::arg("data"),
        py::arg("facts"));
  m.def("encode_weight", &encode_weight, py::arg("data"), py::arg("wanted"), py::arg("claimed"));
  m.def("nearest_shorts", &nearest_shorts, py::arg("data"));
  m.def("weights_that_meet", &weights_that_meet, py::arg("fit"), py::arg("rows"), py::arg("taps"),
        py::arg("channels"));
  m.def(
      "payload_alignment", [](int form) { return payload_alignment(static_cast<Form>(form)); },
      py::arg("form"));
  m.def(
      "is_decoded", [](int form) { return is_decoded(static_cast<Form>(form)); }, py::arg("form"));
  m.def("is_sparse", [](int form) { return is_sparse(static_cast<Form>(form)); }, py::arg("form"));
  m.def(
      "holds_weight",
      [](const py::array& data, int form) {
        const TensorType type = type_of(data);
        return is_packed(static_cast<Form>(form)) &&
               CodePanels(static_cast<Form>(form), weight_shape(type.shape), type.dtype)
                   .can_hold(bytes_of(data));
      },
      py::arg("data"), py::arg("form"));
  m.def(
      "payload_bytes",
      [](const py::array& data, int form, uint32_t facts) {
        return checked_bytes(type_of(data), static_cast<Form>(form), facts);
      },
      py::arg("data"), py::arg("form"), py::arg("facts"));
  m.attr("MAX_FIT") = kMaxFit;
}

}  // namespace edgert
