// The forms in which constants lie, schema/weights.def. Each form has a file; this is for who knows
// it only when it runs.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "core/tensor.h"
#include "weights/fit.h"
#include "weights/shape.h"

namespace edgert {

// Elements of a weight in this form, which is not sparse, those that fill it up too; once decoded.
uint64_t form_elements(Form form, const WeightShape& shape);

// From rows to this form and back. Elements are of the same type, or widened from i8 to i16.
// A payload in a sparse form has packed_bytes(), which depend on the elements.
uint64_t packed_bytes(Form form, const WeightShape& shape, DType dtype, const std::byte* rows);
void pack(Form form, const WeightShape& shape, DType from, const std::byte* rows, DType to,
          std::byte* stored);
void unpack(Form form, const WeightShape& shape, DType dtype, const std::byte* stored,
            std::byte* rows);

// Whether what fills this form up is zero, as pack() leaves it: kernels multiply it with whatever
// lies behind an activation.
bool is_filled_with_zeros(Form form, const WeightShape& shape, DType dtype,
                          const std::byte* stored);

// From the transposed matrix [depth][outputs] of floats of one group to k1n16: the panels first ..
// last - 1 of panel_count(), so that threads can share the work.
size_t panel_count(const WeightShape& shape);
void pack_transposed(const WeightShape& shape, const float* matrix, float* panels, size_t first,
                     size_t last);

// Bytes of the payload of a constant whose type is in bounds, and of which a file claims so much;
// nothing if it cannot be held so.
std::optional<uint64_t> payload_bytes(const TensorType& type, Form form, uint32_t facts);

// What the offset of a payload is a multiple of: elements that are used in place lie as kernels
// want them, others without padding.
uint64_t payload_alignment(Form form);
bool is_ordered(Form form);  // used where it lies, all elements
bool is_decoded(Form form);  // unpacked when the file is loaded: weights/coded

// The share of the elements that a constant in a sparse form leaves out; 0 of other forms.
double share_left_out(Form form, const TensorType& type, const WeightFacts& facts);

const char* form_name(Form form);

}  // namespace edgert
