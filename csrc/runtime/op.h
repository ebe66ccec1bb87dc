// What an operator consists of. One file per operator, ops/<op>.cpp, defines `const OpDef <op>_op`;
// op.cpp expands ops.def, so that a forgotten one is a link error.
#pragma once

#include <functional>
#include <initializer_list>
#include <string>
#include <vector>

#include "core/cpu.h"
#include "core/error.h"
#include "core/tensor.h"
#include "core/threads.h"
#include "runtime/memory_budget.h"
#include "runtime/model.h"
#include "schema/format.h"

namespace edgert {

// The node as infer() sees it: types only, so that the converter can ask before there is a file.
class NodeTypes {
 public:
  NodeTypes(Op op, const std::string& name, std::vector<const TensorType*> inputs,
            const void* attrs)
      : op_(op), name_(name), inputs_(std::move(inputs)), attrs_(attrs) {}

  int inputs() const { return static_cast<int>(inputs_.size()); }
  bool has(int i) const { return i < inputs() && inputs_[i] != nullptr; }
  const TensorType& input(int i) const { return *inputs_[i]; }
  const Shape& shape(int i) const { return inputs_[i]->shape; }
  template <typename Attrs>
  const Attrs& attrs() const {
    return *static_cast<const Attrs*>(attrs_);
  }

  // Throws Error(kFormat, rule) with the operator and the node's name before the message.
  [[noreturn]] __attribute__((format(printf, 3, 4))) void fail(const char* rule, const char* text,
                                                               ...) const;
  void require_dtype(int i, DType dtype) const;
  void require_rank(int i, int rank) const;
  void require(int i, DType dtype, std::initializer_list<int32_t> dims) const;
  void require_activation(const Activation& activation) const;
  Shape target_shape(const ShapeAttrs& attrs) const;  // checked: rank, dims, number of elements
  // `size` as a dimension of the output, or Error(kFormat, "SHAPE") if it is none.
  int32_t output_dim(int64_t size) const;
  // Per-axis attributes have a value for each axis of input 0; the others must be zero.
  void require_unused_zero(const int32_t (&values)[kMaxRank], const char* attribute) const;

 private:
  Op op_;
  const std::string& name_;
  std::vector<const TensorType*> inputs_;  // null for an absent optional input
  const void* attrs_;
};

// The types of a node's outputs. That of the only one may stand for it.
class OutputTypes {
 public:
  OutputTypes(const TensorType& only) : types_{only} {}
  OutputTypes(DType dtype, const Shape& shape) : types_{{dtype, shape}} {}
  OutputTypes(std::vector<TensorType> types) : types_(std::move(types)) {}

  size_t size() const { return types_.size(); }
  const TensorType& operator[](size_t i) const { return types_[i]; }

 private:
  std::vector<TensorType> types_;
};

// What a step sees while it runs.
class RunContext {
 public:
  RunContext(std::byte* const* tensors, std::byte* scratch, ThreadPool& pool)
      : tensors_(tensors), scratch_(scratch), pool_(pool) {}
  template <typename T>
  T* tensor(uint32_t index) const {  // kNone gives null
    return index == kNone ? nullptr : reinterpret_cast<T*>(tensors_[index]);
  }
  std::byte* scratch() const { return scratch_; }  // aligned; as many bytes as the step asked for
  ThreadPool& pool() const { return pool_; }

 private:
  std::byte* const* tensors_;
  std::byte* scratch_;
  ThreadPool& pool_;
};

// A node bound to a kernel.
struct Step {
  std::string kernel;          // the kernel's symbol, as `edgert isa` lists it
  uint64_t scratch_bytes = 0;  // shared between steps: contents do not survive the step
  std::function<void(const RunContext&)> run;
};

// What bind() may use: the whole model, the CPU, the number of threads that will run, and memory.
struct BindContext {
  const Model& model;
  const Node& node;
  IsaSet isa;
  int threads;
  MemoryBudget& memory;  // what the step will hold is taken from it first

  const Tensor* input(size_t i) const {
    return i < node.inputs.size() && node.inputs[i] != kNone ? &model.tensors[node.inputs[i]]
                                                             : nullptr;
  }
  uint32_t input_index(size_t i) const { return i < node.inputs.size() ? node.inputs[i] : kNone; }
  const Tensor& output(size_t i = 0) const { return model.tensors[node.outputs[i]]; }
  uint32_t output_index(size_t i = 0) const { return node.outputs[i]; }
  template <typename Attrs>
  const Attrs& attrs() const {
    return *static_cast<const Attrs*>(node.attrs);
  }
  [[noreturn]] __attribute__((format(printf, 3, 4))) void fail(const char* rule, const char* text,
                                                               ...) const;
  // The data of a constant input in the given form, or Error(kFormat, "FORM").
  const std::byte* constant(size_t i, Form form) const;
};

struct OpDef {
  // Types of the outputs. Checks inputs and attributes completely: what passes here can be bound
  // and run without reading or writing outside of the tensors. Throws Error(kFormat).
  OutputTypes (*infer)(const NodeTypes&);
  Step (*bind)(const BindContext&);
  // Bit i: the first output may take the memory of input i if that has as many bytes and nobody
  // reads it later. The step must cope with an exact overlap of the two.
  uint32_t reusable_inputs = 0;
  bool may_reuse(size_t i) const { return i < 32 && reusable_inputs >> i & 1; }
  // The only output is input 0 under another shape: the step does nothing.
  bool alias = false;
  // The form in which a file holds the weights, `weight_inputs` of ops.def, that are constants;
  // null if there are none. Called with what infer() has accepted. The packer and the validator ask
  // the same function, so that bind() finds no other form.
  Form (*weight_form)(const NodeTypes&) = nullptr;
  // About how many elements a run multiplies, compares or moves; null: as many as the inputs and
  // the outputs have together, of an alias none.
  double (*operations)(const NodeTypes&, const OutputTypes&) = nullptr;
  // Whether the weights may be in this form, sparse or packed, instead; null if in none.
  bool (*reads_form)(const NodeTypes&, Form) = nullptr;
};

const OpDef& op_def(Op op);

// The step of a node. One whose result has no elements is a step that does nothing, whatever its
// operator would prepare: the sizes of its other dimensions have no bound.
Step bind_node(const BindContext& context);

size_t attrs_bytes(Op op);  // of the attribute record; 0 if there is no such operator

struct Arity {
  int min, max;                // inputs, absent ones included
  uint32_t optional, weights;  // bits of inputs that may be absent, and that are weights
  int outputs;
  bool may_lack(int i) const { return i < 32 && optional >> i & 1; }
  bool is_weight(int i) const { return i < 32 && weights >> i & 1; }
};
Arity op_arity(Op op);

double count_operations(Op op, const NodeTypes& node, const OutputTypes& outputs);

// The form in which a file holds input i of a node if that is a constant, decoded.
Form constant_form(Op op, const NodeTypes& node, int i);
// Whether it may be in this form, sparse or packed, instead.
bool may_have_form(Op op, const NodeTypes& node, int i, Form form);

// Whether `activation` does nothing.
inline bool is_identity(const Activation& activation) {
  return activation.fn == static_cast<int32_t>(UnaryFn::identity);
}

}  // namespace edgert
