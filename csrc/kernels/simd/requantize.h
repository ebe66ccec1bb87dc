// The end of the quantised kernels, `Requantize` in schema/attrs.h, on vectors. Included by kernel
// files that define EDGERT_ROUND_TWICE before the vector types of their instruction set: every
// operation is rounded on its own, so that all instruction sets give the same bits.
#pragma once

#include <type_traits>

#include "kernels/records/accumulator.h"
#include "kernels/simd/activation.h"

namespace edgert {
namespace {

class Requantizer {
 public:
  explicit Requantizer(const Requantize& r)
      : dtype_(static_cast<DType>(r.dtype)),
        fn_(static_cast<UnaryFn>(r.activation.fn)),
        linear_(fn_ == UnaryFn::identity && r.scale == 1.0f),
        alpha_(constant(r.activation.alpha)),
        beta_(constant(r.activation.beta)),
        scale_(constant(r.scale)),
        low_(constant(static_cast<float>(r.low - r.zero))),
        high_(constant(static_cast<float>(r.high - r.zero))),
        zero_(I32::broadcast(r.zero)) {}

  bool linear() const { return linear_; }  // f(t) * scale is t

  F32 scaled(F32 t) const { return linear_ ? t : apply(fn_, t, alpha_, beta_) * scale_; }
  // Clamped first, so that the integer is small. NaN becomes low.
  I32 quantized(F32 scaled) const { return to_i32(min(high_, max(scaled, low_))) + zero_; }

  // Writes requantize(t) for the first n lanes from element `at` of y on: bytes, or of the type of
  // the output.
  void store(F32 t, uint8_t* y, size_t at, int n) const {
    store_bytes(quantized(scaled(t)), y + at, n);
  }
  void store(F32 t, void* y, size_t at, int n) const {
    const F32 result = scaled(t);
    if (dtype_ == DType::f32) return store_first(static_cast<float*>(y) + at, n, result);
    const I32 q = quantized(result);
    if (dtype_ == DType::u8) return store_bytes(q, static_cast<uint8_t*>(y) + at, n);
    int16_t* const to = static_cast<int16_t*>(y) + at;
    n == F32::kLanes ? store_i16(to, q) : store_i16(to, q, n);
  }

 private:
  static void store_bytes(I32 q, uint8_t* y, int n) {
    n == F32::kLanes ? store_u8(y, q) : store_u8(y, q, n);
  }

  DType dtype_;
  UnaryFn fn_;
  bool linear_;
  F32 alpha_, beta_, scale_, low_, high_;
  I32 zero_;
};

// Whether the output is u8 without activation, and small enough, a residual's part with it, to be
// an integer before it is clamped.
inline bool is_linear_u8(const AccumulatorOutput& out) {
  return out.small && out.output.dtype == static_cast<int32_t>(DType::u8) &&
         Requantizer(out.output).linear() &&
         (out.residual == nullptr || (!out.residual_is_i16 && out.residual_scale <= 0x1p21f));
}
// The same without a residual.
inline bool is_plain(const AccumulatorOutput& out) {
  return is_linear_u8(out) && out.residual == nullptr;
}

// Whether LinearI16 can write the output: i16 without activation, and a residual only if it is i16.
inline bool is_linear_i16(const AccumulatorOutput& out) {
  return out.output.dtype == static_cast<int32_t>(DType::i16) && Requantizer(out.output).linear() &&
         (out.residual == nullptr || out.residual_is_i16);
}

// From sums in registers, which include the bias, to whole vectors of such an output.
class LinearI16 {
 public:
  LinearI16(const AccumulatorOutput& out, void* y)
      : requantizer_(out.output),
        residual_(reinterpret_cast<const int16_t*>(out.residual)),
        residual_scale_(constant(out.residual_scale)),
        y_(static_cast<int16_t*>(y)) {}

  void store(I32 sums, F32 multiplier, size_t at) const {
    F32 t = to_f32(sums) * multiplier;
    if (residual_) t = t + to_f32(load_i16(residual_ + at)) * residual_scale_;
    store_i16(y_ + at, requantizer_.quantized(t));
  }

 private:
  Requantizer requantizer_;
  const int16_t* residual_;
  F32 residual_scale_;
  int16_t* y_;
};

// Bias and multipliers of the outputs from j on that kVectors vectors hold; `columns` of them
// exist.
template <int kVectors>
struct OutputVectors {
  I32 bias[kVectors];
  F32 multiplier[kVectors];

  OutputVectors(const AccumulatorOutput& out, size_t j, int columns) {
    for (int v = 0; v < kVectors; ++v) {
      const int first = v * F32::kLanes, left = columns - first;
      const int n = left < 0 ? 0 : left < F32::kLanes ? left : F32::kLanes;
      bias[v] = load_first(out.bias + j + first, n);
      multiplier[v] = load_first(out.multiplier + j + first, n);
    }
  }
};

// What the outputs of a kernel share for which is_linear_u8() holds.
struct LinearU8 {
  Bytes4::Range range;
  I32 residual_zero;
  F32 residual_scale;

  explicit LinearU8(const AccumulatorOutput& out)
      : range(out.output.zero, out.output.low, out.output.high),
        residual_zero(I32::broadcast(out.residual_zero)),
        residual_scale(constant(out.residual_scale)) {}
};

// Stores such outputs: kRows rows, `stride` elements apart, whose sums, the bias among them, are
// total(row, vector). `last` columns exist in the last of kVectors vectors; `residual` is where
// that of the first output lies, if there is one.
template <bool kResidual, int kRows, int kVectors, typename Total>
inline __attribute__((always_inline)) void store_linear(const LinearU8& linear,
                                                        const F32 (&multiplier)[kVectors], int last,
                                                        uint8_t* y, const uint8_t* residual,
                                                        size_t stride, Total total) {
  constexpr int kLanes = F32::kLanes, kCount = kRows * kVectors;
#pragma GCC unroll 16
  for (int first = 0; first < kCount; first += 4) {
    I32 q[4];
#pragma GCC unroll 4
    for (int i = 0; i < 4; ++i) {
      const int at = first + i < kCount ? first + i : first, r = at / kVectors, v = at % kVectors;
      F32 t = to_f32(total(r, v)) * multiplier[v];
      if constexpr (kResidual) {
        const uint8_t* const from = residual + r * stride + v * kLanes;
        const I32 other = load_u8_first(from, v < kVectors - 1 ? kLanes : last);
        t = t + to_f32(other - linear.residual_zero) * linear.residual_scale;
      }
      q[i] = to_i32(t);
    }
    const Bytes4 bytes(q, linear.range);
    if (kVectors == 4 && last == kLanes) {
      store_bytes(y + first / kVectors * stride, bytes.bytes());
      continue;
    }
#pragma GCC unroll 4
    for (int i = 0; i < 4; ++i) {
      if (first + i >= kCount) break;
      const int r = (first + i) / kVectors, v = (first + i) % kVectors;
      uint8_t* const to = y + r * stride + v * kLanes;
      if (kVectors == 2 && last == kLanes) {
        if (v == 0) bytes.store_half(i / 2, to);
      } else if (v < kVectors - 1 || last == kLanes) {
        bytes.store_quarter(i, to);
      } else {
        bytes.store_quarter(i, to, last);
      }
    }
  }
}

// The same for any number of rows of sums in memory, `sum_stride` apart.
template <bool kResidual, int kVectors>
inline __attribute__((always_inline)) void store_linear_rows(
    const LinearU8& linear, const F32 (&multiplier)[kVectors], int last, const int32_t* sums,
    int sum_stride, int rows, uint8_t* y, const uint8_t* residual, size_t stride) {
  const auto store = [&](auto count) {
    constexpr int kRows = decltype(count)::value;
    store_linear<kResidual, kRows>(
        linear, multiplier, last, y, residual, stride,
        [&](int r, int v) { return I32::load(sums + r * sum_stride + v * F32::kLanes); });
    sums += kRows * sum_stride;
    y += kRows * stride;
    if (kResidual) residual += kRows * stride;
  };
  constexpr int kTogether = 4 / kVectors;  // rows whose bytes are one vector
  for (; rows >= kTogether; rows -= kTogether) store(std::integral_constant<int, kTogether>());
  for (; rows > 0; --rows) store(std::integral_constant<int, 1>());
}

// finish() for such outputs in kVectors vectors, the last of them partly filled at least.
template <bool kResidual, int kVectors>
__attribute__((noinline, noclone)) void finish_linear(const AccumulatorOutput& out, size_t j,
                                                      const int32_t* sums, int rows, int stride,
                                                      int columns, uint8_t* y, size_t at,
                                                      size_t y_stride) {
  const OutputVectors<kVectors> vectors(out, j, columns);
  store_linear_rows<kResidual>(LinearU8(out), vectors.multiplier,
                               columns - (kVectors - 1) * F32::kLanes, sums, stride, rows, y + at,
                               kResidual ? out.residual + at : nullptr, y_stride);
}

inline F32 load_sums(const int32_t* p) { return to_f32(I32::load(p)); }
inline F32 load_sums(const float* p) { return F32::load(p); }

// From sums, rounded to float or not, that include the bias to their outputs: `rows` rows of
// `columns` sums, `stride` elements apart and readable to a whole vector, of the output channels
// from j on. The first output is element `at` of y and of the residual, `y_stride` lie between
// rows.
template <typename T, typename Sum>
__attribute__((noinline, noclone)) void finish_as(const AccumulatorOutput& out, size_t j,
                                                  const Sum* sums, int rows, int stride,
                                                  int columns, T* y, size_t at, size_t y_stride) {
  const Requantizer requantizer(out.output);
  // Stores of bytes could change what is not copied.
  const uint8_t* const residual = out.residual;
  const bool i16 = out.residual_is_i16;
  const I32 residual_zero = I32::broadcast(out.residual_zero);
  const F32 residual_scale = constant(out.residual_scale);
  for (int v = 0; v < columns; v += F32::kLanes) {
    const int n = columns - v < F32::kLanes ? columns - v : F32::kLanes;
    const F32 multiplier = load_first(out.multiplier + j + v, n);
    for (int r = 0; r < rows; ++r) {
      const size_t to = at + r * y_stride + v;
      F32 t = load_sums(sums + r * stride + v) * multiplier;
      if (residual) {
        const I32 other = i16 ? load_i16_first(reinterpret_cast<const int16_t*>(residual) + to, n)
                              : load_u8_first(residual + to, n);
        t = t + to_f32(other - residual_zero) * residual_scale;
      }
      requantizer.store(t, y, to, n);
    }
  }
}

inline void finish(const AccumulatorOutput& out, size_t j, const int32_t* sums, int rows,
                   int stride, int columns, void* y, size_t at, size_t y_stride) {
  uint8_t* const bytes = static_cast<uint8_t*>(y);
  if (is_linear_u8(out)) {
    constexpr int kLanes = F32::kLanes;
    for (int v = 0; v < columns; v += 2 * kLanes) {
      const int n = columns - v < 2 * kLanes ? columns - v : 2 * kLanes;
      const auto part = n > kLanes ? out.residual ? finish_linear<true, 2> : finish_linear<false, 2>
                        : out.residual ? finish_linear<true, 1>
                                       : finish_linear<false, 1>;
      part(out, j + v, sums + v, rows, stride, n, bytes, at + v, y_stride);
    }
    return;
  }
#ifdef EDGERT_FLUSHES_SUBNORMALS  // above, only integers depend on them: they are zero either way
  finish_portably(out, j, sums, rows, stride, columns, y, at, y_stride);
#else
  if (out.output.dtype == static_cast<int32_t>(DType::u8))
    finish_as(out, j, sums, rows, stride, columns, bytes, at, y_stride);  // asks no more
  else
    finish_as(out, j, sums, rows, stride, columns, y, at, y_stride);
#endif
}
inline void finish(const AccumulatorOutput& out, size_t j, const float* sums, int rows, int stride,
                   int columns, void* y, size_t at, size_t y_stride) {
#ifdef EDGERT_FLUSHES_SUBNORMALS
  finish_portably(out, j, sums, rows, stride, columns, y, at, y_stride);
#else
  finish_as(out, j, sums, rows, stride, columns, y, at, y_stride);
#endif
}

}  // namespace
}  // namespace edgert
