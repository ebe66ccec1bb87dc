// Text for people and JSON for programs.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "api/edgert.h"

namespace edgert::run {

using Row = std::vector<std::string>;

// Lines with aligned columns, those of numbers to the right, below an underlined header if it has
// any cells.
std::string table(const std::vector<Row>& rows, const Row& header = {});

std::string bytes_text(uint64_t bytes);              // "812 B", "127.4 kB", "4.1 MB"
std::string milliseconds_text(double value);         // "1234 ms", "12.35 ms", "0.0123 ms"
std::string number_text(double value);               // four significant digits
std::string dims_text(const edgert_tensor& tensor);  // "1x3x224x224", "scalar"

// Values of JSON, in the order in which they are written.
class Json {
 public:
  // Inside of an object: a name, before its value.
  Json& key(const char* name);
  Json& value(const std::string& text);  // escaped, whatever bytes it has
  Json& value(const char* text) { return value(std::string(text)); }
  Json& value(double number);  // null if it is not finite
  Json& count(uint64_t number);
  Json& dims(const edgert_tensor& tensor);
  Json& null();
  Json& begin(char bracket);  // '{' or '['
  Json& end(char bracket);    // '}' or ']'
  const std::string& text() const { return text_; }

 private:
  void separate();
  std::string text_;
  bool first_ = true;  // of what is open
  bool after_key_ = false;
};

}  // namespace edgert::run
