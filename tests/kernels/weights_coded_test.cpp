// Constants in decoded forms: codes of every number of bits against the words of
// schema/weights.def, and what a file says of them.
#include <algorithm>
#include <cstring>
#include <vector>

#include "harness.h"
#include "weights/coded/coded.h"
#include "weights/coded/codes.h"
#include "weights/forms.h"

namespace edgert {
namespace {

using test::GuardedArray;
using test::Random;

// The bits of code i, one after the other, or its digit of a byte.
size_t code_at(const std::byte* codes, uint32_t bits, size_t i) {
  size_t code = 0;
  if (bits == kTrits) {
    unsigned byte = std::to_integer<unsigned>(codes[i / 5]);
    for (size_t j = 0; j < i % 5; ++j) byte /= 3;
    return byte % 3;
  }
  for (uint32_t b = 0; b < bits; ++b) {
    const size_t place = i * bits + b;
    code |= size_t{std::to_integer<unsigned>(codes[place / 8]) >> place % 8 & 1u} << b;
  }
  return code;
}

template <typename T>
void check_codes(Random& random, size_t values, size_t n) {
  std::vector<T> table(values);
  for (size_t i = 0; i < values; ++i) table[i] = static_cast<T>(i * 0x9E3779B97F4A7C15u >> 3);
  GuardedArray<T> elements(n), found(n);
  for (size_t i = 0; i < n; ++i)
    elements[i] = table[random.integer(0, static_cast<int>(values) - 1)];
  const auto* const bytes = reinterpret_cast<const std::byte*>(elements.data());
  const auto codes = pack_codes(sizeof(T), bytes, n, UINT64_MAX);
  std::vector<T> distinct(elements.data(), elements.data() + n);
  std::sort(distinct.begin(), distinct.end());
  distinct.erase(std::unique(distinct.begin(), distinct.end()), distinct.end());
  CHECK(codes.has_value() == (n > 0 && distinct.size() <= 256), "%zu of %zu", n, values);
  if (!codes) return;
  uint32_t least = 1;
  while (distinct.size() > size_t{1} << least) ++least;
  if (distinct.size() == 3) least = kTrits;
  const size_t entries = least == kTrits ? 3 : size_t{1} << least;
  CHECK(codes->bits == least, "%u bits for %zu values", codes->bits, distinct.size());
  GuardedArray<std::byte> payload(codes->payload.size());
  std::copy(codes->payload.begin(), codes->payload.end(), payload.data());
  CHECK(payload.size() == codes_bytes(sizeof(T), least, n), "%zu bytes", payload.size());
  CHECK(is_tail_zero(sizeof(T), least, payload.data(), n), "a dirty tail");
  unpack_codes(sizeof(T), least, payload.data(), n, reinterpret_cast<std::byte*>(found.data()));
  for (size_t i = 0; i < n; ++i) {
    const size_t code = code_at(payload.data() + sizeof(T) * entries, least, i);
    T entry;
    std::memcpy(&entry, payload.data() + code * sizeof(T), sizeof(T));
    CHECK(entry == elements[i] && found[i] == elements[i], "element %zu of %zu", i, n);
  }
  if (least == kTrits || n * least % 8 != 0) {
    payload[payload.size() - 1] |= least == kTrits ? std::byte{0xF3} : std::byte{0x80};
    CHECK(!is_tail_zero(sizeof(T), least, payload.data(), n), "a clean tail");
  }
}

TEST(weights_codes) {
  Random random(17);
  for (size_t values : {1, 2, 3, 4, 5, 8, 9, 16, 17, 32, 64, 65, 128, 200, 256, 257})
    for (size_t n : {0, 1, 2, 7, 8, 9, 15, 16, 17, 300, 4099}) {
      check_codes<uint8_t>(random, std::min<size_t>(values, 256), n);
      check_codes<uint16_t>(random, values, n);
      check_codes<uint32_t>(random, values, n);
      check_codes<uint64_t>(random, values, n);
    }
}

TEST(weights_coded_facts) {
  for (uint32_t facts : {0u, 1u, 0x47u, 0xFFFFFF92u, 0xFFFFFFFFu}) {
    const CodedFacts coded = decode_coded_facts(facts);
    CHECK(encode_coded_facts(coded) == facts, "0x%x", facts);
  }
  const uint32_t cut = encode_coded_facts({Form::k2n16, 3, 1u << 24});
  CHECK(decode_coded_facts(cut).claimed == 0, "0x%x claims what it has no room for", cut);
  TensorType type;
  type.dtype = DType::f32;
  type.shape.rank = 2;
  type.shape[0] = 5, type.shape[1] = 7;
  for (uint32_t bits = 0; bits < 16; ++bits)
    for (int wanted = 0; wanted < 16; ++wanted) {
      const Form form = static_cast<Form>(wanted);
      const bool ordered = kind_of(form) == FormKind::ordered;
      const CodedFacts facts{form, bits, 0};
      CHECK(
          coded_bytes(Form::codes, type, facts).has_value() == (ordered && bits >= 1 && bits <= 9),
          "codes of %u bits for form %d", bits, wanted);
      CHECK(coded_bytes(Form::half, type, facts).has_value() == (ordered && bits == 0),
            "halves of %u bits for form %d", bits, wanted);
    }
}

}  // namespace
}  // namespace edgert
