#include <string_view>
#include <unordered_set>

#include "core/text.h"
#include "runtime/file/read.h"
#include "runtime/file/rules.h"
#include "runtime/op.h"
#include "weights/forms.h"

namespace edgert {
namespace {

class GraphReader {
 public:
  GraphReader(const Container& file, Model* model)
      : file_(file),
        model_(model),
        edges_(file.records<uint32_t>(k_edges)),
        attrs_(file.records<std::byte>(k_attrs)) {}

  void read() {
    read_interface();
    read_nodes();
    check_fill();
  }

 private:
  void read_interface() {
    defined_.assign(model_->tensors.size(), false);
    for (size_t i = 0; i < defined_.size(); ++i) defined_[i] = model_->tensors[i].data != nullptr;
    model_->inputs = read_indices(k_inputs, "input");
    for (uint32_t t : model_->inputs) {
      if (defined_[t]) fail(F42, "input %s is a constant", name_of(t).c_str());
      defined_[t] = true;
    }
    model_->outputs = read_indices(k_outputs, "output");
    if (model_->outputs.empty()) fail(F42, "the model has no outputs");
    for (uint32_t t : model_->outputs)
      if (model_->tensors[t].layout != Layout::row)
        fail(F42, "output %s has layout %s", name_of(t).c_str(),
             layout_name(model_->tensors[t].layout));
  }

  std::vector<uint32_t> read_indices(SectionId section, const char* role) const {
    std::vector<uint32_t> indices;
    std::unordered_set<std::string_view> names;
    for (uint32_t t : file_.records<uint32_t>(section)) {
      if (t >= model_->tensors.size())
        fail(F41, "%s %zu is tensor %u of %zu", role, indices.size(), t, model_->tensors.size());
      const std::string& name = model_->tensors[t].name;
      if (name.empty()) fail(F24, "%s %zu has no name", role, indices.size());
      if (!names.insert(name).second)
        fail(F43, "two %ss have the name %s", role, name_of(t).c_str());
      indices.push_back(t);
    }
    return indices;
  }

  void read_nodes() {
    const Records<NodeRecord> nodes = file_.records<NodeRecord>(k_nodes);
    model_->nodes.reserve(nodes.count);
    for (size_t i = 0; i < nodes.count; ++i) read_node(nodes[i], i);
    if (edges_.left() > 0)
      fail(F46, "section 'edges' has %zu entries more than the nodes use", edges_.left());
    if (attrs_.left() > 0)
      fail(F47, "section 'attrs' has %zu bytes more than the nodes use", attrs_.left());
    for (size_t t = 0; t < defined_.size(); ++t)
      if (!defined_[t]) fail(F53, "tensor %zu %s is never written", t, name_of(t).c_str());
  }

  void read_node(const NodeRecord& record, size_t i) {
    Node node;
    node.op = static_cast<Op>(record.op);
    const size_t expected_attrs = attrs_bytes(node.op);  // zero: no such operator
    if (expected_attrs == 0)
      fail(F44, "node %zu: operator %d is unknown to this version of edgert", i, record.op);
    const Arity arity = op_arity(node.op);
    if (record.inputs < arity.min || record.inputs > arity.max)
      fail(F45, "node %zu: %s has %d inputs, expected %d to %d", i, op_name(node.op), record.inputs,
           arity.min, arity.max);

    if (edges_.left() < record.inputs + size_t{1})
      fail(F46, "node %zu: %d inputs and an output, section 'edges' has %zu more entries", i,
           record.inputs, edges_.left());
    const uint32_t* const inputs = edges_.take(record.inputs + size_t{1});
    if (attrs_.left() < expected_attrs)
      fail(F47, "node %zu: %zu bytes of attributes, section 'attrs' has %zu more", i,
           expected_attrs, attrs_.left());
    node.attrs = attrs_.take(expected_attrs);

    node.output = inputs[record.inputs];
    require_tensor(node.output, i);
    const Tensor& output = model_->tensors[node.output];
    const auto label = [&] {  // the node is called what its output is called
      return format("node %zu %s", i, name_of(node.output).c_str());
    };
    std::vector<const TensorType*> types(record.inputs, nullptr);
    for (int k = 0; k < record.inputs; ++k) {
      const uint32_t t = inputs[k];
      if (t == kNone) {
        if (!arity.may_lack(k))
          fail(F48, "%s: input %d is absent, which %s cannot do without", label().c_str(), k,
               op_name(node.op));
        continue;
      }
      require_tensor(t, i);
      if (!defined_[t])
        fail(F49, "%s reads tensor %u %s before it is written", label().c_str(), t,
             name_of(t).c_str());
      types[k] = &model_->tensors[t].type;
    }
    node.inputs.assign(inputs, inputs + record.inputs);
    if (defined_[node.output])
      fail(F50, "node %zu writes tensor %u %s, which has a value already", i, node.output,
           name_of(node.output).c_str());
    defined_[node.output] = true;

    const OpDef& op = op_def(node.op);
    const NodeTypes node_types(node.op, output.name, std::move(types), node.attrs);
    const TensorType inferred = op.infer(node_types);
    if (inferred != output.type)
      fail(F51, "%s: %s gives %s, but the tensor is declared as %s", label().c_str(),
           op_name(node.op), describe(inferred).c_str(), describe(output.type).c_str());
    for (int k = 0; k < record.inputs; ++k) {
      if (inputs[k] == kNone) continue;
      const Tensor& tensor = model_->tensors[inputs[k]];
      if (tensor.data == nullptr) continue;
      const Layout layout =
          k == 1 && op.weight_layout != nullptr ? op.weight_layout(node_types) : Layout::row;
      if (tensor.layout != layout)
        fail(F52, "%s: input %d, a constant, has layout %s, expected %s", label().c_str(), k,
             layout_name(tensor.layout), layout_name(layout));
    }
    model_->nodes.push_back(std::move(node));
  }

  // Kernels multiply what fills up a layout with whatever lies behind an activation.
  void check_fill() const {
    for (uint32_t t = 0; t < model_->tensors.size(); ++t) {
      const Tensor& tensor = model_->tensors[t];
      if (tensor.data != nullptr &&
          !is_filled_with_zeros(tensor.layout, weight_shape(tensor.type.shape), tensor.type.dtype,
                                tensor.data))
        fail(F54, "tensor %u %s: what fills up layout %s is not zero", t, name_of(t).c_str(),
             layout_name(tensor.layout));
    }
  }

  void require_tensor(uint32_t t, size_t node) const {
    if (t >= model_->tensors.size())
      fail(F48, "node %zu refers to tensor %u of %zu", node, t, model_->tensors.size());
  }

  std::string name_of(uint32_t t) const { return quoted(model_->tensors[t].name); }

  const Container& file_;
  Model* const model_;
  Entries<uint32_t> edges_;
  Entries<std::byte> attrs_;
  // Tensors that have a value: constants, inputs, outputs of nodes so far.
  std::vector<bool> defined_;
};

}  // namespace

void read_graph(const Container& file, Model* model) { GraphReader(file, model).read(); }

}  // namespace edgert
