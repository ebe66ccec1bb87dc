#include "runtime/windows/pool.h"

namespace edgert {
namespace {

OutputTypes infer(const NodeTypes& node) {
  const DType dtype = node.input(0).dtype;
  if (dtype != DType::f32 && dtype != DType::u8 && dtype != DType::i8 && dtype != DType::i16)
    node.fail("DTYPE", "input 0 is %s, expected float32, uint8, int8 or int16", dtype_name(dtype));
  return {dtype, infer_windows(node, node.attrs<PoolAttrs>())};
}

Step bind(const BindContext& context) {
  return context.output().type.dtype == DType::f32 ? bind_pool_f32(context, false)
                                                   : bind_max_pool_int(context);
}

}  // namespace

extern const OpDef max_pool_op = {infer, bind, 0, false, nullptr, window_operations<PoolAttrs>};

}  // namespace edgert
