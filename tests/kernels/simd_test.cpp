// Every function of a level's vector types against plain C, as kernels/simd/README.md states it.
// Compiled once per level, and once more with EDGERT_ROUND_TWICE, by the rules of kernels: whatever
// else the linker could share with other files is in an anonymous namespace.
#include "simd_test.h"

#include "kernels/level.h"

#ifdef EDGERT_ROUND_TWICE
#define SIMD_TEST KERNEL_NAME(simd_test_round_twice)
#else
#define SIMD_TEST KERNEL_NAME(simd_test)
#endif

namespace edgert::test {
namespace {

constexpr int kLanes = F32::kLanes;
constexpr size_t kStep = static_cast<size_t>(kLanes);
static_assert(kLanes == 4 || kLanes == 8 || kLanes == 16);

uint32_t word(float x) {
  uint32_t bits;
  __builtin_memcpy(&bits, &x, sizeof bits);
  return bits;
}
uint32_t word(int32_t x) { return static_cast<uint32_t>(x); }

bool same(float x, float y) { return word(x) == word(y) || (x != x && y != y); }
bool same(int32_t x, int32_t y) { return x == y; }

template <typename T>
void compare(const char* function, size_t at, T found, T expected) {
  if (!same(found, expected))
    simd_failed(EDGERT_QUOTE(EDGERT_LEVEL), function, at, word(found), word(expected));
}

struct Lanes {  // of a vector
  int32_t of[kLanes];
  explicit Lanes(I32 x) { x.store(of); }
  explicit Lanes(F32 x) { bits(x).store(of); }
  explicit Lanes(Mask x) : Lanes(select(x, from_bits(I32::broadcast(1)), F32::zero())) {}
};

int32_t wrap(int64_t x) { return static_cast<int32_t>(static_cast<uint32_t>(x)); }

// found(F32 a, F32 b, F32 c) is expected(float a, float b, float c) in every lane.
template <typename Found, typename Expected>
void floats(const char* function, const SimdInputs& in, Found found, Expected expected) {
  for (size_t i = 0; i < in.count; i += kStep) {
    float y[kLanes];
    found(F32::load(in.a + i), F32::load(in.b + i), F32::load(in.c + i)).store(y);
    for (size_t k = 0; k < kStep; ++k)
      compare(function, i + k, y[k], expected(in.a[i + k], in.b[i + k], in.c[i + k]));
  }
}

// The same of comparisons of floats and of their conversions: anything with lanes of 32 bits.
template <typename Found, typename Expected>
void words(const char* function, const SimdInputs& in, Found found, Expected expected) {
  for (size_t i = 0; i < in.count; i += kStep) {
    const Lanes y(found(F32::load(in.a + i), F32::load(in.b + i)));
    for (size_t k = 0; k < kStep; ++k)
      compare(function, i + k, y.of[k], int32_t{expected(in.a[i + k], in.b[i + k])});
  }
}

// found(I32 i, I32 j) is expected(int64_t i, int64_t j) modulo 2^32.
template <typename Found, typename Expected>
void integers(const char* function, const SimdInputs& in, Found found, Expected expected) {
  for (size_t i = 0; i < in.count; i += kStep) {
    const Lanes y(found(I32::load(in.i + i), I32::load(in.j + i)));
    for (size_t k = 0; k < kStep; ++k)
      compare(function, i + k, y.of[k], wrap(expected(in.i[i + k], in.j[i + k])));
  }
}

void arithmetic(const SimdInputs& in) {
  using F = float;
  floats("+", in, [](F32 a, F32 b, F32) { return a + b; }, [](F a, F b, F) { return a + b; });
  floats("-", in, [](F32 a, F32 b, F32) { return a - b; }, [](F a, F b, F) { return a - b; });
  floats("*", in, [](F32 a, F32 b, F32) { return a * b; }, [](F a, F b, F) { return a * b; });
  floats("/", in, [](F32 a, F32 b, F32) { return a / b; }, [](F a, F b, F) { return a / b; });
  const auto once = [](F a, F b, F c) { return __builtin_fmaf(a, b, c); };
  const auto twice = [](F a, F b, F c) { return a * b + c; };
  const auto fused = [](F32 a, F32 b, F32 c) { return fma(a, b, c); };
  const auto chained = [](F32 a, F32 b, F32 c) { return accumulate(c, a, b); };
#ifdef EDGERT_ROUND_TWICE
  floats("fma", in, fused, twice);
#else
  F32::kFused ? floats("fma", in, fused, once) : floats("fma", in, fused, twice);
#endif
  F32::kFused ? floats("accumulate", in, chained, once) : floats("accumulate", in, chained, twice);
  // Of finite operands, with finite results.
  const auto bounded = [](F x) {
    const F above = x > -0x1p60f ? x : -0x1p60f;
    return above < 0x1p60f ? above : 0x1p60f;
  };
  const auto bounded_all = [](F32 x) {
    return min(max(x, F32::broadcast(-0x1p60f)), F32::broadcast(0x1p60f));
  };
  floats(
      "fma_once", in,
      [=](F32 a, F32 b, F32 c) { return fma_once(bounded_all(a), bounded_all(b), bounded_all(c)); },
      [=](F a, F b, F c) { return once(bounded(a), bounded(b), bounded(c)); });
  floats(
      "max", in, [](F32 a, F32 b, F32) { return max(a, b); },
      [](F a, F b, F) { return a > b ? a : b; });
  floats(
      "min", in, [](F32 a, F32 b, F32) { return min(a, b); },
      [](F a, F b, F) { return a < b ? a : b; });
  floats(
      "sqrt", in, [](F32 a, F32, F32) { return sqrt(a); },
      [](F a, F, F) { return __builtin_sqrtf(a); });
  floats(
      "floor", in, [](F32 a, F32, F32) { return floor(a); },
      [](F a, F, F) { return __builtin_floorf(a); });
  floats(
      "ceil", in, [](F32 a, F32, F32) { return ceil(a); },
      [](F a, F, F) { return __builtin_ceilf(a); });
  floats(
      "round", in, [](F32 a, F32, F32) { return round(a); },
      [](F a, F, F) { return __builtin_rintf(a); });
  floats(
      "select", in, [](F32 a, F32 b, F32 c) { return select(a < b, c, a); },
      [](F a, F b, F c) { return a < b ? c : a; });
  words("<", in, [](F32 a, F32 b) { return a < b; }, [](F a, F b) { return a < b; });
  words("==", in, [](F32 a, F32 b) { return a == b; }, [](F a, F b) { return a == b; });
  words("is_nan", in, [](F32 a, F32) { return is_nan(a); }, [](F a, F) { return a != a; });
  words("bits", in, [](F32 a, F32) { return bits(a); }, [](F a, F) { return wrap(word(a)); });
  words(
      "from_bits", in, [](F32 a, F32) { return from_bits(bits(a)); },
      [](F a, F) { return wrap(word(a)); });
  const auto fits = [](F a) { return a > -0x1p31f && a < 0x1p31f; };
  words(
      "to_i32", in,
      [](F32 a, F32) {
        const Mask small =
            select(a < F32::broadcast(0x1p31f), F32::zero() - a, a) < F32::broadcast(0x1p31f);
        return to_i32(select(small, a, F32::zero()));
      },
      [&](F a, F) { return fits(a) ? static_cast<int32_t>(__builtin_rintf(a)) : 0; });
}

void integer_arithmetic(const SimdInputs& in) {
  using I = int64_t;
  integers("I32 +", in, [](I32 a, I32 b) { return a + b; }, [](I a, I b) { return a + b; });
  integers("I32 -", in, [](I32 a, I32 b) { return a - b; }, [](I a, I b) { return a - b; });
  integers("I32 *", in, [](I32 a, I32 b) { return a * b; }, [](I a, I b) { return a * b; });
  integers("&", in, [](I32 a, I32 b) { return a & b; }, [](I a, I b) { return a & b; });
  integers("|", in, [](I32 a, I32 b) { return a | b; }, [](I a, I b) { return a | b; });
  integers("^", in, [](I32 a, I32 b) { return a ^ b; }, [](I a, I b) { return a ^ b; });
  integers(
      "shift_left<1>", in, [](I32 a, I32) { return shift_left<1>(a); },
      [](I a, I) { return a * 2; });
  integers(
      "shift_left<23>", in, [](I32 a, I32) { return shift_left<23>(a); },
      [](I a, I) { return a * (1 << 23); });
  integers(
      "shift_right<1>", in, [](I32 a, I32) { return shift_right<1>(a); },
      [](I a, I) { return a >> 1; });
  integers(
      "shift_right<24>", in, [](I32 a, I32) { return shift_right<24>(a); },
      [](I a, I) { return a >> 24; });
  integers(
      "to_f32", in, [](I32 a, I32) { return to_f32(a); },
      [](I a, I) { return word(static_cast<float>(static_cast<int32_t>(a))); });
  integers(
      "max_u8", in, [](I32 a, I32 b) { return max_u8(a, b); },
      [](I a, I b) {
        uint32_t most = 0;
        for (int byte = 0; byte < 32; byte += 8) {
          const uint32_t x = static_cast<uint32_t>(a >> byte) & 255;
          const uint32_t y = static_cast<uint32_t>(b >> byte) & 255;
          most |= (x > y ? x : y) << byte;
        }
        return I{most};
      });
  integers("I32::zero", in, [](I32, I32) { return I32::zero(); }, [](I, I) { return I{0}; });
  for (size_t i = 0; i < in.count; ++i) {
    const Lanes y(I32::broadcast(in.i[i]));
    for (int32_t lane : y.of) compare("I32::broadcast", i, lane, in.i[i]);
  }
}

void constants(const SimdInputs& in) {
  for (size_t i = 0; i < in.count; ++i) {
    float by_value[kLanes], by_address[kLanes], none[kLanes];
    F32::broadcast(in.a[i]).store(by_value);
    F32::broadcast(in.a + i).store(by_address);
    F32::zero().store(none);
    for (int k = 0; k < kLanes; ++k) {
      compare("broadcast of a value", i, by_value[k], in.a[i]);
      compare("broadcast of an element", i, by_address[k], in.a[i]);
      compare("zero", i, none[k], 0.0f);
    }
    if (i + kStep <= in.count) compare("first", i, F32::load(in.a + i).first(), in.a[i]);
  }
  for (int n = 0; n <= kLanes; ++n) {
    const Lanes y(F32::first_lanes(n));
    for (int k = 0; k < kLanes; ++k) compare("first_lanes", n, y.of[k], int32_t{k < n});
  }
}

template <int kDistance>
void exchange_lanes(const SimdInputs& in) {
  for (size_t i = 0; i < in.count; i += kStep) {
    float y[kLanes];
    exchange<kDistance>(F32::load(in.c + i)).store(y);
    for (size_t k = 0; k < kStep; ++k) compare("exchange", i + k, y[k], in.c[i + (k ^ kDistance)]);
  }
}

void transpose_lanes(const SimdInputs& in) {
  for (size_t i = 0; i + kStep * kStep <= in.count; i += kStep) {
    F32 a[kLanes];
    for (size_t v = 0; v < kStep; ++v) a[v] = from_bits(I32::load(in.i + i + v * kStep));
    transpose(a);
    for (size_t v = 0; v < kStep; ++v) {
      const Lanes y(a[v]);
      for (size_t k = 0; k < kStep; ++k)
        compare("transpose", i + v, y.of[k], in.i[i + k * kStep + v]);
    }
  }
}

// load(p, n): n elements of memory, up to an inaccessible page and from one on, then zeros.
template <typename T, typename Load>
void loads(const char* function, const SimdInputs& in, int least, Load load) {
  T* const first = reinterpret_cast<T*>(in.guarded);
  T* const end = first + in.guarded_bytes / sizeof(T);
  __builtin_memcpy(in.guarded, in.i, in.guarded_bytes);
  for (int n = least; n <= kLanes; ++n) {
    const T* const places[] = {first, end - n};
    for (const T* from : places) {
      const Lanes y(load(from, n));
      for (int k = 0; k < kLanes; ++k) compare(function, n, y.of[k], k < n ? int32_t{from[k]} : 0);
    }
  }
}

// store(p, n) writes n elements of memory, value(i) each, and nothing else.
template <typename T, typename Store, typename Value>
void stores(const char* function, const SimdInputs& in, int least, int most, Store store,
            Value value) {
  T* const first = reinterpret_cast<T*>(in.guarded);
  const size_t count = in.guarded_bytes / sizeof(T);
  for (int n = least; n <= most; ++n) {
    const size_t places[] = {0, count - static_cast<size_t>(n)};
    for (size_t at : places) {
      for (size_t i = 0; i < count; ++i) first[i] = 77;
      store(first + at, n);
      for (size_t i = 0; i < count; ++i) {
        const bool inside = i >= at && i - at < static_cast<size_t>(n);
        compare(function, n, int32_t{first[i]},
                inside ? int32_t{static_cast<T>(value(static_cast<int>(i - at)))} : 77);
      }
    }
  }
}

void memory(const SimdInputs& in) {
  const auto whole = [](auto load) { return [=](auto* p, int) { return load(p); }; };
  const int32_t* const from = in.i;
  loads<int32_t>("F32::load of some", in, 0, [](const int32_t* p, int n) {
    return F32::load(reinterpret_cast<const float*>(p), n);
  });
  loads<int32_t>("F32::load", in, kLanes, [](const int32_t* p, int) {
    return F32::load(reinterpret_cast<const float*>(p));
  });
  loads<int32_t>("I32::load", in, kLanes, whole([](const int32_t* p) { return I32::load(p); }));
  loads<uint8_t>("load_u8", in, kLanes, whole([](const uint8_t* p) { return load_u8(p); }));
  loads<uint8_t>("load_u8 of some", in, 0, [](const uint8_t* p, int n) { return load_u8(p, n); });
  loads<int16_t>("load_i16", in, kLanes, whole([](const int16_t* p) { return load_i16(p); }));
  loads<int16_t>("load_i16 of some", in, 0, [](const int16_t* p, int n) { return load_i16(p, n); });

  const auto same_word = [=](int k) { return from[k]; };
  stores<int32_t>(
      "F32::store of some", in, 0, kLanes,
      [=](int32_t* p, int n) { from_bits(I32::load(from)).store(reinterpret_cast<float*>(p), n); },
      same_word);
  stores<int32_t>(
      "F32::store", in, kLanes, kLanes,
      [=](int32_t* p, int) { from_bits(I32::load(from)).store(reinterpret_cast<float*>(p)); },
      same_word);
  stores<int32_t>(
      "I32::store", in, kLanes, kLanes, [=](int32_t* p, int) { I32::load(from).store(p); },
      same_word);
  const I32 bytes = load_u8(in.x);
  const auto byte = [&](int k) { return in.x[k]; };
  stores<uint8_t>(
      "store_u8", in, kLanes, kLanes, [=](uint8_t* p, int) { store_u8(p, bytes); }, byte);
  stores<uint8_t>(
      "store_u8 of some", in, 0, kLanes, [=](uint8_t* p, int n) { store_u8(p, bytes, n); }, byte);
  int16_t shorts[kLanes] = {INT16_MIN, INT16_MAX, -1, 255};
  const I32 short_lanes = load_i16(shorts);
  const auto of_shorts = [&](int k) { return shorts[k]; };
  stores<int16_t>(
      "store_i16", in, kLanes, kLanes, [=](int16_t* p, int) { store_i16(p, short_lanes); },
      of_shorts);
  stores<int16_t>(
      "store_i16 of some", in, 0, kLanes, [=](int16_t* p, int n) { store_i16(p, short_lanes, n); },
      of_shorts);
  stores<uint8_t>(
      "load_bytes, store_bytes", in, 4 * kLanes, 4 * kLanes,
      [&](uint8_t* p, int) { store_bytes(p, load_bytes(in.x)); }, byte);
}

void bytes(const SimdInputs& in) {
  for (size_t i = 0; i + 4 * kStep <= in.count; i += 4 * kStep) {
    // In the order of its own that widen_u8() has, each byte is there, and shuffled() undoes it.
    F32 v[4];
    I32 q[4];
    widen_u8(load_bytes(in.x + i), v);
    int found[256] = {};
    for (int part = 0; part < 4; ++part) {
      q[part] = to_i32(v[part] - F32::broadcast(0x1p23f));
      for (int32_t lane : Lanes(q[part]).of) ++found[lane & 255];
    }
    for (size_t k = 0; k < 4 * kStep; ++k) --found[in.x[i + k]];
    for (int count : found) compare("widen_u8", i, int32_t{count}, 0);
    uint8_t back[4 * kLanes];
    store_bytes(back, Bytes4::shuffled(q, Bytes4::Range(0, 0, 255)));
    for (size_t k = 0; k < 4 * kStep; ++k)
      compare("shuffled", i + k, int32_t{back[k]}, int32_t{in.x[i + k]});
    store_bytes(back, Bytes4::shuffled(q, Bytes4::Range(30, 40, 200)));
    for (size_t k = 0; k < 4 * kStep; ++k) {
      const int32_t byte = in.x[i + k] + 30;
      compare("shuffled", i + k, int32_t{back[k]}, byte < 40 ? 40 : byte > 200 ? 200 : byte);
    }
  }
  ByteMoments moments;
  int32_t sum = 0, squares = 0;
  for (size_t i = 0; i + 4 * kStep <= in.count; i += 4 * kStep) {
    moments.add(load_bytes(in.x + i));
    for (size_t k = 0; k < 4 * kStep; ++k) sum += in.x[i + k], squares += in.x[i + k] * in.x[i + k];
    int64_t sum_found = 0, squares_found = 0;
    for (int32_t lane : Lanes(moments.sums).of) sum_found += lane;
    for (int32_t lane : Lanes(moments.squares).of) squares_found += lane;
    compare("ByteMoments::sums", i, wrap(sum_found), sum);
    compare("ByteMoments::squares", i, wrap(squares_found), squares);
  }
  for (size_t i = 0; i < in.count; i += kStep) {
    const Lanes y(gather(in.table, in.x + i));
    for (size_t k = 0; k < kStep; ++k) compare("gather", i + k, y.of[k], in.table[in.x[i + k]]);
  }
}

void bytes_of_integers(const SimdInputs& in) {
  struct {
    int32_t zero, low, high;
  } const ranges[] = {{0, 0, 255}, {100, 7, 250}, {255, 0, 255}, {128, 0, 255}, {3, 9, 9}};
  for (const auto& r : ranges)
    for (size_t i = 0; i + 4 * kStep <= in.count; i += 4 * kStep) {
      I32 q[4];
      for (size_t part = 0; part < 4; ++part) q[part] = I32::load(in.i + i + part * kStep);
      const Bytes4 found(q, Bytes4::Range(r.zero, r.low, r.high));
      const auto expected = [&](int k) {
        const int64_t t = int64_t{in.i[i + static_cast<size_t>(k)]} + r.zero;
        return static_cast<int32_t>(t < r.low ? r.low : t > r.high ? r.high : t);
      };
      uint8_t y[4 * kLanes];
      store_bytes(y, found.bytes());
      for (int k = 0; k < 4 * kLanes; ++k) compare("Bytes4::bytes", i, int32_t{y[k]}, expected(k));
      if (i >= 16 * kStep) continue;
      for (int part = 0; part < 4; ++part) {
        const auto of_part = [&](int k) { return expected(part * kLanes + k); };
        stores<uint8_t>(
            "store_quarter", in, kLanes, kLanes,
            [&](uint8_t* p, int) { found.store_quarter(part, p); }, of_part);
        stores<uint8_t>(
            "store_quarter of some", in, 0, kLanes,
            [&](uint8_t* p, int n) { found.store_quarter(part, p, n); }, of_part);
        if (part < 2)
          stores<uint8_t>(
              "store_half", in, 2 * kLanes, 2 * kLanes,
              [&](uint8_t* p, int) { found.store_half(part, p); },
              [&](int k) { return expected(2 * part * kLanes + k); });
      }
    }
}

#if defined(__AVXVNNI__) || defined(__AVX512VNNI__)
void products_of_bytes(const SimdInputs& in) {
  for (size_t i = 0; i + 4 * kStep <= in.count; i += 4 * kStep) {
    const Lanes y(dot(I32::load(in.i + i), load_bytes(in.x + i), load_bytes(in.y + i)));
    for (size_t k = 0; k < kStep; ++k) {
      int64_t sum = in.i[i + k];
      for (size_t byte = 4 * k; byte < 4 * k + 4; ++byte)
        sum += in.x[i + byte] * static_cast<int8_t>(in.y[i + byte]);
      compare("dot", i + k, y.of[k], wrap(sum));
    }
  }
}
#else
void products_of_bytes(const SimdInputs&) {}  // has no such function
#endif

}  // namespace

void SIMD_TEST(const SimdInputs& in) {
#ifdef EDGERT_FLUSHES_SUBNORMALS
  static_cast<void>(arithmetic);  // what the kernels need of it, their own tests have
#else
  arithmetic(in);
#endif
  integer_arithmetic(in);
  constants(in);
  transpose_lanes(in);
  exchange_lanes<1>(in);
  exchange_lanes<2>(in);
  if constexpr (kLanes > 4) exchange_lanes<4>(in);
  if constexpr (kLanes > 8) exchange_lanes<8>(in);
  memory(in);
  bytes(in);
  bytes_of_integers(in);
  products_of_bytes(in);
}

}  // namespace edgert::test
