// Text from files: what may be shown as it is, and how to show the rest.
#pragma once

#include <string>
#include <string_view>

namespace edgert {

// Whether `text` is UTF-8 without control characters, line separators and marks that change the
// direction of writing; `multiline` allows tabs and newlines.
bool is_clean_text(std::string_view text, bool multiline = false);

// How text that anybody may have written stands in messages: what is not clean, as said above, as
// \xNN, so that it can neither act on a terminal nor look like another message.
std::string printable(std::string_view text);

// The same in quotes, which are escaped in it, and cut behind `max_bytes`: for names.
std::string quoted(std::string_view text, size_t max_bytes = 256);

// Bytes in quotes, everything but printable ASCII as \xNN.
std::string quoted_bytes(std::string_view bytes);

}  // namespace edgert
