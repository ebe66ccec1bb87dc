#include "mutations.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "runtime/op.h"

namespace edgert::fuzz {
namespace {

constexpr uint16_t kOps[] = {
#define X(name, id, ...) id,
#include "schema/ops.def"
#undef X
};

// Sizes around those at which kernels change, and the ends of the types.
constexpr int32_t kNumbers[] = {-1,  0,   1,   2,   3,    4,     5,     7,         8,        15,
                                16,  17,  31,  32,  33,   63,    64,    65,        127,      128,
                                129, 255, 256, 257, 1000, 32767, 32768, INT32_MAX, INT32_MIN};
constexpr float kFloats[] = {0.0f,
                             -0.0f,
                             1.0f,
                             -1.0f,
                             0.5f,
                             255.0f,
                             1e-40f,
                             0x1p-126f,
                             1e30f,
                             std::numeric_limits<float>::max(),
                             std::numeric_limits<float>::infinity(),
                             -std::numeric_limits<float>::infinity(),
                             std::numeric_limits<float>::quiet_NaN()};

class Mutation {
 public:
  Mutation(File* file, test::Random& random) : file_(*file), random_(random) {}
  void run();

 private:
  size_t below(size_t n) { return random_.bits() % n; }
  bool chance(size_t n) { return below(n) == 0; }  // one in n
  template <typename List>
  auto& any(List& list) {
    return list[below(std::size(list))];
  }
  uint32_t any_tensor() {
    if (chance(16)) return chance(2) ? kNone : static_cast<uint32_t>(file_.tensors.size());
    return file_.tensors.empty() ? 0 : static_cast<uint32_t>(below(file_.tensors.size()));
  }
  uint32_t fresh_tensor() {
    file_.tensors.emplace_back().record.payload = kNone;
    return static_cast<uint32_t>(file_.tensors.size() - 1);
  }
  int32_t number(int32_t old) {
    switch (below(8)) {
      case 0:
        return any(kNumbers);
      case 1:
        return static_cast<int32_t>(static_cast<uint32_t>(old) * 2);
      case 2:
        return old / 2;
      case 3:
        return static_cast<int32_t>(static_cast<uint32_t>(old) + 1);
      case 4:
        return static_cast<int32_t>(static_cast<uint32_t>(old) - 1);
      case 5:
        return static_cast<int32_t>(below(40));
      default:
        return static_cast<int32_t>(below(4));
    }
  }

  // Members of the records -----------------------------------------------------------------------

  void attribute() {
    if (file_.nodes.empty()) return;
    std::vector<int32_t>& attrs = any(file_.nodes).attrs;
    if (attrs.empty()) return;
    int32_t& word = any(attrs);
    switch (below(6)) {
      case 0: {
        const float value = any(kFloats);
        std::memcpy(&word, &value, sizeof word);
        break;
      }
      case 1: {
        float value;
        std::memcpy(&value, &word, sizeof value);
        value *= std::ldexp(1.0f, static_cast<int>(below(9)) - 4);
        std::memcpy(&word, &value, sizeof word);
        break;
      }
      case 2:
        word = any(attrs);
        break;
      case 3:
        word ^= static_cast<int32_t>(1u << below(32));
        break;
      default:
        word = number(word);
    }
  }

  // All sizes and attributes with one value get another: channels stay as many on either side.
  void size() {
    std::vector<int32_t> sizes;
    for (const TensorEntry& tensor : file_.tensors)
      sizes.insert(sizes.end(), tensor.dims.begin(), tensor.dims.end());
    if (sizes.empty()) return;
    const int32_t old = any(sizes), to = number(old);
    const bool attrs = chance(2);
    for (TensorEntry& tensor : file_.tensors)
      std::replace(tensor.dims.begin(), tensor.dims.end(), old, to);
    for (NodeEntry& node : file_.nodes)
      if (attrs) std::replace(node.attrs.begin(), node.attrs.end(), old, to);
  }

  void dimension() {
    if (file_.tensors.empty()) return;
    std::vector<int32_t>& dims = any(file_.tensors).dims;
    if (dims.empty()) return;
    int32_t& dim = any(dims);
    dim = number(dim);
  }

  void rank() {
    if (file_.tensors.empty()) return;
    std::vector<int32_t>& dims = any(file_.tensors).dims;
    const auto place = dims.begin() + static_cast<ptrdiff_t>(below(dims.size() + 1));
    if (chance(2))
      dims.insert(place, static_cast<int32_t>(below(3)));
    else if (place != dims.end())
      dims.erase(place);
  }

  void dtype() {
    if (file_.tensors.empty()) return;
    any(file_.tensors).record.dtype = static_cast<uint8_t>(below(9));
  }

  void record() {
    if (file_.tensors.empty()) return;
    TensorRecord& record = any(file_.tensors).record;
    switch (below(4)) {
      case 0:
        record.form = static_cast<uint8_t>(below(7));
        break;
      case 1:
        record.facts = static_cast<uint32_t>(below(12));
        break;
      case 2:
        record.payload = any_tensor();
        break;
      default:
        record.reserved[below(3)] = static_cast<uint8_t>(below(3));
    }
  }

  // The graph ------------------------------------------------------------------------------------

  void edge() {
    if (file_.nodes.empty()) return;
    NodeEntry& node = any(file_.nodes);
    if (!node.outputs.empty() && (node.inputs.empty() || chance(16)))
      any(node.outputs) = any_tensor();
    else if (!node.inputs.empty())
      any(node.inputs) = chance(4) ? any(node.inputs) : any_tensor();
  }

  void arity() {
    if (file_.nodes.empty()) return;
    NodeEntry& node = any(file_.nodes);
    std::vector<uint32_t>& list = chance(8) ? node.outputs : node.inputs;
    if (chance(2))
      list.push_back(any_tensor());
    else if (!list.empty())
      list.pop_back();
  }

  void op() {
    if (file_.nodes.empty()) return;
    NodeEntry& node = any(file_.nodes);
    node.op = chance(32) ? static_cast<uint16_t>(below(65536)) : any(kOps);
    node.attrs.resize(attrs_bytes(static_cast<Op>(node.op)) / sizeof(int32_t));
    const Arity arity = op_arity(static_cast<Op>(node.op));
    const size_t inputs = static_cast<size_t>(arity.min);
    const size_t outputs = static_cast<size_t>(arity.outputs);
    while (node.inputs.size() < inputs) node.inputs.push_back(any_tensor());
    if (!chance(4)) node.inputs.resize(inputs);
    while (node.outputs.size() < outputs) node.outputs.push_back(fresh_tensor());
    node.outputs.resize(outputs);
  }

  // The same node again, behind all others, which works on the result of the first if it can.
  void duplicate_node() {
    if (file_.nodes.empty()) return;
    NodeEntry node = any(file_.nodes);
    const std::vector<uint32_t>& last = file_.nodes.back().outputs;
    if (!node.inputs.empty() && !last.empty() && chance(2)) any(node.inputs) = last[0];
    for (uint32_t& output : node.outputs) {
      const uint32_t old = output;
      output = fresh_tensor();
      if (old < output) file_.tensors[output] = file_.tensors[old];
      file_.tensors[output].name.clear();
      file_.outputs.push_back(output);
    }
    file_.nodes.push_back(std::move(node));
  }

  // Those who read a removed node's result read its input.
  void remove_node() {
    if (file_.nodes.empty()) return;
    const size_t i = below(file_.nodes.size());
    const NodeEntry node = file_.nodes[i];
    file_.nodes.erase(file_.nodes.begin() + static_cast<ptrdiff_t>(i));
    if (node.inputs.empty()) return;
    const auto bypass = [&](std::vector<uint32_t>& list) {
      for (uint32_t output : node.outputs)
        std::replace(list.begin(), list.end(), output, node.inputs[0]);
    };
    for (NodeEntry& other : file_.nodes) bypass(other.inputs);
    bypass(file_.outputs);
  }

  void swap_nodes() {
    if (file_.nodes.empty()) return;
    std::swap(any(file_.nodes), any(file_.nodes));
  }

  void new_tensor() {
    TensorEntry tensor = file_.tensors.empty() ? TensorEntry{} : any(file_.tensors);
    tensor.name.clear();
    const bool own = tensor.record.payload != kNone && chance(2);
    if (own) tensor.record.payload = static_cast<uint32_t>(file_.tensors.size());
    file_.tensors.push_back(std::move(tensor));
  }

  // Constants ------------------------------------------------------------------------------------

  void payload() {
    std::vector<Bytes*> payloads;
    for (TensorEntry& tensor : file_.tensors)
      if (!tensor.payload.empty()) payloads.push_back(&tensor.payload);
    if (payloads.empty()) return;
    Bytes& bytes = *any(payloads);
    const size_t first = below(bytes.size()), count = 1 + below(chance(2) ? 4 : bytes.size());
    const uint64_t pattern = chance(2) ? random_.bits() : any(kFloats) == 0 ? 0 : ~uint64_t{0};
    const bool noise = chance(2);
    for (size_t i = first; i < std::min(bytes.size(), first + count); ++i)
      bytes[i] = static_cast<uint8_t>(noise ? random_.bits() : pattern >> (i % 8 * 8));
    if (!chance(3) || bytes.size() < 4) return;
    const float value = any(kFloats);
    std::memcpy(bytes.data() + below(bytes.size() / 4) * 4, &value, sizeof value);
  }

  void share() {
    if (file_.tensors.empty()) return;
    const uint32_t t = any_tensor(), owner = any_tensor();
    if (std::max(t, owner) >= file_.tensors.size()) return;
    file_.tensors[t].record.payload = std::min(t, owner);
  }

  void constness() {
    if (file_.tensors.empty()) return;
    const size_t t = below(file_.tensors.size());
    TensorEntry& tensor = file_.tensors[t];
    const bool constant = tensor.record.payload != kNone;
    tensor.record.payload = constant ? kNone : static_cast<uint32_t>(t);
    if (constant) tensor.payload.clear();
    if (!constant) file_.inputs.clear();  // `repair` finds the others again
  }

  // The interface --------------------------------------------------------------------------------

  void output() { change_list(&file_.outputs); }
  void input() { change_list(&file_.inputs); }

  void change_list(std::vector<uint32_t>* list) {
    const auto place = list->begin() + static_cast<ptrdiff_t>(below(list->size() + 1));
    if (chance(2))
      list->insert(place, any_tensor());
    else if (place != list->end())
      list->erase(place);
  }

  void text() {
    static const std::string kTexts[] = {
        "", "x", "y", "\x1b[31m", "\n", "\xff", "\u202eab", "%s%n%1000d", std::string(1025, 'n')};
    const std::string& value = any(kTexts);
    if (chance(2) && !file_.tensors.empty())
      any(file_.tensors).name = value;
    else if (chance(2) || file_.metadata.empty())
      file_.metadata.emplace_back(value, any(kTexts));
    else
      file_.metadata.pop_back();
  }

  File& file_;
  test::Random& random_;
};

void Mutation::run() {
  using Change = void (Mutation::*)();
  static constexpr Change kChanges[] = {
      &Mutation::attribute,      &Mutation::attribute,   &Mutation::attribute,
      &Mutation::attribute,      &Mutation::size,        &Mutation::size,
      &Mutation::dimension,      &Mutation::dimension,   &Mutation::rank,
      &Mutation::dtype,          &Mutation::record,      &Mutation::edge,
      &Mutation::edge,           &Mutation::arity,       &Mutation::op,
      &Mutation::duplicate_node, &Mutation::remove_node, &Mutation::swap_nodes,
      &Mutation::payload,        &Mutation::payload,     &Mutation::share,
      &Mutation::constness,      &Mutation::output,      &Mutation::input,
      &Mutation::new_tensor,     &Mutation::text};
  (this->*any(kChanges))();
}

}  // namespace

void mutate(File* file, test::Random& random) { Mutation(file, random).run(); }

void splice(File* file, const File& other, test::Random& random) {
  const uint32_t first = static_cast<uint32_t>(file->tensors.size());
  std::vector<uint32_t> index(other.tensors.size());  // where each tensor of `other` ends up
  for (uint32_t t = 0; t < index.size(); ++t) {
    index[t] = first + t;
    const TensorEntry& tensor = other.tensors[t];
    if (tensor.record.payload != kNone || random.bits() % 8 == 0) continue;
    const bool is_input = std::count(other.inputs.begin(), other.inputs.end(), t) > 0;
    for (uint32_t mine = 0; is_input && mine < first; ++mine)
      if (file->tensors[mine].dims == tensor.dims &&
          file->tensors[mine].record.dtype == tensor.record.dtype)
        index[t] = mine;
  }
  const auto moved = [&](uint32_t t) { return t < index.size() ? index[t] : t; };
  for (const TensorEntry& tensor : other.tensors) {
    TensorEntry& copy = file->tensors.emplace_back(tensor);
    if (copy.record.payload != kNone) copy.record.payload = moved(copy.record.payload);
  }
  for (const NodeEntry& node : other.nodes) {
    NodeEntry& copy = file->nodes.emplace_back(node);
    for (uint32_t& t : copy.inputs) t = moved(t);
    for (uint32_t& t : copy.outputs) t = moved(t);
  }
  for (uint32_t t : other.inputs) file->inputs.push_back(moved(t));
  for (uint32_t t : other.outputs) file->outputs.push_back(moved(t));
}

}  // namespace edgert::fuzz
