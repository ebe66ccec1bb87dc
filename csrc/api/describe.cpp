// What a model tells of itself, and the machine.
#include <string>
#include <vector>

#include "api/model.h"
#include "api/structs.h"
#include "runtime/op.h"
#include "weights/forms.h"

namespace edgert {
namespace {

#define X(name, id, bits, numpy) constexpr int k_##name = id;
#include "schema/dtypes.def"
#undef X
static_assert(k_f32 == EDGERT_FLOAT32 && k_i32 == EDGERT_INT32 && k_i64 == EDGERT_INT64 &&
                  k_i8 == EDGERT_INT8 && k_u8 == EDGERT_UINT8 && k_boolean == EDGERT_BOOL &&
                  k_i16 == EDGERT_INT16 && k_f16 == EDGERT_FLOAT16 && k_f64 == EDGERT_FLOAT64,
              "edgert_dtype has the ids of the file");

edgert_dtype dtype_of(const Tensor& tensor) { return static_cast<edgert_dtype>(tensor.type.dtype); }

void require_index(size_t index, size_t count, const char* what) {
  if (index >= count)
    throw Refusal(EDGERT_ERROR_ARGUMENT, "INDEX",
                  format("%s %zu of %zu: the first has number 0", what, index, count));
}

edgert_status describe(const edgert_model* model, std::vector<uint32_t> Model::* list,
                       const char* what, size_t index, edgert_tensor* target) {
  return guarded([&] {
    const Model& content = session_of(model).model();
    require_index(index, (content.*list).size(), what);
    const Tensor& tensor = content.tensors[(content.*list)[index]];
    edgert_tensor value = EDGERT_TENSOR_INIT;
    value.name = tensor.name.c_str();
    value.dtype = dtype_of(tensor);
    value.rank = tensor.type.shape.rank;
    value.dims = tensor.type.shape.dims.data();
    value.bytes = tensor.type.bytes();
    write_struct(target, value, "edgert_tensor");
  });
}

// A node's first weight that is a constant, or null.
const Tensor* weight_of(const Model& model, const Node& node) {
  for (size_t k = 0; k < node.inputs.size(); ++k) {
    if (!op_arity(node.op).is_weight(static_cast<int>(k)) || node.inputs[k] == kNone) continue;
    const Tensor& weight = model.tensors[node.inputs[k]];
    if (weight.data != nullptr) return &weight;
  }
  return nullptr;
}

// The names of all levels of this CPU, made once.
const std::vector<const char*>& level_names() {
  static const std::vector<const char*> names = [] {
    std::vector<const char*> list;
    for (Isa isa : isa_list(detected_isa())) list.push_back(isa_name(isa));
    return list;
  }();
  return names;
}

// The element type of a number, or one that there is not.
DType numbered(int dtype) { return static_cast<DType>(dtype == (dtype & 0xff) ? dtype : 0); }

}  // namespace
}  // namespace edgert

using namespace edgert;

edgert_status edgert_get_info(const edgert_model* model, edgert_info* info) {
  return guarded([&] {
    const Session& session = session_of(model);
    const Model& content = session.model();
    const MemoryUse memory = session.memory();
    edgert_info value = EDGERT_INFO_INIT;
    value.inputs = content.inputs.size();
    value.outputs = content.outputs.size();
    value.steps = content.nodes.size();
    value.metadata = content.metadata.size();
    value.threads = session.threads();
    value.level = isa_name(isa_list(session.isa()).back());
    value.operations = content.operations;
    value.file_copied = memory.copied;
    value.weights_mapped = memory.mapped;
    value.weights_repacked = memory.repacked;
    value.tables = memory.tables;
    value.arena = memory.arena;
    value.scratch = memory.scratch;
    write_struct(info, value, "edgert_info");
  });
}

edgert_status edgert_get_input(const edgert_model* model, size_t index, edgert_tensor* tensor) {
  return describe(model, &Model::inputs, "input", index, tensor);
}

edgert_status edgert_get_output(const edgert_model* model, size_t index, edgert_tensor* tensor) {
  return describe(model, &Model::outputs, "output", index, tensor);
}

edgert_status edgert_get_step(const edgert_model* model, size_t index, edgert_step* step) {
  return guarded([&] {
    const Session& session = session_of(model);
    const Model& content = session.model();
    require_index(index, content.nodes.size(), "step");
    const Node& node = content.nodes[index];
    const Tensor& result = content.tensors[node.outputs[0]];
    edgert_step value = EDGERT_STEP_INIT;
    value.name = result.name.c_str();
    value.op = op_name(node.op);
    value.kernel = session.steps()[index].kernel.c_str();
    const Tensor* const weight = weight_of(content, node);
    value.form = weight ? form_name(weight->form) : "";
    if (weight) value.zeros = share_left_out(weight->form, weight->type, weight->facts);
    value.dtype = dtype_of(result);
    value.rank = result.type.shape.rank;
    value.dims = result.type.shape.dims.data();
    for (uint32_t t : node.inputs)
      if (t != kNone) value.constant_bytes += content.tensors[t].data_bytes;
    write_struct(step, value, "edgert_step");
  });
}

edgert_status edgert_get_metadata(const edgert_model* model, size_t index, const char** key,
                                  const char** value) {
  return guarded([&] {
    const Model& content = session_of(model).model();
    require_pointer(key, "the place for the key");
    require_pointer(value, "the place for the value");
    require_index(index, content.metadata.size(), "metadata");
    *key = content.metadata[index].first.c_str();
    *value = content.metadata[index].second.c_str();
  });
}

edgert_status edgert_get_file(const edgert_model* model, const void** data, size_t* bytes) {
  return guarded([&] {
    const Model& content = session_of(model).model();
    require_pointer(data, "the place for the address");
    require_pointer(bytes, "the place for the size");
    if (content.mapping.data() != nullptr)
      throw Refusal(EDGERT_ERROR_ARGUMENT, "ARGUMENT", "the file is mapped, not copied");
    *data = content.copy.data();
    *bytes = content.file_bytes;
  });
}

const char* edgert_dtype_name(int dtype) { return dtype_name(numbered(dtype)); }
size_t edgert_dtype_bytes(int dtype) { return dtype_bytes(numbered(dtype)); }

edgert_status edgert_get_levels(edgert_levels* levels) {
  return guarded([&] {
    edgert_levels value = EDGERT_LEVELS_INIT;
    value.names = level_names().data();
    value.detected = level_names().size();
    write_struct(levels, value, "edgert_levels");
    value.active = isa_list(cpu_isa()).size();
    write_struct(levels, value, "edgert_levels");
  });
}

int32_t edgert_usable_cpus() { return usable_cpus(); }
int32_t edgert_default_threads() { return default_threads(); }
uint64_t edgert_usable_memory() { return usable_memory(); }

uint32_t edgert_api_version() { return EDGERT_API_VERSION; }
const char* edgert_version() { return EDGERT_VERSION; }
