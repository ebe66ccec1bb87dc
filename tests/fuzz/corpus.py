"""Writes what the fuzz targets start from: corpus.py load|import FOLDER.

load: every operator in the cases of its tests, the hostile tests' models, and random graphs in
float, optimised, and quantised. import: the ONNX operators in the cases of their tests. Nothing of
it is stored: the tests' own builders make it.
"""

from __future__ import annotations

import contextlib
import hashlib
import sys
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import mutate
import one_op
import operator_cases
import random_graphs

from edgert import schema
from edgert.compress import compress, preset
from edgert.errors import EdgertError
from edgert.pack import pack
from edgert.passes import optimize

MOST_BYTES = 48 << 10  # of a file: small ones are run more often
CASES_OF_OPERATOR = 60
RANDOM_GRAPHS = 40
MODELS_OF_OPERATOR = 4
RECIPES = preset(), preset("int16", weights="int16"), preset("dynamic")


def operator_files() -> Iterator[bytes]:
    """Files of one node: some cases of each operator, evenly chosen."""
    for op in schema.OPS:
        cases = operator_cases.cases(op, np.random.default_rng(0))
        files = [pack(one_op.one_op_graph(op, c.inputs, c.attrs, c.constants)) for c in cases]
        small = [file for file in files if len(file) <= MOST_BYTES]
        assert small, f"no case of {op} is small enough"
        yield from small[:: -(-len(small) // CASES_OF_OPERATOR)]
        yield from sorted(files, key=len)[len(small) : len(small) + 2]


def graph_files() -> Iterator[bytes]:
    """Files of several nodes."""
    yield from (mutate.SAMPLE, mutate.SHORTS, mutate.CODED, mutate.ROWS, mutate.SPARSE)
    yield from (mutate.SIGNS, mutate.PACKED)
    for seed in range(RANDOM_GRAPHS):
        rng = np.random.default_rng(seed)
        graph = random_graphs.random_graph(rng, int(rng.integers(2, 12)))
        yield pack(graph)
        optimize(graph)
        yield pack(graph)
        samples = [random_graphs.random_inputs(graph, rng) for _ in range(2)]
        for recipe in RECIPES:
            with contextlib.suppress(EdgertError):  # nothing to quantise
                yield pack(compress(graph, samples, recipe)[0])


def onnx_models() -> Iterator[bytes]:
    """Models of one node: for each ONNX operator some cases, evenly chosen."""
    import test_importer_ops  # which needs ONNX Runtime

    by_operator: dict[str, list] = {}
    for case in test_importer_ops.CASES:
        by_operator.setdefault(case.op, []).append(case)
    for cases in by_operator.values():
        for case in cases[:: -(-len(cases) // MODELS_OF_OPERATOR)]:
            yield case.model().SerializeToString()


def main(target: str, folder: str) -> None:
    """Writes the files, named by what is in them."""
    Path(folder).mkdir(parents=True, exist_ok=True)
    files = chain(operator_files(), graph_files()) if target == "load" else onnx_models()
    for file in files:
        Path(folder, hashlib.sha256(file).hexdigest()[:16]).write_bytes(file)


if __name__ == "__main__":
    main(*sys.argv[1:])
