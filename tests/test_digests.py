"""The bits of whole quantised networks, which every platform must reproduce: digests.json.

``python tests/test_digests.py`` computes the digests on this machine, ``--write`` stores them: only
when the file or what an operator computes was meant to change.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest
from digest_models import MODELS, Builder, Net, bits, integers

import edgert
from edgert import ir, pack
from edgert.interp import quantized, signs

STORED = Path(__file__).with_name("digests.json")
LEVELS = edgert.isa().detected
BATCH = 3
THREADS = range(1, 9)
RUNS = 100

Digests = dict[str, dict[str, str]]


def inputs_of(net: Net, seed: int) -> dict[str, np.ndarray]:
    """All bytes, and multiples of 1/64 around zero."""
    drawn = {}
    for name in net.inputs:
        value = net.values[name]
        low, high = (0, 255) if value.dtype == np.uint8 else (-300, 300)
        x = integers(seed, value.shape, low, high)
        drawn[name] = (x if value.dtype == np.uint8 else x / 64).astype(value.dtype)
    return drawn


def compute(build: Builder, path: Path) -> dict[str, str]:
    """The digests of the file and of what it computes; however the work is divided."""
    net = build(BATCH)
    ir.verify(net)
    file = pack.pack(net)
    path.write_bytes(file)
    x, other = inputs_of(net, 1), inputs_of(net, 2)
    model = edgert.load(path, threads=1)
    expected, distinct = bits(model.run(x)), bits(model.run(other))
    assert expected != distinct
    for threads in THREADS:
        model = edgert.load(path, threads=threads)
        for _ in range(-(-RUNS // (2 * len(THREADS)))):  # each run leaves its values in the arena
            assert bits(model.run(x)) == expected, f"{threads} threads give other bits"
            assert bits(model.run(other)) == distinct, f"{threads} threads give other bits"
    path.write_bytes(pack.pack(build(1)))
    single = edgert.load(path)
    parts = [single.run({k: v[i : i + 1] for k, v in x.items()}) for i in range(BATCH)]
    joined = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    assert bits(joined) == expected, "images one by one give other bits"
    return {"file": hashlib.sha256(file).hexdigest(), "results": expected}


def compute_all() -> Digests:
    """The digests of all networks on the instruction set of this process."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.edgert"
        return {name: compute(build, path) for name, build in MODELS.items()}


@pytest.mark.parametrize("level", LEVELS)
def test_digests(level: str) -> None:
    """Files and results have the stored bits, on every instruction set of this machine."""
    done = subprocess.run(
        [sys.executable, __file__], env={**os.environ, "EDGERT_ISA": level},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    found, stored = json.loads(done.stdout), json.loads(STORED.read_text())
    for part in ("file", "results"):
        assert {name: d[part] for name, d in found.items()} == {
            name: d[part] for name, d in stored.items()
        }, f"another {part}: if that is intended, run {Path(__file__).name} --write"


def test_every_quantised_operator_is_covered() -> None:
    """An operator that is added needs a place in a network."""
    used = {node.op for build in MODELS.values() for node in build(1).nodes}
    assert used >= {*quantized.OPERATORS, *signs.OPERATORS, "max_pool", "concat", "resize", "pad"}


@pytest.mark.parametrize("name", MODELS)
def test_outputs_are_not_trivial(name: str, tmp_path: Path) -> None:
    """A digest of constants would prove little: outputs vary, and few are at the ends of a byte."""
    net = MODELS[name](BATCH)
    (tmp_path / "m.edgert").write_bytes(pack.pack(net))
    for array in edgert.load(tmp_path / "m.edgert").run(inputs_of(net, 1)).values():
        assert np.isfinite(array).all()
        assert len(np.unique(array)) > min(12, array.size // 8)
        if array.dtype == np.uint8:
            assert ((array == 0) | (array == 255)).mean() < 0.3


def main() -> None:
    """Prints or stores the digests."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--write", action="store_true", help=f"store them in {STORED.name}")
    text = json.dumps(compute_all(), indent=1) + "\n"
    if parser.parse_args().write:
        STORED.write_text(text)
    else:
        print(text, end="")


if __name__ == "__main__":
    main()
