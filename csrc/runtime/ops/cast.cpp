#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <type_traits>

#include "core/half.h"
#include "runtime/movers/elementwise.h"
#include "runtime/op.h"
#include "runtime/split.h"

namespace edgert {
namespace {

OutputTypes infer(const NodeTypes& node) {
  const int32_t dtype = node.attrs<CastAttrs>().dtype;
  // Only quantised networks have it, which are not cast.
  if (node.input(0).dtype == DType::i16 || dtype == static_cast<int32_t>(DType::i16))
    node.fail("DTYPE", "int16 cannot be cast, only quantised and dequantised");
  switch (static_cast<DType>(dtype)) {
#define X(name, id, bits, numpy) case DType::name:
#include "schema/dtypes.def"
#undef X
    if (dtype != static_cast<uint8_t>(dtype)) break;
    return {static_cast<DType>(dtype), node.shape(0)};
  }
  node.fail("ATTR", "unknown type %d", dtype);
}

// A float of 16 bits is rounded half to even, once. A float becomes the integer towards zero, the
// nearest one of the type if it is out of range, 0 if it is not a number. Integers wrap around.
// Anything but zero is true.
template <typename To, typename From>
To convert(From x) {
  if constexpr (std::is_same_v<From, To>) {
    return x;
  } else if constexpr (std::is_same_v<From, Half>) {
    return convert<To>(to_float(x));
  } else if constexpr (std::is_same_v<To, Half>) {
    if constexpr (std::is_same_v<From, float>) return to_half(x);
    return to_half(static_cast<double>(x));
  } else if constexpr (std::is_same_v<To, bool>) {
    return x != 0;
  } else if constexpr (std::is_floating_point_v<From> && std::is_integral_v<To>) {
    using Limits = std::numeric_limits<To>;
    // The limits plus one are powers of two, which floats hold exactly.
    const From above = std::ldexp(From{1}, Limits::digits);
    if (x != x) return 0;
    if (x >= above) return Limits::max();
    if (x <= static_cast<From>(Limits::min())) return Limits::min();
    return static_cast<To>(x);
  } else {
    return static_cast<To>(x);
  }
}

constexpr size_t kBlock = 256;  // elements at a time, whose wide ones stay in the first cache

// What holds every value of a type, so that there need not be a loop for each pair of types.
template <typename T>
using Wide =
    std::conditional_t<std::is_floating_point_v<T> || std::is_same_v<T, Half>, double, int64_t>;

template <typename From>
void widen(const std::byte* x, size_t first, size_t n, Wide<From>* wide) {
  const Stored<From>* const from = reinterpret_cast<const Stored<From>*>(x) + first;
  for (size_t i = 0; i < n; ++i) wide[i] = convert<Wide<From>>(static_cast<From>(from[i]));
}

template <typename To, typename W>
void narrow(const W* wide, size_t n, std::byte* y, size_t first) {
  To* const to = reinterpret_cast<To*>(y) + first;
  for (size_t i = 0; i < n; ++i) to[i] = convert<To>(wide[i]);
}

template <typename W>
Step bind_pair(const BindContext& context, void (*widen)(const std::byte*, size_t, size_t, W*),
               void (*narrow)(const W*, size_t, std::byte*, size_t)) {
  const size_t n = context.output().type.shape.elements();
  const uint32_t in = context.input_index(0), out = context.output_index();
  return {"portable", 0, [=](const RunContext& run) {
            const std::byte* const x = run.tensor<std::byte>(in);
            std::byte* const y = run.tensor<std::byte>(out);
            split_elements(run.pool(), n, 2 * sizeof(W), [=](size_t first, size_t last) {
              W wide[kBlock];
              for (; first < last; first += kBlock) {
                const size_t count = std::min(kBlock, last - first);
                widen(x, first, count, wide);
                narrow(wide, count, y, first);
              }
            });
          }};
}

// Calls body with a value of the C++ type of `dtype`.
template <typename Body>
auto with_type(DType dtype, const Body& body) {
  if (dtype == DType::f32) return body(float{});
  if (dtype == DType::f16) return body(Half{});
  if (dtype == DType::f64) return body(double{});
  return with_integer(dtype, body);
}

Step bind(const BindContext& context) {
  return with_type(context.input(0)->type.dtype, [&](auto from) {
    using W = Wide<decltype(from)>;
    return bind_pair<W>(
        context, widen<decltype(from)>,
        with_type(context.output().type.dtype, [](auto to) { return narrow<decltype(to), W>; }));
  });
}

}  // namespace

extern const OpDef cast_op = {infer, bind};

}  // namespace edgert
