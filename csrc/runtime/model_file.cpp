#include "runtime/model_file.h"

#include "core/error.h"

namespace edgert {

std::shared_ptr<const Model> load_model(const std::string& path, Verify) {
  throw Error(ErrorCode::kUnsupported, "OP", "not written yet: " + path);
}

}  // namespace edgert
