#include "runtime/quantized.h"

namespace edgert {
namespace {

TensorType infer(const NodeTypes& node) {
  const DType dtype = node.input(0).dtype;
  if (dtype != DType::u8 && dtype != DType::i8)
    node.fail("DTYPE", "input 0 is %s, expected uint8 or int8", dtype_name(dtype));
  node.require(1, DType::u8, {256});
  return {DType::u8, node.shape(0)};
}

Step bind(const BindContext& context) { context.fail("TODO", "no kernel yet"); }

}  // namespace

extern const OpDef lookup_op = {infer, bind, 1};

}  // namespace edgert
