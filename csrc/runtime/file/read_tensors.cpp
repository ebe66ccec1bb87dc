#include <algorithm>
#include <cstring>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "core/text.h"
#include "runtime/file/read.h"
#include "runtime/file/rules.h"
#include "runtime/memory_budget.h"
#include "runtime/split.h"
#include "weights/coded/coded.h"
#include "weights/coded/shorts.h"
#include "weights/facts.h"
#include "weights/forms.h"
#include "weights/sparse/blocks.h"

namespace edgert {
namespace {

bool is_dtype(uint8_t id) {
  switch (static_cast<DType>(id)) {
#define X(name, id, bits, numpy) case DType::name:
#include "schema/dtypes.def"
#undef X
    return true;
  }
  return false;
}

// "tensor 7 'name'"
std::string label_of(size_t i, const Tensor& tensor) {
  return format("tensor %zu %s", i, quoted(tensor.name).c_str());
}

class TensorReader {
 public:
  TensorReader(const Container& file, uint64_t memory_limit, Model* model)
      : file_(file),
        memory_(memory_limit),
        model_(model),
        strings_(file.records<char>(k_strings)),
        dims_(file.records<int32_t>(k_dims)),
        data_end_(file.data_offset()) {
    memory_.take(file.copy.bytes());
  }

  void read(ThreadPool& pool) {
    read_metadata();
    read_tensors();
    check_weights(pool);
  }

 private:
  // The strings lie in the order of the records that have them, without gaps.
  std::string_view next_string(uint32_t bytes, const char* what, size_t index) {
    if (bytes > strings_.left())
      fail(F23, "%s %zu: the string has %u bytes, section 'strings' %zu more", what, index, bytes,
           strings_.left());
    return {strings_.take(bytes), bytes};
  }

  std::string next_name(uint32_t bytes, const char* what, size_t index) {
    const std::string_view name = next_string(bytes, what, index);
    if (name.size() > kMaxNameBytes)
      fail(F24, "%s %zu: the name has %zu bytes, the limit is %u", what, index, name.size(),
           kMaxNameBytes);
    if (!is_clean_text(name))
      fail(F24, "%s %zu: the name %s is not plain text in UTF-8", what, index,
           quoted(name).c_str());
    return std::string(name);
  }

  void read_metadata() {
    std::unordered_set<std::string> keys;
    size_t i = 0;
    for (const MetadataRecord& record : file_.records<MetadataRecord>(k_metadata)) {
      std::string key = next_name(record.key_bytes, "metadata", i);
      const std::string_view value = next_string(record.value_bytes, "metadata", i);
      if (key.empty()) fail(F24, "metadata %zu: the key is empty", i);
      if (!is_clean_text(value, true))
        fail(F24, "metadata %s: the value %s is not plain text in UTF-8", quoted(key).c_str(),
             quoted(value).c_str());
      if (!keys.insert(key).second) fail(F25, "metadata %s is given twice", quoted(key).c_str());
      model_->metadata.emplace_back(std::move(key), value);
      ++i;
    }
  }

  void read_tensors() {
    const Records<TensorRecord> tensors = file_.records<TensorRecord>(k_tensors);
    model_->tensors.reserve(tensors.count);
    for (size_t i = 0; i < tensors.count; ++i) {
      Tensor tensor;
      tensor.name = next_name(tensors[i].name_bytes, "tensor", i);
      read_type(tensors[i], i, &tensor);
      if (tensors[i].payload != kNone) read_elements(tensors, i, &tensor);
      model_->tensors.push_back(std::move(tensor));
    }
    if (strings_.left() > 0)
      fail(F23, "section 'strings' has %zu bytes more than the names use", strings_.left());
    if (dims_.left() > 0)
      fail(F31, "section 'dims' has %zu entries more than the tensors use", dims_.left());
    if (data_end_ != file_.bytes())
      fail(F44, "%llu bytes behind the last payload", ull{file_.bytes() - data_end_});
  }

  void read_type(const TensorRecord& record, size_t i, Tensor* tensor) {
    const auto label = [&] { return label_of(i, *tensor); };
    const bool constant = record.payload != kNone;
    if (!is_dtype(record.dtype)) fail(F26, "%s has dtype %d", label().c_str(), record.dtype);
    tensor->type.dtype = static_cast<DType>(record.dtype);
    tensor->form = static_cast<Form>(record.form);
    if (kind_of(tensor->form) == FormKind::unknown)
      fail(F27, "%s has form %d, unknown to this version of edgert", label().c_str(), record.form);
    if (!constant && tensor->form != Form::row)
      fail(F28, "%s is no constant but has form %s", label().c_str(), form_name(tensor->form));
    if (record.rank > kMaxRank)
      fail(F29, "%s has rank %d, the limit is %d", label().c_str(), record.rank, kMaxRank);
    const bool reserved =
        record.reserved[0] != 0 || record.reserved[1] != 0 || record.reserved[2] != 0;
    if (reserved || (!constant && record.facts != 0))
      fail(F30, "%s: a reserved member is not zero", label().c_str());
    if (record.rank > dims_.left())
      fail(F31, "%s has rank %d, section 'dims' %zu more entries", label().c_str(), record.rank,
           dims_.left());
    tensor->type.shape.rank = record.rank;
    for (int axis = 0; axis < record.rank; ++axis) {
      const int32_t dim = *dims_.take(1);
      if (dim < 0) fail(F32, "%s: dimension %d is %d", label().c_str(), axis, dim);
      tensor->type.shape[axis] = dim;
    }
    if (!in_bounds(tensor->type))
      fail(F33, "%s, %s, is too large: it takes %llu bytes or more, this machine allows %llu",
           label().c_str(), describe(tensor->type).c_str(), ull{bounding_bytes(tensor->type)},
           ull{max_tensor_bytes()});
  }

  // Rows may be of any type. What else is checked, or decoded, is so for one type and one claim:
  // memory and work stay in proportion to the file.
  static bool may_share(const TensorRecord& record, const Tensor& tensor,
                        const TensorRecord& other_record, const Tensor& other) {
    if (record.form != other_record.form || record.facts != other_record.facts) return false;
    if (tensor.form == Form::row) return true;
    return !is_decoded(tensor.form) && tensor.type == other.type;
  }

  // Finds the elements of a constant: behind those of the constants before it, or theirs.
  void read_elements(const Records<TensorRecord>& tensors, size_t i, Tensor* tensor) {
    const TensorRecord& record = tensors[i];
    const auto label = [&] { return label_of(i, *tensor); };
    const auto type = [&] { return describe(tensor->type); };
    const uint32_t owner = record.payload;
    if (owner > i || tensors[owner].payload != owner)
      fail(F34, "%s has the elements of tensor %u, no constant before it with its own",
           label().c_str(), owner);
    const Tensor* const other = owner < i ? &model_->tensors[owner] : nullptr;
    if (other != nullptr && !may_share(record, *tensor, tensors[owner], *other))
      fail(F34, "%s, %s in form %s, shares the elements of tensor %u, %s in form %s",
           label().c_str(), type().c_str(), form_name(tensor->form), owner,
           describe(other->type).c_str(), form_name(static_cast<Form>(tensors[owner].form)));
    const std::optional<uint64_t> bytes = payload_bytes(tensor->type, tensor->form, record.facts);
    const bool ordered = is_ordered(tensor->form);
    if (!bytes)
      fail(F35, "%s, %s, cannot have form %s%s", label().c_str(), type().c_str(),
           form_name(tensor->form),
           ordered ? "" : format(" with 'facts' 0x%x", record.facts).c_str());
    tensor->data_bytes = *bytes;
    if (other != nullptr) {
      if (other->data_bytes != *bytes)
        fail(F36, "%s, %s in form %s, shares %zu bytes, expected %llu", label().c_str(),
             type().c_str(), form_name(tensor->form), other->data_bytes, ull{*bytes});
      tensor->data = other->data;
      tensor->facts = other->facts;
      return;
    }
    const uint64_t begin = round_up64(data_end_, payload_alignment(tensor->form));
    if (begin > file_.bytes() || *bytes > file_.bytes() - begin)
      fail(F37, "%s, %s in form %s: %llu bytes at %llu do not lie in section 'data'",
           label().c_str(), type().c_str(), form_name(tensor->form), ull{*bytes}, ull{begin});
    if (!all_zero(file_.data_at(data_end_), begin - data_end_))
      fail(F38, "%s: the padding before its elements is not zero", label().c_str());
    tensor->data = file_.data_at(begin);
    data_end_ = begin + *bytes;
    if (!is_tail_zero(tensor->form, tensor->type, record.facts, tensor->data))
      fail(F38, "%s: the bits behind its last code are not zero", label().c_str());
    uint32_t claimed = record.facts;
    if (is_decoded(tensor->form)) {
      const CodedFacts coded = decode_coded_facts(record.facts);
      decode_elements(coded, i, tensor);
      claimed = coded.claimed;
    }
    const auto facts = decode_facts(tensor->form, tensor->type.dtype, claimed);
    if (!facts) refuse_facts(i, *tensor);
    tensor->facts = *facts;
    weights_.push_back(i);
  }

  // Looks at all elements: nothing else that is read here takes as long.
  void check_weights(ThreadPool& pool) {
    std::vector<const Rule*> broken(weights_.size());  // the first rule that a weight breaks
    const size_t bytes = static_cast<size_t>(file_.bytes() - file_.data_offset());
    split(pool, weights_.size(), bytes / std::max<size_t>(weights_.size(), 1),
          [&](size_t first, size_t last) {
            for (size_t w = first; w < last; ++w)
              broken[w] = broken_rule(model_->tensors[weights_[w]]);
          });
    for (size_t w = 0; w < weights_.size(); ++w) {
      if (broken[w] == nullptr) continue;
      const Tensor& tensor = model_->tensors[weights_[w]];
      if (broken[w] == &F43) refuse_facts(weights_[w], tensor);
      fail(*broken[w],
           broken[w] == &F40   ? "%s, %s in form %s: its counts do not add up to its blocks"
           : broken[w] == &F41 ? "%s, %s in form %s: a block lies beyond the last column"
                               : "%s, %s: what fills up form %s is not zero",
           label_of(weights_[w], tensor).c_str(), describe(tensor.type).c_str(),
           form_name(tensor.form));
    }
  }

  // The first of the rules of elements that a constant breaks, or null. None looks beyond what
  // those before it have checked.
  static const Rule* broken_rule(const Tensor& tensor) {
    const DType dtype = tensor.type.dtype;
    const WeightShape shape = weight_shape(tensor.type.shape);
    if (is_sparse(tensor.form)) {
      const Blocks blocks(tensor.form, shape, dtype);
      if (!blocks.counts_add_up(tensor.facts.blocks, tensor.data)) return &F40;
      if (!blocks.columns_exist(tensor.data)) return &F41;
    }
    if (!is_filled_with_zeros(tensor.form, shape, dtype, tensor.data)) return &F42;
    if (!facts_hold(tensor.facts, tensor.form, dtype, shape, tensor.data)) return &F43;
    return nullptr;
  }

  [[noreturn]] void refuse_facts(size_t i, const Tensor& tensor) {
    fail(F43, "%s, %s in form %s: what 'facts' claims, 0x%x, is not so",
         label_of(i, tensor).c_str(), describe(tensor.type).c_str(), form_name(tensor.form),
         file_.records<TensorRecord>(k_tensors)[i].facts);
  }

  // Puts the elements of a constant in a decoded form into private memory, in the form that is
  // wanted.
  void decode_elements(const CodedFacts& coded, size_t i, Tensor* tensor) {
    const TensorType& type = tensor->type;
    if (tensor->form == Form::shorts) check_exponent(i, *tensor);
    Buffer elements = memory_.allocate_weights(*payload_bytes(type, coded.wanted, 0));
    if (coded.wanted == Form::row) {
      decode(tensor->form, type, coded.bits, tensor->data, elements.data());
    } else {
      memory_.require(type.bytes());
      Buffer rows(static_cast<size_t>(type.bytes()));
      decode(tensor->form, type, coded.bits, tensor->data, rows.data());
      pack(coded.wanted, weight_shape(type.shape), type.dtype, rows.data(), type.dtype,
           elements.data());
    }
    tensor->data = elements.data();
    tensor->data_bytes = elements.bytes();
    tensor->form = coded.wanted;
    model_->decoded.push_back(std::move(elements));
  }

  void check_exponent(size_t i, const Tensor& tensor) {
    int32_t exponent;
    std::memcpy(&exponent, tensor.data, sizeof exponent);
    const ExponentRange range = exponent_range(tensor.type.dtype);
    if (exponent < range.least || exponent > range.most)
      fail(F39, "%s, %s, has the exponent %d, expected %d to %d", label_of(i, tensor).c_str(),
           describe(tensor.type).c_str(), exponent, range.least, range.most);
  }

  const Container& file_;
  MemoryBudget memory_;
  Model* const model_;
  Entries<char> strings_;
  Entries<int32_t> dims_;
  uint64_t data_end_;            // of the payloads so far, as an offset in the file
  std::vector<size_t> weights_;  // the constants with elements of their own
};

}  // namespace

void read_tensors(const Container& file, uint64_t memory_limit, ThreadPool& pool, Model* model) {
  TensorReader(file, memory_limit, model).read(pool);
}

}  // namespace edgert
