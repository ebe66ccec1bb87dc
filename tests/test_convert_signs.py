"""Networks in which layers of signs stand between layers of bytes and of floats."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper
from onnx_models import make_model, value_info

import edgert
from edgert import interp
from edgert.cli import main
from edgert.unpack import unpack

F = np.float32


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with a network like QuickNet, and samples for it: a stem, layers of signs
    with shortcuts around them, two of which have nothing but a batch norm between, and a head.
    """
    rng = np.random.default_rng(0)
    constants: dict[str, np.ndarray] = {"zero": np.array(0, F), "one": np.array(1, F),
                                        "minus": np.array(-1, F)}  # fmt: skip
    nodes = []

    def add(op: str, inputs: str, output: str, **attrs: object) -> str:
        nodes.append(helper.make_node(op, inputs.split(), [output], output, **attrs))
        return output

    def constant(name: str, array: np.ndarray) -> str:
        constants[name] = np.asarray(array, F)
        return name

    def batch_norm(x: str, channels: int) -> str:
        shift, mean = rng.normal(size=(2, channels))
        scale, variance = rng.uniform(-0.2, 0.3, channels), rng.uniform(0.5, 2, channels)
        parts = {"scale": scale, "shift": shift, "mean": mean, "variance": variance}
        names = " ".join(constant(f"{x}.{part}", array) for part, array in parts.items())
        return add("BatchNormalization", f"{x} {names}", f"{x}.normalised")

    def signs(x: str) -> str:
        add("GreaterOrEqual", f"{x} zero", f"{x}.rises")
        return add("Where", f"{x}.rises one minus", f"{x}.signs")

    def layer(x: str, name: str) -> str:
        w = constant(f"{name}.w", rng.choice([-0.5, 0.5], (32, 32, 3, 3)))
        return batch_norm(add("Conv", f"{signs(x)} {w}", name, pads=[1] * 4), 32)

    def conv(x: str, name: str, *shape: int) -> str:
        w = rng.normal(size=shape) * np.prod(shape[1:]) ** -0.5
        return add("Conv", f"{x} {constant(f'{name}.w', w)}", name, pads=[shape[2] // 2] * 4)

    x = add("Relu", conv("x", "stem", 32, 3, 3, 3), "stem.relu")
    x = batch_norm(x, 32)
    x = add("Add", f"{layer(x, 'first')} {x}", "first.sum")
    x = add("Add", f"{layer(layer(x, 'second'), 'third')} {x}", "third.sum")
    x = add("Relu", conv(x, "head", 40, 32, 1, 1), "head.relu")
    add("Conv", f"{x} {constant('last', 0.2 * rng.normal(size=(10, 40, 1, 1)))}", "y")
    images = rng.normal(size=(24, 1, 3, 10, 10)).astype(F)
    weights = [numpy_helper.from_array(array, name) for name, array in constants.items()]
    model = make_model(nodes, [value_info("x", images[0])], ["y"], weights, 18)
    onnx.save(model, tmp_path / "net.onnx")
    np.save(tmp_path / "data.npy", images)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def operators(path: str) -> list[str]:
    """Those of a file, in their order, without what moves elements."""
    return [n.op for n in unpack(path).nodes if n.op not in ("transpose", "reshape")]


def test_floats_around_signs(folder: Path) -> None:
    """Converted and checked against ONNX Runtime; bits between the second and the third layer."""
    assert main(["convert", "net.onnx"]) == 0
    ops = operators("net.edgert")
    assert ops.count("bconv") == 3
    assert ops.count("signs") == 2
    assert ops.count("conv") == 3
    graph = unpack("net.edgert")
    bits = [graph.values[n.output].dtype == np.uint8 for n in graph.nodes if n.op == "bconv"]
    assert sorted(bits) == [False, False, True]


def test_bytes_around_signs(folder: Path) -> None:
    """Other layers are quantised, those of signs stay; the file computes what its graph means."""
    edgert.convert("net.onnx", quantize="int8", calibrate="data.npy", force=True)
    ops = operators("net.edgert")
    assert ops.count("bconv") == 3
    assert "qconv" in ops
    x = np.load("data.npy")[0]
    (expected,) = interp.run(unpack("net.edgert"), {"x": x}).values()
    (found,) = edgert.load("net.edgert").run({"x": x}).values()
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)
