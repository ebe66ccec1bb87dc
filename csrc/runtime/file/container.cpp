#include "runtime/file/container.h"

#include <sys/utsname.h>

#include <algorithm>
#include <cstring>
#include <utility>
#include <vector>

#include "core/interrupt.h"
#include "core/text.h"
#include "runtime/file/checksum.h"
#include "runtime/file/file_kind.h"
#include "runtime/file/rules.h"
#include "runtime/memory_budget.h"

namespace edgert {
namespace {

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
constexpr bool ids_are_consecutive() {
  for (size_t i = 0; i < kSectionCount; ++i)
    if (kSections[i].id != i + 1) return false;
  return kSections[kSectionCount - 1].id == k_data;
}
static_assert(ids_are_consecutive(), "a section's place follows from its id; data is the last");

// What is read at a time and is still in the cache when its checksum is taken, and what a thread
// reads in such chunks: whole huge pages, so that no two threads touch the same one first.
constexpr size_t kChunk = 256 * 1024, kSlice = 8 * kChunk;

constexpr bool kBigEndian = __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__;

// What the system calls this machine: "x86_64", "aarch64".
std::string machine() {
  utsname names;
  return uname(&names) == 0 ? printable(names.machine) : "of unknown kind";
}

void check(const char* section, uint32_t found, uint32_t expected) {
  if (found != expected)
    fail(F22, "the checksum of section '%s' is wrong: the file is damaged", section);
}

}  // namespace

bool all_zero(const std::byte* data, size_t bytes) {
  return std::all_of(data, data + bytes, [](std::byte b) { return b == std::byte{0}; });
}

Container::Container(const Source& source, Mapping map, bool verify, IsaSet isa,
                     uint64_t memory_limit, ThreadPool& pool)
    : mapping(std::move(map)) {
  read_header(source);
  read_section_table(source, isa);
  read_metadata(source, isa, memory_limit);
  const bool mapped = mapping.data() != nullptr;
  if (!mapped || verify) read_data(source, isa, pool);
}

void Container::read_header(const Source& source) {
  std::byte head[64];  // the header, and what else tells what kind of file it is
  const size_t bytes = static_cast<size_t>(std::min<uint64_t>(source.bytes, sizeof head));
  if (bytes == 0) fail(F1, "the file is empty");
  source.read(0, head, bytes);
  if (std::memcmp(head, kMagic, std::min(bytes, sizeof kMagic)) != 0)
    fail(F2, "not an .edgert file; it looks like %s", file_kind(head, bytes).c_str());
  if (bytes < sizeof header_) fail(F1, "the file ends after %zu bytes, inside its header", bytes);
  std::memcpy(&header_, head, sizeof header_);
  if (header_.endian == __builtin_bswap32(kEndianTag))
    fail(F3, "the file is %s, this machine, %s, is %s: it needs a file of its own byte order",
         kBigEndian ? "little-endian" : "big-endian", machine().c_str(),
         kBigEndian ? "big-endian" : "little-endian");
  if (header_.endian != kEndianTag)
    fail(F3, "the byte order tag is 0x%08x, expected 0x%08x", header_.endian, kEndianTag);
  if (header_.version != kVersion)
    fail(F4, "the file has format version %u, this edgert reads version %u: %s", header_.version,
         kVersion, header_.version > kVersion ? "upgrade edgert" : "convert the model again");
  if (source.bytes < header_.file_bytes)
    fail(F5, "the file has %llu bytes of %llu: it was cut off", ull{source.bytes},
         ull{header_.file_bytes});
  if (source.bytes > header_.file_bytes)
    fail(F6, "the file has %llu bytes behind its end at %llu",
         ull{source.bytes - header_.file_bytes}, ull{header_.file_bytes});
}

void Container::read_section_table(const Source& source, IsaSet isa) {
  if (header_.sections > kMaxSections ||
      header_.sections > (bytes() - sizeof header_) / sizeof(SectionRecord))
    fail(F7, "%u sections: they do not fit into the file, or exceed the limit of %u",
         header_.sections, kMaxSections);
  std::vector<SectionRecord> found(header_.sections);
  const size_t table_bytes = found.size() * sizeof(SectionRecord);
  source.read(sizeof header_, found.data(), table_bytes);
  FileHeader sealed = header_;
  sealed.header_crc = 0;
  const uint32_t crc = checksum(isa, &sealed, sizeof sealed);
  if (checksum(isa, found.data(), table_bytes, crc) != header_.header_crc)
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

  uint64_t end = sizeof header_ + table_bytes;
  for (size_t i = 0; i < kSectionCount; ++i) {
    const SectionRecord& section = found[i];
    const char* const name = kSections[i].name;
    const uint64_t alignment = section.id == k_data ? kPayloadAlignment : kRecordAlignment;
    const uint64_t expected = round_up64(end, alignment);
    if (section.offset % alignment != 0)
      fail(F13, "section '%s' starts at %llu, no multiple of %llu", name, ull{section.offset},
           ull{alignment});
    if (section.offset > bytes() || section.bytes > bytes() - section.offset)
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
  if (end != bytes())
    fail(F17, "the last section ends at %llu, the file at %llu", ull{end}, ull{bytes()});
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

void Container::read_metadata(const Source& source, IsaSet isa, uint64_t memory_limit) {
  const uint64_t copied = mapping.data() != nullptr ? data_offset() : bytes();
  MemoryBudget(memory_limit).require(Buffer::huge_bytes(copied));
  copy = Buffer::huge(copied);
  // Header and table as they were checked, whatever the file holds by now.
  std::memcpy(copy.data(), &header_, sizeof header_);
  std::memcpy(copy.data() + sizeof header_, table_, sizeof table_);
  const size_t first = sizeof header_ + sizeof table_;
  source.read(first, copy.data() + first, static_cast<size_t>(data_offset()) - first);
  for (size_t i = 0; i + 1 < kSectionCount; ++i) {
    const SectionRecord& section = table_[i];
    const std::byte* const data = copy.data() + section.offset;
    if (!all_zero(data + section.bytes, table_[i + 1].offset - section.offset - section.bytes))
      fail(F21, "the padding behind section '%s' is not zero", kSections[i].name);
    check(kSections[i].name, checksum(isa, data, section.bytes), section.crc);
  }
}

void Container::read_data(const Source& source, IsaSet isa, ThreadPool& pool) {
  const uint64_t first = data_offset() / kSlice;
  std::vector<uint32_t> parts(static_cast<size_t>((bytes() + kSlice - 1) / kSlice - first));
  const auto begin_of = [&](size_t i) { return std::max((first + i) * kSlice, data_offset()); };
  const auto end_of = [&](size_t i) { return std::min((first + i + 1) * kSlice, bytes()); };
  pool.parallel_for(parts.size(), [&](size_t i, int) {
    for (uint64_t at = begin_of(i); at < end_of(i);) {
      check_interrupt();
      const size_t chunk = static_cast<size_t>(std::min<uint64_t>(kChunk, end_of(i) - at));
      if (mapping.data() == nullptr) source.read(at, copy.data() + at, chunk);
      parts[i] = checksum(isa, data_at(at), chunk, parts[i]);
      at += chunk;
    }
  });
  uint32_t crc = 0;
  for (size_t i = 0; i < parts.size(); ++i)
    crc = joined_checksum(crc, parts[i], end_of(i) - begin_of(i));
  check("data", crc, table_[k_data - 1].crc);
}

}  // namespace edgert
