// Records of the .edgert file, as they lie in it: little-endian, no padding. docs/format.md is the
// normative text; this is the only place where the numbers stand.
#pragma once

#include <cstdint>

#include "schema/attrs.h"

namespace edgert {

constexpr uint8_t kMagic[8] = {'E', 'D', 'G', 'E', 'R', 'T', '\r', '\n'};
constexpr uint32_t kVersion = 2;
constexpr uint32_t kEndianTag = 0x01020304;
constexpr uint32_t kRecordAlignment = 8;
constexpr uint32_t kPayloadAlignment = 64;
constexpr uint32_t kNone = 0xFFFFFFFF;  // an absent optional input

// Limits: what no honest file reaches, checked before anything is allocated.
constexpr uint32_t kMaxSections = 64;  // of any version
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
  uint32_t crc;  // CRC-32 of the section's bytes
  uint64_t offset;
  uint64_t bytes;
};

// What records refer to in other sections lies there in the order of the records, without gaps, so
// that they state sizes only.

struct MetadataRecord {  // the next two of `strings`
  uint32_t key_bytes;
  uint32_t value_bytes;
};

struct TensorRecord {
  uint32_t payload;     // the constant that has the elements, this one or one before it; else kNone
  uint32_t facts;       // what the file claims of a weight, see weights/facts.h; 0: nothing
  uint16_t name_bytes;  // the next of `strings`
  uint8_t dtype;
  uint8_t form;         // in which `data` holds the elements
  uint8_t rank;         // the logical shape: the next of `dims`
  uint8_t reserved[3];  // zero
};

struct NodeRecord {  // in topological order; its attribute record is the next in `attrs`
  uint16_t op;
  uint8_t inputs;  // their tensor indices, then those of the outputs, are the next of `edges`
  uint8_t outputs;
};

static_assert(sizeof(FileHeader) == 48 && sizeof(SectionRecord) == 24, "file records changed");
static_assert(sizeof(MetadataRecord) == 8 && sizeof(TensorRecord) == 16, "file records changed");
static_assert(sizeof(NodeRecord) == 4, "file records changed");

}  // namespace edgert
