// A model bound to this CPU: kernels chosen, memory planned, ready to run.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "core/cpu.h"
#include "core/memory.h"
#include "core/threads.h"
#include "runtime/model.h"
#include "runtime/op.h"

namespace edgert {

struct MemoryUse {  // bytes
  size_t mapped;    // weights used in place, in the mapped file
  size_t copied;    // the private copy of the file
  size_t repacked;  // weights in another form, or decoded
  size_t tables;    // of steps, by shapes
  size_t arena;     // activations, once per run() under way
  size_t scratch;   // inside the arena
};

class Session {
 public:
  // Plans runs on the threads of a pool. Throws Error for a model that this CPU, or `memory_limit`
  // bytes of private memory, cannot run.
  Session(std::shared_ptr<const Model> model, std::unique_ptr<ThreadPool> pool, IsaSet isa,
          uint64_t memory_limit);
  ~Session();

  // Runs the model once; may be called from several threads at a time. `inputs` and `outputs` point
  // to C-order arrays of the declared types, aligned to their elements, in the model's order; no
  // output overlaps another array. If `step_ms` is not null it receives each step's milliseconds.
  // A run that throws leaves the outputs undefined and the session as it was; an InterruptScope of
  // the calling thread can end it.
  void run(const void* const* inputs, void* const* outputs, double* step_ms = nullptr) const;

  const Model& model() const { return *model_; }
  const std::vector<Step>& steps() const { return steps_; }  // one per node
  int threads() const { return pool_->threads(); }
  IsaSet isa() const { return isa_; }
  MemoryUse memory() const { return memory_; }

 private:
  struct Workspace {
    Buffer arena;
    std::vector<std::byte*> tensors;  // address of each tensor
  };
  class WorkspaceLease;

  // Where a tensor's elements are.
  struct Place {
    enum { kConstant, kArena, kInput, kOutput } kind;
    size_t offset;  // in the arena, or index of the constant, the input or the output
  };

  void plan_memory(MemoryBudget* memory);
  std::unique_ptr<Workspace> make_workspace() const;

  std::shared_ptr<const Model> model_;
  IsaSet isa_;
  std::unique_ptr<ThreadPool> pool_;
  std::vector<Step> steps_;
  std::vector<Place> places_;                        // one per tensor
  std::vector<std::pair<uint32_t, size_t>> copies_;  // tensor -> output, after the last step
  size_t scratch_offset_ = 0;
  MemoryUse memory_ = {};

  // Workspaces that no run uses; null where there is none. Without a lock, which a process that is
  // forked while another thread holds it would never get, and without memory to be had for giving
  // one back. More runs at a time than there are places make theirs anew.
  mutable std::array<std::atomic<Workspace*>, 16> idle_ = {};
};

}  // namespace edgert
