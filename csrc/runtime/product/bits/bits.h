// Products of signs, bit by bit: what bconv and bgemm have in common. There is one way to compute
// them, and it reads the weights as files have them.
#pragma once

#include "runtime/op.h"
#include "runtime/product/shape.h"

namespace edgert {

// Fails unless x and w are bits of so many channels, those of several groups in whole bytes, and a
// sum has not too many products.
void require_bits(const NodeTypes& node, int32_t channels, int32_t groups, uint64_t taps);

// Checks the other inputs and gives the type of the output. `shape` is that of numbers, channels
// last.
OutputTypes infer_bits(const NodeTypes& node, const Activation& activation, Shape shape);

// OpDef::operations: for each pixel of the output as many as there are bytes of weights.
double bits_operations(const NodeTypes& node, const OutputTypes& outputs);

// The step of either; x has `channels`, those of all groups.
Step bind_bits(const BindContext& context, const ProductShape& shape, size_t channels,
               bool zeros_around, const Activation& activation);

}  // namespace edgert
