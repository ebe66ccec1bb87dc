// Weights of 16 or of 4 different values in panels of codes, which kernels look up in registers:
// where each code lies, the ways there and back. Of i8 and u8; u8 in form k4n16 are codes of 8
// bits.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "core/memory.h"
#include "core/tensor.h"
#include "weights/panel.h"
#include "weights/shape.h"

namespace edgert {

// Whether a form has codes in panels.
bool is_packed(Form form);

class CodePanels {
 public:
  CodePanels(Form form, const WeightShape& shape, DType dtype);

  // Bytes of a payload; nothing if weights of this type cannot be stored so.
  std::optional<uint64_t> bytes() const;
  // Whether weights in rows have so few values.
  bool can_hold(const std::byte* rows) const;
  void pack(const std::byte* rows, std::byte* stored) const;  // such weights
  void unpack(const std::byte* stored, std::byte* rows) const;
  bool is_filled_with_zeros(const std::byte* stored) const;
  // Whether sums of any four products of u8 and weights fit, as WeightFit::kQuads says.
  bool fits(const std::byte* stored) const;

  // The sum of the weights of each output, of i8, modulo 2^32.
  std::vector<int32_t> sums(const std::byte* stored) const;

  // The panel of an output, the first of a panel; those of others lie panel_stride() apart.
  const uint8_t* panel(const std::byte* stored, size_t output = 0) const {
    return reinterpret_cast<const uint8_t*>(stored) + table_bytes() +
           output / CodePanel::kOutputs * panel_stride();
  }
  // The least number of outputs that are whole panels and at least so many.
  static size_t whole_panels(size_t outputs) { return round_up(outputs, CodePanel::kOutputs); }
  size_t panel_stride() const { return shape_.taps * tap_steps() * CodePanel::kStep; }

 private:
  size_t depth() const { return CodePanel::depth(bits_); }  // of a step
  size_t tap_steps() const { return ceil_div(shape_.channels, depth()); }
  size_t table_bytes() const { return dtype_ == DType::i8 ? CodePanel::kTableBytes : 0; }
  // Whether a step has codes of so many outputs and elements alone.
  bool has_only(const std::byte* step, size_t outputs, size_t elements) const;
  // The values in rising order; more than there are codes if they are too many.
  size_t find_values(const std::byte* rows, int8_t (&table)[17]) const;
  // Calls visit(output, place in rows, byte of the panels, bits below the code) for all weights.
  template <typename Visit>
  void for_codes(const Visit& visit) const;

  WeightShape shape_;
  DType dtype_;
  unsigned bits_;
};

}  // namespace edgert
