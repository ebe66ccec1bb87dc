// Products of a few rows of bytes by weights of few bits, which stay as they lie in the file and
// are looked up in registers: reading the weights is what takes time. With more rows weights are
// unpacked, and `tiles` multiplies them.
#include <algorithm>

#include "kernels/gemm_i8/gemm_i8.h"
#include "runtime/product/product.h"
#include "weights/packed/code_panels.h"

namespace edgert {
namespace {

constexpr size_t kMostRows = 4;  // which the kernels have together
// What a core reads of weights in a cycle: kernels that multiply fewer bytes do not pay.
constexpr int kBytesPerCycle = 8;

const GemmI8Kernel& kernel_of(const Product& product, IsaSet isa) {
  return select_gemm_i8(isa, WeightFit::kQuads, product.form);
}

// A task is some panels of outputs with all rows.
class CodesPlan final : public ProductPlan {
 public:
  CodesPlan(const Product& product, IsaSet isa, int threads)
      : ProductPlan(kernel_of(product, isa).name, threads),
        kernel_(kernel_of(product, isa)),
        shape_(product.shape),
        codes_(product.form, product.shape.weights(), product.w) {
    const size_t macs = shape_.width * shape_.channels;  // of an output
    const size_t worth = static_cast<size_t>(kernel_.task_kmacs) * 1000 / std::max<size_t>(macs, 1);
    task_outputs_ = CodePanels::whole_panels(worth + 1);
    set_tasks(ceil_div(shape_.outputs, task_outputs_), 0);
  }

  void run_task(const ProductOperands& operands, size_t index, std::byte*) const override {
    static constexpr size_t kBegin = 0;
    const size_t j = index * task_outputs_;
    GemmI8 g = {};
    g.m = g.run = shape_.width;
    g.n = std::min(task_outputs_, shape_.outputs - j);
    g.k = shape_.channels;
    g.segments = 1;
    g.a = static_cast<const uint8_t*>(operands.x);
    g.a_stride = shape_.channels;
    g.a_offsets = &kBegin;
    g.b_panel_stride = codes_.panel_stride();
    g.b = reinterpret_cast<const int8_t*>(codes_.panel(operands.w.data, j));
    g.table = reinterpret_cast<const int8_t*>(operands.w.data);
    g.c = static_cast<std::byte*>(operands.y) + j * output_bytes(operands.sums.output);
    g.c_stride = shape_.outputs;
    g.out = part_of(operands.sums, j, j);
    g.column_sums = operands.w.column_sums ? operands.w.column_sums + j : nullptr;
    DynamicOutput dynamic;
    if (operands.dynamic != nullptr) {
      dynamic = *operands.dynamic;
      if (dynamic.bias) dynamic.bias += j;
      if (dynamic.residual) dynamic.residual += j;
      g.dynamic = &dynamic;
    }
    kernel_.run(g);
  }

 private:
  const GemmI8Kernel& kernel_;
  ProductShape shape_;
  CodePanels codes_;
  size_t task_outputs_;
};

bool suits(const Product& product, IsaSet isa) {
  const ProductShape& g = product.shape;
  return is_packed(product.form) && product.x == DType::u8 && product.constant &&
         product.facts.within_taps == WeightFit::kQuads && g.batch * g.height == 1 &&
         g.width <= kMostRows && kernel_of(product, isa).macs_per_cycle >= kBytesPerCycle;
}

PreparedWeights prepare(const Product& product, const std::byte* weights, const int32_t*,
                        IsaSet isa, MemoryBudget& memory) {
  PreparedWeights prepared;
  prepared.data = weights;
  prepared.facts = product.facts;
  if (kernel_of(product, isa).column_sums || product.dynamic) {
    memory.take_weights(uint64_t{product.shape.outputs} * sizeof(int32_t));
    prepared.column_sums = column_sums(product, prepared);
  }
  return prepared;
}

std::unique_ptr<ProductPlan> plan(const Product& product, const WeightFacts&, IsaSet isa,
                                  int threads) {
  return std::make_unique<CodesPlan>(product, isa, threads);
}

}  // namespace

extern const ProductMethod codes_i8_method = {suits, Form::row, prepare, plan};

}  // namespace edgert
