// Weights as codes in panels against the words of schema/weights.def.
#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <set>
#include <vector>

#include "harness.h"
#include "weights/facts.h"
#include "weights/forms.h"
#include "weights/packed/code_panels.h"

namespace edgert {
namespace {

using test::GuardedArray;
using test::Random;

const WeightShape kShapes[] = {{1, 1, 1},   {16, 1, 16}, {17, 1, 5}, {40, 2, 33},
                               {15, 1, 64}, {33, 3, 7},  {0, 1, 4},  {4, 1, 0}};

unsigned bits_of(Form form) { return form == Form::k4n16b4 ? 4 : 2; }

// The code of element (output, tap, channel).
unsigned code_at(const uint8_t* panels, unsigned bits, const WeightShape& w, size_t output,
                 size_t tap, size_t channel) {
  const size_t wide = 32 / bits, steps = ceil_div(w.channels, wide);
  const size_t step = (output / 16 * w.taps + tap) * steps + channel / wide;
  const uint8_t byte = panels[(step * 16 + output % 16) * 4 + channel % 4];
  return byte >> (channel % wide / 4 * bits) & ((1u << bits) - 1);
}

template <typename T>
void check(Form form, DType dtype, const WeightShape& w, Random& random) {
  const unsigned bits = bits_of(form), codes = 1u << bits;
  const size_t table_bytes = dtype == DType::i8 ? 64 : 0;
  T values[16];
  for (unsigned i = 0; i < codes; ++i)
    values[i] = static_cast<T>(dtype == DType::u8 ? i : i * 37 - 100);
  GuardedArray<T> rows(w.elements()), found(w.elements());
  for (T& x : rows) x = values[random.integer(0, static_cast<int>(codes) - 1)];
  const auto bytes = [](auto& array) { return reinterpret_cast<std::byte*>(array.data()); };
  const CodePanels panels(form, w, dtype);
  CHECK(panels.can_hold(bytes(rows)), "%u values", codes);
  const uint64_t size = packed_bytes(form, w, dtype, bytes(rows));
  CHECK(
      size == table_bytes + ceil_div(w.outputs, 16) * w.taps * ceil_div(w.channels, 32 / bits) * 64,
      "%llu bytes", static_cast<unsigned long long>(size));
  GuardedArray<uint8_t> stored(size);
  pack(form, w, dtype, bytes(rows), dtype, bytes(stored));
  for (size_t o = 0; o < w.outputs; ++o)
    for (size_t t = 0; t < w.taps; ++t)
      for (size_t c = 0; c < w.channels; ++c) {
        const unsigned code = code_at(stored.data() + table_bytes, bits, w, o, t, c);
        const T value = dtype == DType::i8 ? static_cast<T>(stored[code]) : static_cast<T>(code);
        CHECK(value == rows[(o * w.taps + t) * w.channels + c], "element %zu, %zu, %zu", o, t, c);
      }
  unpack(form, w, dtype, bytes(stored), bytes(found));
  CHECK(std::equal(rows.begin(), rows.end(), found.begin()), "other elements");
  if (dtype == DType::i8) {
    const std::vector<int32_t> sums = panels.sums(bytes(stored));
    for (size_t o = 0; o < w.outputs; ++o) {
      int32_t sum = 0;
      for (size_t i = 0; i < w.depth(); ++i) sum += rows[o * w.depth() + i];
      CHECK(sums[o] == sum, "the sum of output %zu", o);
    }
  }
  // Each bit that no weight has, and none of those that they have.
  CHECK(is_filled_with_zeros(form, w, dtype, bytes(stored)), "it has other bits");
  size_t free = 0;
  for (size_t i = 0; i < stored.size(); ++i)
    for (int b = 0; b < 8; ++b) {
      stored[i] ^= static_cast<uint8_t>(1 << b);
      free += !is_filled_with_zeros(form, w, dtype, bytes(stored));
      stored[i] ^= static_cast<uint8_t>(1 << b);
    }
  const size_t used = w.elements() * bits + (table_bytes > 0 ? codes * 8 : 0);
  CHECK(free == stored.size() * 8 - used, "%zu bits may not be set, %zu are used of %zu", free,
        used, stored.size() * 8);
}

TEST(packed_forms) {
  Random random(5);
  for (Form form : {Form::k4n16b4, Form::k4n16b2})
    for (const WeightShape& w : kShapes) {
      check<int8_t>(form, DType::i8, w, random);
      check<uint8_t>(form, DType::u8, w, random);
    }
}

TEST(packed_forms_hold_so_many_values) {
  const WeightShape w{4, 1, 32};
  std::vector<int8_t> rows(w.elements());
  const auto* const bytes = reinterpret_cast<const std::byte*>(rows.data());
  for (Form form : {Form::k4n16b4, Form::k4n16b2}) {
    const int codes = 1 << bits_of(form);
    for (int count : {1, codes, codes + 1}) {
      for (size_t i = 0; i < rows.size(); ++i) rows[i] = static_cast<int8_t>(i % count);
      CHECK(CodePanels(form, w, DType::i8).can_hold(bytes) == (count <= codes), "%d", count);
      CHECK(CodePanels(form, w, DType::u8).can_hold(bytes) == (count <= codes), "%d", count);
    }
  }
  CHECK(!CodePanels(Form::k4n16b4, w, DType::i16).bytes(), "of another type");
}

TEST(packed_forms_claim_quads) {
  const WeightShape w{4, 1, 32};
  std::vector<int8_t> rows(w.elements());
  for (int most : {31, 32, 33, -32, -33, -128}) {
    for (size_t i = 0; i < rows.size(); ++i) rows[i] = static_cast<int8_t>(i == 9 ? most : i % 2);
    const auto* const bytes = reinterpret_cast<const std::byte*>(rows.data());
    std::vector<std::byte> stored(packed_bytes(Form::k4n16b4, w, DType::i8, bytes));
    pack(Form::k4n16b4, w, DType::i8, bytes, DType::i8, stored.data());
    const WeightFacts facts = facts_of(Form::k4n16b4, DType::i8, w, stored.data());
    const bool fits = std::abs(most) <= 32;
    CHECK((facts.within_taps == WeightFit::kQuads) == fits, "%d", most);
    const uint32_t claimed = encode_facts(Form::k4n16b4, facts);
    CHECK(claimed == (fits ? 3u : 0u), "%d claims %u", most, claimed);
    for (uint32_t claim = 0; claim < 8; ++claim) {
      const auto read = decode_facts(Form::k4n16b4, DType::i8, claim);
      CHECK(read.has_value() == (claim == 0 || claim == 3), "%u", claim);
      if (!read) continue;
      const bool holds = facts_hold(*read, Form::k4n16b4, DType::i8, w, stored.data());
      CHECK(holds == (claim == 0 || fits), "%d holds %u", most, claim);
    }
  }
}

}  // namespace
}  // namespace edgert
