// The schema as Python sees it: enumerations as dicts, records as numpy dtypes. Python packs files
// with these and has no list of its own.
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include <utility>

#include "bindings/bindings.h"
#include "core/text.h"
#include "schema/enums.h"
#include "schema/format.h"

namespace py = pybind11;

namespace edgert {
namespace {

void register_records() {
  static bool registered = false;
  if (std::exchange(registered, true)) return;
  PYBIND11_NUMPY_DTYPE(Activation, fn, alpha, beta);
  PYBIND11_NUMPY_DTYPE(EmptyAttrs, reserved);
  PYBIND11_NUMPY_DTYPE(ConvAttrs, strides, dilations, pads, groups, activation);
  PYBIND11_NUMPY_DTYPE(ConvTransposeAttrs, kernel, strides, dilations, pads, output_padding, groups,
                       activation);
  PYBIND11_NUMPY_DTYPE(GemmAttrs, activation);
  PYBIND11_NUMPY_DTYPE(PoolAttrs, kernel, strides, dilations, pads, ceil_mode, count_include_pad);
  PYBIND11_NUMPY_DTYPE(ReduceAttrs, fn, axes, keep_dims);
  PYBIND11_NUMPY_DTYPE(UnaryAttrs, function);
  PYBIND11_NUMPY_DTYPE(BinaryAttrs, fn, activation);
  PYBIND11_NUMPY_DTYPE(BatchNormAttrs, activation);
  PYBIND11_NUMPY_DTYPE(LayerNormAttrs, epsilon);
  PYBIND11_NUMPY_DTYPE(SoftmaxAttrs, axis, log);
  PYBIND11_NUMPY_DTYPE(LrnAttrs, size, alpha, beta, bias);
  PYBIND11_NUMPY_DTYPE(TransposeAttrs, perm);
  PYBIND11_NUMPY_DTYPE(ShapeAttrs, rank, dims);
  PYBIND11_NUMPY_DTYPE(AxisAttrs, axis);
  PYBIND11_NUMPY_DTYPE(SliceAttrs, starts, steps, sizes);
  PYBIND11_NUMPY_DTYPE(TileAttrs, repeats);
  PYBIND11_NUMPY_DTYPE(PadAttrs, mode, before, after, value);
  PYBIND11_NUMPY_DTYPE(ResizeAttrs, mode, coordinate, nearest, size, scale, cubic_coefficient,
                       exclude_outside);
  PYBIND11_NUMPY_DTYPE(CastAttrs, dtype);
  PYBIND11_NUMPY_DTYPE(Requantize, dtype, activation, scale, zero, low, high);
  PYBIND11_NUMPY_DTYPE(QuantizeAttrs, dtype, scale, zero);
  PYBIND11_NUMPY_DTYPE(QConvAttrs, strides, dilations, pads, groups, x_zero, residual_zero,
                       residual_scale, output);
  PYBIND11_NUMPY_DTYPE(QGemmAttrs, residual_zero, residual_scale, output);
  PYBIND11_NUMPY_DTYPE(QBinaryAttrs, fn, a_zero, a_scale, b_zero, b_scale, output);
  PYBIND11_NUMPY_DTYPE(QPoolAttrs, pool, x_zero, x_scale, output);
  PYBIND11_NUMPY_DTYPE(FileHeader, magic, version, endian, file_bytes, sections, header_crc,
                       reserved);
  PYBIND11_NUMPY_DTYPE(SectionRecord, id, crc, offset, bytes);
  PYBIND11_NUMPY_DTYPE(StringRef, offset, bytes);
  PYBIND11_NUMPY_DTYPE(MetadataRecord, key, value);
  PYBIND11_NUMPY_DTYPE(TensorRecord, name, dtype, layout, rank, reserved, payload, dims);
  PYBIND11_NUMPY_DTYPE(PayloadRecord, offset, bytes, encoding, crc);
  PYBIND11_NUMPY_DTYPE(NodeRecord, name, op, inputs, first_edge, attrs, attrs_bytes);
}

py::dict records() {
  register_records();
  py::dict d;
  d["FileHeader"] = py::dtype::of<FileHeader>();
  d["SectionRecord"] = py::dtype::of<SectionRecord>();
  d["MetadataRecord"] = py::dtype::of<MetadataRecord>();
  d["TensorRecord"] = py::dtype::of<TensorRecord>();
  d["PayloadRecord"] = py::dtype::of<PayloadRecord>();
  d["NodeRecord"] = py::dtype::of<NodeRecord>();
  return d;
}

// {operator: (id, attribute dtype, min_inputs, max_inputs)}
py::dict ops() {
  register_records();
  py::dict d;
#define X(name, id, attrs, min_inputs, max_inputs) \
  d[#name] = py::make_tuple(id, py::dtype::of<attrs>(), min_inputs, max_inputs);
#include "schema/ops.def"
#undef X
  return d;
}

// {enumeration: {name: value}}
py::dict enums() {
  py::dict dtype, layout, encoding, unary, binary, reduce, pad, resize, coordinate, nearest,
      section;
#define X(name, id, bits, numpy_name) dtype[numpy_name] = id;
#include "schema/dtypes.def"
#undef X
#define X(name, id) layout[#name] = id;
#include "schema/layouts.def"
#undef X
#define X(name, id) encoding[#name] = id;
#include "schema/encodings.def"
#undef X
#define X(name, id, record) section[#name] = id;
#include "schema/sections.def"
#undef X
#define UNARY(name, id) unary[#name] = id;
#define BINARY(name, id) binary[#name] = id;
#define REDUCTION(name, id) reduce[#name] = id;
#include "schema/functions.def"
#define PAD_MODE(name, id) pad[#name] = id;
#define RESIZE_MODE(name, id) resize[#name] = id;
#define RESIZE_COORDINATE(name, id) coordinate[#name] = id;
#define RESIZE_NEAREST(name, id) nearest[#name] = id;
#include "schema/modes.def"
  py::dict d;
  d["DType"] = dtype;
  d["Layout"] = layout;
  d["Encoding"] = encoding;
  d["Section"] = section;
  d["UnaryFn"] = unary;
  d["BinaryFn"] = binary;
  d["ReduceFn"] = reduce;
  d["PadMode"] = pad;
  d["ResizeMode"] = resize;
  d["ResizeCoordinate"] = coordinate;
  d["ResizeNearest"] = nearest;
  return d;
}

}  // namespace

void register_schema(py::module_& m) {
  // Functions, because a device that only runs models does not need the tables.
  m.def("records", &records, "{record: dtype}");
  m.def("ops", &ops, "{operator: (id, attribute dtype, min_inputs, max_inputs)}");
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
      "is_clean_text", [](const std::string& utf8) { return is_clean_text(utf8); },
      "Whether bytes may stand in a file as a name");
}

}  // namespace edgert
