// Reading a .edgert file: maps it, checks every rule of docs/format.md, once.
#pragma once

#include <memory>
#include <string>

#include "runtime/model.h"

namespace edgert {

enum class Verify {
  kMetadata,  // checksums of everything but the weights
  kFull,      // checksums of the weights too: reads the whole file
};

// Any bytes at all give either a typed Error or a model that can be bound and run safely.
std::shared_ptr<const Model> load_model(const std::string& path, Verify verify);

}  // namespace edgert
