"""Files of every version of the format, tests/golden/v<version>: they are loaded for ever.

``python tests/test_golden.py --write`` makes the folder of a new version; no file that is stored
changes afterwards. Without arguments the script prints the digests of what is stored.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from digest_models import bits, integers
from golden_models import MODELS
from mutate import ModelFile

import edgert
from edgert import _core, ir, pack
from edgert.schema import OPS, Form, Section

GOLDEN = Path(__file__).with_name("golden")
FILES = sorted(GOLDEN.glob("v*/*.edgert"))
STORED = "digests.json"  # of a version: {file: {"file": digest, "results": digest}}
VERSION = f"v{_core.VERSION}"  # the version that is written now

Digests = dict[str, dict[str, str]]


def inputs_of(model: edgert.Model) -> dict[str, np.ndarray]:
    """Multiples of 1/16 around zero."""
    return {t.name: (integers(7, t.shape, -64, 64) / 16).astype(t.dtype) for t in model.inputs}


def compute(path: Path) -> dict[str, str]:
    """The digests of a file and of what it computes, on any number of threads."""
    data = path.read_bytes()
    found = set()
    for threads in (1, 3):
        model = edgert.load(data, threads=threads)
        found.add(bits(model.run(inputs_of(model))))
    assert len(found) == 1, f"{path.name}: the number of threads changes bits"
    return {"file": hashlib.sha256(data).hexdigest(), "results": found.pop()}


def compute_all() -> Digests:
    """The digests of all files on the instruction set of this process."""
    return {f"{path.parent.name}/{path.name}": compute(path) for path in FILES}


@pytest.mark.parametrize("level", edgert.isa().detected)
def test_files_of_every_version_compute_what_they_did(level: str) -> None:
    """On every instruction set of this machine."""
    done = subprocess.run(
        [sys.executable, __file__], env={**os.environ, "EDGERT_ISA": level},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    stored: Digests = {}
    for path in GOLDEN.glob(f"v*/{STORED}"):
        digests = json.loads(path.read_text())
        stored.update({f"{path.parent.name}/{name}": d for name, d in digests.items()})
    assert json.loads(done.stdout) == stored


def test_the_version_that_is_written_has_files() -> None:
    """Who raises the version stores files of it: run this file with --write."""
    assert [path for path in FILES if path.parent.name == VERSION]


def test_no_version_is_missing() -> None:
    """The first version that was released is 2."""
    versions = {path.parent.name for path in FILES}
    assert versions == {f"v{version}" for version in range(2, _core.VERSION + 1)}


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_outputs_are_not_trivial(path: Path) -> None:
    """A digest of constants would prove little."""
    model = edgert.load(path)
    for name, array in model.run(inputs_of(model)).items():
        assert np.isfinite(array).all(), name
        assert len(np.unique(array)) > min(12, array.size // 8), name


def test_nothing_is_overwritten() -> None:
    """Stored files stay, whatever is written now."""
    before = {path: path.read_bytes() for path in FILES}
    with pytest.raises(SystemExit, match="is there already"):
        write()
    assert {path: path.read_bytes() for path in FILES} == before


def write() -> None:
    """Stores files of a version that has none, with every operator and form that there is."""
    folder = GOLDEN / VERSION
    if folder.exists():
        raise SystemExit(f"{folder} is there already: files of a version never change")
    graphs = {f"{name}.edgert": build() for name, build in MODELS.items()}
    for graph in graphs.values():
        ir.verify(graph)
    lacking = set(OPS) - {node.op for graph in graphs.values() for node in graph.nodes}
    files = {name: pack.pack(graph) for name, graph in graphs.items()}
    tensors = [ModelFile(data)[Section.tensors] for data in files.values()]
    lacking |= {form.name for form in Form if not any(form in t["form"] for t in tensors)}
    if lacking:
        raise SystemExit(f"tests/golden_models.py lacks {sorted(lacking)}")
    folder.mkdir(parents=True)
    for name, data in files.items():
        (folder / name).write_bytes(data)
    digests = {name: compute(folder / name) for name in files}
    (folder / STORED).write_text(json.dumps(digests, indent=1) + "\n")


def main() -> None:
    """Prints the digests of what is stored, or stores the files of a new version."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--write", action="store_true", help=f"store those of {VERSION}")
    if parser.parse_args().write:
        write()
    else:
        print(json.dumps(compute_all(), indent=1))


if __name__ == "__main__":
    main()
