#include "repair.h"

#include <algorithm>
#include <map>
#include <set>

#include "core/text.h"
#include "runtime/op.h"
#include "weights/forms.h"

namespace edgert::fuzz {
namespace {

constexpr size_t kMostPayload = 64 << 10;

bool is_constant(const TensorEntry& tensor) { return tensor.record.payload != kNone; }

std::optional<TensorType> type_of(const TensorEntry& tensor) {
  TensorType type;
  type.dtype = static_cast<DType>(tensor.record.dtype);
  if (dtype_bytes(type.dtype) == 0 || tensor.dims.size() > kMaxRank) return std::nullopt;
  for (int32_t dim : tensor.dims) type.shape[type.shape.rank++] = dim;
  if (!in_bounds(type)) return std::nullopt;
  return type;
}

class Repair {
 public:
  explicit Repair(File* file)
      : file_(*file),
        types_(file->tensors.size()),
        wanted_(types_.size(), Layout::row),
        written_(types_.size()),
        read_(types_.size()) {}

  void run() {
    texts();
    for (size_t t = 0; t < types_.size(); ++t) types_[t] = type_of(file_.tensors[t]);
    std::vector<NodeEntry>& nodes = file_.nodes;
    nodes.erase(std::remove_if(nodes.begin(), nodes.end(),
                               [&](const NodeEntry& node) { return !infer(node); }),
                nodes.end());
    for (uint32_t t = 0; t < types_.size(); ++t) {
      file_.tensors[t].record.reserved = 0;
      if (is_constant(file_.tensors[t]) && !payload(t)) file_.tensors[t].record.payload = kNone;
      if (!is_constant(file_.tensors[t])) activation(t);
    }
    interface();
  }

 private:
  // Names and metadata that a file may have.
  void texts() {
    const auto is_name = [](const std::string& text) {
      return text.size() <= kMaxNameBytes && is_clean_text(text);
    };
    for (TensorEntry& tensor : file_.tensors)
      if (!is_name(tensor.name)) tensor.name.clear();
    std::map<std::string, std::string> kept;
    for (const auto& [key, value] : file_.metadata)
      if (!key.empty() && is_name(key) && is_clean_text(value, true)) kept.emplace(key, value);
    file_.metadata.assign(kept.begin(), kept.end());
  }

  // What nothing writes is an input, and must have a type.
  void activation(uint32_t t) {
    TensorEntry& tensor = file_.tensors[t];
    tensor.record.encoding = 0;
    tensor.record.layout = static_cast<uint8_t>(Layout::row);
    tensor.payload.clear();
    if (written_[t]) return;
    if (!types_[t]) {
      tensor.record.dtype = static_cast<uint8_t>(DType::f32);
      tensor.dims.clear();
    }
    file_.inputs.push_back(t);
  }

  // Inputs and outputs that are tensors, once, with names of their own.
  void interface() {
    if (file_.outputs.empty() && !file_.nodes.empty())
      file_.outputs.push_back(file_.nodes.back().output);
    if (file_.outputs.empty() && !types_.empty()) file_.outputs.push_back(0);
    const auto tidy = [&](std::vector<uint32_t>* list, auto fits) {
      std::set<uint32_t> seen;
      std::vector<uint32_t> kept;
      for (uint32_t t : *list)
        if (t < types_.size() && fits(t) && seen.insert(t).second) kept.push_back(t);
      *list = std::move(kept);
    };
    tidy(&file_.inputs, [&](uint32_t t) { return !written_[t] && !is_constant(file_.tensors[t]); });
    tidy(&file_.outputs, [&](uint32_t t) { return wanted_[t] == Layout::row; });
    std::set<std::string> names;
    for (const std::vector<uint32_t>* list : {&file_.inputs, &file_.outputs})
      for (uint32_t t : *list) {
        std::string& name = file_.tensors[t].name;
        for (size_t n = t; name.empty() || !names.insert(name).second; n += types_.size())
          name = "t" + std::to_string(n);
      }
  }

  // Whether the node can stay. Then its result has the type that the operator infers.
  bool infer(const NodeEntry& node) {
    const Op op = static_cast<Op>(node.op);
    const size_t words = attrs_bytes(op) / sizeof(int32_t);
    const Arity arity = op_arity(op);
    const int count = static_cast<int>(node.inputs.size());
    if (words == 0 || node.attrs.size() != words || count < arity.min || count > arity.max)
      return false;
    std::vector<const TensorType*> types(node.inputs.size(), nullptr);
    for (int i = 0; i < count; ++i) {
      const uint32_t t = node.inputs[i];
      if (t == kNone && arity.may_lack(i)) continue;
      if (t >= types_.size() || !types_[t]) return false;
      types[i] = &*types_[t];
    }
    const uint32_t out = node.output;
    if (out >= types_.size() || written_[out] || read_[out] || is_constant(file_.tensors[out]) ||
        std::count(node.inputs.begin(), node.inputs.end(), out) > 0)
      return false;
    TensorEntry& output = file_.tensors[out];
    try {
      const NodeTypes node_types(op, output.name, types, node.attrs.data());
      const OpDef& def = op_def(op);
      const TensorType type = def.infer(node_types);
      if (!in_bounds(type)) return false;
      types_[out] = type;
      written_[out] = true;
      for (uint32_t t : node.inputs)
        if (t != kNone) read_[t] = true;
      if (count > 1 && def.weight_layout != nullptr && node.inputs[1] != kNone)
        wanted_[node.inputs[1]] = def.weight_layout(node_types);
      output.record.dtype = static_cast<uint8_t>(type.dtype);
      output.dims.assign(type.shape.dims.begin(), type.shape.dims.begin() + type.shape.rank);
    } catch (const Error&) {
      return false;
    }
    return true;
  }

  // Whether the tensor can be a constant. Then it has elements in the layout that its reader wants.
  bool payload(uint32_t t) {
    TensorEntry& tensor = file_.tensors[t];
    tensor.record.layout = static_cast<uint8_t>(wanted_[t]);
    std::optional<size_t> size = payload_size(tensor);
    if (!size) {
      tensor.record.encoding = static_cast<uint8_t>(Encoding::plain);
      size = payload_size(tensor);
    }
    if (!size || *size > kMostPayload) return false;
    const uint32_t owner = tensor.record.payload;
    if (owner != t) {
      const bool shared = owner < t && file_.tensors[owner].record.payload == owner &&
                          tensor.record.encoding == 0 && file_.tensors[owner].record.encoding == 0;
      if (shared && file_.tensors[owner].payload.size() == *size) return true;
      if (owner < types_.size()) tensor.payload = file_.tensors[owner].payload;
      tensor.record.payload = t;
    }
    const size_t had = tensor.payload.size();
    tensor.payload.resize(*size);
    for (size_t i = had; i < *size; ++i)
      tensor.payload[i] = had > 0 ? tensor.payload[i - had] : static_cast<uint8_t>(i % 5);
    clear_fill(&tensor);
    if (tensor.record.encoding == static_cast<uint8_t>(Encoding::shorts) && *size >= 4) {
      tensor.payload[0] %= 17;  // an exponent that both types may have
      tensor.payload[1] = tensor.payload[2] = tensor.payload[3] = 0;
    }
    return true;
  }

  // Zeros where a layout in panels has no element.
  static void clear_fill(TensorEntry* tensor) {
    const Layout layout = static_cast<Layout>(tensor->record.layout);
    const std::optional<TensorType> type = type_of(*tensor);
    if (layout == Layout::row || !type) return;
    const WeightShape shape = weight_shape(type->shape);
    std::vector<std::byte> rows(type->bytes());
    std::byte* const stored = reinterpret_cast<std::byte*>(tensor->payload.data());
    unpack(layout, shape, type->dtype, stored, rows.data());
    pack(layout, shape, type->dtype, rows.data(), type->dtype, stored);
  }

  File& file_;
  std::vector<std::optional<TensorType>> types_;
  std::vector<Layout> wanted_;
  std::vector<bool> written_, read_;  // by the nodes that stay
};

}  // namespace

void repair(File* file) { Repair(file).run(); }

}  // namespace edgert::fuzz
