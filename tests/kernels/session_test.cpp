// What a session refuses before it asks for memory.
#include "runtime/session.h"

#include "harness.h"

namespace edgert::test {
namespace {

// A pixel, in so wide a frame that each task copies a gigabyte: four of them are 2^32 bytes and
// more, which a size_t of 32 bits takes for a few.
Model framed_pixel(const ConvAttrs& attrs, const float* weights) {
  Model model;
  model.tensors.resize(3);
  model.tensors[0].type = model.tensors[2].type = {DType::f32, {4, {1, 1, 1, 1}}};
  model.tensors[1].type = {DType::f32, {4, {1, 3, 3, 1}}};
  model.tensors[1].form = Form::k1n16;
  model.tensors[1].data = reinterpret_cast<const std::byte*>(weights);
  model.nodes.push_back({Op::conv, {0, 1}, {2}, &attrs});
  model.inputs = {0};
  model.outputs = {2};
  return model;
}

TEST(session_counts_scratch_in_64_bits) {
  const int32_t frame = 1 << 13;
  const ConvAttrs attrs = {
      {1, 1}, {frame, frame}, {frame, frame, frame, frame}, 1, {0, 0.0f, 0.0f}};
  const std::vector<float> weights(9 * 16);
  const auto model = std::make_shared<const Model>(framed_pixel(attrs, weights.data()));
  const size_t limit = static_cast<size_t>(UINT32_MAX);
  try {
    const Session session(model, std::make_unique<ThreadPool>(4), cpu_isa(), limit);
    CHECK(false, "%zu bytes of scratch are below the limit", session.memory().scratch);
  } catch (const Error& error) {
    CHECK(error.code() == ErrorCode::kLimit, "%s", error.what());
  }
}

}  // namespace
}  // namespace edgert::test
