#include "rows.h"

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <deque>
#include <vector>

#include "core/memory.h"
#include "kernels/batch_norm_f32/batch_norm_f32.h"
#include "kernels/binary_f32/binary_f32.h"
#include "kernels/binary_int/binary_int.h"
#include "kernels/col2im_f32/col2im_f32.h"
#include "kernels/compare_f32/compare_f32.h"
#include "kernels/crc32/crc32.h"
#include "kernels/dequantize_f32/dequantize_f32.h"
#include "kernels/dwconv_f32/dwconv_f32.h"
#include "kernels/dwconv_i16/dwconv_i16.h"
#include "kernels/dwconv_i8/dwconv_i8.h"
#include "kernels/gemm_bits/gemm_bits.h"
#include "kernels/gemm_blocks/gemm_blocks.h"
#include "kernels/gemm_f32/gemm_f32.h"
#include "kernels/gemm_i16/gemm_i16.h"
#include "kernels/gemm_i8/gemm_i8.h"
#include "kernels/gemm_sparse_f32/gemm_sparse_f32.h"
#include "kernels/gemm_sparse_i8/gemm_sparse_i8.h"
#include "kernels/gru_f32/gru_f32.h"
#include "kernels/kernel.h"
#include "kernels/layer_norm_f32/layer_norm_f32.h"
#include "kernels/layer_norm_u8/layer_norm_u8.h"
#include "kernels/lookup_u8/lookup_u8.h"
#include "kernels/lrn_f32/lrn_f32.h"
#include "kernels/lstm_f32/lstm_f32.h"
#include "kernels/pool_f32/pool_f32.h"
#include "kernels/pool_int/pool_int.h"
#include "kernels/quantize_f32/quantize_f32.h"
#include "kernels/reduce_f32/reduce_f32.h"
#include "kernels/resize_f32/resize_f32.h"
#include "kernels/resize_int/resize_int.h"
#include "kernels/select_f32/select_f32.h"
#include "kernels/signs_f32/signs_f32.h"
#include "kernels/softmax_f32/softmax_f32.h"
#include "kernels/softmax_u8/softmax_u8.h"
#include "kernels/unary_f32/unary_f32.h"
#include "peak.h"

namespace edgert {
namespace {

constexpr size_t kRows = 64, kColumns = 256, kCount = kRows * kColumns;
constexpr size_t kSize = 16, kChannels = 64;  // of an image of as many elements

// What a problem reads and writes. Ones keep every rule, of weights and of tables.
class Arrays {
 public:
  template <typename T>
  T* ones(size_t count = kCount) {
    T* const data = array<T>(count);
    std::fill(data, data + count, T{1});
    return data;
  }
  template <typename T>
  T* varied(size_t count = kCount) {  // from 0 to 3
    T* const data = array<T>(count);
    for (size_t i = 0; i < count; ++i) data[i] = static_cast<T>(i % 4);
    return data;
  }

 private:
  template <typename T>
  T* array(size_t count) {
    memory_.emplace_back(count * sizeof(T) + 64);
    return reinterpret_cast<T*>(memory_.back().data());
  }
  std::deque<Buffer> memory_;
};

struct Work {
  double amount;  // of a run
  const char* unit;
};

template <typename X, typename Y>
Work bytes(size_t read, const X*, size_t written, const Y*) {
  return {static_cast<double>(read * sizeof(X) + written * sizeof(Y)), "GB/s"};
}
Work floats(size_t read, size_t written) {
  return {static_cast<double>((read + written) * sizeof(float)), "GB/s"};
}

const Activation kRelu = {static_cast<int32_t>(UnaryFn::relu), 0, 0};
const Requantize kToBytes = {static_cast<int32_t>(DType::u8), {}, 1, 3, 0, 255};

AccumulatorOutput accumulator(Arrays& arrays, size_t channels) {
  AccumulatorOutput out = {};
  out.bias = arrays.ones<int32_t>(channels);
  out.multiplier = arrays.ones<float>(channels);
  out.output = kToBytes;
  out.small = true;
  return out;
}

// prepare() makes a family's problem. A new family lacks one here and does not compile.

Work prepare(BatchNormF32& g, Arrays& arrays) {
  g = {kRows,
       kColumns,
       arrays.varied<float>(),
       arrays.ones<float>(kColumns),
       arrays.ones<float>(kColumns),
       arrays.ones<float>(),
       kRelu};
  return floats(kCount, kCount);
}

Work prepare(BinaryF32& g, Arrays& arrays) {
  g.fn = BinaryFn::add;
  g.rows = 1;
  g.columns = kCount;
  g.a = {arrays.varied<float>(), 0, 1};
  g.b = {arrays.varied<float>(), 0, 1};
  g.y = arrays.ones<float>();
  return floats(2 * kCount, kCount);
}

Work prepare(CompareF32& g, Arrays& arrays) {
  g.fn = CompareFn::less;
  g.rows = 1;
  g.columns = kCount;
  g.a = {arrays.varied<float>(), 0, 1};
  g.b = {arrays.varied<float>(), 0, 1};
  g.y = arrays.ones<uint8_t>();
  return bytes(2 * kCount, g.a.data, kCount, g.y);
}

Work prepare(SelectF32& g, Arrays& arrays) {
  g.rows = 1;
  g.columns = kCount;
  g.c = {arrays.varied<uint8_t>(), 0, 1};
  g.a = {arrays.varied<float>(), 0, 1};
  g.b = {arrays.varied<float>(), 0, 1};
  g.y = arrays.ones<float>();
  return floats(2 * kCount, kCount);
}

const Activation kSigmoid = {static_cast<int32_t>(UnaryFn::sigmoid), 0, 0};
const Activation kTanh = {static_cast<int32_t>(UnaryFn::tanh), 0, 0};

Work prepare(LstmF32& g, Arrays& arrays) {
  g = {};
  g.rows = kRows;
  g.units = kColumns;
  g.gates = arrays.varied<float>(4 * kCount);
  g.c = arrays.ones<float>();
  g.h = arrays.ones<float>();
  g.clip = 1e9f;
  g.gate = kSigmoid;
  g.cell = g.hidden = kTanh;
  return floats(5 * kCount, 2 * kCount);
}

Work prepare(GruF32& g, Arrays& arrays) {
  g = {};
  g.rows = kRows;
  g.units = kColumns;
  g.gates = arrays.varied<float>(3 * kCount);
  g.h = arrays.ones<float>();
  g.clip = 1e9f;
  g.gate = kSigmoid;
  g.candidate = kTanh;
  return floats(4 * kCount, kCount);
}

Work prepare(BinaryInt& g, Arrays& arrays) {
  g.fn = BinaryFn::add;
  g.shifted = false;
  g.dtype = DType::u8;
  g.rows = 1;
  g.columns = kCount;
  g.a = {arrays.varied<uint8_t>(), 0, 1, 1, 0.5f};
  g.b = {arrays.varied<uint8_t>(), 0, 1, 1, 0.5f};
  uint8_t* const y = arrays.ones<uint8_t>();
  g.y = y;
  g.output = kToBytes;
  return bytes(2 * kCount, y, kCount, y);
}

// Two taps for each output of an axis, as strides of half the kernel have.
Col2imAxis col2im_axis(Arrays& arrays, size_t step) {
  size_t* const start = arrays.ones<size_t>(kSize + 1);
  size_t* const offset = arrays.ones<size_t>(2 * kSize);
  for (size_t i = 0; i < kSize; ++i) {
    start[i + 1] = 2 * (i + 1);
    offset[2 * i] = i * step;
    offset[2 * i + 1] = (i + 1) * step;
  }
  start[0] = 0;
  return {start, offset, kSize};
}
Work prepare(Col2imF32& g, Arrays& arrays) {
  constexpr size_t kRow = (kSize + 1) * kChannels;
  g.channels = g.y_stride = kChannels;
  g.rows = col2im_axis(arrays, kRow);
  g.columns = col2im_axis(arrays, kChannels);
  g.x = arrays.varied<float>((kSize + 1) * kRow);
  g.y = arrays.ones<float>();
  return floats(4 * kCount, kCount);
}

Work prepare(DequantizeF32& g, Arrays& arrays) {
  const uint8_t* const x = arrays.varied<uint8_t>();
  g = {kCount, DType::u8, x, arrays.ones<float>(), 0.5f, 2};
  return bytes(kCount, x, kCount, g.y);
}

Work prepare(LayerNormF32& g, Arrays& arrays) {
  g = {kRows,
       kColumns,
       arrays.varied<float>(),
       arrays.ones<float>(kColumns),
       arrays.ones<float>(kColumns),
       1e-5f,
       arrays.ones<float>()};
  return floats(kCount, kCount);
}

Work prepare(LayerNormU8& g, Arrays& arrays) {
  g = {kRows,
       kColumns,
       arrays.varied<uint8_t>(),
       arrays.ones<float>(kColumns),
       arrays.ones<float>(kColumns),
       1e-5f,
       3,
       arrays.ones<uint8_t>()};
  return bytes(kCount, g.x, kCount, g.y);
}

Work prepare(LookupU8& g, Arrays& arrays) {
  g = {kCount, arrays.varied<uint8_t>(), arrays.ones<uint8_t>(), arrays.ones<uint8_t>(256)};
  return bytes(kCount, g.x, kCount, g.y);
}

Work prepare(LrnF32& g, Arrays& arrays) {
  g = {kRows, kColumns, arrays.varied<float>(), arrays.ones<float>(), 5, 1e-4f, 0.75f, 1};
  return floats(kCount, kCount);
}

// Windows of 3x3, a pixel apart, without those at the edges.
PoolImage pool_image(Arrays& arrays) {
  PoolWindow* const windows = static_cast<PoolWindow*>(
      static_cast<void*>(arrays.ones<int32_t>(kSize * sizeof(PoolWindow) / sizeof(int32_t))));
  for (size_t i = 0; i < kSize; ++i) windows[i] = {static_cast<int32_t>(i), 3, 3};
  return {kChannels, kSize + 2, 1, 1, windows, kSize, windows, kSize};
}
constexpr size_t kPooled = (kSize + 2) * (kSize + 2) * kChannels;
Work prepare(PoolF32& g, Arrays& arrays) {
  g = {false, pool_image(arrays), arrays.varied<float>(kPooled), arrays.ones<float>()};
  return floats(kPooled, kCount);
}
Work prepare(PoolInt& g, Arrays& arrays) {
  g.dtype = DType::u8;
  g.image = pool_image(arrays);
  g.x = arrays.varied<uint8_t>(kPooled);
  g.y = arrays.ones<uint8_t>();
  return bytes(kPooled, g.x, kCount, g.x);
}

Work prepare(QuantizeF32& g, Arrays& arrays) {
  uint8_t* const y = arrays.ones<uint8_t>();
  g = {kCount, arrays.varied<float>(), DType::u8, y, 0.5f, 0, 3, 0, 255};
  return bytes(kCount, g.x, kCount, y);
}

Work prepare(ReduceF32& g, Arrays& arrays) {
  g = {ReduceFn::sum,
       kRows,
       kColumns,
       1,
       arrays.varied<float>(),
       kColumns,
       1,
       arrays.ones<float>(kRows),
       1};
  return floats(kCount, kRows);
}

// Twice as many pixels as there are.
ResizeAxis resize_axis(Arrays& arrays) {
  constexpr size_t kOutputs = 2 * (kSize - 1);
  int32_t* const at = arrays.ones<int32_t>(2 * kOutputs);
  float* const weight = arrays.ones<float>(2 * kOutputs);
  for (size_t i = 0; i < 2 * kOutputs; ++i) {
    at[i] = static_cast<int32_t>(i / 4 + i % 2);
    weight[i] = i / 2 % 2 == i % 2 ? 0.75f : 0.25f;
  }
  return {at, weight, kOutputs};
}
constexpr size_t kResized = 4 * (kSize - 1) * (kSize - 1) * kChannels;
Work prepare(ResizeF32& g, Arrays& arrays) {
  g = {2,
       kChannels,
       kSize,
       resize_axis(arrays),
       resize_axis(arrays),
       arrays.varied<float>(),
       arrays.ones<float>(kResized)};
  return floats(kCount, kResized);
}
Work prepare(ResizeInt& g, Arrays& arrays) {
  uint8_t* const y = arrays.ones<uint8_t>(kResized);
  g = {DType::u8,
       kChannels,
       kSize,
       resize_axis(arrays),
       resize_axis(arrays),
       arrays.varied<uint8_t>(),
       y};
  return bytes(kCount, y, kResized, y);
}

Work prepare(SignsF32& g, Arrays& arrays) {
  g = {kRows, kColumns, arrays.varied<float>(), arrays.ones<uint8_t>(), 1, -1};
  return bytes(kCount, g.x, kCount / 8, g.y);
}

Work prepare(SoftmaxF32& g, Arrays& arrays) {
  g = {kRows, kColumns, 1, arrays.varied<float>(), arrays.ones<float>(), 1, false};
  return floats(kCount, kCount);
}

Work prepare(SoftmaxU8& g, Arrays& arrays) {
  g = {kRows, kColumns, arrays.varied<uint8_t>(), arrays.ones<int32_t>(256),
       255,   0,        arrays.ones<uint8_t>()};
  return bytes(kCount, g.x, kCount, g.y);
}

Work prepare(UnaryF32& g, Arrays& arrays) {
  g = {kCount,
       arrays.varied<float>(),
       arrays.ones<float>(),
       {static_cast<int32_t>(UnaryFn::sigmoid), 0, 0}};
  return floats(kCount, kCount);
}

// A product of matrices: as many rows as all tiles divide, panels of 16 columns.
constexpr size_t kM = 84, kN = 256, kK = 256, kPanel = 16 * kK;
template <typename Gemm, typename Element, typename Weight>
Work prepare_gemm(Gemm& g, Arrays& arrays, const Element*, const Weight*) {
  g.m = kM;
  g.n = kN;
  g.k = kK;
  g.segments = 1;
  g.a = arrays.varied<Element>(kM * kK);
  g.a_stride = kK;
  g.a_offsets = arrays.varied<size_t>(1);
  g.b = arrays.ones<Weight>(kN * kK);
  g.b_panel_stride = kPanel;
  g.c = arrays.ones<float>(kM * kN);  // of any type
  g.c_stride = kN;
  return {static_cast<double>(kM * kN * kK), "GMAC/s"};
}
Work prepare(GemmF32& g, Arrays& arrays) { return prepare_gemm(g, arrays, g.a, g.b); }
Work prepare(GemmI8& g, Arrays& arrays) {
  g.run = kM;
  g.table = arrays.ones<int8_t>(16);
  g.out = accumulator(arrays, kN);
  g.column_sums = arrays.ones<int32_t>(kN);
  return prepare_gemm(g, arrays, g.a, g.b);
}
Work prepare(GemmI16& g, Arrays& arrays) {
  g.chunk = kK / 2;
  g.narrow = true;
  g.out = accumulator(arrays, kN);
  return prepare_gemm(g, arrays, g.a, g.b);
}

Work prepare(GemmBlocks& g, Arrays& arrays) {
  constexpr size_t kBlock = 32, kBlocks = kK / kBlock;
  g.m = kM;
  g.n = g.stride = g.c_stride = kN;
  g.k = kK;
  g.block = kBlock;
  g.a = arrays.ones<int8_t>(kM * kK);
  g.a_scales = arrays.ones<float>(kM * kBlocks);
  g.a_sums = arrays.ones<int32_t>(kM * kBlocks);
  g.b = arrays.varied<uint8_t>(kN * kK);
  g.b_panel_stride = kPanel;
  g.scales = arrays.ones<float>(kN * kBlocks);
  g.zero = 2;
  g.c = arrays.ones<float>(kM * kN);
  return {static_cast<double>(kM * kN * kK), "GMAC/s"};
}

Work prepare(GemmBits& g, Arrays& arrays) {
  Work work = prepare_gemm(g, arrays, g.a, g.b);
  g.starts = arrays.varied<int16_t>(kN);
  g.thresholds = arrays.varied<int16_t>(kN);
  work.amount *= 8;
  return work;
}

// The same with an eighth of the blocks, of `wide` elements of the depth: every eighth of a row.
template <typename Gemm, typename Element, typename Weight>
Work prepare_sparse(Gemm& g, Arrays& arrays, size_t wide, const Element*, const Weight*) {
  constexpr size_t kKept = 8;
  const size_t blocks = kK / wide / kKept;
  uint16_t* const counts = arrays.ones<uint16_t>(kN);
  uint8_t* const gaps = arrays.ones<uint8_t>(kN * blocks);
  std::fill(counts, counts + kN, static_cast<uint16_t>(blocks));
  std::fill(gaps, gaps + kN * blocks, static_cast<uint8_t>(kKept - 1));
  g.m = g.run = kM;
  g.n = kN;
  g.k = kK;
  g.segments = 1;
  g.a = arrays.varied<Element>(kM * kK);
  g.a_stride = kK;
  g.a_offsets = arrays.varied<size_t>(1);
  g.tile_rows = 64;
  g.b = {counts, arrays.ones<Weight>(4 * kN * blocks * wide), gaps};  // of up to 4 outputs
  g.c = arrays.ones<float>(kM * kN);                                  // of any type
  g.c_stride = kN;
  g.scratch = arrays.ones<std::byte>(256 * 4 * (kK + 64));  // enough for every kernel
  return {static_cast<double>(kM * kN * kK / kKept), "GMAC/s"};
}
Work prepare(GemmSparseF32& g, Arrays& arrays) {
  return prepare_sparse(g, arrays, 1, g.a, g.b.blocks);
}
Work prepare(GemmSparseI8& g, Arrays& arrays) {
  g.out = accumulator(arrays, kN);
  g.column_sums = arrays.ones<int32_t>(kN);
  return prepare_sparse(g, arrays, 4, g.a, g.b.blocks);
}

// 3x3 of stride 1.
template <typename Dwconv, typename Element, typename Weight>
Work prepare_dwconv(Dwconv& g, Arrays& arrays, const Element*, const Weight*) {
  g.channels = g.pixel_stride = g.w_stride = kChannels;
  g.height = g.width = g.out_width = g.row_end = kSize;
  for (size_t* of_axes : {g.kernel, g.strides, g.dilations, g.pads}) of_axes[0] = of_axes[1] = 1;
  g.kernel[0] = g.kernel[1] = 3;
  g.x = arrays.varied<Element>();
  g.w = arrays.ones<Weight>(9 * kChannels);
  g.y = arrays.ones<float>();  // of any type
  return {static_cast<double>(9 * kCount), "GMAC/s"};
}
Work prepare(DwconvF32& g, Arrays& arrays) { return prepare_dwconv(g, arrays, g.x, g.w); }
Work prepare(DwconvI8& g, Arrays& arrays) {
  g.out = accumulator(arrays, kChannels);
  g.scratch = arrays.ones<std::byte>(16 * kCount);  // enough for every kernel
  return prepare_dwconv(g, arrays, g.x, g.w);
}
Work prepare(DwconvI16& g, Arrays& arrays) {
  g.out = accumulator(arrays, kChannels);
  return prepare_dwconv(g, arrays, g.x, g.w);
}

Work prepare(Crc32& g, Arrays& arrays) {
  g = {arrays.varied<uint8_t>(), kCount, arrays.ones<uint32_t>(1)};
  return {static_cast<double>(kCount), "GB/s"};
}

class Rows {
 public:
  Rows(const std::string& only, const std::string& level, bool json)
      : only_(only), level_(level), json_(json), isa_(cpu_isa()) {}

  template <typename Arguments>
  void measure(const char* family, const char* name, Isa isa, void (*run)(const Arguments&)) const {
    if (!isa_.has(isa) || std::strstr(name, only_.c_str()) == nullptr) return;
    if (!level_.empty() && level_ != isa_name(isa)) return;
    Arrays arrays;
    Arguments arguments = {};
    const Work work = prepare(arguments, arrays);
    run(arguments);
    double seconds = 1e9;
    const double start = now();
    for (int round = 0; round < 20 || now() - start < 0.05; ++round) {
      const double begin = now();
      run(arguments);
      seconds = std::min(seconds, now() - begin);
    }
    const double rate = work.amount * 1e-9 / seconds;
    if (json_)
      std::printf(
          "{\"family\": \"%s\", \"kernel\": \"%s\", \"level\": \"%s\", \"us\": %.2f, "
          "\"rate\": %.2f, \"unit\": \"%s\"}\n",
          family, name, isa_name(isa), seconds * 1e6, rate, work.unit);
    else
      std::printf("%-15s %-27s %-12s %9.1f us %8.1f %s\n", family, name, isa_name(isa),
                  seconds * 1e6, rate, work.unit);
    std::fflush(stdout);
  }

 private:
  std::string only_, level_;
  bool json_;
  IsaSet isa_;
};

}  // namespace

void run_rows(const std::string& only, const std::string& level, bool json) {
  const Rows rows(only, level, json);
  const std::vector<Isa> levels = isa_list(cpu_isa());
  const auto measure_levels = [&](const char* family, auto kernel_of) {
    for (auto isa = levels.rbegin(); isa != levels.rend(); ++isa)
      if (const LevelKernels* const kernels = level_kernels(*isa))
        rows.measure(family, (kernels->*kernel_of).name, *isa, (kernels->*kernel_of).run);
  };
#define FAMILY(family, Arguments) measure_levels(#family, &LevelKernels::family);
#include "kernels/families.def"
#define KERNEL(symbol, isa, ...) rows.measure("gemm_bits", #symbol, Isa::isa, symbol);
#include "kernels/gemm_bits/kernels.inc"
#define KERNEL(symbol, isa, ...) rows.measure("gemm_blocks", #symbol, Isa::isa, symbol);
#include "kernels/gemm_blocks/kernels.inc"
#define KERNEL(symbol, isa, ...) rows.measure("gemm_f32", #symbol, Isa::isa, symbol);
#include "kernels/gemm_f32/kernels.inc"
#define KERNEL(symbol, isa, ...) rows.measure("gemm_i8", #symbol, Isa::isa, symbol);
#include "kernels/gemm_i8/kernels.inc"
#define KERNEL(symbol, isa, ...) rows.measure("gemm_i16", #symbol, Isa::isa, symbol);
#include "kernels/gemm_i16/kernels.inc"
#define KERNEL(symbol, isa, ...) rows.measure("gemm_sparse_f32", #symbol, Isa::isa, symbol);
#include "kernels/gemm_sparse_f32/kernels.inc"
#define KERNEL(symbol, isa, ...) rows.measure("gemm_sparse_i8", #symbol, Isa::isa, symbol);
#include "kernels/gemm_sparse_i8/kernels.inc"
#define KERNEL(symbol, isa, ...) rows.measure("dwconv_f32", #symbol, Isa::isa, symbol);
#include "kernels/dwconv_f32/kernels.inc"
#define KERNEL(symbol, isa, ...) rows.measure("dwconv_i8", #symbol, Isa::isa, symbol);
#include "kernels/dwconv_i8/kernels.inc"
#define KERNEL(symbol, isa, ...) rows.measure("dwconv_i16", #symbol, Isa::isa, symbol);
#include "kernels/dwconv_i16/kernels.inc"
#define KERNEL(symbol, isa, ...) rows.measure("crc32", #symbol, Isa::isa, symbol);
#include "kernels/crc32/kernels.inc"
}

}  // namespace edgert
