// Filters and outputs of any kind: the columns that a strip of outputs sees are interleaved into
// scratch. The groups of rows serve several rows of the output where the last group has room for
// the rows of the image that the next one needs: with the weights moved.
#pragma once

#include "kernels/dwconv_i8/dwconv_i8_block.h"
#include "kernels/dwconv_i8/dwconv_i8_plan.h"

namespace edgert {
namespace {

template <class V>
class Strips {
 public:
  explicit Strips(const Block<V>& block)
      : block_(block),
        g_(block.g),
        plan_(g_, V::kChannels, V::kGroupRows),
        tap_(plan_.groups * kBytes),
        plain_(is_plain(g_.out)),
        narrow_(g_.out.output) {
    block.start(scratch<int32_t>(0));
    block.in_order(g_.out.multiplier, scratch<float>(plan_.multipliers));
    int8_t* to = scratch<int8_t>(plan_.weights);
    for (size_t r = 0; r < plan_.rows; ++r)
      for (size_t j = 0; j < g_.kernel[1]; ++j)
        for (size_t group = 0; group < plan_.groups; ++group, to += kBytes)
          store(to, block.weights(group * V::kGroupRows - r * g_.strides[0], j));
  }

  void run() const {
    for (size_t oy = g_.row_begin; oy < g_.row_end; oy += plan_.rows) {
      const size_t rows = g_.row_end - oy < plan_.rows ? g_.row_end - oy : plan_.rows;
      for (size_t ox = 0; ox < g_.out_width; ox += plan_.strip) {
        const size_t outputs = g_.out_width - ox < plan_.strip ? g_.out_width - ox : plan_.strip;
        interleave(oy, rows, ox, outputs);
        for (size_t r = 0; r < rows; ++r) strip(oy + r, r, ox, outputs);
      }
    }
  }

 private:
  static constexpr int kLanes = Block<V>::kLanes;
  static constexpr size_t kBytes = 4 * V::kChannels;  // of a column of a group
  using Ints = typename V::Ints;
  struct Sums {
    Ints v[4];
  };

  template <class T>
  T* scratch(size_t offset) const {
    return reinterpret_cast<T*>(g_.scratch + offset);
  }
  static void store(void* p, const typename V::Columns& columns) {
    for (int q = 0; q < 4; ++q) V::store(static_cast<char*>(p) + q * V::kChannels, columns.v[q]);
  }

  // The columns that a strip sees, for each column all groups.
  void interleave(size_t oy, size_t rows, size_t ox, size_t outputs) const {
    const size_t seen_rows = (rows - 1) * g_.strides[0] + g_.kernel[0];
    const size_t seen = (outputs - 1) * g_.strides[1] + (g_.kernel[1] - 1) * g_.dilations[1] + 1;
    const size_t x0 = ox * g_.strides[1] - g_.pads[1];  // huge left of the image
    const typename V::Row outside = V::fill(g_.x_zero);
    for (size_t group = 0; group < plan_.groups; ++group) {
      const uint8_t* in[V::kGroupRows];
      for (int b = 0; b < V::kGroupRows; ++b) {
        const size_t i = group * V::kGroupRows + b;
        const size_t y = oy * g_.strides[0] + i * g_.dilations[0] - g_.pads[0];
        in[b] = i < seen_rows ? block_.row(y) : nullptr;
      }
      uint8_t* to = scratch<uint8_t>(plan_.columns) + group * kBytes;
      for (size_t k = 0; k < seen; ++k, to += tap_) {
        typename V::Row column[V::kGroupRows];
#pragma GCC unroll 4
        for (int b = 0; b < V::kGroupRows; ++b) {
          column[b] = outside;
          if (in[b] != nullptr && x0 + k < g_.width)
            column[b] = block_.load(in[b] + (x0 + k) * g_.pixel_stride);
        }
        store(to, V::interleave(column));
      }
    }
  }

  // `outputs` outputs of row oy from column ox on; r: which row of the pass it is.
  void strip(size_t oy, size_t r, size_t ox, size_t outputs) const {
    const int8_t* const w = scratch<int8_t>(plan_.weights) + r * g_.kernel[1] * tap_;
    const size_t at = block_.at(oy, ox);
    if (plain_) {
      uint8_t* const y = static_cast<uint8_t*>(g_.y) + at;
      const float* const multipliers = scratch<float>(plan_.multipliers);
      return for_outputs(w, outputs, [&](size_t o, const Sums& sums) {
        block_.store(y + o * g_.pixel_stride, narrow_(sums.v, multipliers));
      });
    }
    for_outputs(w, outputs, [&](size_t o, const Sums& sums) {
      int32_t natural[V::kChannels];
      for (int q = 0; q < 4; ++q) {
        int32_t vector[kLanes];
        V::store(vector, sums.v[q]);
        for (int l = 0; l < kLanes; l += 4)
          __builtin_memcpy(natural + 4 * l + 4 * q, vector + l, 4 * sizeof(int32_t));
      }
      finish(g_.out, block_.c, natural, 1, V::kChannels, block_.n, g_.y, at + o * g_.pixel_stride,
             0);
    });
  }

  template <class End>
  void for_outputs(const int8_t* w, size_t outputs, End end) const {
    const bool dense = g_.dilations[1] == 1;
    const size_t width = g_.kernel[1], stride = g_.strides[1];
    if (dense && width == 3 && stride == 1)
      for_tiles<3, 1, 7>(w, outputs, end);
    else if (dense && width == 3 && stride == 2)
      for_tiles<3, 2, 7>(w, outputs, end);
    else if (dense && width == 5 && stride == 1)
      for_tiles<5, 1, 7>(w, outputs, end);
    else if (dense && width == 5 && stride == 2)
      for_tiles<5, 2, 7>(w, outputs, end);
    else if (dense && width == 7 && stride == 1)
      for_tiles<7, 1, 7>(w, outputs, end);
    else
      for_tiles<0, 0, 1>(w, outputs, end);
  }

  template <int kWidth, int kStride, int kOutputs, class End>
  void for_tiles(const int8_t* w, size_t outputs, End end) const {
    Sums sums[kOutputs];
    size_t o = 0;
    for (; o + kOutputs <= outputs; o += kOutputs) {
      tile<kWidth, kStride, kOutputs>(w, o, sums);
      for (int s = 0; s < kOutputs; ++s) end(o + s, sums[s]);
    }
    for (; o < outputs; ++o) {
      tile<kWidth, kStride, 1>(w, o, sums);
      end(o, sums[0]);
    }
  }

  // The sums of kOutputs neighbouring outputs from o on, of filters kWidth wide (0: any width) at
  // stride kStride (0: any). A vector is loaded once and used for all the outputs that it reaches.
  template <int kWidth, int kStride, int kOutputs>
  __attribute__((noinline)) void tile(const int8_t* w, size_t o, Sums* sums) const {
    const uint8_t* const columns = scratch<uint8_t>(plan_.columns) + o * g_.strides[1] * tap_;
    for (int q = 0; q < 4; ++q) {
      Ints acc[kOutputs];
#pragma GCC unroll 8
      for (int s = 0; s < kOutputs; ++s) acc[s] = V::load_ints(scratch<int32_t>(0) + q * kLanes);
      for (size_t group = q * V::kChannels; group < tap_; group += kBytes) {
        if constexpr (kWidth > 0) {
          Ints taps[kWidth];
#pragma GCC unroll 8
          for (int j = 0; j < kWidth; ++j) taps[j] = V::load_ints(w + group + j * tap_);
          const uint8_t* p = columns + group;
#pragma GCC unroll 32
          for (int k = 0; k < (kOutputs - 1) * kStride + kWidth; ++k, p += tap_) {
            const Ints x = V::load_ints(p);
#pragma GCC unroll 8
            for (int s = 0; s < kOutputs; ++s)
              if (const int j = k - s * kStride; j >= 0 && j < kWidth)
                acc[s] = V::dot(acc[s], x, taps[j]);
          }
        } else {
          for (size_t j = 0; j < g_.kernel[1]; ++j)
            acc[0] = V::dot(acc[0], V::load_ints(columns + group + j * g_.dilations[1] * tap_),
                            V::load_ints(w + group + j * tap_));
        }
      }
#pragma GCC unroll 8
      for (int s = 0; s < kOutputs; ++s) sums[s].v[q] = acc[s];
    }
  }

  const Block<V>& block_;
  const DwconvI8& g_;
  const DwconvI8Plan plan_;
  const size_t tap_;  // bytes of a column of the filter, or of the image
  const bool plain_;  // the sums become bytes without passing through memory
  const typename V::Narrow narrow_;
};

}  // namespace
}  // namespace edgert
