#include "core/text.h"

#include <algorithm>
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

bool is_clean(uint32_t c) { return !is_control(c) && !changes_direction_or_line(c); }

void append_escaped(std::string& result, std::string_view bytes) {
  constexpr char kHex[] = "0123456789abcdef";
  for (char byte : bytes) {
    const auto b = static_cast<unsigned char>(byte);
    result += {'\\', 'x', kHex[b >> 4], kHex[b & 15]};
  }
}

// `text` with what is not clean, and the ASCII characters in `more`, escaped.
std::string escaped(std::string_view text, std::string_view more) {
  std::string result;
  while (!text.empty()) {
    std::string_view rest = text;
    uint32_t c;
    bool clean = take_character(rest, c);
    if (!clean) rest = text.substr(1);
    clean = clean && is_clean(c) && (c >= 0x80 || more.find(static_cast<char>(c)) == more.npos);
    const std::string_view taken = text.substr(0, text.size() - rest.size());
    if (clean)
      result += taken;
    else
      append_escaped(result, taken);
    text = rest;
  }
  return result;
}

}  // namespace

bool is_clean_text(std::string_view text, bool multiline) {
  while (!text.empty()) {
    uint32_t c;
    if (!take_character(text, c)) return false;
    if (!is_clean(c) && !(multiline && (c == '\t' || c == '\n'))) return false;
  }
  return true;
}

std::string printable(std::string_view text) { return escaped(text, {}); }

std::string quoted(std::string_view text, size_t max_bytes) {
  size_t end = std::min(text.size(), max_bytes);
  const auto inside = [&] { return end < text.size() && (text[end] & 0xC0) == 0x80; };
  for (int i = 0; i < 3 && end > 0 && inside(); ++i) --end;  // a character has up to four bytes
  return "'" + escaped(text.substr(0, end), "'\\") + (end < text.size() ? "...'" : "'");
}

std::string quoted_bytes(std::string_view bytes) {
  std::string result = "'";
  for (size_t i = 0; i < bytes.size(); ++i)
    if (bytes[i] >= 0x20 && bytes[i] < 0x7F && bytes[i] != '\'' && bytes[i] != '\\')
      result += bytes[i];
    else
      append_escaped(result, bytes.substr(i, 1));
  return result + "'";
}

}  // namespace edgert
