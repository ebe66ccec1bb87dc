// Every kernel of the build that this machine can run, on one problem for each family.
#pragma once

#include <string>

namespace edgert {

// Prints a line per kernel whose name contains `only`, of the level or of all if that is empty: the
// time of the fastest run, and GB/s of what it reads and writes or GMAC/s. All is in the cache.
void run_rows(const std::string& only, const std::string& level, bool json);

}  // namespace edgert
