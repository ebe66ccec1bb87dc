// Telling a user what the file is that is no .edgert file.
#pragma once

#include <cstddef>
#include <string>

namespace edgert {

// What a file that starts with these bytes looks like: "an ONNX model", or the bytes themselves.
std::string file_kind(const std::byte* data, size_t bytes);

}  // namespace edgert
