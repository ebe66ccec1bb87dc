// An .edgert file taken apart: the records as values that may be changed at will, and put together
// again with sizes, places and checksums that agree.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "schema/format.h"

namespace edgert::fuzz {

using Bytes = std::vector<uint8_t>;

constexpr size_t kSections = 0
#define X(name, id, record) +1
#include "schema/sections.def"
#undef X
    ;

// The bytes of the sections in the order of their ids.
using Sections = std::array<Bytes, kSections>;

uint32_t checksum(const uint8_t* data, size_t size);
std::optional<Sections> split(const uint8_t* data, size_t size);
Bytes join(const Sections& sections);  // places them as the format asks, with right checksums
void seal(Bytes* file);                // right checksums for the sections where they lie

struct TensorEntry {
  TensorRecord record;  // its sizes are those of the members below
  std::string name;
  std::vector<int32_t> dims;
  Bytes payload;  // of a constant with one of its own
};

struct NodeEntry {
  uint16_t op;
  std::vector<uint32_t> inputs;
  uint32_t output = kNone;
  std::vector<int32_t> attrs;
};

struct File {
  std::vector<std::pair<std::string, std::string>> metadata;
  std::vector<TensorEntry> tensors;
  std::vector<NodeEntry> nodes;
  std::vector<uint32_t> inputs, outputs;
};

// Up to the first records whose sizes do not fit.
File parse(const Sections& sections);
Sections write(const File& file);

// Bytes that the elements of a constant take; nothing if its record makes no sense.
std::optional<size_t> payload_size(const TensorEntry& tensor);

}  // namespace edgert::fuzz
