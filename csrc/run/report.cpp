#include "run/report.h"

#include <algorithm>
#include <cmath>
#include <string_view>

#include "core/error.h"
#include "core/text.h"

namespace edgert::run {
namespace {

// Characters, not bytes: clean text has no others than those that take a place each, more or less.
size_t width(const std::string& text) {
  return static_cast<size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xC0) != 0x80; }));
}

bool is_number(const std::string& text) {
  return !text.empty() && (text == "-" || text.find_first_of("0123456789") <= 1) &&
         text.find('x') == std::string::npos;
}

}  // namespace

std::string table(const std::vector<Row>& rows, const Row& header) {
  std::vector<Row> lines;
  if (!header.empty()) lines.push_back(header);
  lines.insert(lines.end(), rows.begin(), rows.end());
  std::string text;
  if (lines.empty()) return text;
  const size_t columns = lines[0].size();
  std::vector<size_t> widths(columns);
  std::vector<bool> right(columns, !rows.empty());
  for (const Row& line : lines)
    for (size_t i = 0; i < columns; ++i) widths[i] = std::max(widths[i], width(line[i]));
  for (const Row& row : rows)
    for (size_t i = 0; i < columns; ++i) right[i] = right[i] && is_number(row[i]);
  const auto add = [&](const Row& line) {
    std::string cells;
    for (size_t i = 0; i < columns; ++i) {
      const std::string pad(widths[i] - width(line[i]), ' ');
      cells += (i == 0 ? "" : "  ") + (right[i] ? pad + line[i] : line[i] + pad);
    }
    cells.erase(cells.find_last_not_of(' ') + 1);
    text += cells + "\n";
  };
  for (size_t i = 0; i < lines.size(); ++i) {
    add(lines[i]);
    if (i > 0 || header.empty()) continue;
    Row rule;
    for (size_t column : widths) rule.emplace_back(column, '-');
    add(rule);
  }
  return text;
}

std::string bytes_text(uint64_t bytes) {
  const double count = static_cast<double>(bytes);
  if (bytes < 1000) return format("%.0f B", count);
  if (count < 999.95e3) return format("%.1f kB", count / 1e3);
  if (count < 999.95e6) return format("%.1f MB", count / 1e6);
  return format("%.1f GB", count / 1e9);
}

std::string milliseconds_text(double value) {
  const int digits = value < 0.1 ? 4 : value < 1 ? 3 : value < 100 ? 2 : value < 1000 ? 1 : 0;
  return format("%.*f ms", digits, value);
}

std::string number_text(double value) { return format("%.4g", value); }

std::string dims_text(const edgert_tensor& tensor) {
  std::string text;
  for (int32_t i = 0; i < tensor.rank; ++i)
    text += (i == 0 ? "" : "x") + std::to_string(tensor.dims[i]);
  return tensor.rank == 0 ? "scalar" : text;
}

void Json::separate() {
  if (!first_ && !after_key_) text_ += ", ";
  first_ = after_key_ = false;
}

Json& Json::key(const char* name) {
  value(name);
  text_ += ": ";
  after_key_ = true;
  return *this;
}

// JSON is UTF-8: what is not, and what acts on terminals, stands there as printable() has it.
Json& Json::value(const std::string& text) {
  separate();
  text_ += '"';
  for (char c : printable(text)) {
    if (c == '"' || c == '\\') text_ += '\\';
    text_ += c;
  }
  text_ += '"';
  return *this;
}

Json& Json::value(double number) {
  if (!std::isfinite(number)) return null();
  separate();
  text_ += format("%.17g", number);
  return *this;
}

Json& Json::count(uint64_t number) {
  separate();
  text_ += std::to_string(number);
  return *this;
}

Json& Json::dims(const edgert_tensor& tensor) {
  begin('[');
  for (int32_t i = 0; i < tensor.rank; ++i) count(static_cast<uint64_t>(tensor.dims[i]));
  return end(']');
}

Json& Json::null() {
  separate();
  text_ += "null";
  return *this;
}

Json& Json::begin(char bracket) {
  separate();
  text_ += bracket;
  first_ = true;
  return *this;
}

Json& Json::end(char bracket) {
  text_ += bracket;
  first_ = false;
  return *this;
}

}  // namespace edgert::run
