"""Convolutions of signs beside the same in floats and in bytes, in turn, on one thread.

    python benchmarks/signs.py [--isa LEVEL]

Prints a line for each layer: the time of the fastest run of each, and how many times as fast signs
are. Run it on a core of its own: ``taskset -c 1``.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time

import numpy as np

LAYERS = [(14, 256), (28, 256), (56, 256), (7, 512), (56, 64)]  # size of the image, channels
ROUNDS = 40
TEXT = (
    "{layer:12} f32 {f32:9.1f} us  i8 {i8:9.1f} us  signs {signs:9.1f} us {gmac_per_s:6.0f} GMAC/s"
    "  {over_f32:5.2f}x f32 {over_i8:5.2f}x i8"
)


def models(size: int, channels: int) -> dict[str, tuple[bytes, np.ndarray]]:
    """For each kind of elements a network of one 3x3 convolution, and an input."""
    from edgert import ir
    from edgert.interp.signs import pack_bits
    from edgert.pack import pack
    from edgert.schema import DType

    rng = np.random.default_rng(0)
    window = {"strides": [1, 1], "dilations": [1, 1], "pads": [1] * 4, "groups": 1}
    image, filters = (1, size, size, channels), (channels, 3, 3, channels)
    multiplier = np.full(channels, 1e-3, np.float32)
    output = {"dtype": DType.uint8, "scale": 1.0, "zero": 128, "low": 0, "high": 255}
    negative = rng.integers(0, 2, (2, *filters)).astype(bool)
    kinds = {
        "f32": ("conv", rng.normal(size=image).astype(np.float32), {},
                [rng.normal(size=filters).astype(np.float32), multiplier]),
        "i8": ("qconv", rng.integers(0, 256, image).astype(np.uint8),
               {"x_zero": 128, "residual_zero": 0, "residual_scale": 0.0, "output": output},
               [rng.integers(-32, 33, filters).astype(np.int8), np.zeros(channels, np.int32),
                multiplier]),
        "signs": ("bconv", pack_bits(rng.integers(0, 2, image).astype(bool)),
                  {"channels": channels, "pad": 0},
                  [pack_bits(negative[0]), rng.integers(-9, 9, channels).astype(np.int16)]),
    }  # fmt: skip
    found = {}
    for kind, (op, x, attrs, constants) in kinds.items():
        graph = ir.Graph()
        names = [graph.add_input("x", x.dtype, x.shape)]
        names += [graph.add_constant("c", constant) for constant in constants]
        graph.outputs = [graph.add(op, names, {**window, **attrs}, output="y")]
        found[kind] = pack(graph), x
    return found


def measure(size: int, channels: int) -> dict[str, float]:
    """Microseconds of the fastest run of each kind."""
    import edgert

    loaded = {
        k: (edgert.load(data, threads=1), x) for k, (data, x) in models(size, channels).items()
    }
    best = dict.fromkeys(loaded, float("inf"))
    for _ in range(ROUNDS):
        for kind, (model, x) in loaded.items():
            model.run({"x": x})
            begin = time.perf_counter()
            model.run({"x": x})
            best[kind] = min(best[kind], time.perf_counter() - begin)
    return {kind: seconds * 1e6 for kind, seconds in best.items()}


def main() -> None:
    """Prints the table, or lines of JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--isa", help="an instruction set level")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    if args.isa and os.environ.get("EDGERT_ISA") != args.isa:
        os.environ["EDGERT_ISA"] = args.isa  # read when the module is loaded
        os.execv(sys.executable, [sys.executable, *sys.argv])
    for size, channels in LAYERS:
        us = measure(size, channels)
        macs = 9 * (size * channels) ** 2
        line = {"layer": f"{size}x{size}x{channels}", **us, "gmac_per_s": macs / us["signs"] / 1e3,
                "over_f32": us["f32"] / us["signs"], "over_i8": us["i8"] / us["signs"]}  # fmt: skip
        if args.json:
            print(json.dumps(line), flush=True)
        else:
            print(TEXT.format(**line), flush=True)


if __name__ == "__main__":
    main()
