// The container of a .edgert file: header, section table, sections.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>

#include "core/cpu.h"
#include "core/file.h"
#include "core/memory.h"
#include "core/threads.h"
#include "schema/format.h"

namespace edgert {

enum SectionId : uint32_t {
#define X(name, id, record) k_##name = id,
#include "schema/sections.def"
#undef X
};

constexpr size_t kSectionCount = 0
#define X(name, id, record) +1
#include "schema/sections.def"
#undef X
    ;

bool all_zero(const std::byte* data, size_t bytes);

// Where the bytes of a file come from.
struct Source {
  uint64_t bytes;
  // All that is asked for, or throws Error. From several threads at a time.
  std::function<void(uint64_t offset, void* to, size_t bytes)> read;
};

// The records of a section.
template <typename T>
struct Records {
  const T* data;
  size_t count;
  const T* begin() const { return data; }
  const T* end() const { return data + count; }
  const T& operator[](size_t i) const { return data[i]; }
};

// What lies in a section in the order of the records that it belongs to: each takes the next.
template <typename T>
class Entries {
 public:
  explicit Entries(const Records<T>& section) : next_(section.begin()), end_(section.end()) {}
  size_t left() const { return static_cast<size_t>(end_ - next_); }
  const T* take(size_t count) {  // at most left()
    next_ += count;
    return next_ - count;
  }

 private:
  const T* next_;
  const T* end_;
};

// A file whose container is sound.
class Container {
 public:
  // Reads a file and checks F1 to F22. The copy is private and complete. If the file is mapped, it
  // lacks the section `data`, whose checksum is looked at only to `verify` it.
  Container(const Source& source, Mapping mapping, bool verify, IsaSet isa, uint64_t memory_limit,
            ThreadPool& pool);

  uint64_t bytes() const { return header_.file_bytes; }
  uint64_t data_offset() const { return table_[k_data - 1].offset; }
  // The bytes at an offset of the file that lies in the section `data`.
  const std::byte* data_at(uint64_t offset) const {
    return (mapping.data() != nullptr ? mapping.data() : copy.data()) + offset;
  }

  // Of a section but `data`.
  template <typename T>
  Records<T> records(SectionId id) const {
    const SectionRecord& section = table_[id - 1];
    return {reinterpret_cast<const T*>(copy.data() + section.offset),
            static_cast<size_t>(section.bytes) / sizeof(T)};
  }

  Buffer copy;
  Mapping mapping;  // or nothing

 private:
  void read_header(const Source& source);
  void read_section_table(const Source& source, IsaSet isa);
  void read_metadata(const Source& source, IsaSet isa, uint64_t memory_limit);
  void read_data(const Source& source, IsaSet isa, ThreadPool& pool);

  FileHeader header_;
  SectionRecord table_[kSectionCount];  // that of section `id` at id - 1
};

}  // namespace edgert
