#include "repair.h"

#include <algorithm>
#include <map>
#include <set>

#include "core/text.h"
#include "runtime/op.h"
#include "weights/coded/coded.h"
#include "weights/facts.h"
#include "weights/forms.h"
#include "weights/sparse/blocks.h"

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
        wanted_(types_.size(), Form::row),
        channels_(types_.size()),
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
      for (uint8_t& reserved : file_.tensors[t].record.reserved) reserved = 0;
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
    tensor.record.facts = 0;
    tensor.record.form = static_cast<uint8_t>(Form::row);
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
      file_.outputs.push_back(file_.nodes.back().outputs[0]);
    if (file_.outputs.empty() && !types_.empty()) file_.outputs.push_back(0);
    const auto tidy = [&](std::vector<uint32_t>* list, auto fits) {
      std::set<uint32_t> seen;
      std::vector<uint32_t> kept;
      for (uint32_t t : *list)
        if (t < types_.size() && fits(t) && seen.insert(t).second) kept.push_back(t);
      *list = std::move(kept);
    };
    tidy(&file_.inputs, [&](uint32_t t) { return !written_[t] && !is_constant(file_.tensors[t]); });
    tidy(&file_.outputs, [&](uint32_t t) { return wanted_[t] == Form::row; });
    std::set<std::string> names;
    for (const std::vector<uint32_t>* list : {&file_.inputs, &file_.outputs})
      for (uint32_t t : *list) {
        std::string& name = file_.tensors[t].name;
        for (size_t n = t; name.empty() || !names.insert(name).second; n += types_.size())
          name = "t" + std::to_string(n);
      }
  }

  // Whether the node can stay. Then its results have the types that the operator infers.
  bool infer(const NodeEntry& node) {
    const Op op = static_cast<Op>(node.op);
    const size_t words = attrs_bytes(op) / sizeof(int32_t);
    const Arity arity = op_arity(op);
    const int count = static_cast<int>(node.inputs.size());
    if (words == 0 || node.attrs.size() != words || count < arity.min || count > arity.max ||
        static_cast<int>(node.outputs.size()) != arity.outputs)
      return false;
    std::vector<const TensorType*> types(node.inputs.size(), nullptr);
    for (int i = 0; i < count; ++i) {
      const uint32_t t = node.inputs[i];
      if (t == kNone && arity.may_lack(i)) continue;
      if (t >= types_.size() || !types_[t]) return false;
      types[i] = &*types_[t];
    }
    std::set<uint32_t> distinct;
    for (uint32_t out : node.outputs)
      if (out >= types_.size() || written_[out] || read_[out] || is_constant(file_.tensors[out]) ||
          !distinct.insert(out).second ||
          std::count(node.inputs.begin(), node.inputs.end(), out) > 0)
        return false;
    try {
      const NodeTypes node_types(op, file_.tensors[node.outputs[0]].name, types, node.attrs.data());
      const OutputTypes inferred = op_def(op).infer(node_types);
      for (size_t i = 0; i < inferred.size(); ++i)
        if (!in_bounds(inferred[i])) return false;
      for (size_t i = 0; i < inferred.size(); ++i) {
        const uint32_t out = node.outputs[i];
        const Shape& shape = inferred[i].shape;
        types_[out] = inferred[i];
        written_[out] = true;
        TensorEntry& output = file_.tensors[out];
        output.record.dtype = static_cast<uint8_t>(inferred[i].dtype);
        output.dims.assign(shape.dims.begin(), shape.dims.begin() + shape.rank);
      }
      for (int i = 0; i < count; ++i) {
        if (node.inputs[i] == kNone) continue;
        read_[node.inputs[i]] = true;
        if (!arity.is_weight(i)) continue;
        const Form has = static_cast<Form>(file_.tensors[node.inputs[i]].record.form);
        const bool other = may_have_form(op, node_types, i, has);
        wanted_[node.inputs[i]] = other ? has : constant_form(op, node_types, i);
        if (op == Op::bgemm) channels_[node.inputs[i]] = node_types.attrs<BGemmAttrs>().channels;
        if (op == Op::bconv) channels_[node.inputs[i]] = node_types.attrs<BConvAttrs>().channels;
      }
    } catch (const Error&) {
      return false;
    }
    return true;
  }

  // Whether the tensor can be a constant. Then it has elements in the form that its reader wants,
  // and mostly claims what is so.
  bool payload(uint32_t t) {
    TensorEntry& tensor = file_.tensors[t];
    const uint32_t owner = tensor.record.payload;
    const auto copy_payload = [&] {
      if (owner != t && owner < types_.size()) tensor.payload = file_.tensors[owner].payload;
      tensor.record.payload = t;
    };
    const Form has = static_cast<Form>(tensor.record.form);
    const bool coded = is_decoded(has);
    const bool fits = coded && decode_coded_facts(tensor.record.facts).wanted == wanted_[t] &&
                      payload_size(tensor);
    if (!fits) tensor.record.form = static_cast<uint8_t>(wanted_[t]);
    if (is_sparse(wanted_[t])) {
      copy_payload();
      if (!fit_blocks(&tensor)) return false;
      tidy_weight(&tensor);
      return true;
    }
    const std::optional<size_t> size = payload_size(tensor);
    if (!size || *size > kMostPayload) return false;
    if (owner != t) {
      const uint8_t row = static_cast<uint8_t>(Form::row);
      const bool shared = owner < t && file_.tensors[owner].record.payload == owner &&
                          tensor.record.form == row && file_.tensors[owner].record.form == row;
      if (shared && file_.tensors[owner].payload.size() == *size) {
        tensor.record.facts = 0;
        return true;
      }
      copy_payload();
    }
    const size_t had = tensor.payload.size();
    tensor.payload.resize(*size);
    for (size_t i = had; i < *size; ++i)
      tensor.payload[i] = had > 0 ? tensor.payload[i - had] : static_cast<uint8_t>(i % 5);
    if (fits && has == Form::shorts) {
      tensor.payload[0] %= 17;  // an exponent that both types may have
      tensor.payload[1] = tensor.payload[2] = tensor.payload[3] = 0;
    }
    if (fits && has == Form::codes) tensor.payload.back() = 0;  // the bits behind the last code
    if (!fits) clear_beyond(channels_[t], &tensor);
    tidy_weight(&tensor);
    return true;
  }

  // Clears the bits that weights of signs have beyond so many channels; those of groups are whole
  // bytes.
  static void clear_beyond(int32_t channels, TensorEntry* tensor) {
    const std::optional<TensorType> type = type_of(*tensor);
    if (channels % 8 == 0 || !type || type->shape.rank < 2) return;
    const Form form = static_cast<Form>(tensor->record.form);
    const WeightShape shape = weight_shape(type->shape);
    std::byte* const stored = reinterpret_cast<std::byte*>(tensor->payload.data());
    std::vector<std::byte> rows(type->bytes());
    unpack(form, shape, type->dtype, stored, rows.data());
    for (size_t i = shape.channels; i <= rows.size() && i > 0; i += shape.channels)
      rows[i - 1] &= static_cast<std::byte>((1 << channels % 8) - 1);
    pack(form, shape, type->dtype, rows.data(), type->dtype, stored);
  }

  // Whether the tensor can have its sparse form. Then a payload that breaks its rules becomes one
  // of weights with the same bytes, most of them zero.
  static bool fit_blocks(TensorEntry* tensor) {
    const Form form = static_cast<Form>(tensor->record.form);
    const std::optional<TensorType> type = type_of(*tensor);
    if (!type || type->bytes() > kMostPayload || !payload_bytes(*type, form, 0)) return false;
    const WeightShape shape = weight_shape(type->shape);
    const Blocks blocks(form, shape, type->dtype);
    const auto payload = [&] { return reinterpret_cast<std::byte*>(tensor->payload.data()); };
    if (!blocks.holds(tensor->payload.size(), payload())) {
      std::vector<std::byte> rows(type->bytes());
      for (size_t i = 0; i < rows.size() && !tensor->payload.empty(); i += 1 + i % 7)
        rows[i] = static_cast<std::byte>(tensor->payload[i % tensor->payload.size()]);
      tensor->payload.resize(packed_bytes(form, shape, type->dtype, rows.data()));
      blocks.pack(rows.data(), payload());
    }
    const uint32_t count = static_cast<uint32_t>(blocks.stored_blocks(payload()));
    tensor->record.facts = count << 2 | (tensor->record.facts & 3);
    return true;
  }

  // Zeros where a form in panels has no element, and nothing claimed that is not so.
  static void tidy_weight(TensorEntry* tensor) {
    const Form form = static_cast<Form>(tensor->record.form);
    const std::optional<TensorType> type = type_of(*tensor);
    if (is_decoded(form)) {
      const CodedFacts coded = decode_coded_facts(tensor->record.facts);
      tensor->record.facts = encode_coded_facts({coded.wanted, coded.bits, 0});
      return;
    }
    if (form == Form::row || !type) {
      tensor->record.facts = 0;
      return;
    }
    const WeightShape shape = weight_shape(type->shape);
    const std::byte* stored = reinterpret_cast<std::byte*>(tensor->payload.data());
    if (!is_filled_with_zeros(form, shape, type->dtype, stored)) {
      std::vector<std::byte> rows(type->bytes());
      unpack(form, shape, type->dtype, stored, rows.data());
      if (is_sparse(form))
        tensor->payload.resize(packed_bytes(form, shape, type->dtype, rows.data()));
      pack(form, shape, type->dtype, rows.data(), type->dtype,
           reinterpret_cast<std::byte*>(tensor->payload.data()));
      stored = reinterpret_cast<std::byte*>(tensor->payload.data());
    }
    const auto facts = decode_facts(form, type->dtype, tensor->record.facts);
    const bool counted =
        !is_sparse(form) ||
        Blocks(form, shape, type->dtype).counts_add_up(tensor->record.facts >> 2, stored);
    if (!facts || !counted || !facts_hold(*facts, form, type->dtype, shape, stored))
      tensor->record.facts = encode_facts(form, facts_of(form, type->dtype, shape, stored));
  }

  File& file_;
  std::vector<std::optional<TensorType>> types_;
  std::vector<Form> wanted_;
  std::vector<int32_t> channels_;     // of signs, of weights that are bits
  std::vector<bool> written_, read_;  // by the nodes that stay
};

}  // namespace

void repair(File* file) { Repair(file).run(); }

}  // namespace edgert::fuzz
