// Elements of any type, one by one: what has no kernel, as nothing waits for it.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <tuple>
#include <type_traits>
#include <utility>

#include "runtime/movers/broadcast.h"
#include "runtime/op.h"

namespace edgert {

// How elements of a type lie in arrays: any byte but zero is true, whatever the caller's holds.
template <typename T>
using Stored = std::conditional_t<std::is_same_v<T, bool>, uint8_t, T>;

// Calls body with a value of the C++ type of `dtype`, an integer or a truth value.
template <typename Body>
auto with_integer(DType dtype, const Body& body) {
  switch (dtype) {
    case DType::i64:
      return body(int64_t{});
    case DType::i32:
      return body(int32_t{});
    case DType::i16:
      return body(int16_t{});
    case DType::i8:
      return body(int8_t{});
    case DType::u8:
      return body(uint8_t{});
    case DType::boolean:
      return body(bool{});
    case DType::f32:
    case DType::f16:
    case DType::f64:
      break;
  }
  __builtin_unreachable();  // callers have asked for floats before, or infer() has refused them
}

template <typename Y, typename... X, typename Function, size_t... input>
Step bind_elementwise(const BindContext& context, const Function& function,
                      std::index_sequence<input...>) {
  const Broadcast<sizeof...(X)> shape(context);
  const std::array<uint32_t, sizeof...(X)> in = {context.input_index(input)...};
  const uint32_t out = context.output_index();
  return {
      "portable", 0, [=](const RunContext& run) {
        const std::tuple x(run.tensor<Stored<X>>(in[input])...);
        Stored<Y>* const y = run.tensor<Stored<Y>>(out);
        const auto body = [=](size_t at, size_t rows, size_t columns, const auto& from) {
          for (size_t r = 0; r < rows; ++r) {
            const std::tuple row(std::get<input>(x) + from[input].offset + r * from[input].row...);
            for (size_t j = 0; j < columns; ++j)
              y[at + r * columns + j] =
                  function(static_cast<X>(std::get<input>(row)[j * from[input].column])...);
          }
        };
        split_broadcast(run.pool(), shape, (sizeof(Y) + ... + sizeof(X)), body);
      }};
}

// The step of a function of the elements, of types X, of all inputs, which are broadcast.
template <typename Y, typename... X, typename Function>
Step bind_elementwise(const BindContext& context, const Function& function) {
  return bind_elementwise<Y, X...>(context, function, std::index_sequence_for<X...>());
}

}  // namespace edgert
