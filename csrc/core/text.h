// Text from files: what may be shown as it is, and how to show the rest.
#pragma once

#include <string>
#include <string_view>

namespace edgert {

// Whether `text` is UTF-8 without control characters, line separators and marks that change the
// direction of writing; `multiline` allows tabs and newlines.
bool is_clean_text(std::string_view text, bool multiline = false);

// `text`, at most `max_bytes` of it, in quotes, everything but printable ASCII as \xNN.
std::string quoted(std::string_view text, size_t max_bytes = 64);

}  // namespace edgert
