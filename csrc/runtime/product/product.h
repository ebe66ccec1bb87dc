// Products of activations and weights: what operators ask for, and the ways to compute it, of which
// one function chooses. What depends on the weights is made once, by prepare(); what depends on
// shapes is a plan, which is cheap and can be made again.
#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#include "core/cpu.h"
#include "core/memory.h"
#include "core/threads.h"
#include "kernels/gemm_i8/gemm_i8.h"
#include "runtime/product/accumulator.h"
#include "runtime/product/shape.h"
#include "weights/fit.h"

namespace edgert {

struct Product {
  DType x, w;  // types of the elements; floats by floats, u8 by i8 or i16 by either
  ProductShape shape;
  // How the weights lie, of constants in the file. Those that the model computes come anew for each
  // run, in rows or as a transposed matrix.
  Form form = Form::row;
  bool constant = true;
  bool dynamic = false;    // there are scales of rows, as in GemmI8::dynamic
  WeightFacts facts = {};  // of weights that are used where they lie
};

// The form in which files hold weights of so many outputs for activations of type `x`. Panels never
// hold outputs of two groups.
Form stored_form(DType x, DType w, size_t outputs, size_t groups, bool depthwise = false);
// The same for input 1 of a node that convolves, or multiplies x[..., K] by w[N, K].
Form conv_form(const NodeTypes& node, const ConvWindow& window);
Form matrix_form(const NodeTypes& node);
// Whether such a node can have its weights in this form, a sparse one.
bool reads_sparse_weights(const NodeTypes& node, Form form, int32_t groups);
// Whether a matrix product can have them in this form, a packed one.
bool reads_packed_weights(const NodeTypes& node, Form form);

// What a plan reads of weights.
struct WeightView {
  const std::byte* data;
  const int32_t* column_sums = nullptr;  // as in GemmI8, if the kernel reads them
};

// Weights as a method reads them.
struct PreparedWeights {
  const std::byte* data = nullptr;
  Buffer own;  // where they lie, unless they are used where the file has them
  WeightFacts facts;
  std::vector<int32_t> column_sums;

  WeightView view() const { return {data, column_sums.data()}; }
};

struct ProductOperands {
  const void* x;  // [batch, height, width, channels]
  WeightView w;
  void* y;                                 // [batch, out_height, out_width, outputs]
  FloatOutput f32;                         // what follows sums of floats,
  AccumulatorOutput sums = {};             // and of integers
  uint8_t x_zero = 0;                      // what stands for zero in x of u8
  const DynamicOutput* dynamic = nullptr;  // as in GemmI8
};

// A product cut into tasks for a number of threads.
class ProductPlan {
 public:
  virtual ~ProductPlan() = default;

  const char* kernel() const { return kernel_; }
  size_t tasks() const { return tasks_; }
  uint64_t task_bytes() const { return task_bytes_; }                // scratch of a task
  uint64_t scratch_bytes() const { return threads_ * task_bytes_; }  // of run()
  // In any order, on any threads.
  virtual void run_task(const ProductOperands& operands, size_t task, std::byte* scratch) const = 0;
  void run(const ProductOperands& operands, std::byte* scratch, ThreadPool& pool) const;
  void run_alone(const ProductOperands& operands, std::byte* scratch) const;  // without a pool

 protected:
  ProductPlan(const char* kernel, int threads)
      : kernel_(kernel), threads_(static_cast<size_t>(threads)) {}
  void set_tasks(size_t count, uint64_t bytes) {
    tasks_ = count;
    task_bytes_ = bytes;
  }

 private:
  const char* kernel_;
  size_t threads_, tasks_ = 0;
  uint64_t task_bytes_ = 0;
};

// OpDef::operations of conv and gemm, and of their like: for each element of the output as many as
// an output has weights.
double product_operations(const NodeTypes& node, const OutputTypes& outputs);
// Of transposed convolutions: for each pixel of the input as many as there are weights.
double transposed_operations(const NodeTypes& node, const OutputTypes& outputs);

// A way to compute products.
struct ProductMethod {
  // Whether it is there and pays. Where the bits of a method differ from those of the next ones,
  // the answer depends on the shape of one image alone: results are the same on every CPU, for any
  // number of threads and images.
  bool (*suits)(const Product& product, IsaSet isa);
  // The form in which it reads weights that the model computes.
  Form computed_form;
  // From constants. `bias` is that of sums of integers, null if it is not known.
  PreparedWeights (*prepare)(const Product& product, const std::byte* weights, const int32_t* bias,
                             IsaSet isa, MemoryBudget& memory);
  std::unique_ptr<ProductPlan> (*plan)(const Product& product, const WeightFacts& facts, IsaSet isa,
                                       int threads);
};

#define METHOD(name) extern const ProductMethod name##_method;
#include "runtime/product/methods.inc"

// The best method for a product.
const ProductMethod& choose_method(const Product& product, IsaSet isa);

// Weights in the form that a kernel reads: where they are, or copied. From rows; i8 for kernels
// that read i16 become that; of floats also from the transposed matrix. From sparse and packed
// forms, too.
PreparedWeights in_form(Form form, const Product& product, DType element, const std::byte* weights,
                        MemoryBudget& memory);

// The sums of the weights of each output, as in GemmI8, of prepared ones.
std::vector<int32_t> column_sums(const Product& product, const PreparedWeights& weights);

}  // namespace edgert
