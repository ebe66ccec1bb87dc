// Weights in panels: where each element lies, and the ways there and back.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <type_traits>

#include "core/memory.h"
#include "weights/panel_layout.h"
#include "weights/shape.h"

namespace edgert {

template <typename Layout>
class Panels {
 public:
  explicit Panels(const WeightShape& shape)
      : groups_(shape.groups),
        outputs_(shape.outputs / shape.groups),
        taps_(shape.taps),
        channels_(shape.channels) {}

  size_t outputs() const { return groups_ * outputs_; }
  // Elements between neighbouring panels, and between the panels of neighbouring groups.
  size_t panel_stride() const { return steps() * Layout::kStep; }
  size_t group_stride() const { return group_panels() * panel_stride(); }
  size_t count() const { return groups_ * group_panels(); }  // of panels
  size_t steps() const { return taps_ * tap_steps(); }       // of a panel
  size_t tap_steps() const { return ceil_div(channels_, Layout::kDepth); }
  // Elements of a tap of an output, those that fill it up too.
  size_t tap_length() const { return tap_steps() * Layout::kDepth; }
  // The least number of outputs that are whole panels and at least so many.
  static size_t whole_panels(size_t outputs) { return round_up(outputs, Layout::kOutputs); }
  // Of all panels. Does not overflow for a type in bounds, on a machine of 32 bits neither.
  uint64_t elements() const {
    return uint64_t{groups_} * group_panels() * taps_ * tap_steps() * Layout::kStep;
  }

  // Where the weights of an output of a group begin.
  size_t place(size_t output) const {
    return output / Layout::kOutputs * panel_stride() + output % Layout::kOutputs * Layout::kDepth;
  }
  // Where the weights of a step begin, on from those of the output.
  static size_t step_place(size_t step) { return step * Layout::kStep; }

  // Fills panels from rows, with zeros where there is no weight.
  template <typename From, typename To>
  void pack(const From* rows, To* panels) const {
    if (!is_full()) std::fill_n(panels, elements(), To{});
    for_runs([=](size_t, size_t row, size_t place, auto n) {
      if constexpr (std::is_same_v<From, To>)
        std::memcpy(panels + place, rows + row, n * sizeof(To));
      else
        std::copy_n(rows + row, n, panels + place);
    });
  }
  template <typename T>
  void unpack(const T* panels, T* rows) const {
    for_runs([=](size_t, size_t row, size_t place, auto n) {
      std::memcpy(rows + row, panels + place, n * sizeof(T));
    });
  }

  // Fills the panels first .. last - 1 from the transposed matrix [depth][outputs] of one group.
  template <typename T>
  void pack_transposed(const T* matrix, T* panels, size_t first, size_t last) const {
    static_assert(Layout::kDepth == 1, "the depth of an output would not lie side by side");
    for (size_t p = first; p < last; ++p) {
      const size_t output = p * Layout::kOutputs;
      const T* from = matrix + output;
      T* to = panels + p * panel_stride();
      if (outputs_ - output >= Layout::kOutputs) {
        for (size_t k = 0; k < steps(); ++k, from += outputs_, to += Layout::kOutputs)
          std::memcpy(to, from, Layout::kOutputs * sizeof(T));
        continue;
      }
      const size_t columns = outputs_ - output;
      for (size_t k = 0; k < steps(); ++k, from += outputs_, to += Layout::kOutputs) {
        std::copy_n(from, columns, to);
        std::fill_n(to + columns, Layout::kOutputs - columns, T{});
      }
    }
  }

  // Whether all that fills up the panels is zero; reads nothing else.
  template <typename T>
  bool is_filled_with_zeros(const T* panels) const {
    constexpr size_t kOutputs = Layout::kOutputs, kDepth = Layout::kDepth;
    const auto is_zero = [](const T* p, size_t n) {
      return std::all_of(p, p + n, [](T w) { return w == T{}; });
    };
    const size_t rest = channels_ % kDepth;
    for (size_t p = 0; !is_full() && p < count(); ++p) {
      const size_t columns = std::min(kOutputs, outputs_ - p % group_panels() * kOutputs);
      if (columns == kOutputs && rest == 0) continue;
      const T* step = panels + p * panel_stride();
      for (size_t s = 1; s <= steps(); ++s, step += Layout::kStep) {
        if (!is_zero(step + columns * kDepth, (kOutputs - columns) * kDepth)) return false;
        if (rest == 0 || s % tap_steps() != 0) continue;  // not the last of a tap
        for (size_t o = 0; o < columns; ++o)
          if (!is_zero(step + o * kDepth + rest, kDepth - rest)) return false;
      }
    }
    return true;
  }

  // Calls visit(output, place in rows, place in panels, n) for all weights: n of them lie side by
  // side in both. n is a constant where a step is whole. Outputs are counted over all groups.
  template <typename Visit>
  void for_runs(const Visit& visit) const {
    constexpr size_t kOutputs = Layout::kOutputs, kDepth = Layout::kDepth;
    constexpr size_t kBlock = 16;  // steps whose outputs lie in the first-level cache together
    const size_t whole = channels_ / kDepth, rest = channels_ % kDepth;
    size_t panel = 0;
    for (size_t g = 0; g < groups_; ++g)
      for (size_t j = 0; j < outputs_; j += kOutputs) {
        const size_t first = g * outputs_ + j, columns = std::min(kOutputs, outputs_ - j);
        for (size_t t = 0; t < taps_; ++t, panel += tap_steps() * Layout::kStep)
          for (size_t s = 0; s < tap_steps(); s += kBlock) {
            const size_t last = std::min(s + kBlock, whole);
            for (size_t o = 0; o < columns; ++o) {
              size_t row = ((first + o) * taps_ + t) * channels_ + s * kDepth;
              size_t place = panel + s * Layout::kStep + o * kDepth;
              for (size_t i = s; i < last; ++i, row += kDepth, place += Layout::kStep)
                visit(first + o, row, place, std::integral_constant<size_t, kDepth>{});
              if (rest > 0 && whole < s + kBlock) visit(first + o, row, place, rest);
            }
          }
      }
  }

 private:
  size_t group_panels() const { return ceil_div(outputs_, Layout::kOutputs); }
  bool is_full() const { return Layout::are_whole(outputs_) && channels_ % Layout::kDepth == 0; }

  size_t groups_, outputs_, taps_, channels_;  // outputs of a group
};

}  // namespace edgert
