// Changes of a file: of one member, of the graph, of two files into one.
#pragma once

#include "file.h"
#include "random.h"

namespace edgert::fuzz {

// Changes one thing of a file; whether the result is valid does not matter.
void mutate(File* file, test::Random& random);

// Puts the graph of another file behind that of `file`, its inputs joined to tensors of `file` of
// the same type where there are any.
void splice(File* file, const File& other, test::Random& random);

}  // namespace edgert::fuzz
