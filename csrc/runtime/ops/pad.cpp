#include <cmath>
#include <cstring>

#include "core/half.h"
#include "runtime/movers/strided_copy.h"
#include "runtime/op.h"

namespace edgert {
namespace {

// The value of the padding as an element of `dtype`, in the first bytes; false if it has none.
bool encode_value(float value, DType dtype, std::byte* element) {
  if (dtype == DType::f32) {
    std::memcpy(element, &value, sizeof value);
    return true;
  }
  if (dtype == DType::f64) {
    const double number = value;
    std::memcpy(element, &number, sizeof number);
    return true;
  }
  if (dtype == DType::f16) {
    const Half half = to_half(value);
    std::memcpy(element, &half, sizeof half);
    return true;
  }
  float low = 0, high = 1;  // of the other types, as floats that are in their range
  if (dtype == DType::i8) low = -128, high = 127;
  if (dtype == DType::u8) high = 255;
  if (dtype == DType::i16) low = -0x1p15f, high = 0x1p15f - 1;
  if (dtype == DType::i32) low = -0x1p31f, high = 0x1.fffffep30f;
  if (dtype == DType::i64) low = -0x1p63f, high = 0x1.fffffep62f;
  if (!(value >= low && value <= high) || std::trunc(value) != value) return false;
  const int64_t integer = static_cast<int64_t>(value);
  std::memcpy(element, &integer, dtype_bytes(dtype));  // little-endian
  return true;
}

OutputTypes infer(const NodeTypes& node) {
  const PadAttrs& attrs = node.attrs<PadAttrs>();
  const TensorType& in = node.input(0);
  const PadMode mode = static_cast<PadMode>(attrs.mode);
  std::byte element[8];
  if (mode == PadMode::constant) {
    if (!encode_value(attrs.value, in.dtype, element))
      node.fail("ATTR", "cannot pad %s with %g", dtype_name(in.dtype), attrs.value);
  } else if (mode != PadMode::reflect && mode != PadMode::edge) {
    node.fail("ATTR", "unknown mode %d", attrs.mode);
  }
  Shape out;
  out.rank = in.shape.rank;
  for (int i = 0; i < out.rank; ++i) {
    const int32_t size = in.shape[i], before = attrs.before[i], after = attrs.after[i];
    // A reflection does not repeat the edge, and stays inside of the input.
    const int32_t most = mode == PadMode::constant           ? INT32_MAX
                         : mode == PadMode::edge && size > 0 ? INT32_MAX
                         : size > 0                          ? size - 1
                                                             : 0;
    if (before < 0 || before > most || after < 0 || after > most)
      node.fail("ATTR", "axis %d has %d elements, its pads are %d and %d; expected 0 to %d", i,
                size, before, after, most);
    out[i] = node.output_dim(int64_t{size} + before + after);
  }
  node.require_unused_zero(attrs.before, "before");
  node.require_unused_zero(attrs.after, "after");
  return {in.dtype, out};
}

// One box of the border: copied from the output itself, or from the value of the padding.
struct Border {
  StridedCopy copy;
  ptrdiff_t from, to;  // bytes from the start of the output
};

struct Pad {
  uint32_t input, output;
  StridedCopy interior;
  ptrdiff_t interior_start;     // bytes from the start of the output
  std::vector<Border> borders;  // in an order in which each finds its source complete
  bool constant;
  std::byte value[8];

  void operator()(const RunContext& context) const {
    std::byte* const out = context.tensor<std::byte>(output);
    interior.run(context.tensor<std::byte>(input), out + interior_start, context.pool());
    for (const Border& border : borders)
      border.copy.run(constant ? value : out + border.from, out + border.to, context.pool());
  }
};

// The interior first; then, from the last axis to the first, the slabs before and after it along
// that axis, which span the whole output in the axes behind and the interior in those before.
Step bind(const BindContext& context) {
  const PadAttrs& attrs = context.attrs<PadAttrs>();
  const PadMode mode = static_cast<PadMode>(attrs.mode);
  const TensorType& in = context.input(0)->type;
  const Shape& out = context.output().type.shape;
  const int rank = out.rank;
  const ptrdiff_t bytes = static_cast<ptrdiff_t>(dtype_bytes(in.dtype));

  std::vector<CopyAxis> axes;  // of the box, with the strides of the output
  ptrdiff_t start = 0;
  for (int i = 0; i < rank; ++i) {
    axes.push_back({static_cast<size_t>(in.shape[i]), in.shape.stride(i), out.stride(i)});
    start += attrs.before[i] * out.stride(i);
  }
  Pad pad{context.input_index(0),
          context.output_index(),
          StridedCopy(dtype_bytes(in.dtype), axes),
          start * bytes,
          {},
          mode == PadMode::constant,
          {}};
  if (pad.constant) encode_value(attrs.value, in.dtype, pad.value);

  for (int i = 0; i < rank; ++i) axes[i].src = pad.constant ? 0 : axes[i].dst;
  for (int axis = rank - 1; axis >= 0; --axis) {
    const ptrdiff_t stride = out.stride(axis);
    start -= attrs.before[axis] * stride;  // the box now begins where the output does along `axis`
    const auto add = [&](int32_t count, ptrdiff_t from, ptrdiff_t to) {
      if (count == 0) return;
      std::vector<CopyAxis> box = axes;
      const ptrdiff_t step = mode == PadMode::reflect ? -stride : 0;
      box[axis] = {static_cast<size_t>(count), step, stride};
      pad.borders.push_back({StridedCopy(dtype_bytes(in.dtype), box),
                             (start + from * stride) * bytes, (start + to * stride) * bytes});
    };
    const ptrdiff_t first = attrs.before[axis], end = first + in.shape[axis];
    const bool reflect = mode == PadMode::reflect;
    add(attrs.before[axis], reflect ? 2 * first : first, 0);
    add(attrs.after[axis], reflect ? end - 2 : end - 1, end);
    axes[axis] = {static_cast<size_t>(out[axis]), pad.constant ? 0 : stride, stride};
  }
  return {"pad", 0, std::move(pad)};
}

}  // namespace

extern const OpDef pad_op = {infer, bind};

}  // namespace edgert
