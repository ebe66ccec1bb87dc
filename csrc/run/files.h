// Which file each array comes from or goes to.
#pragma once

#include "run/outcome.h"

namespace edgert::run {

// Sets the files of tensors by the options. Throws Failure if one is for no tensor, or would be
// written in the place of what is read or of another output.
void choose_files(const Options& options, Outcome& outcome);

}  // namespace edgert::run
