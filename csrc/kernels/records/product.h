// What the rows of the families of matrix products say of a kernel.
#pragma once

#include "core/cpu.h"
#include "schema/enums.h"
#include "weights/fit.h"

namespace edgert {

template <typename Arguments>
struct ProductKernel {
  const char* name;
  Isa isa;
  void (*run)(const Arguments&);
  Form form;           // in which it reads weights
  WeightFit needs;     // how they must fit
  int mr, nr;          // the tile: rows and columns held in registers
  int macs_per_cycle;  // multiply-adds of its units, by which ways of computing compare
  int task_kmacs;      // thousands of them that are worth handing to a thread: some microseconds
};

}  // namespace edgert
