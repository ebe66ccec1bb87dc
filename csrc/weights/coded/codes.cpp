#include "weights/coded/codes.h"

#include <algorithm>
#include <cstring>

#include "weights/element.h"

namespace edgert {
namespace {

constexpr size_t kTogether = 8;  // codes that are whole bytes together, however many bits they have

constexpr uint32_t kPowers[] = {1, 3, 9, 27, 81, 243};
constexpr size_t kTritsOfByte = 5;

size_t table_size(uint32_t bits) { return bits == kTrits ? 3 : size_t{1} << bits; }

// Codes from a payload, kTogether at a time. On a machine of the other byte order no file loads.
uint64_t load_codes(const std::byte* codes, size_t bytes) {
  uint64_t word = 0;
  std::memcpy(&word, codes, bytes);
  return word;
}

template <typename T>
std::optional<Codes> pack(const T* elements, size_t n, uint64_t most) {
  std::vector<T> table;  // sorted
  for (size_t i = 0; i < n; ++i) {
    if (i > 0 && elements[i] == elements[i - 1]) continue;
    const auto place = std::lower_bound(table.begin(), table.end(), elements[i]);
    if (place != table.end() && *place == elements[i]) continue;
    if (table.size() == size_t{1} << kMaxCodeBits) return std::nullopt;
    table.insert(place, elements[i]);
  }
  if (table.empty()) return std::nullopt;
  uint32_t bits = 1;
  while (table.size() > table_size(bits)) ++bits;
  if (table.size() == table_size(kTrits)) bits = kTrits;
  if (codes_bytes(sizeof(T), bits, n) > most) return std::nullopt;
  Codes codes{bits, std::vector<std::byte>(codes_bytes(sizeof(T), bits, n))};
  const size_t count = table.size();
  table.resize(table_size(bits), table.back());
  std::memcpy(codes.payload.data(), table.data(), table.size() * sizeof(T));
  std::byte* const packed = codes.payload.data() + table.size() * sizeof(T);
  for (size_t i = 0; i < n; ++i) {
    const auto end = table.begin() + static_cast<ptrdiff_t>(count);
    const auto code =
        static_cast<uint32_t>(std::lower_bound(table.begin(), end, elements[i]) - table.begin());
    if (bits == kTrits) {
      auto& byte = reinterpret_cast<uint8_t&>(packed[i / kTritsOfByte]);
      byte = static_cast<uint8_t>(byte + code * kPowers[i % kTritsOfByte]);
      continue;
    }
    for (uint32_t b = 0; b < bits; ++b)
      packed[(i * bits + b) / 8] |= static_cast<std::byte>((code >> b & 1) << (i * bits + b) % 8);
  }
  return codes;
}

template <typename T>
void unpack_trits(const std::byte* payload, size_t n, T* elements) {
  T table[3];
  std::memcpy(table, payload, sizeof table);
  const std::byte* codes = payload + sizeof table;
  for (size_t i = 0; i < n; ++codes) {
    const auto byte = std::to_integer<uint32_t>(*codes);
    for (size_t j = 0; j < kTritsOfByte && i < n; ++j, ++i)
      elements[i] = table[byte / kPowers[j] % 3];
  }
}

template <typename T>
void unpack(uint32_t bits, const std::byte* payload, size_t n, T* elements) {
  if (bits == kTrits) return unpack_trits(payload, n, elements);
  T table[size_t{1} << kMaxCodeBits];
  std::memcpy(table, payload, sizeof(T) << bits);
  const std::byte* codes = payload + (sizeof(T) << bits);
  const uint64_t mask = (uint64_t{1} << bits) - 1;
  size_t i = 0;
  for (; i + kTogether <= n; i += kTogether, codes += bits) {
    uint64_t word = load_codes(codes, bits);
    for (size_t j = 0; j < kTogether; ++j, word >>= bits) elements[i + j] = table[word & mask];
  }
  uint64_t word = load_codes(codes, ((n - i) * bits + 7) / 8);
  for (; i < n; ++i, word >>= bits) elements[i] = table[word & mask];
}

}  // namespace

uint64_t codes_bytes(size_t element_bytes, uint32_t bits, uint64_t n) {
  const uint64_t codes =
      bits == kTrits ? (n + kTritsOfByte - 1) / kTritsOfByte : (n * bits + 7) / 8;
  return element_bytes * table_size(bits) + codes;
}

std::optional<Codes> pack_codes(size_t element_bytes, const std::byte* elements, size_t n,
                                uint64_t most) {
  return with_element(element_bytes, [=](auto element) {
    return pack(reinterpret_cast<const decltype(element)*>(elements), n, most);
  });
}

void unpack_codes(size_t element_bytes, uint32_t bits, const std::byte* payload, size_t n,
                  std::byte* elements) {
  with_element(element_bytes, [=](auto element) {
    unpack(bits, payload, n, reinterpret_cast<decltype(element)*>(elements));
  });
}

bool is_tail_zero(size_t element_bytes, uint32_t bits, const std::byte* payload, size_t n) {
  if (bits == kTrits) {
    const std::byte* const codes = payload + element_bytes * table_size(bits);
    for (size_t i = 0; i < n; i += kTritsOfByte) {
      const size_t trits = std::min(n - i, kTritsOfByte);
      if (std::to_integer<uint32_t>(codes[i / kTritsOfByte]) >= kPowers[trits]) return false;
    }
    return true;
  }
  const size_t used = n * bits % 8;
  return used == 0 ||
         std::to_integer<unsigned>(payload[codes_bytes(element_bytes, bits, n) - 1]) >> used == 0;
}

}  // namespace edgert
