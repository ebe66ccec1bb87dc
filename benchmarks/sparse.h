// What sparse weights gain: layers in sparse forms beside dense ones, in one run.
#pragma once

#include <string>

namespace edgert {

// Bytes if i8, else floats; layers whose line contains `only`, on the levels called `level` or all.
void run_sparse(bool i8, const std::string& only, const std::string& level, int threads, bool json);

}  // namespace edgert
