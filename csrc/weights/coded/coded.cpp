#include "weights/coded/coded.h"

#include <cstring>

#include "core/half.h"
#include "weights/coded/codes.h"
#include "weights/coded/shorts.h"
#include "weights/forms.h"

namespace edgert {
namespace {

constexpr uint32_t kFieldBits = 4, kField = (1u << kFieldBits) - 1;
// What codes and halves must save: for less, constants stay where kernels can read them in place.
constexpr size_t kLeastSaved = 512;

void decode_shorts(const TensorType& type, const std::byte* payload, std::byte* rows) {
  int32_t exponent;
  std::memcpy(&exponent, payload, sizeof exponent);
  unpack_shorts(type.dtype, exponent, type.shape.elements(), payload + sizeof exponent, rows);
}

void decode_halves(const TensorType& type, const std::byte* payload, std::byte* rows) {
  float* const x = reinterpret_cast<float*>(rows);
  for (size_t i = 0; i < type.shape.elements(); ++i) {
    Half half;
    std::memcpy(&half, payload + i * sizeof half, sizeof half);
    x[i] = to_float(half);
  }
}

// Only what no rounding changes is encoded.
std::optional<Coded> encode_shorts(const TensorType& type, const std::byte* rows) {
  const auto bytes = shorts_bytes(type);
  if (!bytes) return std::nullopt;
  const size_t n = type.shape.elements();
  const auto exponent = shorts_exponent(type.dtype, rows, n);
  if (!exponent) return std::nullopt;
  std::vector<std::byte> rounded(type.bytes());
  round_to_shorts(type.dtype, *exponent, n, rows, rounded.data());
  if (std::memcmp(rounded.data(), rows, rounded.size()) != 0) return std::nullopt;
  Coded coded{Form::shorts, 0, std::vector<std::byte>(*bytes)};
  std::memcpy(coded.payload.data(), &*exponent, sizeof *exponent);
  pack_shorts(type.dtype, *exponent, n, rows, coded.payload.data() + sizeof *exponent);
  return coded;
}

std::optional<Coded> encode_halves(const TensorType& type, const std::byte* rows) {
  const size_t n = type.shape.elements();
  if (type.dtype != DType::f32 || n * sizeof(Half) < kLeastSaved) return std::nullopt;
  Coded coded{Form::half, 0, std::vector<std::byte>(n * sizeof(Half))};
  for (size_t i = 0; i < n; ++i) {
    float x;
    std::memcpy(&x, rows + i * sizeof x, sizeof x);
    const Half half = to_half(x);
    const float back = to_float(half);
    if (std::memcmp(&back, &x, sizeof x) != 0) return std::nullopt;
    std::memcpy(coded.payload.data() + i * sizeof half, &half, sizeof half);
  }
  return coded;
}

std::optional<Coded> encode_codes(const TensorType& type, const std::byte* rows) {
  if (type.bytes() < kLeastSaved) return std::nullopt;
  const uint64_t most = type.bytes() - kLeastSaved;
  auto codes = pack_codes(dtype_bytes(type.dtype), rows, type.shape.elements(), most);
  if (!codes) return std::nullopt;
  return Coded{Form::codes, codes->bits, std::move(codes->payload)};
}

}  // namespace

CodedFacts decode_coded_facts(uint32_t facts) {
  return {static_cast<Form>(facts & kField), facts >> kFieldBits & kField, facts >> 2 * kFieldBits};
}

uint32_t encode_coded_facts(const CodedFacts& facts) {
  const uint32_t claimed = facts.claimed << 2 * kFieldBits;
  const bool fits = claimed >> 2 * kFieldBits == facts.claimed;
  return static_cast<uint32_t>(facts.wanted) | facts.bits << kFieldBits | (fits ? claimed : 0);
}

std::optional<uint64_t> coded_bytes(Form form, const TensorType& type, const CodedFacts& facts) {
  if (!is_ordered(facts.wanted) || !payload_bytes(type, facts.wanted, 0)) return std::nullopt;
  if ((form == Form::codes) != (facts.bits > 0)) return std::nullopt;
  const uint64_t n = type.shape.elements();
  switch (form) {
    case Form::shorts:
      return shorts_bytes(type);
    case Form::half:
      if (type.dtype != DType::f32) return std::nullopt;
      return n * sizeof(Half);
    case Form::codes:
      if (facts.bits > kTrits) return std::nullopt;
      return codes_bytes(dtype_bytes(type.dtype), facts.bits, n);
    default:
      return std::nullopt;
  }
}

bool is_tail_zero(Form form, const TensorType& type, uint32_t facts, const std::byte* payload) {
  if (form != Form::codes) return true;
  const uint32_t bits = decode_coded_facts(facts).bits;
  return is_tail_zero(dtype_bytes(type.dtype), bits, payload, type.shape.elements());
}

void decode(Form form, const TensorType& type, uint32_t bits, const std::byte* payload,
            std::byte* rows) {
  if (form == Form::shorts) return decode_shorts(type, payload, rows);
  if (form == Form::half) return decode_halves(type, payload, rows);
  unpack_codes(dtype_bytes(type.dtype), bits, payload, type.shape.elements(), rows);
}

std::optional<Coded> encode(const TensorType& type, const std::byte* rows) {
  std::optional<Coded> shortest;
  for (const auto& encoder : {encode_shorts, encode_halves, encode_codes}) {
    std::optional<Coded> coded = encoder(type, rows);
    if (coded && (!shortest || coded->payload.size() < shortest->payload.size()))
      shortest = std::move(coded);
  }
  return shortest;
}

}  // namespace edgert
