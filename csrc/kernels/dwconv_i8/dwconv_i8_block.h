// The loops of every vectorised dwconv_i8 kernel, over vectors of bytes.
//
// A block is the channels of one vector. Rows of the image are interleaved in groups, so that a
// lane of 32 bits has a channel's part of a column, four bytes (Quads) or two widened to 16 bits
// (Pairs), and an output is a dot product for each column of the filter and group. Rows that the
// filter does not have are at zero. Where strides and dilation are 1 the same groups serve several
// rows of the output, with the weights moved.
//
// Interleaving leaves the channels of a block in an order that narrowing the sums to bytes undoes:
// of the four vectors, q has the channels 16 l + 4 q ... in its 128-bit part l.
#pragma once

#include "kernels/dwconv_i8/dwconv_i8_plan.h"
#include "kernels/simd/requantize.h"

namespace edgert {
namespace {

// The channels c .. c + n of g, n <= V::kBytes.
template <class V>
class Block {
 public:
  Block(const DwconvI8& g, size_t c, int n)
      : g_(g),
        c_(c),
        n_(n),
        plan_(g, V::kBytes, V::kGroupRows),
        outside_(V::fill(g.x_zero)),
        narrow_(g.out.output),
        plain_(g.out.small && is_plain(g.out)) {
    pack_outputs();
    pack_weights();
  }

  void run() {
    const bool dense = g_.dilations[1] == 1;
    if (V::kRolls && plain_ && dense && g_.kernel[0] == 3 && g_.kernel[1] == 3) {
      if (g_.strides[1] == 1) return n_ == kBytes ? roll<1, true>() : roll<1, false>();
      if (g_.strides[1] == 2) return n_ == kBytes ? roll<2, true>() : roll<2, false>();
    }
    for (size_t oy = g_.row_begin; oy < g_.row_end; oy += plan_.rows) {
      const size_t rows = g_.row_end - oy < plan_.rows ? g_.row_end - oy : plan_.rows;
      for (size_t ox = 0; ox < g_.out_width; ox += plan_.strip) {
        const size_t outputs = g_.out_width - ox < plan_.strip ? g_.out_width - ox : plan_.strip;
        interleave_columns(oy, rows, ox, outputs);
        for (size_t r = 0; r < rows; ++r) strip(oy + r, r, ox, outputs);
      }
    }
  }

 private:
  static constexpr int kBytes = V::kBytes, kRows = V::kGroupRows, kSums = kBytes / 4;
  static constexpr size_t kQuad = 4 * kBytes;  // bytes
  using Ints = typename V::Ints;
  using Columns = typename V::Columns;
  struct Sums {
    Ints v[4];
  };

  template <class T>
  T* scratch(size_t offset) const {
    return reinterpret_cast<T*>(g_.scratch + offset);
  }
  uint8_t* output(size_t oy, size_t ox) const {
    return static_cast<uint8_t*>(g_.y) + (oy * g_.out_width + ox) * g_.pixel_stride + c_;
  }

  // Bias and multipliers in the order of the sums.
  void pack_outputs() const {
    int32_t bias[kBytes] = {};
    float multipliers[kBytes] = {};
    __builtin_memcpy(bias, g_.out.bias + c_, n_ * sizeof *bias);
    __builtin_memcpy(multipliers, g_.out.multiplier + c_, n_ * sizeof *multipliers);
    int32_t* const to_bias = scratch<int32_t>(0);
    float* const to_multipliers = scratch<float>(plan_.multipliers);
    for (int q = 0; q < 4; ++q)
      for (int l = 0; l < kBytes / 16; ++l) {
        const int from = 16 * l + 4 * q, to = kSums * q + 4 * l;
        __builtin_memcpy(to_bias + to, bias + from, 16);
        __builtin_memcpy(to_multipliers + to, multipliers + from, 16);
      }
  }

  // For each row of a pass: for each column of the filter, for each group.
  void pack_weights() const {
    int8_t* to = scratch<int8_t>(plan_.weights);
    for (size_t r = 0; r < plan_.rows; ++r)
      for (size_t j = 0; j < g_.kernel[1]; ++j)
        for (size_t group = 0; group < plan_.groups; ++group, to += kQuad) {
          Ints rows[kRows];
          for (int b = 0; b < kRows; ++b) {
            const size_t i = group * kRows + b - r;  // huge above the filter
            rows[b] = V::fill(0);
            if (i < g_.kernel[0]) rows[b] = load(g_.w + (i * g_.kernel[1] + j) * g_.w_stride + c_);
          }
          store_quad(to, V::interleave_weights(rows));
        }
  }

  Ints load(const void* p) const { return n_ == kBytes ? V::load(p) : V::load(p, n_); }
  void store(uint8_t* p, Ints v) const { n_ == kBytes ? V::store(p, v) : V::store(p, v, n_); }
  static void store_quad(void* p, const Columns& quad) {
    for (int q = 0; q < 4; ++q) V::store(static_cast<char*>(p) + q * kBytes, quad.v[q]);
  }

  // Row y of the image, or null. (Rows above it wrap to huge ones.)
  const uint8_t* row(size_t y) const {
    return y < g_.height ? g_.x + y * g_.width * g_.pixel_stride + c_ : nullptr;
  }

  // The columns that a strip sees, for each column all groups.
  void interleave_columns(size_t oy, size_t rows, size_t ox, size_t outputs) const {
    const size_t seen = (outputs - 1) * g_.strides[1] + (g_.kernel[1] - 1) * g_.dilations[1] + 1;
    const size_t x0 = ox * g_.strides[1] - g_.pads[1];  // huge left of the image
    for (size_t group = 0; group < plan_.groups; ++group) {
      const uint8_t* in[kRows];
      for (int b = 0; b < kRows; ++b) {
        const size_t i = group * kRows + b;
        in[b] = i < g_.kernel[0] + rows - 1
                    ? row(oy * g_.strides[0] + i * g_.dilations[0] - g_.pads[0])
                    : nullptr;
      }
      uint8_t* to = scratch<uint8_t>(plan_.columns) + group * kQuad;
      for (size_t k = 0; k < seen; ++k, to += plan_.groups * kQuad) {
        Ints column[kRows];
#pragma GCC unroll 4
        for (int b = 0; b < kRows; ++b) {
          column[b] = outside_;
          if (in[b] != nullptr && x0 + k < g_.width)
            column[b] = load(in[b] + (x0 + k) * g_.pixel_stride);
        }
        store_quad(to, V::interleave(column));
      }
    }
  }

  // `outputs` outputs of row oy from column ox on; r: which row of the pass it is.
  void strip(size_t oy, size_t r, size_t ox, size_t outputs) const {
    const size_t taps = g_.kernel[1] * plan_.groups;
    const int8_t* const w = scratch<int8_t>(plan_.weights) + r * taps * kQuad;
    if (plain_) {
      uint8_t* const y = output(oy, ox);
      const float* const multipliers = scratch<float>(plan_.multipliers);
      const auto end = [&](size_t o, const Ints* sums) {
        store(y + o * g_.pixel_stride,
              narrow_.join(narrow_.half(sums, multipliers),
                           narrow_.half(sums + 2, multipliers + 2 * kSums)));
      };
      return all_outputs(w, outputs, end);
    }
    all_outputs(w, outputs, [&](size_t o, const Ints* sums) {
      int32_t permuted[kBytes], natural[kBytes];
      for (int q = 0; q < 4; ++q) V::store(permuted + q * kSums, sums[q]);
      for (int q = 0; q < 4; ++q)
        for (int l = 0; l < kBytes / 16; ++l)
          __builtin_memcpy(natural + 16 * l + 4 * q, permuted + kSums * q + 4 * l, 16);
      const size_t at = (oy * g_.out_width + ox + o) * g_.pixel_stride + c_;
      finish(g_.out, c_, natural, 1, kBytes, n_, g_.y, at, 0);
    });
  }

  template <class End>
  void all_outputs(const int8_t* w, size_t outputs, End end) const {
    const bool dense = g_.dilations[1] == 1;
    const size_t width = g_.kernel[1], stride = g_.strides[1];
    if (dense && width == 3 && stride == 1)
      known_outputs<3, 1>(w, outputs, end);
    else if (dense && width == 3 && stride == 2)
      known_outputs<3, 2>(w, outputs, end);
    else if (dense && width == 5 && stride == 1)
      known_outputs<5, 1>(w, outputs, end);
    else if (dense && width == 5 && stride == 2)
      known_outputs<5, 2>(w, outputs, end);
    else if (dense && width == 7 && stride == 1)
      known_outputs<7, 1>(w, outputs, end);
    else
      for (size_t o = 0; o < outputs; ++o) {
        Sums sums[1];
        add_taps<0, 0, 1>(w, o, sums);
        end(o, sums[0].v);
      }
  }

  template <int kWidth, int kStride, class End>
  __attribute__((always_inline)) void known_outputs(const int8_t* w, size_t outputs,
                                                    End end) const {
    constexpr int kSome = 7;
    Sums sums[kSome];
    size_t o = 0;
    for (; o + kSome <= outputs; o += kSome) {
      add_taps<kWidth, kStride, kSome>(w, o, sums);
      for (int s = 0; s < kSome; ++s) end(o + s, sums[s].v);
    }
    for (; o < outputs; ++o) {
      add_taps<kWidth, kStride, 1>(w, o, sums);
      end(o, sums[0].v);
    }
  }

  // The sums of kOutputs neighbouring outputs from o on, of filters kWidth wide (0: any width) at
  // stride kStride (0: any). A vector is loaded once and used for all the outputs that it reaches.
  template <int kWidth, int kStride, int kOutputs>
  __attribute__((noinline)) void add_taps(const int8_t* w, size_t o, Sums* sums) const {
    const size_t column = plan_.groups * kQuad, width = kWidth > 0 ? kWidth : g_.kernel[1];
    const uint8_t* const in = scratch<uint8_t>(plan_.columns) + o * g_.strides[1] * column;
    for (int q = 0; q < 4; ++q) {
      Ints acc[kOutputs];
#pragma GCC unroll 8
      for (int s = 0; s < kOutputs; ++s) acc[s] = V::load(scratch<int32_t>(0) + q * kSums);
      for (size_t group = q * kBytes; group < column; group += kQuad) {
        if constexpr (kWidth > 0) {
          Ints taps[kWidth];
#pragma GCC unroll 8
          for (int j = 0; j < kWidth; ++j) taps[j] = V::load(w + group + j * column);
          const uint8_t* p = in + group;
#pragma GCC unroll 32
          for (int k = 0; k < (kOutputs - 1) * kStride + kWidth; ++k, p += column) {
            const Ints x = V::load(p);
#pragma GCC unroll 8
            for (int s = 0; s < kOutputs; ++s)
              if (const int j = k - s * kStride; j >= 0 && j < kWidth)
                acc[s] = V::dot(acc[s], x, taps[j]);
          }
        } else {
          for (size_t j = 0; j < width; ++j)
            acc[0] = V::dot(acc[0], V::load(in + group + j * g_.dilations[1] * column),
                            V::load(w + group + j * column));
        }
      }
#pragma GCC unroll 8
      for (int s = 0; s < kOutputs; ++s) sums[s].v[q] = acc[s];
    }
  }

  // Filters of 3 x 3: a row of the output at a time, the three columns in registers.
  template <int kStride, bool kWhole>
  void roll() const {
    for (size_t oy = g_.row_begin; oy < g_.row_end; ++oy) roll_row<kStride, kWhole>(oy);
  }

  template <int kStride, bool kWhole>
  void roll_row(size_t oy) const {
    const uint8_t* in[3];
    size_t step[3];
    for (int b = 0; b < 3; ++b) {
      in[b] = row(oy * g_.strides[0] + b * g_.dilations[0] - g_.pads[0]);
      step[b] = in[b] == nullptr ? 0 : g_.pixel_stride;
      if (in[b] == nullptr) in[b] = scratch<uint8_t>(plan_.halves);
    }
    V::store(scratch<uint8_t>(plan_.halves), outside_);
    const size_t width = g_.width;
    const auto column = [&](size_t x) __attribute__((always_inline)) {
      Ints rows[4] = {outside_, outside_, outside_, outside_};
      if (__builtin_expect(x < width, 1)) {
#pragma GCC unroll 3
        for (int b = 0; b < 3; ++b)
          rows[b] = kWhole ? V::load(in[b] + x * step[b]) : V::load(in[b] + x * step[b], n_);
        rows[3] = rows[2];
      }
      return V::interleave(rows);
    };
    Ints w[12];
#pragma GCC unroll 12
    for (int i = 0; i < 12; ++i) w[i] = V::load(scratch<int8_t>(plan_.weights) + i * kBytes);
    const int32_t* const bias = scratch<int32_t>(0);
    const float* const multipliers = scratch<float>(plan_.multipliers);
    const typename V::Narrow narrow = narrow_;
    const size_t y_step = g_.pixel_stride;
    uint8_t* y = output(oy, 0);
    const auto output = [&](const Columns& a, const Columns& b,
                            const Columns& c) __attribute__((always_inline)) {
      Ints sums[4];
#pragma GCC unroll 4
      for (int q = 0; q < 4; ++q) {
        sums[q] = V::load(bias + q * kSums);
        sums[q] = V::dot(sums[q], a.v[q], w[q]);
        sums[q] = V::dot(sums[q], b.v[q], w[4 + q]);
        sums[q] = V::dot(sums[q], c.v[q], w[8 + q]);
      }
      const Ints bytes = narrow.join(narrow.half(sums, multipliers),
                                     narrow.half(sums + 2, multipliers + 2 * kSums));
      kWhole ? V::store(y, bytes) : V::store(y, bytes, n_);
      y += y_step;
    };
    size_t x = -g_.pads[1], left = g_.out_width;
    if constexpr (kStride == 1) {
      Columns a = column(x), b = column(x + 1), c;
      x += 2;
      for (; left >= 3; left -= 3, x += 3) {
        c = column(x);
        output(a, b, c);
        a = column(x + 1);
        output(b, c, a);
        b = column(x + 2);
        output(c, a, b);
      }
      if (left == 0) return;
      c = column(x);
      output(a, b, c);
      if (left == 2) output(b, c, column(x + 1));
    } else {
      Columns a = column(x), b, c;
      ++x;
      for (; left >= 2; left -= 2, x += 4) {
        b = column(x);
        c = column(x + 1);
        output(a, b, c);
        b = column(x + 2);
        a = column(x + 3);
        output(c, b, a);
      }
      if (left == 1) output(a, column(x), column(x + 1));
    }
  }

  const DwconvI8& g_;
  const size_t c_;
  const int n_;
  const DwconvI8Plan plan_;
  const Ints outside_;
  const typename V::Narrow narrow_;
  const bool plain_;  // the sums become bytes without passing through memory
};

// The channels from c on in whole blocks and, if `least` or more are left, a last one.
template <class V>
void blocks(const DwconvI8& g, size_t least, size_t& c) {
  while (c < g.channels && g.channels - c >= least) {
    const size_t left = g.channels - c;
    const size_t n = left < V::kBytes ? left : V::kBytes;
    Block<V>(g, c, static_cast<int>(n)).run();
    c += n;
  }
}

}  // namespace
}  // namespace edgert
