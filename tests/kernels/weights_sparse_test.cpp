// Weights in sparse forms against the words of schema/weights.def, and the rules of their payloads.
#include <algorithm>
#include <utility>
#include <vector>

#include "harness.h"
#include "weights/facts.h"
#include "weights/forms.h"
#include "weights/sparse/blocks.h"

namespace edgert {
namespace {

using test::GuardedArray;
using test::Random;

const WeightShape kShapes[] = {{1, 1, 1},  {16, 1, 8},  {17, 3, 5},   {40, 9, 4},  {3, 1, 70},
                               {0, 3, 4},  {4, 0, 3},   {4, 3, 0},    {31, 1, 33}, {6, 2, 1030},
                               {5, 9, 12}, {8, 1, 300}, {7, 1, 2099}, {2, 4, 3}};
constexpr Form kForms[] = {Form::csr, Form::bsr1x4, Form::bsr4x4};

template <typename Array>
std::byte* bytes(Array& array) {
  return reinterpret_cast<std::byte*>(array.data());
}

struct Size {
  size_t outputs, depth;
};
Size size_of(Form form) {
  return form == Form::csr ? Size{1, 1} : form == Form::bsr1x4 ? Size{1, 4} : Size{4, 4};
}

std::string describe(Form form, const WeightShape& w) {
  return format("%s [%zu, %zu, %zu]", form_name(form), w.outputs, w.taps, w.channels);
}

// What the words say.
template <typename T>
struct Expected {
  std::vector<uint16_t> counts;
  std::vector<T> blocks;
  std::vector<uint8_t> gaps;

  Expected(Form form, const WeightShape& w, const T* rows) {
    const Size size = size_of(form);
    const size_t tap_columns = ceil_div(w.channels, size.depth);
    for (size_t r = 0; r < ceil_div(w.outputs, size.outputs); ++r) {
      counts.push_back(0);
      size_t left_out = 0;
      for (size_t c = 0; c < w.taps * tap_columns; ++c) {
        std::vector<T> block;
        for (size_t o = r * size.outputs; o < (r + 1) * size.outputs; ++o)
          for (size_t d = 0; d < size.depth; ++d) {
            const size_t channel = c % tap_columns * size.depth + d;
            const bool is = o < w.outputs && channel < w.channels;
            block.push_back(is ? rows[(o * w.taps + c / tap_columns) * w.channels + channel] : T{});
          }
        const bool zero = std::all_of(block.begin(), block.end(), [](T e) { return e == T{}; });
        if (zero && left_out < 255) {
          ++left_out;
          continue;
        }
        // A block of zeros 256 columns on stands between only if another follows in the row.
        if (zero) {
          pending_.push_back({r, block});
          left_out = 0;
          continue;
        }
        for (const auto& between : pending_) add(between.second, 255);
        pending_.clear();
        add(block, left_out);
        left_out = 0;
      }
      pending_.clear();
    }
    if (counts.size() % 2 != 0) counts.push_back(0);
  }

  std::vector<uint8_t> payload() const {
    std::vector<uint8_t> all;
    const auto append = [&all](const auto& list) {
      const auto* const from = reinterpret_cast<const uint8_t*>(list.data());
      all.insert(all.end(), from, from + list.size() * sizeof list[0]);
    };
    append(counts);
    append(blocks);
    append(gaps);
    return all;
  }

 private:
  void add(const std::vector<T>& block, size_t gap) {
    blocks.insert(blocks.end(), block.begin(), block.end());
    gaps.push_back(static_cast<uint8_t>(gap));
    ++counts.back();
  }
  std::vector<std::pair<size_t, std::vector<T>>> pending_;
};

// Weights of which about one in `period` blocks of 1x4 is not zero.
template <typename T>
std::vector<T> random_weights(const WeightShape& w, int period, Random& random) {
  std::vector<T> rows(w.elements());
  bool kept = false;
  for (size_t i = 0; i < rows.size(); ++i) {
    if (i % 4 == 0) kept = random.integer(1, period) == 1;
    if (kept) rows[i] = static_cast<T>(random.integer(-127, 127));
  }
  return rows;
}

template <typename T>
void check_form(Form form, DType dtype, const WeightShape& w, int period, Random& random) {
  const std::vector<T> rows = random_weights<T>(w, period, random);
  const auto* const from = reinterpret_cast<const std::byte*>(rows.data());
  const std::vector<uint8_t> expected = Expected<T>(form, w, rows.data()).payload();
  const std::string what = describe(form, w);
  test::GuardedBytes stored(packed_bytes(form, w, dtype, from));
  CHECK(stored.size() == expected.size(), "%s: %zu bytes, expected %zu", what.c_str(),
        stored.size(), expected.size());
  if (stored.size() != expected.size()) return;
  pack(form, w, dtype, from, dtype, bytes(stored));
  CHECK(std::equal(expected.begin(), expected.end(), stored.begin()), "%s", what.c_str());
  GuardedArray<T> back(w.elements());
  unpack(form, w, dtype, bytes(stored), bytes(back));
  CHECK(std::equal(back.begin(), back.end(), rows.begin()), "%s and back", what.c_str());

  const Blocks blocks(form, w, dtype);
  const uint64_t count = blocks.stored_blocks(bytes(stored));
  CHECK(blocks.holds(stored.size(), bytes(stored)), "%s is sound", what.c_str());
  CHECK(blocks.is_filled_with_zeros(bytes(stored)), "%s is filled", what.c_str());
  CHECK(!blocks.counts_add_up(count + 1, bytes(stored)), "%s has no more", what.c_str());
  const WeightFacts facts = facts_of(form, dtype, w, bytes(stored));
  CHECK(facts.blocks == count, "%s: %u blocks", what.c_str(), facts.blocks);
  const auto decoded = decode_facts(form, dtype, encode_facts(form, facts));
  CHECK(decoded && decoded->blocks == count && decoded->within_taps == facts.within_taps, "%s",
        what.c_str());
}

TEST(weights_in_sparse_forms) {
  Random random(41);
  for (const WeightShape& w : kShapes)
    for (int period : {1, 2, 8, 400, 100000})
      for (Form form : kForms) {
        check_form<int8_t>(form, DType::i8, w, period, random);
        if (form == Form::csr) check_form<float>(form, DType::f32, w, period, random);
      }
}

TEST(weights_sparse_keeps_minus_zero) {
  const std::vector<float> rows = {0.0f, -0.0f, 0.0f, 1.0f};
  const WeightShape w = {1, 1, 4};
  const Blocks blocks(Form::csr, w, DType::f32);
  CHECK(blocks.count(reinterpret_cast<const std::byte*>(rows.data())) == 2, "it has a bit");
}

TEST(weights_sparse_of_what) {
  const auto possible = [](Form form, const WeightShape& w, DType dtype, uint64_t blocks = 0) {
    return Blocks(form, w, dtype).bytes(blocks).has_value();
  };
  for (Form form : kForms) {
    CHECK(possible(form, {4, 1, 8}, DType::i8), "%s of bytes", form_name(form));
    CHECK(possible(form, {4, 1, 8}, DType::f32) == (form == Form::csr), "%s of floats",
          form_name(form));
    for (DType dtype : {DType::u8, DType::i16, DType::i32, DType::i64, DType::f16, DType::f64})
      CHECK(!possible(form, {4, 1, 8}, dtype), "%s of %s", form_name(form), dtype_name(dtype));
    const size_t most = 65535 * size_of(form).depth;
    CHECK(possible(form, {4, 1, most}, DType::i8), "%s of 65535 columns", form_name(form));
    CHECK(!possible(form, {4, 1, most + 1}, DType::i8), "%s of 65536 columns", form_name(form));
    CHECK(!possible(form, {4, 1, 8, 2}, DType::i8), "%s in groups", form_name(form));
    const size_t all = 4 / size_of(form).outputs * 8 / size_of(form).depth;
    CHECK(possible(form, {4, 1, 8}, DType::i8, all), "%s, all blocks", form_name(form));
    CHECK(!possible(form, {4, 1, 8}, DType::i8, all + 1), "%s, one more", form_name(form));
  }
}

// Each byte of a payload set to others: what is accepted has its blocks where there are weights,
// and zeros elsewhere. So unpack() cannot leave its arrays, which guards would tell.
TEST(weights_sparse_damaged) {
  Random random(42);
  int sound = 0, broken = 0;
  for (const WeightShape& w : kShapes)
    for (Form form : kForms) {
      const std::vector<int8_t> rows = random_weights<int8_t>(w, 4, random);
      const auto* const from = reinterpret_cast<const std::byte*>(rows.data());
      test::GuardedBytes stored(packed_bytes(form, w, DType::i8, from));
      pack(form, w, DType::i8, from, DType::i8, bytes(stored));
      GuardedArray<int8_t> back(w.elements());
      const Blocks blocks(form, w, DType::i8);
      for (int round = 0; round < 300 && stored.size() > 0; ++round) {
        const size_t at = random.bits() % stored.size();
        const uint8_t had = std::exchange(stored[at], static_cast<uint8_t>(random.bits()));
        const bool holds = blocks.holds(stored.size(), bytes(stored));
        ++(holds ? sound : broken);
        if (holds) unpack(form, w, DType::i8, bytes(stored), bytes(back));
        if (holds && blocks.is_filled_with_zeros(bytes(stored))) {
          // It says the same as what is packed of its weights, but for blocks of zeros.
          const uint64_t count = blocks.count(bytes(back));
          CHECK(count <= blocks.stored_blocks(bytes(stored)), "%s at %zu",
                describe(form, w).c_str(), at);
        }
        stored[at] = had;
      }
      for (size_t size : {stored.size() - 1, stored.size() + 1, size_t{0}})
        if (size < stored.size())
          CHECK(!blocks.holds(size, bytes(stored)), "%s cut", describe(form, w).c_str());
    }
  CHECK(sound > 100 && broken > 100, "%d and %d", sound, broken);
}

TEST(weights_sparse_fill) {
  for (const WeightShape& w : kShapes)
    for (Form form : kForms) {
      std::vector<int8_t> rows(w.elements(), 7);
      const auto* const from = reinterpret_cast<const std::byte*>(rows.data());
      test::GuardedBytes stored(packed_bytes(form, w, DType::i8, from));
      pack(form, w, DType::i8, from, DType::i8, bytes(stored));
      const Blocks blocks(form, w, DType::i8);
      const BlockRows<uint8_t> all = blocks.all_rows<uint8_t>(bytes(stored));
      const size_t begin = static_cast<size_t>(all.blocks - stored.data());
      const size_t end = static_cast<size_t>(all.gaps - stored.data());
      for (size_t i = begin; i < end; i += (end - begin) / 1000 + 1) {
        const uint8_t had = std::exchange(stored[i], uint8_t{1});
        CHECK(blocks.is_filled_with_zeros(bytes(stored)) == (had == 7), "%s, byte %zu",
              describe(form, w).c_str(), i);
        stored[i] = had;
      }
    }
}

// The best fit by its definition: sums of what a row stores.
WeightFit defined_fit(Form form, const Expected<int8_t>& w) {
  const Size size = size_of(form);
  const int8_t* block = w.blocks.data();
  bool symmetric = true, pairs = true, quads = true;
  for (size_t count : w.counts) {
    for (size_t i = 0; i < count; i += 2)
      for (size_t o = 0; o < size.outputs; ++o)
        for (size_t half : {0, 2}) {
          int positive = 0, negative = 0;
          for (size_t b = i; b < std::min(i + 2, count); ++b) {
            int own_positive = 0, own_negative = 0;
            for (size_t d : {half, half + 1}) {
              const int e = block[(b * size.outputs + o) * size.depth + d];
              symmetric &= e != -128;
              (e > 0 ? own_positive : own_negative) += e;
            }
            pairs &= own_positive <= 128 && own_negative >= -128;
            positive += own_positive;
            negative += own_negative;
          }
          quads &= positive <= 128 && negative >= -128;
        }
    block += count * size.outputs * size.depth;
  }
  return !symmetric ? WeightFit::kAny
         : !pairs   ? WeightFit::kSymmetric
         : !quads   ? WeightFit::kPairs
                    : WeightFit::kQuads;
}

TEST(weights_sparse_fit) {
  Random random(43);
  int found[4] = {};
  for (int round = 0; round < 800; ++round) {
    const Form form = round % 2 == 0 ? Form::bsr1x4 : Form::bsr4x4;
    const WeightShape w = {static_cast<size_t>(random.integer(1, 9)), 1,
                           static_cast<size_t>(random.integer(1, 40))};
    std::vector<int8_t> rows(w.elements());
    const int most = random.integer(20, 110);
    for (int8_t& e : rows)
      if (random.integer(0, 2) == 0) e = static_cast<int8_t>(random.integer(-most, most));
    if (round % 5 == 0) rows[random.bits() % rows.size()] = -128;
    if (round % 7 == 0)  // 128 in all: the most that fits
      for (size_t i = 0; i < rows.size(); ++i) rows[i] = static_cast<int8_t>(i % 2 ? 65 : 63);
    const WeightFit expected = defined_fit(form, Expected<int8_t>(form, w, rows.data()));
    ++found[static_cast<int>(expected)];
    const auto* const from = reinterpret_cast<const std::byte*>(rows.data());
    test::GuardedBytes stored(packed_bytes(form, w, DType::i8, from));
    pack(form, w, DType::i8, from, DType::i8, bytes(stored));
    CHECK(facts_of(form, DType::i8, w, bytes(stored)).within_taps == expected, "%s",
          describe(form, w).c_str());
    for (int fit = 0; fit <= static_cast<int>(WeightFit::kQuads); ++fit) {
      WeightFacts claimed;
      claimed.within_taps = static_cast<WeightFit>(fit);
      CHECK(facts_hold(claimed, form, DType::i8, w, bytes(stored)) ==
                (fit <= static_cast<int>(expected)),
            "claim %d, %d is so", fit, static_cast<int>(expected));
    }
  }
  CHECK(*std::min_element(found, found + 4) > 50, "%d %d %d %d", found[0], found[1], found[2],
        found[3]);
  CHECK(!decode_facts(Form::csr, DType::i8, 4 * 7 + 1), "csr claims no fit");
}

// Rows can be found from any output on, and parts have nearly as many blocks.
TEST(weights_sparse_parts) {
  Random random(44);
  for (const WeightShape& w : kShapes)
    for (Form form : kForms) {
      const std::vector<int8_t> rows = random_weights<int8_t>(w, 3, random);
      const auto* const from = reinterpret_cast<const std::byte*>(rows.data());
      test::GuardedBytes stored(packed_bytes(form, w, DType::i8, from));
      pack(form, w, DType::i8, from, DType::i8, bytes(stored));
      const Blocks blocks(form, w, DType::i8);
      const auto all = blocks.all_rows<int8_t>(bytes(stored));
      const Size size = size_of(form);
      size_t passed = 0;
      for (size_t o = 0; o < w.outputs; o += size.outputs) {
        const auto at = blocks.rows_from(all, o);
        CHECK(at.counts == all.counts + o / size.outputs && at.gaps == all.gaps + passed &&
                  at.blocks == all.blocks + passed * size.outputs * size.depth,
              "%s, output %zu", describe(form, w).c_str(), o);
        passed += *at.counts;
      }
      for (size_t parts : {1, 2, 3, 7}) {
        size_t last = 0;
        for (size_t p = 0; p <= parts; ++p) {
          const size_t at = blocks.part(p, parts, 8, bytes(stored));
          CHECK(at >= last && (at % 8 == 0 || at == w.outputs), "%s, part %zu at %zu",
                describe(form, w).c_str(), p, at);
          last = at;
        }
        CHECK(last == w.outputs, "%s, all of it", describe(form, w).c_str());
      }
    }
}

}  // namespace
}  // namespace edgert
