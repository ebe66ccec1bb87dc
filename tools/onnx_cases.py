"""Runs ONNX's own cases, one for each thing that a node may be, and writes docs/operators.md.

    python tools/onnx_cases.py [--write] [--only NAME] [--list]

A case is a small model with its inputs and what must come out. All inputs but the first are made
constants, as most of them are in trained models. Nothing else is changed, and the tolerance is the
case's own, but for float16: what edgert computes in float32 and rounds once may differ by two units
in the last place from what rounds each operation. A case is

    right    the outputs have the types, the shapes and the values
    refused  by a typed error
    wrong    everything else

Exits with 1 if one is wrong. --list prints each case that is not right, with the reason.
"""

from __future__ import annotations

import argparse
import math
import os
import sys
import tempfile
import textwrap
import warnings
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import onnx
from onnx import numpy_helper

import edgert
from edgert.converter import convert
from edgert.errors import EdgertError
from edgert.importer.registry import MICROSOFT, OPERATORS

DOCUMENT = Path(__file__).resolve().parent.parent / "docs" / "operators.md"
TEXT = """# Operators

Written by `python tools/onnx_cases.py --write`.

Which operators of ONNX edgert runs, by ONNX's own cases (onnx {version}), each a small model with
what must come out. All inputs but the first are constants here, as most are in trained models. Of
{total} cases {right} are right, {refused} are refused by an error that names the node and the
reason, and {wrong} give something else. A model with anything that is refused is not converted.
Where some cases of an operator are right, the others ask for a type of elements, or an attribute,
that there is not.

{table}

{own}

{microsoft}
"""


class Result(NamedTuple):
    """What became of a case: the operator that it is about, and why it is not right."""

    name: str
    op: str
    kind: str
    why: str


def load_cases() -> list:
    """ONNX's cases of nodes."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        from onnx.backend.test.loader import load_model_tests

        return load_model_tests(kind="node")


def freeze(model: onnx.ModelProto, arrays: Sequence) -> onnx.ModelProto:
    """The model with all inputs but the first as initializers."""
    frozen = onnx.ModelProto()
    frozen.CopyFrom(model)
    graph = frozen.graph
    kept = list(graph.input)[:1]
    for info, array in list(zip(graph.input, arrays))[1:]:
        if info.type.WhichOneof("value") == "tensor_type":
            element = info.type.tensor_type.elem_type
            graph.initializer.append(to_tensor(array, element, info.name))
        else:
            kept.append(info)
    del graph.input[:]
    graph.input.extend(kept)
    return frozen


def to_tensor(array, element: int, name: str) -> onnx.TensorProto:
    """A tensor of the declared type of elements."""
    if isinstance(array, onnx.TensorProto):
        tensor = onnx.TensorProto()
        tensor.CopyFrom(array)
        tensor.name = name
        return tensor
    return numpy_helper.from_array(np.asarray(array), name)


def run_case(case, folder: str) -> tuple[str, str]:
    """What became of a case, and why."""
    inputs, expected = case.data_sets[0]
    path = os.path.join(folder, "case.edgert")
    try:
        convert(freeze(case.model, inputs), path, check=False)
        model = edgert.load(path, threads=1)
        feeds = dict(zip((i.name for i in model.inputs), inputs))
        found = model.run({name: np.asarray(array) for name, array in feeds.items()})
    except EdgertError as error:
        return "refused", " ".join(str(error).split())
    except Exception as error:
        return "wrong", f"{type(error).__name__}: {error}"
    for info, wanted in zip(case.model.graph.output, expected):
        why = difference(np.asarray(found[info.name]), np.asarray(wanted), case.rtol, case.atol)
        if why:
            return "wrong", f"{info.name}: {why}"
    return "right", ""


def difference(found: np.ndarray, wanted: np.ndarray, rtol: float, atol: float) -> str:
    """In what they differ; nothing if they do not."""
    if (found.dtype, found.shape) != (wanted.dtype, wanted.shape):
        return f"{found.dtype} {found.shape}, expected {wanted.dtype} {wanted.shape}"
    if wanted.dtype == np.float16:
        rtol = max(rtol, 2.0**-9)
    try:
        np.testing.assert_allclose(found, wanted, rtol=rtol, atol=atol)
    except AssertionError as error:
        return " ".join(str(error).split())
    return ""


def operators(cases: Sequence) -> dict[str, str]:
    """By name the operator that each case is about: the same case with the operator's definition in
    its place has "expanded" at the end of its name.
    """
    single = {c.name: c.model.graph.node[0].op_type for c in cases}
    return {name: single.get(name.split("_expanded")[0], op) for name, op in single.items()}


def run_cases(only: str) -> Iterator[Result]:
    """The results of all cases, or of those whose names have ``only``."""
    with tempfile.TemporaryDirectory() as folder:
        cases = load_cases()
        subjects = operators(cases)
        for case in cases:
            if only in case.name:
                yield Result(case.name, subjects[case.name], *run_case(case, folder))


def document(results: Sequence[Result]) -> str:
    """The text of docs/operators.md."""
    counts: dict[str, Counter] = defaultdict(Counter)
    for result in results:
        counts[result.op][result.kind] += 1
    rows = [f"{op} {count['right']}/{sum(count.values())}" for op, count in sorted(counts.items())]
    some = [row for row in rows if not row.split()[1].startswith("0/")]
    none = [row.split()[0] for row in rows if row.split()[1].startswith("0/")]
    own = sorted(op for domain, op in OPERATORS if not domain and op not in counts)
    microsoft = sorted(op for domain, op in OPERATORS if domain == MICROSOFT)
    columns = 3
    height = math.ceil(len(some) / columns)
    cells = [some[i::height] for i in range(height)]
    lines = ["| operator | right " * columns + "|", "| --- | --- " * columns + "|"]
    lines += ["| " + " | ".join(cell.replace(" ", " | ") for cell in row) + " |" for row in cells]
    table = "\n".join(lines) + "\n\n" + wrapped("All cases of these are refused: ", none)
    total = Counter(result.kind for result in results)
    return TEXT.format(version=onnx.__version__, total=len(results), table=table,
                       own=wrapped("These have no cases of their own: ", own),
                       microsoft=wrapped("Of ONNX Runtime's operators there are ", microsoft),
                       **{kind: total[kind] for kind in ("right", "refused", "wrong")})  # fmt: skip


def wrapped(text: str, names: Sequence[str]) -> str:
    """A sentence that ends with names."""
    return textwrap.fill(text + ", ".join(names) + ".", 100)


def main() -> int:
    """Runs the cases as the arguments say."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--write", action="store_true", help="write docs/operators.md")
    parser.add_argument(
        "--only", default="", metavar="NAME", help="only cases with this in their name"
    )
    parser.add_argument("--list", action="store_true", help="print each case that is not right")
    args = parser.parse_args()
    results = list(run_cases(args.only))
    for result in results:
        if result.kind == "wrong" or (args.list and result.kind == "refused"):
            print(f"{result.kind:8}{result.name} ({result.op}): {result.why[:300]}")
    total = Counter(result.kind for result in results)
    print(", ".join(f"{total[kind]} {kind}" for kind in ("right", "refused", "wrong")))
    if args.write and not args.only:
        DOCUMENT.write_text(document(results))
    return 1 if total["wrong"] else 0


if __name__ == "__main__":
    sys.exit(main())
