#include "runtime/model_file.h"

#include <cstdarg>
#include <cstring>
#include <string_view>
#include <unordered_set>

#include "core/crc32.h"
#include "core/error.h"
#include "core/text.h"
#include "runtime/file_kind.h"
#include "runtime/op.h"
#include "schema/format.h"
#include "weights/forms.h"
#include "weights/shorts.h"

namespace edgert {
namespace {

// The rules of docs/format.md, in the order in which they are checked.
struct Rule {
  const char* number;
  ErrorCode code;
  const char* name;
};
#define RULE(number, code, name) constexpr Rule number = {#number, ErrorCode::code, name};
RULE(F1, kFormat, "TRUNCATED")
RULE(F2, kFormat, "MAGIC")
RULE(F3, kFormat, "ENDIAN")
RULE(F4, kVersion, "VERSION")
RULE(F5, kFormat, "TRUNCATED")
RULE(F6, kFormat, "TRAILING")
RULE(F7, kLimit, "COUNT")
RULE(F8, kIntegrity, "CHECKSUM")
RULE(F9, kFormat, "RESERVED")
RULE(F10, kFormat, "DUPLICATE")
RULE(F11, kUnsupported, "SECTION")
RULE(F12, kFormat, "SECTION")
RULE(F13, kFormat, "ALIGN")
RULE(F14, kFormat, "RANGE")
RULE(F15, kFormat, "OVERLAP")
RULE(F16, kFormat, "HOLE")
RULE(F17, kFormat, "TRAILING")
RULE(F18, kLimit, "METADATA")
RULE(F19, kFormat, "SIZE")
RULE(F20, kLimit, "COUNT")
RULE(F21, kFormat, "RESERVED")
RULE(F22, kIntegrity, "CHECKSUM")
RULE(F23, kFormat, "STRINGS")
RULE(F24, kFormat, "NAME")
RULE(F25, kFormat, "DUPLICATE")
RULE(F26, kFormat, "DTYPE")
RULE(F27, kFormat, "LAYOUT")
RULE(F28, kUnsupported, "ENCODING")
RULE(F29, kLimit, "RANK")
RULE(F30, kFormat, "RESERVED")
RULE(F31, kFormat, "DIMS")
RULE(F32, kFormat, "SHAPE")
RULE(F33, kLimit, "OVERFLOW")
RULE(F34, kFormat, "INDEX")
RULE(F35, kFormat, "LAYOUT")
RULE(F36, kFormat, "SIZE")
RULE(F37, kFormat, "RANGE")
RULE(F38, kFormat, "RESERVED")
RULE(F39, kFormat, "EXPONENT")
RULE(F40, kFormat, "TRAILING")
RULE(F41, kFormat, "INDEX")
RULE(F42, kFormat, "IO")
RULE(F43, kFormat, "DUPLICATE")
RULE(F44, kUnsupported, "OP")
RULE(F45, kFormat, "ARITY")
RULE(F46, kFormat, "EDGES")
RULE(F47, kFormat, "ATTR")
RULE(F48, kFormat, "INDEX")
RULE(F49, kFormat, "ORDER")
RULE(F50, kFormat, "WRITER")
RULE(F51, kFormat, "SHAPE")
RULE(F52, kFormat, "LAYOUT")
RULE(F53, kFormat, "IO")
#undef RULE

[[noreturn]]
__attribute__((format(printf, 2, 3))) void fail(const Rule& rule, const char* text, ...) {
  char message[1024];
  va_list args;
  va_start(args, text);
  std::vsnprintf(message, sizeof message, text, args);
  va_end(args);
  throw Error(rule.code, rule.name, format("%s [%s]", message, rule.number));
}

using ull = unsigned long long;  // what %llu wants

enum SectionId : uint32_t {
#define X(name, id, record) k_##name = id,
#include "schema/sections.def"
#undef X
};

struct SectionInfo {
  uint32_t id;
  const char* name;
  size_t record_bytes;
};

constexpr SectionInfo kSections[] = {
#define X(name, id, record) {id, #name, sizeof(record)},
#include "schema/sections.def"
#undef X
};
constexpr size_t kSectionCount = sizeof kSections / sizeof kSections[0];
constexpr bool ids_are_consecutive() {
  for (size_t i = 0; i < kSectionCount; ++i)
    if (kSections[i].id != i + 1) return false;
  return kSections[kSectionCount - 1].id == k_data;
}
static_assert(ids_are_consecutive(), "a section's place follows from its id; data is the last");

constexpr uint64_t round_up64(uint64_t value, uint64_t multiple) {
  return (value + multiple - 1) / multiple * multiple;
}

bool all_zero(const std::byte* data, size_t bytes) {
  for (size_t i = 0; i < bytes; ++i)
    if (data[i] != std::byte{0}) return false;
  return true;
}

bool is_dtype(uint8_t id) {
  switch (static_cast<DType>(id)) {
#define X(name, id, bits, numpy) case DType::name:
#include "schema/dtypes.def"
#undef X
    return true;
  }
  return false;
}

bool is_encoding(uint32_t id) {
  switch (static_cast<Encoding>(id)) {
#define X(name, id) case Encoding::name:
#include "schema/encodings.def"
#undef X
    return true;
  }
  return false;
}

bool is_layout(uint8_t id) {
  switch (static_cast<Layout>(id)) {
#define X(name, id) case Layout::name:
#include "schema/layouts.def"
#undef X
    return true;
  }
  return false;
}

std::string describe(const TensorType& type) {
  return std::string(dtype_name(type.dtype)) + to_string(type.shape);
}

// Builds a Model from a file, in one pass: each function may rely on what the ones before it have
// checked. What stands in the file outside of the payloads is read once, into private memory, so
// that a file that changes meanwhile cannot change what has been checked.
class Reader {
 public:
  Reader(const std::string& path, Verify verify)
      : verify_(verify), model_(std::make_shared<Model>()) {
    model_->file = std::make_unique<MappedFile>(path);
  }

  std::shared_ptr<const Model> read() {
    read_header();
    read_section_table();
    read_metadata_bytes();
    read_metadata();
    read_tensors();
    read_interface();
    read_nodes();
    return model_;
  }

 private:
  template <typename T>
  struct Records {
    const T* data;
    size_t count;
    const T* begin() const { return data; }
    const T* end() const { return data + count; }
    const T& operator[](size_t i) const { return data[i]; }
  };

  const std::byte* file() const { return model_->file->data(); }
  uint64_t file_bytes() const { return model_->file->bytes(); }

  // The bytes of a section other than `data`, in private memory.
  const std::byte* section_data(SectionId id) const {
    return reinterpret_cast<const std::byte*>(model_->metadata_bytes.data()) +
           (table_[id - 1].offset - metadata_begin_);
  }
  template <typename T>
  Records<T> records(SectionId id) const {
    return {reinterpret_cast<const T*>(section_data(id)),
            static_cast<size_t>(table_[id - 1].bytes) / sizeof(T)};
  }

  void read_header() {
    if (file_bytes() == 0) fail(F1, "the file is empty");
    const size_t head = std::min<uint64_t>(file_bytes(), sizeof kMagic);
    if (std::memcmp(file(), kMagic, head) != 0)
      fail(F2, "not an .edgert file; it looks like %s",
           file_kind(file(), model_->file->bytes()).c_str());
    if (file_bytes() < sizeof header_)
      fail(F1, "the file ends after %llu bytes, inside its header", ull{file_bytes()});
    std::memcpy(&header_, file(), sizeof header_);
    if (std::memcmp(header_.magic, kMagic, sizeof kMagic) != 0) fail(F2, "the file is changing");
    if (header_.endian != kEndianTag)
      fail(F3, "the byte order tag is 0x%08x, expected 0x%08x", header_.endian, kEndianTag);
    if (header_.version != kVersion)
      fail(F4, "the file has format version %u, this edgert reads version %u: %s", header_.version,
           kVersion, header_.version > kVersion ? "upgrade edgert" : "convert the model again");
    if (file_bytes() < header_.file_bytes)
      fail(F5, "the file has %llu bytes of %llu: it was cut off", ull{file_bytes()},
           ull{header_.file_bytes});
    if (file_bytes() > header_.file_bytes)
      fail(F6, "the file has %llu bytes behind its end at %llu",
           ull{file_bytes() - header_.file_bytes}, ull{header_.file_bytes});
  }

  void read_section_table() {
    if (header_.sections > (file_bytes() - sizeof header_) / sizeof(SectionRecord))
      fail(F7, "%u sections do not fit into the file", header_.sections);
    std::vector<SectionRecord> found(header_.sections);
    const size_t table_bytes = found.size() * sizeof(SectionRecord);
    if (!found.empty()) std::memcpy(found.data(), file() + sizeof header_, table_bytes);
    FileHeader sealed = header_;
    sealed.header_crc = 0;
    const uint32_t crc = crc32(found.data(), table_bytes, crc32(&sealed, sizeof sealed));
    if (crc != header_.header_crc)
      fail(F8, "the checksum of the header is wrong: the file is damaged");
    if (header_.reserved[0] != 0 || header_.reserved[1] != 0)
      fail(F9, "reserved members of the header are not zero");

    for (size_t i = 0; i < found.size(); ++i) {
      if (i > 0 && found[i].id <= found[i - 1].id)
        fail(F10, "section %u comes after section %u", found[i].id, found[i - 1].id);
      if (found[i].id < 1 || found[i].id > kSectionCount)
        fail(F11, "section %u is unknown to this version of edgert", found[i].id);
      if (found[i].id != i + 1) fail(F12, "the section '%s' is missing", kSections[i].name);
    }
    if (found.size() < kSectionCount)
      fail(F12, "the section '%s' is missing", kSections[found.size()].name);

    metadata_begin_ = sizeof header_ + table_bytes;
    uint64_t end = metadata_begin_;
    for (size_t i = 0; i < kSectionCount; ++i) {
      const SectionRecord& section = found[i];
      const char* const name = kSections[i].name;
      const uint64_t alignment = section.id == k_data ? kPayloadAlignment : kRecordAlignment;
      const uint64_t expected = round_up64(end, alignment);
      if (section.offset % alignment != 0)
        fail(F13, "section '%s' starts at %llu, no multiple of %llu", name, ull{section.offset},
             ull{alignment});
      if (section.offset > file_bytes() || section.bytes > file_bytes() - section.offset)
        fail(F14, "section '%s' (%llu bytes at %llu) does not lie in the file", name,
             ull{section.bytes}, ull{section.offset});
      if (section.offset < expected)
        fail(F15, "section '%s' starts at %llu, before the end of the one before it at %llu", name,
             ull{section.offset}, ull{end});
      if (section.offset > expected)
        fail(F16, "section '%s' starts at %llu, expected %llu", name, ull{section.offset},
             ull{expected});
      end = section.offset + section.bytes;
    }
    if (end != file_bytes())
      fail(F17, "the last section ends at %llu, the file at %llu", ull{end}, ull{file_bytes()});
    if (found[k_data - 1].offset > kMaxMetadataBytes)
      fail(F18, "the metadata take %llu bytes, the limit is %llu", ull{found[k_data - 1].offset},
           ull{kMaxMetadataBytes});
    for (size_t i = 0; i < kSectionCount; ++i)
      if (found[i].bytes % kSections[i].record_bytes != 0)
        fail(F19, "section '%s' has %llu bytes, no multiple of %zu", kSections[i].name,
             ull{found[i].bytes}, kSections[i].record_bytes);
    const uint64_t nodes = found[k_nodes - 1].bytes / sizeof(NodeRecord);
    if (nodes > kMaxNodes) fail(F20, "%llu nodes, the limit is %u", ull{nodes}, kMaxNodes);
    std::memcpy(table_, found.data(), sizeof table_);
  }

  void read_metadata_bytes() {
    const uint64_t bytes = table_[k_data - 1].offset - metadata_begin_;
    model_->metadata_bytes.resize(bytes / 8);
    if (bytes == 0) return;
    std::memcpy(model_->metadata_bytes.data(), file() + metadata_begin_, bytes);
    for (size_t i = 0; i + 1 < kSectionCount; ++i) {
      const SectionRecord& section = table_[i];
      const std::byte* const data = section_data(static_cast<SectionId>(section.id));
      if (!all_zero(data + section.bytes, table_[i + 1].offset - section.offset - section.bytes))
        fail(F21, "the padding behind section '%s' is not zero", kSections[i].name);
      if (crc32(data, section.bytes) != section.crc)
        fail(F22, "the checksum of section '%s' is wrong: the file is damaged", kSections[i].name);
    }
    const SectionRecord& data = table_[k_data - 1];
    if (verify_ == Verify::kFull && crc32(file() + data.offset, data.bytes) != data.crc)
      fail(F22, "the checksum of section 'data' is wrong: the file is damaged");
  }

  // The strings lie in the order of the records that have them, without gaps.
  std::string_view next_string(uint32_t bytes, const char* what, size_t index) {
    const uint64_t left = table_[k_strings - 1].bytes - strings_end_;
    if (bytes > left)
      fail(F23, "%s %zu: the string has %u bytes, section 'strings' %llu more", what, index, bytes,
           ull{left});
    const char* const text = reinterpret_cast<const char*>(section_data(k_strings));
    strings_end_ += bytes;
    return {text + strings_end_ - bytes, bytes};
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
    for (const MetadataRecord& record : records<MetadataRecord>(k_metadata)) {
      std::string key = next_name(record.key_bytes, "metadata", i);
      const std::string_view value = next_string(record.value_bytes, "metadata", i);
      if (key.empty()) fail(F24, "metadata %zu: the key is empty", i);
      if (!is_clean_text(value, true))
        fail(F24, "metadata '%s': the value %s is not plain text in UTF-8", key.c_str(),
             quoted(value).c_str());
      if (!keys.insert(key).second) fail(F25, "metadata '%s' is given twice", key.c_str());
      model_->metadata.emplace_back(std::move(key), value);
      ++i;
    }
  }

  void read_tensors() {
    const Records<TensorRecord> tensors = records<TensorRecord>(k_tensors);
    model_->tensors.reserve(tensors.count);
    data_end_ = table_[k_data - 1].offset;
    for (size_t i = 0; i < tensors.count; ++i) {
      Tensor tensor;
      tensor.name = next_name(tensors[i].name_bytes, "tensor", i);
      read_type(tensors[i], i, &tensor);
      if (tensors[i].payload != kNone) read_elements(tensors, i, &tensor);
      model_->tensors.push_back(std::move(tensor));
    }
    if (strings_end_ != table_[k_strings - 1].bytes)
      fail(F23, "section 'strings' has more bytes than the names use");
    if (dims_end_ != records<int32_t>(k_dims).count)
      fail(F31, "section 'dims' has more entries than the tensors use");
    if (data_end_ != file_bytes())
      fail(F40, "%llu bytes behind the last payload", ull{file_bytes() - data_end_});
  }

  void read_type(const TensorRecord& record, size_t i, Tensor* tensor) {
    const char* const name = tensor->name.c_str();
    const bool constant = record.payload != kNone;
    if (!is_dtype(record.dtype)) fail(F26, "tensor %zu '%s' has dtype %d", i, name, record.dtype);
    tensor->type.dtype = static_cast<DType>(record.dtype);
    if (!is_layout(record.layout))
      fail(F27, "tensor %zu '%s' has layout %d", i, name, record.layout);
    tensor->layout = static_cast<Layout>(record.layout);
    if (!constant && tensor->layout != Layout::row)
      fail(F27, "tensor %zu '%s' is no constant but has layout %s", i, name,
           layout_name(tensor->layout));
    if (!is_encoding(record.encoding))
      fail(F28, "tensor %zu '%s' has encoding %d, unknown to this version of edgert", i, name,
           record.encoding);
    if (record.rank > kMaxRank)
      fail(F29, "tensor %zu '%s' has rank %d, the limit is %d", i, name, record.rank, kMaxRank);
    if (record.reserved != 0 || (!constant && record.encoding != 0))
      fail(F30, "tensor %zu '%s': a reserved member is not zero", i, name);
    const Records<int32_t> dims = records<int32_t>(k_dims);
    if (record.rank > dims.count - dims_end_)
      fail(F31, "tensor %zu '%s' has rank %d, section 'dims' %zu more entries", i, name,
           record.rank, dims.count - dims_end_);
    tensor->type.shape.rank = record.rank;
    for (int axis = 0; axis < record.rank; ++axis) {
      const int32_t dim = dims[dims_end_++];
      if (dim < 0) fail(F32, "tensor %zu '%s': dimension %d is %d", i, name, axis, dim);
      tensor->type.shape[axis] = dim;
    }
    if (!in_bounds(tensor->type))
      fail(F33, "tensor %zu '%s', %s, is too large", i, name, describe(tensor->type).c_str());
  }

  // Finds the elements of a constant: behind those of the constants before it, or theirs.
  void read_elements(const Records<TensorRecord>& tensors, size_t i, Tensor* tensor) {
    const TensorRecord& record = tensors[i];
    const char* const name = tensor->name.c_str();
    const std::string type = describe(tensor->type);
    const Encoding encoding = static_cast<Encoding>(record.encoding);
    const uint32_t owner = record.payload;
    if (owner > i || tensors[owner].payload != owner)
      fail(F34, "tensor %zu '%s' has the elements of tensor %u, no constant before it with its own",
           i, name, owner);
    // Encoded elements belong to one tensor: what is decoded stays below twice the file.
    if (owner < i && (encoding != Encoding::plain || tensors[owner].encoding != record.encoding))
      fail(F34, "tensor %zu '%s' shares the encoded elements of tensor %u", i, name, owner);
    const std::optional<uint64_t> bytes = payload_bytes(tensor->type, tensor->layout, encoding);
    if (!bytes)
      fail(F35, "tensor %zu '%s', %s, cannot have layout %s and encoding %s", i, name, type.c_str(),
           layout_name(tensor->layout), encoding_name(encoding));
    tensor->data_bytes = *bytes;
    if (owner < i) {
      const Tensor& other = model_->tensors[owner];
      if (other.data_bytes != *bytes)
        fail(F36, "tensor %zu '%s', %s in layout %s, shares %zu bytes, expected %llu", i, name,
             type.c_str(), layout_name(tensor->layout), other.data_bytes, ull{*bytes});
      tensor->data = other.data;
      return;
    }
    const uint64_t begin = round_up64(data_end_, payload_alignment(encoding));
    if (begin > file_bytes() || *bytes > file_bytes() - begin)
      fail(F37, "tensor %zu '%s', %s in layout %s: %llu bytes at %llu do not lie in section 'data'",
           i, name, type.c_str(), layout_name(tensor->layout), ull{*bytes}, ull{begin});
    if (!all_zero(file() + data_end_, begin - data_end_))
      fail(F38, "tensor %zu '%s': the padding before its elements is not zero", i, name);
    tensor->data = file() + begin;
    data_end_ = begin + *bytes;
    if (encoding == Encoding::shorts) decode(i, tensor);
  }

  // Puts the elements that a constant has in the file as `shorts` into private memory.
  void decode(size_t i, Tensor* tensor) {
    int32_t exponent;
    std::memcpy(&exponent, tensor->data, sizeof exponent);
    const ExponentRange range = exponent_range(tensor->type.dtype);
    if (exponent < range.least || exponent > range.most)
      fail(F39, "tensor %zu '%s', %s, has the exponent %d, expected %d to %d", i,
           tensor->name.c_str(), describe(tensor->type).c_str(), exponent, range.least, range.most);
    Buffer elements(tensor->type.bytes());
    unpack_shorts(tensor->type.dtype, exponent, tensor->type.shape.elements(),
                  tensor->data + sizeof exponent, elements.data());
    tensor->data = elements.data();
    model_->decoded.push_back(std::move(elements));
  }

  void read_interface() {
    defined_.assign(model_->tensors.size(), false);
    for (size_t i = 0; i < defined_.size(); ++i) defined_[i] = model_->tensors[i].data != nullptr;
    model_->inputs = read_indices(k_inputs, "input");
    for (uint32_t t : model_->inputs) {
      if (defined_[t]) fail(F42, "input '%s' is a constant", model_->tensors[t].name.c_str());
      defined_[t] = true;
    }
    model_->outputs = read_indices(k_outputs, "output");
    if (model_->outputs.empty()) fail(F42, "the model has no outputs");
    for (uint32_t t : model_->outputs)
      if (model_->tensors[t].layout != Layout::row)
        fail(F42, "output '%s' has layout %s", model_->tensors[t].name.c_str(),
             layout_name(model_->tensors[t].layout));
  }

  std::vector<uint32_t> read_indices(SectionId section, const char* role) const {
    std::vector<uint32_t> indices;
    std::unordered_set<std::string_view> names;
    for (uint32_t t : records<uint32_t>(section)) {
      if (t >= model_->tensors.size())
        fail(F41, "%s %zu is tensor %u of %zu", role, indices.size(), t, model_->tensors.size());
      const std::string& name = model_->tensors[t].name;
      if (name.empty()) fail(F24, "%s %zu has no name", role, indices.size());
      if (!names.insert(name).second) fail(F43, "two %ss have the name '%s'", role, name.c_str());
      indices.push_back(t);
    }
    return indices;
  }

  void read_nodes() {
    const Records<NodeRecord> nodes = records<NodeRecord>(k_nodes);
    model_->nodes.reserve(nodes.count);
    for (size_t i = 0; i < nodes.count; ++i) read_node(nodes[i], i);
    if (edges_end_ != records<uint32_t>(k_edges).count)
      fail(F46, "section 'edges' has more entries than the nodes use");
    if (attrs_end_ != table_[k_attrs - 1].bytes)
      fail(F47, "section 'attrs' has more bytes than the nodes use");
    for (size_t t = 0; t < defined_.size(); ++t)
      if (!defined_[t])
        fail(F53, "tensor %zu '%s' is never written", t, model_->tensors[t].name.c_str());
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

    const Records<uint32_t> edges = records<uint32_t>(k_edges);
    if (edges.count - edges_end_ < record.inputs + size_t{1})
      fail(F46, "node %zu: %d inputs and an output, section 'edges' has %zu more entries", i,
           record.inputs, edges.count - edges_end_);
    const uint32_t* const inputs = edges.data + edges_end_;
    edges_end_ += record.inputs + size_t{1};
    if (table_[k_attrs - 1].bytes - attrs_end_ < expected_attrs)
      fail(F47, "node %zu: %zu bytes of attributes, section 'attrs' has %llu more", i,
           expected_attrs, ull{table_[k_attrs - 1].bytes - attrs_end_});
    node.attrs = section_data(k_attrs) + attrs_end_;
    attrs_end_ += expected_attrs;

    node.output = inputs[record.inputs];
    require_tensor(node.output, i);
    const Tensor& output = model_->tensors[node.output];
    const char* const name = output.name.c_str();  // of the node, too
    std::vector<const TensorType*> types(record.inputs, nullptr);
    for (int k = 0; k < record.inputs; ++k) {
      const uint32_t t = inputs[k];
      if (t == kNone && k >= arity.min) continue;
      require_tensor(t, i);
      if (!defined_[t])
        fail(F49, "node %zu '%s' reads tensor %u '%s' before it is written", i, name, t,
             model_->tensors[t].name.c_str());
      types[k] = &model_->tensors[t].type;
    }
    node.inputs.assign(inputs, inputs + record.inputs);
    if (defined_[node.output])
      fail(F50, "node %zu writes tensor %u '%s', which has a value already", i, node.output, name);
    defined_[node.output] = true;

    const OpDef& op = op_def(node.op);
    const NodeTypes node_types(node.op, output.name, std::move(types), node.attrs);
    const TensorType inferred = op.infer(node_types);
    if (inferred != output.type)
      fail(F51, "node %zu '%s': %s gives %s, but the tensor is declared as %s", i, name,
           op_name(node.op), describe(inferred).c_str(), describe(output.type).c_str());
    for (int k = 0; k < record.inputs; ++k) {
      if (inputs[k] == kNone) continue;
      const Tensor& tensor = model_->tensors[inputs[k]];
      if (tensor.data == nullptr) continue;
      const Layout layout =
          k == 1 && op.weight_layout != nullptr ? op.weight_layout(node_types) : Layout::row;
      if (tensor.layout != layout)
        fail(F52, "node %zu '%s': input %d, a constant, has layout %s, expected %s", i, name, k,
             layout_name(tensor.layout), layout_name(layout));
    }
    model_->nodes.push_back(std::move(node));
  }

  void require_tensor(uint32_t t, size_t node) const {
    if (t >= model_->tensors.size())
      fail(F48, "node %zu refers to tensor %u of %zu", node, t, model_->tensors.size());
  }

  const Verify verify_;
  std::shared_ptr<Model> model_;
  FileHeader header_;
  SectionRecord table_[kSectionCount];  // that of section `id` at id - 1
  uint64_t metadata_begin_ = 0;         // where the first section starts
  // How far the sections that records refer to have been used, in bytes or entries.
  uint64_t strings_end_ = 0;
  size_t dims_end_ = 0;
  size_t edges_end_ = 0;
  uint64_t attrs_end_ = 0;
  uint64_t data_end_ = 0;  // as an offset in the file
  std::vector<bool>
      defined_;  // tensors that have a value: constants, inputs, outputs of nodes so far
};

}  // namespace

std::shared_ptr<const Model> load_model(const std::string& path, Verify verify) {
  Reader reader(path, verify);
  try {
    return reader.read();
  } catch (const Error& error) {
    throw Error(error.code(), error.rule(), path + ": " + error.what());
  }
}

}  // namespace edgert
