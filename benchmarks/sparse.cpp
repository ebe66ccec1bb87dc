#include "sparse.h"

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <random>
#include <vector>

#include "core/cpu.h"
#include "core/memory.h"
#include "core/threads.h"
#include "peak.h"
#include "runtime/product/product.h"
#include "weights/facts.h"
#include "weights/forms.h"

namespace edgert {
namespace {

struct Layer {
  size_t size, channels, outputs, kernel;  // size x size pixels, or a row of a matrix
};

constexpr Layer kLayers[] = {
    {56, 64, 256, 1},  {28, 512, 128, 1}, {14, 256, 1024, 1}, {14, 512, 512, 1},
    {7, 2048, 512, 1}, {28, 128, 128, 3}, {14, 256, 256, 3},  {1, 2048, 1000, 1},
};
constexpr int kZeros[] = {50, 70, 90};  // of a hundred blocks, or of weights

struct SparseForm {
  Form form;
  size_t high, wide;  // of a block
};
constexpr SparseForm kBytes[] = {{Form::bsr1x4, 1, 4}, {Form::bsr4x4, 4, 4}};
constexpr SparseForm kFloats[] = {{Form::csr, 1, 1}};

ProductShape shape_of(const Layer& layer) {
  ProductShape g;
  g.height = g.width = g.out_height = g.out_width = layer.size;
  g.channels = layer.channels;
  g.outputs = layer.outputs;
  for (int i : {0, 1}) {
    g.kernel[i] = layer.kernel;
    g.pads[i] = layer.kernel / 2;
  }
  return g;
}

// Weights of which so many of a hundred blocks are zero, at random places; sums of four fit.
template <typename T>
std::vector<T> weights_of(const ProductShape& g, const SparseForm& form, int zeros) {
  std::mt19937 random(1);
  const size_t depth = g.weights().depth();
  std::vector<T> rows(g.outputs * depth);
  for (size_t o = 0; o < g.outputs; o += form.high)
    for (size_t p = 0; p < depth; p += form.wide) {
      if (static_cast<int>(random() % 100) < zeros) continue;
      for (size_t h = 0; h < form.high && o + h < g.outputs; ++h)
        for (size_t d = 0; d < form.wide; ++d)
          rows[(o + h) * depth + p + d] = static_cast<T>(1 + static_cast<int>(random() % 31));
    }
  return rows;
}

// A product by weights in a form, ready to run.
struct Work {
  MemoryBudget memory{UINT64_MAX};
  Buffer stored, scratch;
  PreparedWeights weights;
  std::unique_ptr<ProductPlan> plan;
  double seconds = 1e9;

  Work(Product product, const std::byte* rows, IsaSet set, int threads)
      : stored(packed_bytes(product.form, product.shape.weights(), product.w, rows)) {
    const WeightShape shape = product.shape.weights();
    pack(product.form, shape, product.w, rows, product.w, stored.data());
    product.facts = facts_of(product.form, product.w, shape, stored.data());
    const ProductMethod& method = choose_method(product, set);
    weights = method.prepare(product, stored.data(), nullptr, set, memory);
    plan = method.plan(product, weights.facts, set, threads);
    scratch = Buffer(plan->scratch_bytes());
  }
  void run(ProductOperands operands, ThreadPool& pool) {
    operands.w = weights.view();
    const double begin = now();
    plan->run(operands, scratch.data(), pool);
    seconds = std::min(seconds, now() - begin);
  }
};

template <typename X, typename W>
void run_layers(const SparseForm* forms, size_t form_count, const std::string& only, IsaSet set,
                int threads, bool json) {
  constexpr bool kAreBytes = std::is_same_v<X, uint8_t>;
  ThreadPool pool(threads);
  for (const Layer& layer : kLayers)
    for (size_t f = 0; f < form_count; ++f)
      for (int zeros : kZeros) {
        const SparseForm& form = forms[f];
        const ProductShape g = shape_of(layer);
        const std::string name =
            format("%s %d%% %zux%zux%zu->%zu %zux%zu", form_name(form.form), zeros, layer.size,
                   layer.size, layer.channels, layer.outputs, layer.kernel, layer.kernel);
        if (name.find(only) == std::string::npos) continue;
        const std::vector<W> rows = weights_of<W>(g, form, zeros);
        const auto* const from = reinterpret_cast<const std::byte*>(rows.data());
        Product product = {kAreBytes ? DType::u8 : DType::f32, kAreBytes ? DType::i8 : DType::f32,
                           g};
        product.form = stored_form(product.x, product.w, g.outputs, 1);
        Work dense(product, from, set, threads);
        product.form = form.form;
        Work sparse(product, from, set, threads);

        const size_t results = g.out_height * g.out_width * g.outputs;
        std::vector<X> x(g.height * g.width * g.channels, X{1}), y(results);
        std::vector<float> bias(g.outputs), multiplier(g.outputs, 1e-3f);
        const std::vector<int32_t> sums(g.outputs);
        const Activation relu = {static_cast<int32_t>(UnaryFn::relu), 0, 0};
        ProductOperands operands = {x.data(), {}, y.data(), {bias.data(), nullptr, relu}};
        operands.sums.bias = sums.data();
        operands.sums.multiplier = multiplier.data();
        operands.sums.output = {static_cast<int32_t>(DType::u8), {}, 1, 0, 0, 255};
        operands.sums.small = true;
        const double start = now();
        for (int round = 0; round < 5 || (round < 300 && now() - start < 0.15); ++round)
          for (Work* work : {&dense, &sparse}) work->run(operands, pool);
        const double ratio = dense.seconds / sparse.seconds;
        if (json)
          std::printf(
              "{\"kernel\": \"%s\", \"dense\": \"%s\", \"layer\": \"%s\", \"threads\": %d, "
              "\"us\": %.2f, \"dense_us\": %.2f, \"ratio\": %.2f}\n",
              sparse.plan->kernel(), dense.plan->kernel(), name.c_str(), threads,
              sparse.seconds * 1e6, dense.seconds * 1e6, ratio);
        else
          std::printf("%-34s %-30s %-36s %9.1f us %9.1f us %6.2fx\n", sparse.plan->kernel(),
                      dense.plan->kernel(), name.c_str(), sparse.seconds * 1e6, dense.seconds * 1e6,
                      ratio);
        std::fflush(stdout);
      }
}

}  // namespace

void run_sparse(bool i8, const std::string& only, const std::string& level, int threads,
                bool json) {
  for (Isa isa : isa_list(cpu_isa())) {
    if (!level.empty() && level != isa_name(isa)) continue;
    const IsaSet set = cpu_isa().capped(isa);
    if (i8)
      run_layers<uint8_t, int8_t>(kBytes, std::size(kBytes), only, set, threads, json);
    else
      run_layers<float, float>(kFloats, std::size(kFloats), only, set, threads, json);
  }
}

}  // namespace edgert
