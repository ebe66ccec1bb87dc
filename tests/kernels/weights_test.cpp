// Weights in every form against the words of schema/weights.def, and what is said of them against
// the definition.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <map>
#include <numeric>
#include <utility>

#include "harness.h"
#include "weights/coded/shorts.h"
#include "weights/facts.h"
#include "weights/forms.h"
#include "weights/kn.h"

namespace edgert {
namespace {

template <typename Array>
std::byte* bytes(Array& array) {
  return reinterpret_cast<std::byte*>(array.data());
}

using test::GuardedArray;
using test::Random;

const WeightShape kShapes[] = {{1, 1, 1, 1},   {16, 1, 8, 1},   {17, 3, 5, 1}, {40, 9, 4, 1},
                               {15, 2, 35, 1}, {3, 1, 70, 1},   {32, 4, 6, 2}, {20, 9, 7, 2},
                               {6, 1, 3, 6},   {33, 25, 1, 33}, {0, 3, 4, 1},  {4, 0, 3, 1},
                               {4, 3, 0, 1},   {48, 1, 128, 3}, {31, 1, 33, 1}};

enum Kind { ordered, decoded, sparse, packed };
// Those all of whose elements are used where they lie.
const Form kForms[] = {
#define X(name, id, least_rank, kind) kind == ordered ? Form::name : Form::row,
#include "schema/weights.def"
#undef X
};

// How many elements of the depth panels have side by side, as k4n16 says; 0 of other forms.
size_t side_of(Form form) {
  int side = 0, end = 0;
  const bool is_panel = std::sscanf(form_name(form), "k%dn16%n", &side, &end) == 1 && end > 0;
  return is_panel ? static_cast<size_t>(side) : 0;
}

// Where element (output, tap, channel) lies in panels with `side` of the depth side by side.
size_t place(const WeightShape& w, size_t side, size_t output, size_t tap, size_t channel) {
  const size_t own = w.outputs / w.groups, steps = w.taps * ceil_div(w.channels, side);
  const size_t panel = output / own * ceil_div(own, 16) + output % own / 16;
  const size_t step = tap * ceil_div(w.channels, side) + channel / side;
  return ((panel * steps + step) * 16 + output % own % 16) * side + channel % side;
}

template <typename From, typename To>
void check_form(Form form, DType from, DType to, const WeightShape& w) {
  GuardedArray<From> rows(w.elements());
  for (size_t i = 0; i < rows.size(); ++i) rows[i] = static_cast<From>(1 + i % 100);
  const size_t side = side_of(form);
  CHECK((side > 0) != (form == Form::row || form == Form::kn), "%s has no words", form_name(form));
  GuardedArray<To> stored(form_elements(form, w));
  pack(form, w, from, bytes(rows), to, bytes(stored));
  std::vector<To> expected(stored.size());
  for (size_t o = 0; o < w.outputs; ++o)
    for (size_t t = 0; t < w.taps; ++t)
      for (size_t c = 0; c < w.channels; ++c) {
        const size_t row = (o * w.taps + t) * w.channels + c;
        const size_t at = side > 0           ? place(w, side, o, t, c)
                          : form == Form::kn ? (t * w.channels + c) * w.outputs + o
                                             : row;
        expected[at] = static_cast<To>(rows[row]);
      }
  const std::string what = format("%s [%zu, %zu, %zu] in %zu groups", form_name(form), w.outputs,
                                  w.taps, w.channels, w.groups);
  CHECK(std::equal(expected.begin(), expected.end(), stored.begin()), "%s", what.c_str());
  GuardedArray<To> back(w.elements());
  unpack(form, w, to, bytes(stored), bytes(back));
  CHECK(std::equal(back.begin(), back.end(), rows.begin()), "%s and back", what.c_str());
}

TEST(weights_in_every_form) {
  for (const WeightShape& w : kShapes)
    for (Form form : kForms) {
      check_form<int8_t, int8_t>(form, DType::i8, DType::i8, w);
      check_form<int16_t, int16_t>(form, DType::i16, DType::i16, w);
      check_form<float, float>(form, DType::f32, DType::f32, w);
      check_form<int64_t, int64_t>(form, DType::i64, DType::i64, w);
      check_form<int8_t, int16_t>(form, DType::i8, DType::i16, w);
    }
}

TEST(weights_fill) {
  for (const WeightShape& w : kShapes)
    for (Form form : kForms) {
      const size_t n = static_cast<size_t>(form_elements(form, w));
      GuardedArray<int16_t> rows(w.elements()), stored(n);
      for (auto& x : rows) x = 7;
      pack(form, w, DType::i16, bytes(rows), DType::i16, bytes(stored));
      const auto is_filled = [&] {
        return is_filled_with_zeros(form, w, DType::i16, bytes(stored));
      };
      const std::string what = format("%s [%zu, %zu, %zu] in %zu groups", form_name(form),
                                      w.outputs, w.taps, w.channels, w.groups);
      CHECK(is_filled(), "%s", what.c_str());
      for (size_t i = 0; i < n; i += n / 1000 + 1) {
        const int16_t had = std::exchange(stored[i], int16_t{1});
        CHECK(is_filled() == (had == 7), "%s, element %zu", what.c_str(), i);
        stored[i] = had;
      }
    }
}

TEST(weights_transposed) {
  for (size_t outputs : {1, 15, 16, 17, 40})
    for (size_t depth : {0, 1, 7, 33}) {
      const WeightShape w = {outputs, 1, depth, 1};
      GuardedArray<float> matrix(outputs * depth), found(form_elements(Form::k1n16, w));
      std::iota(matrix.begin(), matrix.end(), 1.0f);
      for (size_t p = panel_count(w); p-- > 0;)
        pack_transposed(w, matrix.data(), found.data(), p, p + 1);
      std::vector<float> expected(found.size());
      for (size_t o = 0; o < outputs; ++o)
        for (size_t k = 0; k < depth; ++k) expected[place(w, 1, o, 0, k)] = matrix[k * outputs + o];
      CHECK(std::equal(expected.begin(), expected.end(), found.begin()), "%zux%zu", depth, outputs);
    }
}

// The largest fit by the definition: weights that meet() together.
WeightFit defined_fit(const WeightShape& w, size_t rows, const int8_t* weights) {
  const bool symmetric = std::count(weights, weights + w.elements(), INT8_MIN) == 0;
  for (WeightFit fit : {WeightFit::kQuads, WeightFit::kPairs}) {
    const std::vector<int64_t> places = meeting(fit, rows, w.taps / rows, w.channels);
    bool fits = symmetric;
    for (size_t o = 0; o < w.outputs; ++o)
      for (size_t s = 0; s < places.size(); s += sum_members(fit)) {
        int positive = 0, negative = 0;
        for (size_t i = 0; i < sum_members(fit); ++i) {
          if (places[s + i] < 0) continue;
          const int weight = weights[o * w.depth() + static_cast<size_t>(places[s + i])];
          (weight > 0 ? positive : negative) += weight;
        }
        fits &= positive <= kMaxFit && negative >= -kMaxFit;
      }
    if (fits) return fit;
  }
  return symmetric ? WeightFit::kSymmetric : WeightFit::kAny;
}

TEST(weights_fit) {
  Random random(31);
  int found[4] = {};
  for (int round = 0; round < 600; ++round) {
    const size_t rows = random.integer(1, 3), taps = random.integer(1, 3);
    const WeightShape w = {static_cast<size_t>(random.integer(1, 20)), rows * taps,
                           static_cast<size_t>(random.integer(1, 21)), 1, taps};
    std::vector<int8_t> weights(w.elements());
    const int most = random.integer(20, 90);
    for (int8_t& e : weights) e = static_cast<int8_t>(random.integer(-most, most));
    if (round % 3 == 0) weights[random.integer(0, static_cast<int>(weights.size()) - 1)] = -128;
    const Panels<K4N16> panels(w);
    GuardedArray<int8_t> stored(panels.elements());
    panels.pack(weights.data(), stored.data());
    const auto holds = [&](const WeightFacts& facts) {
      return facts_hold(facts, Form::k4n16, DType::i8, w, bytes(stored));
    };
    const WeightFacts facts = facts_of(Form::k4n16, DType::i8, w, bytes(stored));
    for (const bool in_rows : {false, true}) {
      const WeightFit expected = defined_fit(w, in_rows ? rows : w.taps, weights.data());
      ++found[static_cast<int>(expected)];
      CHECK((in_rows ? facts.within_rows : facts.within_taps) == expected, "[%zu, %zu x %zu, %zu]",
            w.outputs, rows, taps, w.channels);
      // Less may be claimed, more may not.
      for (int fit = 0; fit <= static_cast<int>(WeightFit::kQuads); ++fit) {
        WeightFacts claimed;
        (in_rows ? claimed.within_rows : claimed.within_taps) = static_cast<WeightFit>(fit);
        CHECK(holds(claimed) == (fit <= static_cast<int>(expected)), "claim %d, %d is so", fit,
              static_cast<int>(expected));
      }
    }
    CHECK(holds(facts), "what is derived holds");
    const uint32_t encoded = encode_facts(Form::k4n16, facts);
    const auto decoded = decode_facts(Form::k4n16, DType::i8, encoded);
    CHECK(decoded && decoded->within_taps == facts.within_taps &&
              decoded->within_rows == facts.within_rows,
          "0x%x", encoded);
  }
  CHECK(*std::min_element(found, found + 4) > 50, "every fit occurs");
}

TEST(weights_column_sums) {
  Random random(32);
  for (const WeightShape& w : kShapes) {
    std::vector<int8_t> weights(w.elements());
    for (int8_t& e : weights) e = static_cast<int8_t>(random.integer(-128, 127));
    const Panels<K4N16> panels(w);
    GuardedArray<int8_t> stored(panels.elements());
    panels.pack(weights.data(), stored.data());
    const std::vector<int32_t> sums = column_sums(panels, stored.data());
    CHECK(sums.size() == w.outputs, "%zu sums of %zu outputs", sums.size(), w.outputs);
    for (size_t o = 0; o < w.outputs; ++o) {
      const int8_t* const row = weights.data() + o * w.depth();
      CHECK(sums[o] == std::accumulate(row, row + w.depth(), 0), "output %zu", o);
    }
  }
}

TEST(weights_have_32_bits) {
  // 65535 * 32768 and a bias of 32767 are 2^31 - 1.
  const WeightShape w = {2, 1, 4, 1};
  std::vector<int16_t> weights = {0, 0, 0, 0, 32767, -32767, 1, 0};
  std::vector<int32_t> bias = {INT32_MIN + 1, -32767};
  const Panels<K2N16> panels(w);
  const Kn kn(w);
  const auto fits = [&](const auto& form) {
    GuardedArray<int16_t> stored(form.elements());
    form.pack(weights.data(), stored.data());
    return sums_have_32_bits(form, stored.data(), bias.data());
  };
  CHECK(fits(panels) && fits(kn), "the largest that fit");
  bias[1] = 32768;
  CHECK(!fits(panels) && !fits(kn), "a larger bias");
  bias[1] = 0;
  weights[7] = 1;
  CHECK(!fits(panels) && !fits(kn), "a larger weight");
}

TEST(weights_chunks) {
  Random random(33);
  for (int round = 0; round < 100; ++round) {
    const WeightShape w = {static_cast<size_t>(random.integer(1, 20)), 1,
                           static_cast<size_t>(random.integer(1, 60)), 1};
    std::vector<int16_t> weights(w.elements());
    const int most = random.integer(1, 32767);
    for (int16_t& e : weights) e = static_cast<int16_t>(random.integer(-most, most));
    const Panels<K2N16> panels(w);
    GuardedArray<int16_t> stored(panels.elements());
    panels.pack(weights.data(), stored.data());
    const WeightFacts facts = facts_of(Form::k2n16, DType::i16, w, bytes(stored));
    const size_t chunk = facts.chunk;
    CHECK(facts_hold(facts, Form::k2n16, DType::i16, w, bytes(stored)), "what is derived holds");
    const auto decoded = decode_facts(Form::k2n16, DType::i16, encode_facts(Form::k2n16, facts));
    CHECK(decoded && decoded->chunk == chunk, "%zu steps", chunk);
    CHECK(chunk >= 1 && chunk <= panels.steps(), "%zu of %zu steps", chunk, panels.steps());
    // One step always fits: two weights of at most 32767.
    for (size_t o = 0; o < w.outputs; ++o)
      for (size_t first = 0; first < w.channels; first += 2 * chunk) {
        int64_t sum = 0;
        for (size_t c = first; c < std::min(first + 2 * chunk, w.channels); ++c)
          sum += std::abs(int64_t{weights[o * w.channels + c]});
        CHECK(sum <= kMaxWeights, "output %zu from %zu on", o, first);
      }
  }
}

TEST(weights_false_facts) {
  const WeightShape w = {1, 1, 8, 1};
  const std::vector<int16_t> weights = {32767, 32767, 1, 1, 0, 0, 0, 0};
  const Panels<K2N16> panels(w);
  GuardedArray<int16_t> stored(panels.elements());
  panels.pack(weights.data(), stored.data());
  for (uint32_t chunk : {1u, 2u, 4u, ~0u}) {
    WeightFacts claimed;
    claimed.chunk = chunk;
    CHECK(facts_hold(claimed, Form::k2n16, DType::i16, w, bytes(stored)) == (chunk == 1),
          "%u steps", chunk);
  }
  for (uint32_t claimed : {16u, 32u, 1u << 31, ~0u})
    CHECK(!decode_facts(Form::k4n16, DType::i8, claimed), "0x%x is no fact", claimed);
  for (Form form : {Form::row, Form::kn, Form::k1n16})
    CHECK(!decode_facts(form, DType::i8, 1), "%s claims nothing", form_name(form));
  CHECK(!decode_facts(Form::k4n16, DType::f32, 1), "of bytes alone");
}

}  // namespace
}  // namespace edgert
