#include "runtime/pool.h"

namespace edgert {
namespace {

Step bind(const BindContext& context) { return bind_pool(context, true); }

}  // namespace

extern const OpDef average_pool_op = {infer_pool, bind};

}  // namespace edgert
