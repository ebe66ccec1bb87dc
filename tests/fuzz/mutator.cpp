// libFuzzer's mutators: files are taken apart, changed and sealed again; a few are changed as
// bytes.
#include <algorithm>

#include "mutations.h"
#include "repair.h"

using namespace edgert::fuzz;
using edgert::test::Random;

extern "C" size_t LLVMFuzzerMutate(uint8_t* data, size_t size, size_t most);

namespace {

constexpr size_t kMostGrown = 4 << 10;  // bytes that a file may grow to: small ones are quick

// Bytes changed by libFuzzer itself, at most a quarter and 64 of them more.
void mutate_bytes(Bytes* bytes) {
  const size_t had = bytes->size(), most = had + had / 4 + 64;
  bytes->resize(most);
  bytes->resize(LLVMFuzzerMutate(bytes->data(), had, most));
}

Bytes mutated(const uint8_t* data, size_t size, Random& random) {
  std::optional<Sections> sections = split(data, size);
  const int kind = random.integer(0, 63);
  if (sections && kind > 4) {
    File file = parse(*sections);
    for (int n = 1 + random.integer(0, 3) * random.integer(0, 1); n > 0; --n) mutate(&file, random);
    if (kind > 12) repair(&file);
    return join(write(file));
  }
  if (sections && kind > 1) {
    mutate_bytes(&(*sections)[random.bits() % sections->size()]);
    return join(*sections);
  }
  Bytes bytes(data, data + size);
  mutate_bytes(&bytes);
  if (kind > 0) seal(&bytes);
  return bytes;
}

size_t deliver(const Bytes& bytes, uint8_t* to) {
  std::copy(bytes.begin(), bytes.end(), to);
  return bytes.size();
}

}  // namespace

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t most, unsigned seed) {
  Random random(seed);
  const Bytes bytes = mutated(data, size, random);
  if (bytes.size() > std::min(most, std::max(size, kMostGrown))) return size;
  return deliver(bytes, data);
}

extern "C" size_t LLVMFuzzerCustomCrossOver(const uint8_t* a, size_t a_size, const uint8_t* b,
                                            size_t b_size, uint8_t* to, size_t most,
                                            unsigned seed) {
  Random random(seed);
  const std::optional<Sections> a_sections = split(a, a_size), b_sections = split(b, b_size);
  if (!a_sections || !b_sections) return 0;
  File file = parse(*a_sections);
  splice(&file, parse(*b_sections), random);
  repair(&file);
  const Bytes bytes = join(write(file));
  return bytes.size() <= std::min(most, kMostGrown) ? deliver(bytes, to) : 0;
}
