"""How numbers become integers: ranges and scales of tensors, scales and rounding of weights."""
