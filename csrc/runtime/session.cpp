#include "runtime/session.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <utility>

#include "core/interrupt.h"
#include "runtime/arena.h"
#include "runtime/memory_budget.h"
#include "schema/format.h"

namespace edgert {

Session::Session(std::shared_ptr<const Model> model, std::unique_ptr<ThreadPool> pool, IsaSet isa,
                 uint64_t memory_limit)
    : model_(std::move(model)), isa_(isa), pool_(std::move(pool)) {
  // Each limit is checked before anything of that size is allocated.
  MemoryBudget memory(memory_limit);
  for (const Tensor& tensor : model_->tensors)
    if (tensor.data == nullptr) memory.require(tensor.type.bytes());
  plan_memory(&memory);
  steps_.reserve(model_->nodes.size());
  uint64_t scratch = 0;
  for (const Node& node : model_->nodes) {
    check_interrupt();
    steps_.push_back(bind_node(BindContext{*model_, node, isa, threads(), memory}));
    scratch = std::max(scratch, steps_.back().scratch_bytes);
    memory.require(scratch);
  }
  memory_.repacked += static_cast<size_t>(memory.weights());
  memory_.tables = static_cast<size_t>(memory.tables());
  memory_.scratch = static_cast<size_t>(scratch);
  memory_.arena = scratch_offset_ + memory_.scratch;
  // The first workspace is made now, so that a run allocates nothing.
  idle_[0] = make_workspace().release();
}

Session::~Session() {
  for (const std::atomic<Workspace*>& workspace : idle_) delete workspace.load();
}

// Groups the tensors that share memory (aliases and in-place results), gives each group the
// lifetime of its members, and lets the planner place the groups that are neither constants nor the
// caller's.
void Session::plan_memory(MemoryBudget* memory) {
  const Model& model = *model_;
  const size_t count = model.tensors.size();
  const int end = static_cast<int>(model.nodes.size());

  std::vector<int> last_use(count, -1);
  for (int i = 0; i < end; ++i)
    for (uint32_t t : model.nodes[i].inputs)
      if (t != kNone) last_use[t] = i;
  for (uint32_t t : model.outputs) last_use[t] = end;

  // owner[t]: the first tensor of t's group; place, lifetime and size are those of the owner.
  std::vector<uint32_t> owner(count);
  for (uint32_t t = 0; t < count; ++t) owner[t] = t;
  std::vector<int> group_last = last_use;
  std::vector<bool> writable(count, false);  // groups that live in the arena or in an output
  for (int i = 0; i < end; ++i) {
    const Node& node = model.nodes[i];
    const uint32_t out = node.outputs[0];
    const OpDef& def = op_def(node.op);
    for (uint32_t t : node.outputs) writable[t] = true;
    if (def.alias) {
      owner[out] = owner[node.inputs[0]];
    } else {
      for (size_t k = 0; k < node.inputs.size(); ++k) {
        const uint32_t in = node.inputs[k];
        if (in == kNone || !def.may_reuse(k)) continue;
        if (!writable[owner[in]] || group_last[owner[in]] != i) continue;
        if (model.tensors[in].type.bytes() != model.tensors[out].type.bytes()) continue;
        // An input that is read in another order must not lie in the same memory.
        const bool shared =
            std::any_of(node.inputs.begin(), node.inputs.end(), [&](const uint32_t& other) {
              const size_t j = &other - node.inputs.data();
              return other != kNone && owner[other] == owner[in] && !def.may_reuse(j);
            });
        if (shared) continue;
        owner[out] = owner[in];
        break;
      }
    }
    for (uint32_t t : node.outputs)
      group_last[owner[t]] = std::max(group_last[owner[t]], last_use[t]);
  }

  places_.assign(count, Place{Place::kArena, 0});
  for (uint32_t t = 0; t < count; ++t)
    if (model.tensors[t].data != nullptr) places_[t] = Place{Place::kConstant, t};
  for (size_t i = 0; i < model.inputs.size(); ++i)
    places_[model.inputs[i]] = Place{Place::kInput, i};
  // An output's group is written straight into the caller's array, if no other output claimed it.
  for (size_t i = 0; i < model.outputs.size(); ++i) {
    Place& place = places_[owner[model.outputs[i]]];
    if (place.kind == Place::kArena)
      place = Place{Place::kOutput, i};
    else
      copies_.emplace_back(model.outputs[i], i);
  }

  std::vector<Lifetime> lifetimes;
  std::vector<uint32_t> tensors;
  for (int i = 0; i < end; ++i)
    for (uint32_t t : model.nodes[i].outputs) {
      if (owner[t] != t || places_[t].kind != Place::kArena) continue;
      lifetimes.push_back({i, std::max(i, group_last[t]), model.tensors[t].type.bytes()});
      tensors.push_back(t);
    }
  const ArenaPlan plan = plan_arena(lifetimes);
  memory_.copied = model.copy.bytes();
  if (model.mapping.data() != nullptr) memory_.mapped = model.payload_bytes;
  for (const Buffer& constant : model.decoded) memory_.repacked += constant.bytes();
  memory->take(memory_.copied);
  memory->take(memory_.repacked);
  memory->take(plan.bytes);
  for (size_t i = 0; i < tensors.size(); ++i)
    places_[tensors[i]].offset = static_cast<size_t>(plan.offsets[i]);
  for (uint32_t t = 0; t < count; ++t) places_[t] = places_[owner[t]];

  scratch_offset_ = static_cast<size_t>(plan.bytes);
}

std::unique_ptr<Session::Workspace> Session::make_workspace() const {
  auto workspace = std::make_unique<Workspace>();
  workspace->arena = Buffer(memory_.arena);
  workspace->tensors.resize(model_->tensors.size());
  for (size_t t = 0; t < places_.size(); ++t) {
    if (places_[t].kind == Place::kConstant)
      workspace->tensors[t] = const_cast<std::byte*>(model_->tensors[places_[t].offset].data);
    else if (places_[t].kind == Place::kArena)
      workspace->tensors[t] = workspace->arena.data() + places_[t].offset;
  }
  return workspace;
}

// A workspace for the duration of one run.
class Session::WorkspaceLease {
 public:
  explicit WorkspaceLease(const Session& session) : session_(session) {
    for (std::atomic<Workspace*>& place : session.idle_)
      if ((workspace_ = std::unique_ptr<Workspace>(place.exchange(nullptr)))) return;
    workspace_ = session.make_workspace();
  }
  ~WorkspaceLease() {
    for (std::atomic<Workspace*>& place : session_.idle_) {
      Workspace* none = nullptr;
      if (!place.compare_exchange_strong(none, workspace_.get())) continue;
      workspace_.release();
      return;
    }
  }
  Workspace* operator->() const { return workspace_.get(); }

 private:
  const Session& session_;
  std::unique_ptr<Workspace> workspace_;
};

void Session::run(const void* const* inputs, void* const* outputs, double* step_ms) const {
  const WorkspaceLease workspace(*this);
  std::vector<std::byte*>& tensors = workspace->tensors;
  for (size_t t = 0; t < places_.size(); ++t) {
    if (places_[t].kind == Place::kInput)
      tensors[t] = static_cast<std::byte*>(const_cast<void*>(inputs[places_[t].offset]));
    else if (places_[t].kind == Place::kOutput)
      tensors[t] = static_cast<std::byte*>(outputs[places_[t].offset]);
  }
  const RunContext context(tensors.data(), workspace->arena.data() + scratch_offset_, *pool_);
  if (step_ms == nullptr) {
    for (const Step& step : steps_) {
      check_interrupt();
      step.run(context);
    }
  } else {
    using Clock = std::chrono::steady_clock;
    for (const Step& step : steps_) {
      check_interrupt();
      const Clock::time_point start = Clock::now();
      step.run(context);
      *step_ms++ = std::chrono::duration<double, std::milli>(Clock::now() - start).count();
    }
  }
  for (const auto& [tensor, output] : copies_) {
    check_interrupt();
    std::memcpy(outputs[output], tensors[tensor], model_->tensors[tensor].type.bytes());
  }
}

}  // namespace edgert
