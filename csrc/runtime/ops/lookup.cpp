#include "kernels/kernel.h"
#include "kernels/lookup_u8/lookup_u8.h"
#include "runtime/op.h"
#include "runtime/split.h"

namespace edgert {
namespace {

OutputTypes infer(const NodeTypes& node) {
  const DType dtype = node.input(0).dtype;
  if (dtype != DType::u8 && dtype != DType::i8)
    node.fail("DTYPE", "input 0 is %s, expected uint8 or int8", dtype_name(dtype));
  node.require(1, DType::u8, {256});
  return {DType::u8, node.shape(0)};
}

Step bind(const BindContext& context) {
  const Kernel<LookupU8>& kernel = select_kernels(context.isa).lookup_u8;
  const size_t n = context.output().type.shape.elements();
  const uint32_t in = context.input_index(0), table = context.input_index(1);
  const uint32_t out = context.output_index();
  return {kernel.name, 0, [=, run_kernel = kernel.run](const RunContext& run) {
            const uint8_t* const x = run.tensor<uint8_t>(in);
            uint8_t* const y = run.tensor<uint8_t>(out);
            const uint8_t* const entries = run.tensor<uint8_t>(table);
            split_elements(run.pool(), n, 2, [=](size_t first, size_t last) {
              run_kernel({last - first, x + first, y + first, entries});
            });
          }};
}

}  // namespace

extern const OpDef lookup_op = {infer, bind, 1};

}  // namespace edgert
