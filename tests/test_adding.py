"""The examples of docs/adding.md: what is C++ compiles where it belongs, what is Python runs."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from pass_nets import Net, ops_after
from quantized_nets import node_of, samples_of

from edgert import _core, schema
from edgert.compress import Recipe, Step, compress, pipeline, preset
from edgert.schema import BinaryFn

ROOT = Path(__file__).resolve().parent.parent
CSRC = ROOT / "csrc"
TEXT = (ROOT / "docs" / "adding.md").read_text()
BLOCKS = re.findall(r"^```(?:cpp|python)\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)


def example(beginning: str) -> str:
    """The only example that begins so."""
    (block,) = (block for block in BLOCKS if block.startswith(beginning))
    return block


def inserted(path: str, before: str, text: str) -> str:
    """A file of csrc with ``text`` before the first line that begins with ``before``."""
    old = (CSRC / path).read_text()
    at = re.search(rf"^{re.escape(before)}", old, re.MULTILINE)
    assert at, f"{path}: no line begins with {before}"
    return old[: at.start()] + text + old[at.start() :]


def check_row(row: str, path: str) -> None:
    """Fails unless a row has as many columns as the last one of a list in csrc."""
    name = row.split("(")[0]
    others = re.findall(rf"^{name}\(.*\)$", (CSRC / path).read_text(), re.MULTILINE)
    assert row.strip().splitlines()[-1].count(",") == others[-1].count(","), row


def check_compiles(folder: Path, source: str, files: dict[str, str]) -> None:
    """Fails unless a file of csrc compiles with ``files`` in the place of those of csrc."""
    compiler = shutil.which("c++")
    if compiler is None:
        pytest.skip("there is no C++ compiler")
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    path = folder / source if source in files else CSRC / source
    flags = ["-std=c++17", "-Wall", "-Wextra", "-Werror", "-Wno-psabi", "-fsyntax-only"]
    command = [compiler, *flags, f"-I{folder}", f"-I{CSRC}", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]


def test_every_example_is_known() -> None:
    """A new example gets a test here."""
    assert len(BLOCKS) == 12


@pytest.mark.skipif("avx2" not in {k[2] for k in _core.kernels()}, reason="the example is AVX2's")
def test_kernel(tmp_path: Path) -> None:
    """The function and its row."""
    row, list_of_rows = example("KERNEL("), "kernels/gemm_f32/kernels.inc"
    check_row(row, list_of_rows)
    source = inserted("kernels/gemm_f32/avx2.cpp", "void gemm_f32_avx2", example("void gemm_f32"))
    files = {
        list_of_rows: inserted(list_of_rows, "KERNEL(gemm_f32_avx2", row),
        "kernels/gemm_f32/avx2.cpp": f'#pragma GCC target("avx2,fma,f16c,pclmul")\n{source}',
    }
    check_compiles(tmp_path, "kernels/gemm_f32/avx2.cpp", files)


@pytest.mark.parametrize("level", ["sse41", "avx512_bf16"])
def test_level(level: str, tmp_path: Path) -> None:
    """The rows, in what asks the CPU."""
    if "avx2" not in {k[2] for k in _core.kernels()}:
        pytest.skip("the example is of x86-64")
    isa = inserted("core/isa.def", "#elif defined(__aarch64__)", example(f"FEATURE({level}"))
    check_compiles(tmp_path, "core/cpu.cpp", {"core/isa.def": isa})


def test_form(tmp_path: Path) -> None:
    """The row, the line and the case."""
    row, panel, case = example("X(k8n16"), example("using K8N16"), example("    case Form::k8n16")
    assert int(row.split(",")[1]) == max(schema.Form) + 1, "the id is not the next"
    files = {
        "schema/weights.def": inserted("schema/weights.def", "X(shorts", row),
        "weights/panel.h": inserted("weights/panel.h", "using K4N16", panel),
        "weights/forms.cpp": inserted("weights/forms.cpp", "    case Form::kn:", case),
    }
    check_row(row, "schema/weights.def")
    check_compiles(tmp_path, "weights/forms.cpp", files)


def test_pass() -> None:
    """It fires on x + 0 and not on what differs."""
    code = (
        "from edgert.ir import Graph, Node\n"
        "from edgert.passes.base import PassReport, Sweep, sweep\n"
        "from edgert.schema import BinaryFn\n"
    )
    names: dict = {}
    future = "from __future__ import annotations\n"
    exec(compile(future + code + example("def drop_zero"), "adding.md", "exec"), names)
    for data, left in ((0.0, []), (1.0, ["binary"]), (np.zeros((2, 2, 3)), ["binary"])):
        net = Net()
        y = net.b(BinaryFn.add, net.gemm(net.x(2, 3), 3), net.c(data))
        assert ops_after(net, y, names["drop_zero"]) == ["gemm", *left]


def test_technique(monkeypatch: pytest.MonkeyPatch) -> None:
    """A step of a recipe, before quantisation."""
    code = (
        "import numpy as np\n"
        "from edgert.compress.technique import Proposal\n"
        "from edgert.ops import PRODUCTS\n"
    )
    names: dict = {}
    future = "from __future__ import annotations\n"
    exec(compile(future + code + example("def clip"), "adding.md", "exec"), names)
    monkeypatch.setitem(pipeline.TECHNIQUES, "clip", names["clip"])
    net = Net()
    net.outputs = [net.gemm(net.x(4, 64), 64)]
    steps = (Step("clip", {"share": 0.5}), *preset(steps=()).steps)
    graph, _ = compress(net, samples_of(net), Recipe(preset().forms, steps))
    assert node_of(graph, "qgemm").output == net.outputs[0]
    weight = np.abs(net.constant(net.nodes[0].inputs[1]))
    assert (weight == weight.max()).mean() == pytest.approx(0.5, abs=0.05)


def test_operator(tmp_path: Path) -> None:
    """The row has the next id and as many columns as others, and the file compiles."""
    row, source = example("// cummax"), example("#include <algorithm>")
    (entry,) = re.findall(r"^X\((.*)\)$", row, re.MULTILINE)
    assert int(entry.split(",")[1]) == max(op.id for op in schema.OPS.values()) + 1
    check_row(f"X({entry})", "schema/ops.def")
    check_compiles(tmp_path, "cummax.cpp", {"cummax.cpp": source})


SHRINK = """
import numpy as np
from onnx_models import Case
from edgert import interp
from edgert.importer import import_model
from edgert.importer.call import Call
from edgert.importer.registry import onnx_op
from edgert.importer.values import Tensor

{example}
x = np.linspace(-2, 2, 9, dtype=np.float32)
graph = import_model(Case("Shrink", 9, [x], {{"bias": 0.5}}).model())
(found,) = interp.run(graph, {{"i0": x}}).values()
assert np.array_equal(found, np.sign(x) * np.maximum(abs(x) - 0.5, 0)), found
"""


def test_onnx_operator() -> None:
    """In a process of its own, whose registry it changes."""
    code = SHRINK.format(example=example('@onnx_op("Shrink"'))
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=ROOT / "tests", capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
