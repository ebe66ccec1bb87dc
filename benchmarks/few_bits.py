"""Matrices of few bits: matrix-vector products of bytes, and MatMulNBits beside ONNX Runtime.

usage: taskset -c 1 python benchmarks/few_bits.py [--isa LEVEL] [--rounds 40] [--only vector|blocks]

First, one row of bytes by weights of 8, 4 and 2 bits, matrices beyond the second cache, and some of
them one after the other, beyond the third: the fastest run of each, in turn on one thread, and how
many times as fast as bytes the others are. Then
MatMulNBits with 8, 4 and 2 bits in blocks of 32, of 1 and of 128 rows, here and in ONNX Runtime,
which multiplies floats (accuracy_level 0) or bytes (4): how many times as long it takes.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

SIZES = [(1024, 1), (2048, 1), (4096, 1), (2048, 24)]  # of square matrices, and how many in turn
BLOCK = 32
Run = Callable[[], object]


def vector_runs(size: int, layers: int) -> dict[str, Run]:
    """For each number of bits a run of products by so many weights, one after the other."""
    import edgert
    from edgert import ir
    from edgert.pack import pack
    from edgert.schema import DType

    rng = np.random.default_rng(0)
    x = rng.integers(0, 256, (1, size)).astype(np.uint8)
    end = [np.zeros(size, np.int32), np.full(size, 1e-4, np.float32)]
    output = {"dtype": DType.uint8, "scale": 1.0, "zero": 128, "low": 0, "high": 255}
    runs: dict[str, Run] = {}
    for bits in (8, 4, 2):
        levels = np.arange(-31, 32) if bits == 8 else np.linspace(-31, 31, 2**bits).astype(int)
        graph = ir.Graph()
        weights = rng.choice(levels.astype(np.int8), (size, size))
        graph.outputs = [graph.add_input("x", np.uint8, x.shape)]
        for layer in range(layers):
            constants = [np.roll(weights, layer), *end]
            operands = graph.outputs + [graph.add_constant("c", c) for c in constants]
            attrs = {"residual_zero": 0, "residual_scale": 0.0, "output": output}
            graph.outputs = [graph.add("qgemm", operands, attrs)]
        model = edgert.load(pack(graph), threads=1)
        runs[f"{bits} bits"] = lambda model=model: model.run({"x": x})
    return runs


def block_runs(bits: int, rows: int, size: int) -> dict[str, Run]:
    """A run of MatMulNBits here and in ONNX Runtime, in which there may be none."""
    import onnx
    import onnxruntime
    from onnx import TensorProto, helper, numpy_helper

    import edgert

    rng = np.random.default_rng(0)
    blocks = size // BLOCK
    weights = {
        "w": rng.integers(0, 256, (size, blocks, BLOCK * bits // 8)).astype(np.uint8),
        "s": rng.uniform(1e-3, 2e-3, size * blocks).astype(np.float32),
    }
    x = rng.normal(size=(rows, size)).astype(np.float32)
    runs: dict[str, Run] = {}
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "model.onnx")
        for level in (0, 4):
            attrs = {"K": size, "N": size, "bits": bits, "block_size": BLOCK}
            node = helper.make_node("MatMulNBits", ["x", *weights], ["y"], domain="com.microsoft",
                                    accuracy_level=level, **attrs)  # fmt: skip
            graph = helper.make_graph(
                [node], "blocks",
                [helper.make_tensor_value_info("x", TensorProto.FLOAT, x.shape)],
                [helper.make_tensor_value_info("y", TensorProto.FLOAT, [rows, size])],
                [numpy_helper.from_array(array, name) for name, array in weights.items()],
            )  # fmt: skip
            opsets = [helper.make_opsetid("", 17), helper.make_opsetid("com.microsoft", 1)]
            onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=8), path)
            try:
                session = onnxruntime.InferenceSession(
                    path, options, providers=["CPUExecutionProvider"]
                )
                session.run(None, {"x": x})
            except Exception as error:  # whatever it says to bits that it does not take
                print(f"onnxruntime, level {level}: {' '.join(str(error).split())[:90]}")
                continue
            runs[f"ort {level}"] = lambda session=session: session.run(None, {"x": x})
        edgert.convert(path, path.with_suffix(".edgert"), check=False)
        model = edgert.load(path.with_suffix(".edgert"), threads=1)
    return {"edgert": lambda: model.run({"x": x}), **runs}


def fastest(runs: Mapping[str, Run], rounds: int) -> dict[str, float]:
    """Microseconds of the fastest run of each, all in turn."""
    best = dict.fromkeys(runs, float("inf"))
    for _ in range(rounds):
        for name, run in runs.items():
            run()
            begin = time.perf_counter()
            run()
            best[name] = min(best[name], (time.perf_counter() - begin) * 1e6)
    return best


def main() -> None:
    """Prints a line for each problem."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--isa", help="an instruction set level of edgert")
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--only", choices=["vector", "blocks"])
    args = parser.parse_args()
    if args.isa and os.environ.get("EDGERT_ISA") != args.isa:
        os.environ["EDGERT_ISA"] = args.isa  # read when the module is loaded
        os.execv(sys.executable, [sys.executable, *sys.argv])

    def line(problem: str, us: Mapping[str, float], base: str, over: bool) -> None:
        """``over``: ratios to ``base`` say how much faster the others are, else how much slower."""
        ratios = {n: us[base] / t if over else t / us[base] for n, t in us.items()}
        cells = [f"{n} {t:9.1f} us {ratios[n]:5.2f}x" for n, t in us.items()]
        print(f"{problem:26} " + "   ".join(cells), flush=True)

    for size, layers in SIZES if args.only != "blocks" else []:
        us = fastest(vector_runs(size, layers), args.rounds)
        line(f"1 x {size} x {size}, {layers} times", us, "8 bits", over=True)
    for bits in (8, 4, 2) if args.only != "vector" else []:
        for rows, size in ((1, 2048), (1, 4096), (128, 2048)):
            rounds = args.rounds if rows == 1 else -(-args.rounds // 4)
            us = fastest(block_runs(bits, rows, size), rounds)
            line(f"{bits} bits, {rows} x {size} x {size}", us, "edgert", over=False)


if __name__ == "__main__":
    main()
