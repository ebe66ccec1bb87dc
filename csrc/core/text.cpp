#include "core/text.h"

#include <cstdint>

namespace edgert {
namespace {

// Takes the first character off `text`; false if that is not UTF-8 in its shortest form.
bool take_character(std::string_view& text, uint32_t& character) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char lead = byte(0);
  const size_t length = lead < 0x80 ? 1 : lead >> 5 == 0x6 ? 2 : lead >> 4 == 0xE ? 3 : 4;
  if (length == 4 && lead >> 3 != 0x1E) return false;
  if (text.size() < length) return false;
  character = length == 1 ? lead : lead & (0x7Fu >> length);
  for (size_t i = 1; i < length; ++i) {
    if (byte(i) >> 6 != 0x2) return false;
    character = character << 6 | (byte(i) & 0x3Fu);
  }
  constexpr uint32_t kShortest[] = {0, 0, 0x80, 0x800, 0x10000};
  if (character < kShortest[length] || character > 0x10FFFF) return false;
  if (character >= 0xD800 && character <= 0xDFFF) return false;
  text.remove_prefix(length);
  return true;
}

bool is_control(uint32_t c) { return c < 0x20 || (c >= 0x7F && c < 0xA0); }

bool changes_direction_or_line(uint32_t c) {
  return c == 0x061C || c == 0x200E || c == 0x200F || (c >= 0x2028 && c <= 0x202E) ||
         (c >= 0x2066 && c <= 0x2069);
}

}  // namespace

bool is_clean_text(std::string_view text, bool multiline) {
  while (!text.empty()) {
    uint32_t c;
    if (!take_character(text, c)) return false;
    if (multiline && (c == '\t' || c == '\n')) continue;
    if (is_control(c) || changes_direction_or_line(c)) return false;
  }
  return true;
}

std::string quoted(std::string_view text, size_t max_bytes) {
  constexpr char kHex[] = "0123456789abcdef";
  std::string result = "'";
  for (char character : text.substr(0, max_bytes)) {
    const auto c = static_cast<unsigned char>(character);
    if (c >= 0x20 && c < 0x7F && c != '\'' && c != '\\')
      result += character;
    else
      result += {'\\', 'x', kHex[c >> 4], kHex[c & 15]};
  }
  return result + (text.size() > max_bytes ? "...'" : "'");
}

}  // namespace edgert
