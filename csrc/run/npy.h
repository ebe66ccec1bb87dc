// Arrays of the API as numpy's .npy files.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "api/edgert.h"

namespace edgert::run {

using Bytes = std::vector<unsigned char>;

// The elements of the array in `path`, which must have the type and the shape of `tensor`: version
// 1, 2 or 3, little-endian, C order. Throws Failure. `what` names the tensor in messages.
Bytes read_npy(const std::string& path, const edgert_tensor& tensor);

// The same of a file that holds the elements alone.
Bytes read_raw(const std::string& path, const edgert_tensor& tensor);

void write_npy(const std::string& path, const edgert_tensor& tensor, const Bytes& elements);
void write_raw(const std::string& path, const Bytes& elements);

std::string shape_text(const edgert_tensor& tensor);  // as Python has it: "(1, 10)"

}  // namespace edgert::run
