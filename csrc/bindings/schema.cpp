// The schema as Python sees it: enumerations as dicts, records as numpy dtypes. Python packs files
// with these and has no list of its own.
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include <string>

#include "bindings/bindings.h"
#include "core/text.h"
#include "schema/enums.h"
#include "schema/format.h"

namespace py = pybind11;

namespace edgert {
namespace {

// How numpy spells a type; RECORD below specialises it for the records of the schema. (pybind11 can
// do so too, but through the streams of the standard library, a tenth of the extension module.)
template <typename T>
struct Format {
  static py::object of(const T&) { return py::dtype::of<T>(); }
};

template <typename T, size_t n>
struct Format<T[n]> {
  static py::object of(const T (&array)[n]) { return py::make_tuple(Format<T>::of(array[0]), n); }
};

template <size_t n>
struct Format<char[n]> {
  static py::object of(const char (&)[n]) { return py::str("S" + std::to_string(n)); }
};

// Of a record, from its members and their names, "a, b, c".
template <typename Record, typename... Members>
py::dtype record_dtype(const Record& record, const char* names, const Members&... members) {
  const auto offset = [&](const void* member) {
    return static_cast<const char*>(member) - reinterpret_cast<const char*>(&record);
  };
  py::list formats, offsets;
  (formats.append(Format<Members>::of(members)), ...);
  (offsets.append(offset(&members)), ...);
  return py::dtype(py::list(py::str(names).attr("split")(", ")), formats, offsets, sizeof record);
}

// All members, in their order: the compiler complains about one that is missing.
#define RECORD(Type, ...)                                     \
  template <>                                                 \
  struct Format<Type> {                                       \
    static py::dtype of(const Type& record = {}) {            \
      const auto& [__VA_ARGS__] = record;                     \
      return record_dtype(record, #__VA_ARGS__, __VA_ARGS__); \
    }                                                         \
  };
RECORD(Activation, fn, alpha, beta)
RECORD(EmptyAttrs, reserved)
RECORD(ConvAttrs, strides, dilations, pads, groups, activation)
RECORD(ConvTransposeAttrs, kernel, strides, dilations, pads, output_padding, groups, activation)
RECORD(GemmAttrs, activation)
RECORD(PoolAttrs, kernel, strides, dilations, pads, ceil_mode, count_include_pad)
RECORD(ReduceAttrs, fn, axes, keep_dims)
RECORD(UnaryAttrs, function)
RECORD(BinaryAttrs, fn, activation)
RECORD(CompareAttrs, fn)
RECORD(CumulateAttrs, fn, axis)
RECORD(RnnAttrs, reverse, clip, hidden)
RECORD(LstmAttrs, reverse, input_forget, clip, gate, cell, hidden)
RECORD(GruAttrs, reverse, linear_before_reset, clip, gate, candidate)
RECORD(BatchNormAttrs, activation)
RECORD(LayerNormAttrs, epsilon)
RECORD(SoftmaxAttrs, axis, log)
RECORD(LrnAttrs, size, alpha, beta, bias)
RECORD(TransposeAttrs, perm)
RECORD(ShapeAttrs, rank, dims)
RECORD(AxisAttrs, axis)
RECORD(TopKAttrs, k, smallest)
RECORD(SliceAttrs, starts, steps, sizes)
RECORD(TileAttrs, repeats)
RECORD(PadAttrs, mode, before, after, value)
RECORD(ResizeAttrs, mode, size, first, step, unit, cubic_coefficient, exclude_outside)
RECORD(CastAttrs, dtype)
RECORD(Requantize, dtype, activation, scale, zero, low, high)
RECORD(QuantizeAttrs, dtype, scale, zero, shift)
RECORD(QConvAttrs, strides, dilations, pads, groups, x_zero, residual_zero, residual_scale, output)
RECORD(QGemmAttrs, residual_zero, residual_scale, output)
RECORD(QConvTransposeAttrs, strides, dilations, pads, output_padding, x_zero, output)
RECORD(QBinaryAttrs, fn, shifted, a_zero, a_scale, b_zero, b_scale, shift, output)
RECORD(QLayerNormAttrs, epsilon, zero)
RECORD(QPoolAttrs, pool, x_zero, x_scale, output)
RECORD(SignsAttrs, zero, nan)
RECORD(BConvAttrs, strides, dilations, pads, groups, channels, pad, activation)
RECORD(BGemmAttrs, channels, activation)
RECORD(BlockGemmAttrs, block, zero, activation)
RECORD(FileHeader, magic, version, endian, file_bytes, sections, header_crc, reserved)
RECORD(SectionRecord, id, crc, offset, bytes)
RECORD(MetadataRecord, key_bytes, value_bytes)
RECORD(TensorRecord, payload, facts, name_bytes, dtype, form, rank, reserved)
RECORD(NodeRecord, op, inputs, outputs)
#undef RECORD

py::dict records() {
  py::dict d;
  d["FileHeader"] = Format<FileHeader>::of();
  d["SectionRecord"] = Format<SectionRecord>::of();
  d["MetadataRecord"] = Format<MetadataRecord>::of();
  d["TensorRecord"] = Format<TensorRecord>::of();
  d["NodeRecord"] = Format<NodeRecord>::of();
  return d;
}

// {operator: (id, attribute dtype, min_inputs, max_inputs, optional_inputs, weight_inputs,
// outputs)}
py::dict ops() {
  py::dict d;
#define X(name, id, attrs, ...) d[#name] = py::make_tuple(id, Format<attrs>::of(), __VA_ARGS__);
#include "schema/ops.def"
#undef X
  return d;
}

// {enumeration: {name: value}}
py::dict enums() {
  py::dict dtype, form, unary, binary, compare, reduce, pad, resize, section;
#define X(name, id, bits, numpy_name) dtype[numpy_name] = id;
#include "schema/dtypes.def"
#undef X
#define X(name, id, ...) form[#name] = id;
#include "schema/weights.def"
#undef X
#define X(name, id, record) section[#name] = id;
#include "schema/sections.def"
#undef X
#define UNARY(name, id) unary[#name] = id;
#define BINARY(name, id) binary[#name] = id;
#define COMPARISON(name, id) compare[#name] = id;
#define REDUCTION(name, id) reduce[#name] = id;
#include "schema/functions.def"
#define PAD_MODE(name, id) pad[#name] = id;
#define RESIZE_MODE(name, id) resize[#name] = id;
#include "schema/modes.def"
  py::dict d;
  d["DType"] = dtype;
  d["Form"] = form;
  d["Section"] = section;
  d["UnaryFn"] = unary;
  d["BinaryFn"] = binary;
  d["CompareFn"] = compare;
  d["ReduceFn"] = reduce;
  d["PadMode"] = pad;
  d["ResizeMode"] = resize;
  return d;
}

}  // namespace

void register_schema(py::module_& m) {
  // Functions, because a device that only runs models does not need the tables.
  m.def("records", &records, "{record: dtype}");
  m.def("ops", &ops,
        "{operator: (id, attribute dtype, min_inputs, max_inputs, optional_inputs, weight_inputs, "
        "outputs)}");
  m.def("enums", &enums, "{enumeration: {name: value}}");
  m.attr("MAGIC") = py::bytes(reinterpret_cast<const char*>(kMagic), sizeof kMagic);
  m.attr("VERSION") = kVersion;
  m.attr("ENDIAN_TAG") = kEndianTag;
  m.attr("RECORD_ALIGNMENT") = kRecordAlignment;
  m.attr("PAYLOAD_ALIGNMENT") = kPayloadAlignment;
  m.attr("NONE") = kNone;
  m.attr("MAX_RANK") = kMaxRank;
  m.attr("MAX_NAME_BYTES") = kMaxNameBytes;
  m.attr("MAX_NODES") = kMaxNodes;
  m.def(
      "is_clean_text",
      [](const std::string& utf8, bool multiline) { return is_clean_text(utf8, multiline); },
      py::arg("utf8"), py::arg("multiline") = false,
      "Whether bytes may stand in a file as a name, or as a value of its metadata if multiline");
}

}  // namespace edgert
