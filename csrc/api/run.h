// The arrays of a run, checked.
#pragma once

#include "api/model.h"
#include "core/small_array.h"

namespace edgert {

class CheckedArrays {
 public:
  // Refuses any other than one array of the right size for each input and each output, aligned,
  // outputs apart from all others.
  CheckedArrays(const Model& model, const edgert_input_array* inputs, size_t input_count,
                const edgert_output_array* outputs, size_t output_count);

  const void* const* inputs() { return inputs_.data(); }
  void* const* outputs() { return outputs_.data(); }

 private:
  static constexpr size_t kFew = 8;
  SmallArray<const void*, kFew> inputs_;
  SmallArray<void*, kFew> outputs_;
};

// Refuses another number of places than the steps have, if there are any.
void require_steps(const Session& session, const double* step_ms, size_t steps);

}  // namespace edgert
