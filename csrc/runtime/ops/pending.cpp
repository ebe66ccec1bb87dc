// Operators that are declared but not written yet; a line goes when its file comes.
#include "runtime/op.h"

namespace edgert {
namespace {

TensorType infer(const NodeTypes&) {
  throw Error(ErrorCode::kUnsupported, "OP", "not written yet");
}
Step bind(const BindContext&) { throw Error(ErrorCode::kUnsupported, "OP", "not written yet"); }

}  // namespace

extern const OpDef reduce_op = {infer, bind};
extern const OpDef binary_op = {infer, bind};
extern const OpDef batch_norm_op = {infer, bind};
extern const OpDef layer_norm_op = {infer, bind};
extern const OpDef softmax_op = {infer, bind};
extern const OpDef lrn_op = {infer, bind};
extern const OpDef cast_op = {infer, bind};

}  // namespace edgert
