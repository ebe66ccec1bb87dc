#include "runtime/pool.h"

namespace edgert {
namespace {

Step bind(const BindContext& context) { return bind_pool(context, false); }

}  // namespace

extern const OpDef max_pool_op = {infer_pool, bind};

}  // namespace edgert
