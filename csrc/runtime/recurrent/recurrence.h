// What the recurrent operators share: the walk over the steps of rows that may end at different
// ones, the states between the steps, and the product of a state and weights that stay in the
// cache.
#pragma once

#include <cstring>
#include <memory>
#include <string>

#include "runtime/op.h"
#include "runtime/product/bind.h"
#include "runtime/split.h"

namespace edgert {

// Checks x [steps, batch, gates * units] and r [outputs * units, units], inputs 0 and 1, and two
// attributes. Gives the types of y [steps, batch, units] and of `states` states [batch, units].
OutputTypes infer_recurrence(const NodeTypes& node, int gates, int outputs, int states,
                             int32_t reverse, float clip);
// Checks input i, which may be absent: a state, or lengths [batch].
void require_state(const NodeTypes& node, int i);
void require_lengths(const NodeTypes& node, int i);
void require_flag(const NodeTypes& node, int32_t value, const char* name);

// The multiplications of a run: for each step and row as many as there are weights in the inputs.
double recurrent_operations(const NodeTypes& node, const OutputTypes& outputs);

// The clip of a record as the kernels take it.
inline float kernel_clip(float clip) { return clip > 0 ? clip : __builtin_inff(); }

// Parts of a step's scratch, each aligned.
class ScratchParts {
 public:
  // The place of so many bytes.
  uint64_t add(uint64_t bytes) {
    const uint64_t place = bytes_;
    bytes_ += round_up64(bytes, kAlignment);
    return place;
  }
  uint64_t bytes() const { return bytes_; }

 private:
  uint64_t bytes_ = 0;
};

template <typename T>
T* scratch_part(const RunContext& run, uint64_t place) {
  return reinterpret_cast<T*>(run.scratch() + static_cast<size_t>(place));
}

// A state [batch, units] times one of the weights, [outputs, units].
class StateProduct {
 public:
  // Of input `weight`; rows of the result are `stride` elements apart.
  StateProduct(const BindContext& context, size_t weight, size_t stride, ScratchParts* parts);
  // Once in a run before the others: weights that the model computes go into panels.
  void begin(const RunContext& run) const;
  void run(const RunContext& run, const float* state, float* y, const FloatOutput& out) const;
  const char* kernel() const { return bound_.plan->kernel(); }

 private:
  BoundProduct bound_;
  uint32_t weight_;
  uint64_t panels_ = 0, scratch_;
};

// The steps of a run.
class Recurrence {
 public:
  // `lengths`: which input has them. Those that are constant are checked.
  Recurrence(const BindContext& context, bool reverse, size_t lengths, ScratchParts* parts);

  const size_t steps, batch, units;

  // Copies the lengths of a run, so that what is checked is what is used. Throws Error(kInput).
  void begin(const RunContext& run) const;
  // What a state is before the first step: `initial`, or zeros if that is null. A row without steps
  // keeps zeros.
  void start(const RunContext& run, const float* initial, float* state) const;

  // For each step t: product(t), then end(t, first, rows) for those rows that have this step, which
  // brings the state h up to date, and goes to y. `work`: bytes that cost as much as ending the
  // step of a row.
  template <typename ProductFn, typename EndFn>
  void run(const RunContext& run, float* y, const float* h, size_t work, const ProductFn& product,
           const EndFn& end) const {
    const int32_t* const rows = lengths(run);
    for (size_t i = 0; i < steps; ++i) {
      const size_t t = reverse_ ? steps - 1 - i : i;
      product(t);
      float* const out = y + t * batch * units;
      const auto has_step = [&](size_t row) {
        return rows == nullptr || t < static_cast<size_t>(rows[row]);
      };
      split(run.pool(), batch, work, [&](size_t first, size_t last) {
        for (size_t row = first; row < last;) {
          const bool is = has_step(row);
          const size_t begin = row;
          while (row < last && has_step(row) == is) ++row;
          const size_t bytes = (row - begin) * units * sizeof(float);
          if (is) {
            end(t, begin, row - begin);
            std::memcpy(out + begin * units, h + begin * units, bytes);
          } else {
            std::memset(out + begin * units, 0, bytes);
          }
        }
      });
    }
  }

 private:
  const int32_t* lengths(const RunContext& run) const {  // null: all rows have all steps
    return lengths_ == kNone ? nullptr : scratch_part<int32_t>(run, copy_);
  }
  size_t wrong_length(const int32_t* lengths) const;  // the first out of range, or `batch`

  bool reverse_;
  uint32_t lengths_;
  uint64_t copy_ = 0;
  std::string name_;  // of the node
};

}  // namespace edgert
