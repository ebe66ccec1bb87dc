#include "kernels/crc32/crc32_tables.h"

namespace edgert {

void crc32_neon(const Crc32& g) { crc32_by_tables(g); }

}  // namespace edgert
