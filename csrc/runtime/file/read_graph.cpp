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

  void read(double max_operations) {
    read_interface();
    read_nodes();
    if (model_->operations > max_operations)
      fail(F58, "a run takes some %.3g operations, the limit is %.3g", model_->operations,
           max_operations);
  }

 private:
  void read_interface() {
    defined_.assign(model_->tensors.size(), false);
    for (size_t i = 0; i < defined_.size(); ++i) defined_[i] = model_->tensors[i].data != nullptr;
    model_->inputs = read_indices(k_inputs, "input");
    for (uint32_t t : model_->inputs) {
      if (defined_[t]) fail(F46, "input %s is a constant", name_of(t).c_str());
      defined_[t] = true;
    }
    model_->outputs = read_indices(k_outputs, "output");
    if (model_->outputs.empty()) fail(F46, "the model has no outputs");
    for (uint32_t t : model_->outputs)
      if (model_->tensors[t].form != Form::row)
        fail(F46, "output %s has form %s", name_of(t).c_str(), form_name(model_->tensors[t].form));
  }

  std::vector<uint32_t> read_indices(SectionId section, const char* role) const {
    std::vector<uint32_t> indices;
    std::unordered_set<std::string_view> names;
    for (uint32_t t : file_.records<uint32_t>(section)) {
      if (t >= model_->tensors.size())
        fail(F45, "%s %zu is tensor %u of %zu", role, indices.size(), t, model_->tensors.size());
      const std::string& name = model_->tensors[t].name;
      if (name.empty()) fail(F24, "%s %zu has no name", role, indices.size());
      if (!names.insert(name).second)
        fail(F47, "two %ss have the name %s", role, name_of(t).c_str());
      indices.push_back(t);
    }
    return indices;
  }

  void read_nodes() {
    const Records<NodeRecord> nodes = file_.records<NodeRecord>(k_nodes);
    model_->nodes.reserve(nodes.count);
    for (size_t i = 0; i < nodes.count; ++i) read_node(nodes[i], i);
    if (edges_.left() > 0)
      fail(F50, "section 'edges' has %zu entries more than the nodes use", edges_.left());
    if (attrs_.left() > 0)
      fail(F51, "section 'attrs' has %zu bytes more than the nodes use", attrs_.left());
    for (size_t t = 0; t < defined_.size(); ++t)
      if (!defined_[t]) fail(F57, "tensor %zu %s is never written", t, name_of(t).c_str());
  }

  void read_node(const NodeRecord& record, size_t i) {
    Node node;
    node.op = static_cast<Op>(record.op);
    const size_t expected_attrs = attrs_bytes(node.op);  // zero: no such operator
    if (expected_attrs == 0)
      fail(F48, "node %zu: operator %d is unknown to this version of edgert", i, record.op);
    const Arity arity = op_arity(node.op);
    if (record.inputs < arity.min || record.inputs > arity.max)
      fail(F49, "node %zu: %s has %d inputs, expected %d to %d", i, op_name(node.op), record.inputs,
           arity.min, arity.max);

    if (record.outputs != arity.outputs)
      fail(F49, "node %zu: %s has %d outputs, expected %d", i, op_name(node.op), record.outputs,
           arity.outputs);
    const size_t edges = size_t{record.inputs} + record.outputs;
    if (edges_.left() < edges)
      fail(F50, "node %zu has %zu edges, section 'edges' %zu more entries", i, edges,
           edges_.left());
    const uint32_t* const inputs = edges_.take(edges);
    const uint32_t* const outputs = inputs + record.inputs;
    if (attrs_.left() < expected_attrs)
      fail(F51, "node %zu: %zu bytes of attributes, section 'attrs' has %zu more", i,
           expected_attrs, attrs_.left());
    node.attrs = attrs_.take(expected_attrs);

    for (int k = 0; k < record.outputs; ++k) require_tensor(outputs[k], i);
    const auto label = [&] {  // the node is called what its first output is called
      return format("node %zu %s", i, name_of(outputs[0]).c_str());
    };
    std::vector<const TensorType*> types(record.inputs, nullptr);
    for (int k = 0; k < record.inputs; ++k) {
      const uint32_t t = inputs[k];
      if (t == kNone) {
        if (!arity.may_lack(k))
          fail(F52, "%s: input %d is absent, which %s cannot do without", label().c_str(), k,
               op_name(node.op));
        continue;
      }
      require_tensor(t, i);
      if (!defined_[t])
        fail(F53, "%s reads tensor %u %s before it is written", label().c_str(), t,
             name_of(t).c_str());
      types[k] = &model_->tensors[t].type;
    }
    node.inputs.assign(inputs, inputs + record.inputs);
    node.outputs.assign(outputs, outputs + record.outputs);
    for (uint32_t t : node.outputs) {
      if (defined_[t])
        fail(F54, "node %zu writes tensor %u %s, which has a value already", i, t,
             name_of(t).c_str());
      defined_[t] = true;
    }

    const NodeTypes node_types(node.op, model_->tensors[outputs[0]].name, std::move(types),
                               node.attrs);
    const OutputTypes inferred = op_def(node.op).infer(node_types);
    for (size_t k = 0; k < inferred.size(); ++k) {
      const TensorType& declared = model_->tensors[outputs[k]].type;
      if (inferred[k] != declared)
        fail(F55, "%s: %s gives %s, but the tensor is declared as %s", label().c_str(),
             op_name(node.op), describe(inferred[k]).c_str(), describe(declared).c_str());
    }
    model_->operations += count_operations(node.op, node_types, inferred);
    for (int k = 0; k < record.inputs; ++k) {
      if (inputs[k] == kNone) continue;
      const Tensor& tensor = model_->tensors[inputs[k]];
      if (tensor.data == nullptr) continue;
      const Form form = constant_form(node.op, node_types, k);
      if (tensor.form != form && !may_have_form(node.op, node_types, k, tensor.form))
        fail(F56, "%s: input %d, a constant, has form %s, expected %s", label().c_str(), k,
             form_name(tensor.form), form_name(form));
    }
    model_->nodes.push_back(std::move(node));
  }

  void require_tensor(uint32_t t, size_t node) const {
    if (t >= model_->tensors.size())
      fail(F52, "node %zu refers to tensor %u of %zu", node, t, model_->tensors.size());
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

void read_graph(const Container& file, double max_operations, Model* model) {
  GraphReader(file, model).read(max_operations);
}

}  // namespace edgert
