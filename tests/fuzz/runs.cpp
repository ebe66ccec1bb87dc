#include "runs.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "blocks.h"
#include "exact.h"
#include "file.h"

namespace edgert::fuzz {
namespace {

template <typename... Arguments>
[[noreturn]] void report(const char* text, Arguments... arguments) {
  std::fprintf(stderr, "FAILED: ");
  std::fprintf(stderr, text, arguments...);
  std::fprintf(stderr, "\n");
  std::abort();
}

template <typename T>
std::vector<T*> pointers(const Arrays& arrays) {
  std::vector<T*> list;
  for (const auto& array : arrays) list.push_back(array->data());
  return list;
}

template <typename T>
T read(const char* p) {
  T value;
  std::memcpy(&value, p, sizeof value);
  return value;
}

bool is_nan(const char* p, DType dtype) {
  switch (dtype) {
    case DType::f16:
      return (read<uint16_t>(p) & 0x7fff) > 0x7c00;
    case DType::f32:
      return std::isnan(read<float>(p));
    case DType::f64:
      return std::isnan(read<double>(p));
    default:
      return false;
  }
}

bool is_float(DType dtype) {
  return dtype == DType::f16 || dtype == DType::f32 || dtype == DType::f64;
}

// Any NaN is as good as any other.
bool are_same(const char* a, const char* b, DType dtype) {
  return std::memcmp(a, b, dtype_bytes(dtype)) == 0 || (is_nan(a, dtype) && is_nan(b, dtype));
}

}  // namespace

Runs::Runs(const Model& model, const uint8_t* data, size_t size)
    : model_(model), random_(checksum(data, size)), exact_(exact_tensors(model)) {
  inputs_ = arrays(model.inputs);
  for (size_t i = 0; i < inputs_.size(); ++i) {
    fill(*inputs_[i], model.tensors[model.inputs[i]].type.dtype, data, size);
    inputs_[i]->protect();
  }
}

Result Runs::run(const Session& session, const std::string& way, bool timed) {
  std::vector<double> step_ms(session.steps().size());
  return result(way, [&](void* const* outputs) {
    session.run(pointers<const void>(inputs_).data(), outputs, timed ? step_ms.data() : nullptr);
  });
}

Result Runs::run_apart(const Session& session, const std::string& way) {
  Blocks blocks;
  std::vector<std::byte*> tensors(model_.tensors.size());
  for (size_t t = 0; t < tensors.size(); ++t)
    tensors[t] = const_cast<std::byte*>(model_.tensors[t].data);
  for (size_t i = 0; i < inputs_.size(); ++i)
    tensors[model_.inputs[i]] = reinterpret_cast<std::byte*>(inputs_[i]->data());
  ThreadPool pool(1);
  return result(way, [&](void* const* outputs) {
    for (size_t i = 0; i < model_.nodes.size(); ++i) {
      const Node& node = model_.nodes[i];
      const Step& step = session.steps()[i];
      if (op_def(node.op).alias) {
        tensors[node.outputs[0]] = tensors[node.inputs[0]];
      } else {
        for (uint32_t t : node.outputs) {
          blocks.push_back(std::make_unique<Block>(model_.tensors[t].type.bytes()));
          tensors[t] = blocks.back()->data();
        }
      }
      const Block scratch(step.scratch_bytes);
      step.run(RunContext(tensors.data(), scratch.data(), pool));
    }
    for (size_t i = 0; i < model_.outputs.size(); ++i)
      if (const size_t bytes = model_.tensors[model_.outputs[i]].type.bytes(); bytes > 0)
        std::memcpy(outputs[i], tensors[model_.outputs[i]], bytes);
  });
}

void Runs::compare(const Result& a, const Result& b, bool fused) const {
  if (a.error != b.error)
    report("%s: error '%s'; %s: error '%s'", a.way.c_str(), a.error.c_str(), b.way.c_str(),
           b.error.c_str());
  if (!a.error.empty()) return;
  for (size_t i = 0; i < model_.outputs.size(); ++i) {
    const uint32_t t = model_.outputs[i];
    const TensorType& type = model_.tensors[t].type;
    if (!fused && (!exact_[t] || is_float(type.dtype))) continue;
    if (std::memcmp(a.outputs[i]->data(), b.outputs[i]->data(), type.bytes()) == 0) continue;
    const size_t step = dtype_bytes(type.dtype);
    for (size_t at = 0; at < a.outputs[i]->size(); at += step)
      if (!are_same(a.outputs[i]->data() + at, b.outputs[i]->data() + at, type.dtype))
        report("output %zu, element %zu of %s%s: '%s' and '%s' differ", i, at / step,
               dtype_name(type.dtype), to_string(type.shape).c_str(), a.way.c_str(), b.way.c_str());
  }
}

Result Runs::result(const std::string& way, const std::function<void(void* const*)>& run) {
  Result result{way, arrays(model_.outputs), ""};
  try {
    run(pointers<void>(result.outputs).data());
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kInput) report("%s", error.what());
    result.error = error.rule();
  }
  return result;
}

Arrays Runs::arrays(const std::vector<uint32_t>& tensors) {
  Arrays list;
  for (uint32_t t : tensors)
    list.push_back(std::make_unique<test::GuardedArray<char>>(
        model_.tensors[t].type.bytes(),
        random_.integer(0, 3) == 0 ? test::Guard::kFront : test::Guard::kBack));
  return list;
}

// With the bytes of the file, with small numbers, with any, or with small ones and extreme ones.
void Runs::fill(test::GuardedArray<char>& array, DType dtype, const uint8_t* data, size_t size) {
  static const float kExtremes[] = {0.0f,      -0.0f, 1e-40f, 1e38f, INFINITY,
                                    -INFINITY, NAN,   255.0f, -3e9f, 0.5f};
  const int kind = random_.integer(0, 3);
  const size_t step = dtype_bytes(dtype), first = random_.bits() % size;
  for (size_t i = 0; i < array.size(); i += step) {
    if (kind == 0) {
      for (size_t b = 0; b < step; ++b)
        array[i + b] = static_cast<char>(data[(first + i + b) % size]);
    } else if (dtype == DType::f32) {
      const float extreme = kExtremes[random_.bits() % std::size(kExtremes)];
      const float value = kind == 1 && random_.bits() % 16 == 0 ? extreme : random_.uniform(-4, 4);
      std::memcpy(&array[i], &value, sizeof value);
    } else {
      const uint64_t any = random_.bits(), small = static_cast<uint64_t>(random_.integer(-3, 3));
      std::memcpy(&array[i], kind == 1 ? &any : &small, step);
    }
  }
}

}  // namespace edgert::fuzz
