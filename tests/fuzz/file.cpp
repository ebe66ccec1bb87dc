#include "file.h"

#include <cstring>

#include "core/cpu.h"
#include "core/memory.h"
#include "kernels/crc32/crc32.h"
#include "runtime/op.h"
#include "weights/forms.h"

namespace edgert::fuzz {
namespace {

enum Section {
#define X(name, id, record) k_##name,
#include "schema/sections.def"
#undef X
};

constexpr size_t kTableBytes = kSections * sizeof(SectionRecord);

size_t alignment(size_t section) {
  return section == k_data ? kPayloadAlignment : kRecordAlignment;
}

// Reads the records of a section one after the other.
class Cursor {
 public:
  explicit Cursor(const Bytes& bytes) : bytes_(bytes) {}
  size_t left() const { return bytes_.size() - at_; }
  bool take(size_t n, void* to) {
    if (n > left()) return false;
    if (n > 0) std::memcpy(to, bytes_.data() + at_, n);
    at_ += n;
    return true;
  }
  template <typename Container>
  bool take(size_t count, Container* to) {
    const size_t n = count * sizeof(typename Container::value_type);
    if (n > left()) return false;
    to->resize(count);
    return take(n, static_cast<void*>(to->data()));
  }
  bool align(size_t multiple) {
    const size_t aligned = round_up(at_, multiple);
    if (aligned > bytes_.size()) return false;
    at_ = aligned;
    return true;
  }

 private:
  const Bytes& bytes_;
  size_t at_ = 0;
};

template <typename T>
std::vector<T> records(const Bytes& bytes) {
  std::vector<T> list(bytes.size() / sizeof(T));
  if (!list.empty()) std::memcpy(list.data(), bytes.data(), list.size() * sizeof(T));
  return list;
}

void append(Bytes* to, const void* data, size_t n) {
  const uint8_t* const bytes = static_cast<const uint8_t*>(data);
  to->insert(to->end(), bytes, bytes + n);
}

template <typename T>
void append(Bytes* to, const std::vector<T>& list) {
  append(to, list.data(), list.size() * sizeof(T));
}

}  // namespace

uint32_t checksum(const uint8_t* data, size_t size) {
  static const Crc32Kernel& kernel = select_crc32(detected_isa());
  uint32_t crc = 0;
  kernel.run({data, size, &crc});
  return crc;
}

std::optional<Sections> split(const uint8_t* data, size_t size) {
  if (size < sizeof(FileHeader) + kTableBytes) return std::nullopt;
  Sections sections;
  for (size_t i = 0; i < kSections; ++i) {
    SectionRecord record;
    std::memcpy(&record, data + sizeof(FileHeader) + i * sizeof record, sizeof record);
    if (record.id != i + 1 || record.offset > size || record.bytes > size - record.offset)
      return std::nullopt;
    sections[i].assign(data + record.offset, data + record.offset + record.bytes);
  }
  return sections;
}

Bytes join(const Sections& sections) {
  Bytes file(sizeof(FileHeader) + kTableBytes);
  for (size_t i = 0; i < kSections; ++i) {
    file.resize(round_up(file.size(), alignment(i)));
    const SectionRecord record = {static_cast<uint32_t>(i + 1), 0, file.size(), sections[i].size()};
    std::memcpy(file.data() + sizeof(FileHeader) + i * sizeof record, &record, sizeof record);
    append(&file, sections[i]);
  }
  FileHeader header = {{}, kVersion, kEndianTag, file.size(), kSections, 0, {0, 0}};
  std::memcpy(header.magic, kMagic, sizeof kMagic);
  std::memcpy(file.data(), &header, sizeof header);
  seal(&file);
  return file;
}

void seal(Bytes* file) {
  FileHeader header;
  if (file->size() < sizeof header) return;
  std::memcpy(&header, file->data(), sizeof header);
  const size_t room = (file->size() - sizeof header) / sizeof(SectionRecord);
  const size_t count = std::min<size_t>(header.sections, room);
  for (size_t i = 0; i < count; ++i) {
    uint8_t* const place = file->data() + sizeof header + i * sizeof(SectionRecord);
    SectionRecord record;
    std::memcpy(&record, place, sizeof record);
    if (record.offset > file->size() || record.bytes > file->size() - record.offset) continue;
    record.crc = checksum(file->data() + record.offset, record.bytes);
    std::memcpy(place, &record, sizeof record);
  }
  header.header_crc = 0;
  std::memcpy(file->data(), &header, sizeof header);
  header.header_crc = checksum(file->data(), sizeof header + count * sizeof(SectionRecord));
  std::memcpy(file->data(), &header, sizeof header);
}

std::optional<size_t> payload_size(const TensorEntry& tensor) {
  TensorType type;
  type.dtype = static_cast<DType>(tensor.record.dtype);
  if (tensor.dims.size() > kMaxRank || dtype_bytes(type.dtype) == 0) return std::nullopt;
  for (int32_t dim : tensor.dims) type.shape[type.shape.rank++] = dim;
  if (!in_bounds(type)) return std::nullopt;
  return payload_bytes(type, static_cast<Form>(tensor.record.form), tensor.record.facts);
}

File parse(const Sections& sections) {
  File file;
  Cursor strings(sections[k_strings]), dims(sections[k_dims]), data(sections[k_data]);
  Cursor edges(sections[k_edges]), attrs(sections[k_attrs]);
  for (const MetadataRecord& record : records<MetadataRecord>(sections[k_metadata])) {
    auto& [key, value] = file.metadata.emplace_back();
    if (!strings.take(record.key_bytes, &key) || !strings.take(record.value_bytes, &value)) break;
  }
  for (const TensorRecord& record : records<TensorRecord>(sections[k_tensors])) {
    const uint32_t index = static_cast<uint32_t>(file.tensors.size());
    TensorEntry& tensor = file.tensors.emplace_back();
    tensor.record = record;
    if (!strings.take(record.name_bytes, &tensor.name) || !dims.take(record.rank, &tensor.dims))
      break;
    if (record.payload != index) continue;
    const std::optional<size_t> size = payload_size(tensor);
    const Form form = static_cast<Form>(record.form);
    if (!size || !data.align(payload_alignment(form)) || !data.take(*size, &tensor.payload)) break;
  }
  for (const NodeRecord& record : records<NodeRecord>(sections[k_nodes])) {
    NodeEntry& node = file.nodes.emplace_back();
    node.op = record.op;
    if (!edges.take(record.inputs, &node.inputs) || !edges.take(record.outputs, &node.outputs) ||
        !attrs.take(attrs_bytes(static_cast<Op>(node.op)) / sizeof(int32_t), &node.attrs))
      break;
  }
  file.inputs = records<uint32_t>(sections[k_inputs]);
  file.outputs = records<uint32_t>(sections[k_outputs]);
  return file;
}

Sections write(const File& file) {
  Sections sections;
  for (const auto& [key, value] : file.metadata) {
    const MetadataRecord record = {static_cast<uint32_t>(key.size()),
                                   static_cast<uint32_t>(value.size())};
    append(&sections[k_metadata], &record, sizeof record);
    append(&sections[k_strings], key.data(), key.size());
    append(&sections[k_strings], value.data(), value.size());
  }
  for (size_t i = 0; i < file.tensors.size(); ++i) {
    const TensorEntry& tensor = file.tensors[i];
    TensorRecord record = tensor.record;
    record.name_bytes = static_cast<uint16_t>(tensor.name.size());
    record.rank = static_cast<uint8_t>(tensor.dims.size());
    append(&sections[k_tensors], &record, sizeof record);
    append(&sections[k_strings], tensor.name.data(), tensor.name.size());
    append(&sections[k_dims], tensor.dims);
    if (record.payload != i) continue;
    Bytes& data = sections[k_data];
    data.resize(round_up(data.size(), payload_alignment(static_cast<Form>(record.form))));
    append(&data, tensor.payload);
  }
  for (const NodeEntry& node : file.nodes) {
    const NodeRecord record = {node.op, static_cast<uint8_t>(node.inputs.size()),
                               static_cast<uint8_t>(node.outputs.size())};
    append(&sections[k_nodes], &record, sizeof record);
    append(&sections[k_edges], node.inputs);
    append(&sections[k_edges], node.outputs);
    append(&sections[k_attrs], node.attrs);
  }
  append(&sections[k_inputs], file.inputs);
  append(&sections[k_outputs], file.outputs);
  return sections;
}

}  // namespace edgert::fuzz
