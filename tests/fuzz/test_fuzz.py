"""What the fuzz targets start from, and a little of what they do, without libFuzzer."""

from __future__ import annotations

import random
import re
from pathlib import Path

import corpus
import pytest
from mutate import ModelFile
from onnx import ModelProto
from onnx_mutations import mutate, repair, splice

import edgert
from edgert import schema
from edgert.converter import convert
from edgert.errors import EdgertError
from edgert.schema import Section

ROOT = Path(__file__).resolve().parents[2]


def test_every_operator_is_in_the_corpus() -> None:
    files = [ModelFile(file) for file in corpus.operator_files()]
    found = {int(op) for file in files for op in file[Section.nodes]["op"]}
    assert found == {op.id for op in schema.OPS.values()}


def test_counters_are_those_of_the_target() -> None:
    """tools/fuzz.py reads the record that the target writes."""
    header = (ROOT / "tests" / "fuzz" / "counters.h").read_text()
    members = re.findall(r"std::atomic<uint64_t> (\w+)(?:\[(\w+)\])?;", header)
    sizes = dict(re.findall(r"(\w+) = (\d+)", header))
    tool = (ROOT / "tools" / "fuzz.py").read_text()
    listed = re.search(r"COUNTERS = \{(.*?)\}", tool, re.DOTALL)
    assert listed is not None
    assert re.findall(r'"(\w+)": (\d+)', listed[1]) == [
        (name, sizes[size] if size else "1") for name, size in members
    ]


@pytest.mark.parametrize("seed", range(8))
def test_changed_models_convert_or_are_refused(seed: int, tmp_path: Path) -> None:
    rng = random.Random(seed)
    seeds = list(corpus.onnx_models())
    output = tmp_path / "model.edgert"
    converted = 0
    for _ in range(40):
        model, other = ModelProto(), ModelProto()
        model.ParseFromString(rng.choice(seeds))
        if rng.random() < 0.1:
            other.ParseFromString(rng.choice(seeds))
            splice(model, other, rng)
        mutate(model, rng)
        if rng.random() < 0.8:
            repair(model)
        try:
            convert(model, output, check=False)
        except EdgertError:
            continue
        edgert.load(output, memory_limit=1 << 30)
        converted += 1
    assert converted > 5
