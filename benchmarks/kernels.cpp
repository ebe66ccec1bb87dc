// Speed of the convolution kernels on the layers of common networks: fp32, or bytes with --i8. Or,
// with --rows, of every kernel of every family, best or not, on a problem of its own; or, with
// --sparse, of products by weights in sparse forms beside those by all weights, in turn.
//
// usage: edgert_kernel_bench [--rows | [--sparse] [--i8]] [--isa NAME] [--threads N] [--only TEXT]
// [--json]
//
// One line per kernel and layer: GMAC/s of the fastest run and its share of what the multiply-add
// units could do, measured right beside it by a loop on registers alone, since other users of a
// machine change its speed. Inputs and outputs are in the cache, as in a network; weights as well.
// The multiply-adds are those of the definition, of which Winograd's method needs 4 in 9.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "core/cpu.h"
#include "core/error.h"
#include "core/memory.h"
#include "core/threads.h"
#include "kernels/gemm_f32/gemm_f32.h"
#include "peak.h"
#include "rows.h"
#include "runtime/product/product.h"
#include "schema/enums.h"
#include "sparse.h"
#include "weights/forms.h"

namespace edgert {
namespace {

struct Layer {
  const char* kind;
  size_t size, channels, outputs, kernel, stride;  // outputs 0: depthwise
};

constexpr Layer kLayers[] = {
    // first layers
    {"stem", 224, 3, 32, 3, 2},
    {"stem", 224, 3, 64, 7, 2},
    // ResNet
    {"conv3x3", 56, 64, 64, 3, 1},
    {"conv3x3", 28, 128, 128, 3, 1},
    {"conv3x3", 14, 256, 256, 3, 1},
    {"conv3x3", 7, 512, 512, 3, 1},
    {"conv3x3", 56, 64, 128, 3, 2},
    {"conv3x3", 28, 256, 256, 3, 2},
    {"conv3x3", 14, 512, 512, 3, 2},
    {"conv1x1", 56, 64, 256, 1, 1},
    {"conv1x1", 56, 256, 64, 1, 1},
    {"conv1x1", 28, 512, 128, 1, 1},
    {"conv1x1", 28, 128, 512, 1, 1},
    {"conv1x1", 14, 1024, 256, 1, 1},
    {"conv1x1", 14, 256, 1024, 1, 1},
    {"conv1x1", 7, 2048, 512, 1, 1},
    {"conv1x1", 7, 512, 2048, 1, 1},
    {"conv1x1", 56, 256, 512, 1, 2},
    // MobileNets
    {"conv1x1", 112, 32, 64, 1, 1},
    {"conv1x1", 112, 16, 96, 1, 1},
    {"conv1x1", 56, 96, 24, 1, 1},
    {"conv1x1", 56, 24, 144, 1, 1},
    {"conv1x1", 56, 128, 128, 1, 1},
    {"conv1x1", 28, 40, 120, 1, 1},
    {"conv1x1", 14, 512, 512, 1, 1},
    {"conv1x1", 14, 80, 480, 1, 1},
    {"conv1x1", 14, 480, 112, 1, 1},
    {"conv1x1", 7, 1024, 1024, 1, 1},
    {"conv1x1", 7, 160, 960, 1, 1},
    {"conv1x1", 7, 960, 160, 1, 1},
    {"dense", 1, 1280, 1000, 1, 1},
    {"dense", 1, 2048, 1000, 1, 1},
    {"depthwise", 112, 32, 0, 3, 1},
    {"depthwise", 112, 96, 0, 3, 2},
    {"depthwise", 56, 144, 0, 3, 1},
    {"depthwise", 56, 128, 0, 3, 2},
    {"depthwise", 28, 192, 0, 3, 1},
    {"depthwise", 28, 120, 0, 5, 1},
    {"depthwise", 28, 240, 0, 3, 2},
    {"depthwise", 14, 512, 0, 3, 1},
    {"depthwise", 14, 672, 0, 5, 1},
    {"depthwise", 14, 672, 0, 5, 2},
    {"depthwise", 7, 960, 0, 3, 1},
    {"depthwise", 7, 1024, 0, 3, 1},
    {"depthwise", 7, 960, 0, 5, 1},
};

struct Floats {
  explicit Floats(size_t count) : memory(count * sizeof(float)) {
    for (size_t i = 0; i < count; ++i) data()[i] = static_cast<float>(i % 17) * 0.1f - 0.8f;
  }
  float* data() { return reinterpret_cast<float*>(memory.data()); }
  Buffer memory;
};

struct Result {
  const char* kernel;
  double macs, seconds, share;
};

template <typename Run>
void measure(const PeakLoop& loop, int threads, Run run, Result* result) {
  run();
  result->seconds = 1e9;
  result->share = 0;
  const double start = now();
  for (int round = 0; round < 7 || (round < 200 && now() - start < 0.1); ++round) {
    const double before = peak(loop), begin = now();
    run();
    const double seconds = now() - begin, after = peak(loop);
    result->seconds = std::min(result->seconds, seconds);
    if (before == 0) continue;
    // Rounds in which the machine's speed changed tell nothing.
    if (std::abs(before - after) < 0.05 * before)
      result->share = std::max(result->share,
                               result->macs * 1e-9 / seconds / std::max(before, after) / threads);
  }
}

ProductShape shape_of(const Layer& layer) {
  ProductShape g;
  g.height = g.width = layer.size;
  g.channels = layer.channels;
  g.outputs = layer.outputs == 0 ? layer.channels : layer.outputs;
  g.groups = layer.outputs == 0 ? layer.channels : 1;
  g.out_height = g.out_width = (layer.size + layer.stride - 1) / layer.stride;
  for (int i : {0, 1}) {
    g.kernel[i] = layer.kernel;
    g.strides[i] = layer.stride;
    g.pads[i] = layer.kernel / 2;
  }
  return g;
}

// By the method that conv or qconv would choose.
Result run_layer(const Layer& layer, bool i8, const PeakLoop& loop, IsaSet set, int threads) {
  const ProductShape g = shape_of(layer);
  const WeightShape w = g.weights();
  Product product = {i8 ? DType::u8 : DType::f32, i8 ? DType::i8 : DType::f32, g};
  product.form = stored_form(product.x, product.w, g.outputs, g.groups, g.is_depthwise());
  const size_t elements = form_elements(product.form, w),
               results = g.out_height * g.out_width * g.outputs;
  // Of floats whatever they take; bytes of 1 keep every rule.
  Floats x(g.height * g.width * g.channels), y(results), weights(elements), bias(g.outputs);
  Floats multiplier(g.outputs);
  if (i8)
    for (Floats* floats : {&x, &weights, &bias})
      std::memset(floats->memory.data(), 1, floats->memory.bytes());
  const ProductMethod& method = choose_method(product, set);
  MemoryBudget memory(UINT64_MAX);
  const PreparedWeights prepared =
      method.prepare(product, weights.memory.data(), nullptr, set, memory);
  const auto plan = method.plan(product, prepared.facts, set, threads);

  const Activation relu = {static_cast<int32_t>(UnaryFn::relu), 0, 0};
  ProductOperands operands = {x.data(), prepared.view(), y.data(), {bias.data(), nullptr, relu}};
  operands.sums.bias = reinterpret_cast<const int32_t*>(bias.data());
  operands.sums.multiplier = multiplier.data();
  operands.sums.output = {static_cast<int32_t>(DType::u8), {}, 1, 0, 0, 255};
  operands.sums.small = true;
  Buffer scratch(plan->scratch_bytes());
  ThreadPool pool(threads);
  Result result;
  result.kernel = plan->kernel();
  result.macs = static_cast<double>(results * w.depth());
  measure(loop, threads, [&] { plan->run(operands, scratch.data(), pool); }, &result);
  return result;
}

int run(int argc, char** argv) {
  std::string only, level;
  int threads = 1;
  bool json = false, i8 = false, every_row = false, sparse = false;
  for (int i = 1; i < argc; ++i) {
    const std::string option = argv[i];
    if (option == "--json") {
      json = true;
    } else if (option == "--i8") {
      i8 = true;
    } else if (option == "--rows") {
      every_row = true;
    } else if (option == "--sparse") {
      sparse = true;
    } else if (i + 1 < argc && option == "--isa") {
      level = argv[++i];
    } else if (i + 1 < argc && option == "--only") {
      only = argv[++i];
    } else if (i + 1 < argc && option == "--threads") {
      threads = std::max(1, std::atoi(argv[++i]));
    } else {
      std::fprintf(
          stderr,
          "usage: %s [--rows | [--sparse] [--i8]] [--isa NAME] [--threads N] [--only TEXT] "
          "[--json]\n",
          argv[0]);
      return 2;
    }
  }
  if (sparse) {
    run_sparse(i8, only, level, threads, json);
    return 0;
  }
  if (every_row) {
    run_rows(only, level, json);
    return 0;
  }
  for (Isa isa : isa_list(cpu_isa())) {
    // Levels without rows of their own would repeat those of the level below.
    const IsaSet set = cpu_isa().capped(isa);
    if (isa != (i8 ? select_gemm_i8(set, WeightFit::kQuads).isa : select_gemm_f32(set).isa))
      continue;
    if (!level.empty() && level != isa_name(isa)) continue;
    const PeakLoop loop = peak_loop(isa, i8);
    for (const Layer& layer : kLayers) {
      const std::string name =
          format("%s %zux%zux%zu->%zu %zux%zu/%zu", layer.kind, layer.size, layer.size,
                 layer.channels, layer.outputs, layer.kernel, layer.kernel, layer.stride);
      if (name.find(only) == std::string::npos) continue;
      const Result r = run_layer(layer, i8, loop, set, threads);
      const double rate = r.macs * 1e-9 / r.seconds;
      if (json)
        std::printf(
            "{\"kernel\": \"%s\", \"layer\": \"%s\", \"threads\": %d, \"us\": %.2f, "
            "\"gmac_per_s\": %.2f, \"share_of_peak\": %.3f}\n",
            r.kernel, name.c_str(), threads, r.seconds * 1e6, rate, r.share);
      else
        std::printf("%-24s %-36s %9.1f us %8.1f GMAC/s %5.1f %%\n", r.kernel, name.c_str(),
                    r.seconds * 1e6, rate, r.share * 100);
      std::fflush(stdout);
    }
  }
  return 0;
}

}  // namespace
}  // namespace edgert

int main(int argc, char** argv) {
  try {
    return edgert::run(argc, argv);
  } catch (const edgert::Error& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
