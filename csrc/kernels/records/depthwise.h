// What the rows of the families of depthwise convolutions say of a kernel.
#pragma once

#include "core/cpu.h"
#include "schema/enums.h"

namespace edgert {

template <typename Arguments>
struct DepthwiseKernel {
  const char* name;
  Isa isa;
  void (*run)(const Arguments&);
  Form form;           // in which it reads weights
  int block;           // channels whose sums are held in registers
  bool narrow;         // only for sums of 32 bits
  int group_rows = 0;  // rows of the image that are interleaved in scratch; 0: no scratch
};

}  // namespace edgert
