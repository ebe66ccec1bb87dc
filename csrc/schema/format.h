// Records of the .edgert file, as they lie in it: little-endian, no padding. docs/format.md is the
// normative text; this is the only place where the numbers stand.
#pragma once

#include <cstdint>

#include "schema/attrs.h"

namespace edgert {

constexpr uint8_t kMagic[8] = {'E', 'D', 'G', 'E', 'R', 'T', '\r', '\n'};
constexpr uint32_t kVersion = 1;
constexpr uint32_t kEndianTag = 0x01020304;
constexpr uint32_t kRecordAlignment = 8;
constexpr uint32_t kPayloadAlignment = 64;
constexpr uint32_t kNone = 0xFFFFFFFF;  // an absent optional input

// Limits: what no honest file reaches, checked before anything is allocated.
constexpr uint64_t kMaxMetadataBytes = uint64_t{1} << 30;
constexpr uint32_t kMaxNameBytes = 1024;
constexpr uint32_t kMaxNodes = 1 << 14;
constexpr uint64_t kMaxTensorBytes = uint64_t{1} << 40;

struct FileHeader {  // 48 bytes, at offset 0; the section table follows
  uint8_t magic[8];
  uint32_t version;
  uint32_t endian;  // kEndianTag
  uint64_t file_bytes;
  uint32_t sections;
  uint32_t header_crc;   // CRC-32 of the header, with this member zero, and of the section table
  uint64_t reserved[2];  // zero
};

struct SectionRecord {  // sections lie in the order of their ids, which are those of sections.def
  uint32_t id;
  uint32_t crc;  // CRC-32 of the section's bytes; zero for `data`, whose payloads have their own
  uint64_t offset;
  uint64_t bytes;
};

struct StringRef {  // UTF-8 in the section `strings`
  uint32_t offset;
  uint32_t bytes;
};

struct MetadataRecord {
  StringRef key;
  StringRef value;
};

struct TensorRecord {
  StringRef name;
  uint8_t dtype;
  uint8_t layout;
  uint8_t rank;
  uint8_t reserved;        // zero
  uint32_t payload;        // first payload of a constant, kNone for an activation
  int32_t dims[kMaxRank];  // the logical shape; unused entries are zero
};

struct PayloadRecord {
  uint64_t offset;  // from the start of the file, a multiple of kPayloadAlignment
  uint64_t bytes;
  uint32_t encoding;  // of encodings.def
  uint32_t crc;       // CRC-32 of the bytes
};

struct NodeRecord {  // in topological order
  StringRef name;
  uint16_t op;
  uint16_t inputs;
  uint32_t first_edge;  // in the section `edges`: the inputs' tensor indices, then the output's
  uint32_t attrs;       // offset in the section `attrs`
  uint32_t attrs_bytes;
};

static_assert(sizeof(FileHeader) == 48 && sizeof(SectionRecord) == 24, "file records changed");
static_assert(sizeof(MetadataRecord) == 16 && sizeof(TensorRecord) == 48, "file records changed");
static_assert(sizeof(PayloadRecord) == 24 && sizeof(NodeRecord) == 24, "file records changed");

}  // namespace edgert
