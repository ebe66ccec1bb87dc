"""The nine "light" networks inside the onnx package, whose weights are computed, not stored."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper
from onnx_models import run_elsewhere

import edgert
from edgert.converter import convert

FOLDER = Path(onnx.__file__).parent / "backend" / "test" / "data" / "light"
MODELS = sorted(path.stem for path in FOLDER.glob("*.onnx"))
LARGE = {"light_vgg19", "light_zfnet512"}  # their operators are those of AlexNet


def the_input(model: onnx.ModelProto) -> tuple[str, tuple[int, ...]]:
    """Name and shape of the only input that has no value."""
    weights = {tensor.name for tensor in model.graph.initializer}
    (info,) = [i for i in model.graph.input if i.name not in weights]
    return info.name, tuple(d.dim_value for d in info.type.tensor_type.shape.dim)


def test_all_nine_are_there() -> None:
    """The package may lose them one day; then this must be noticed."""
    assert len(MODELS) == 9


@pytest.mark.parametrize("name", MODELS)
def test_stored_outputs(name: str, tmp_path: Path) -> None:
    """The outputs that lie beside the models, for the input that onnx's own test runner makes."""
    path = FOLDER / f"{name}.onnx"
    input_name, shape = the_input(onnx.load(path))
    x = (np.arange(math.prod(shape)).reshape(shape) / math.prod(shape)).astype(np.float32)
    stored = onnx.load_tensor(str(FOLDER / f"{name}_output_0.pb"))
    convert(path, tmp_path / "m.edgert")
    (y,) = edgert.load(tmp_path / "m.edgert").run({input_name: x}).values()
    np.testing.assert_allclose(y, numpy_helper.to_array(stored), rtol=1e-5, atol=1e-7)


def with_random_weights(model: onnx.ModelProto) -> onnx.ModelProto:
    """The model with numbers for the constants that its nodes fill in, scaled to keep variance."""
    random = np.random.default_rng(20)
    shapes = {t.name: numpy_helper.to_array(t) for t in model.graph.initializer}
    readers = {
        name: (node.op_type, i) for node in model.graph.node for i, name in enumerate(node.input)
    }
    nodes = list(model.graph.node)
    del model.graph.node[:]
    for node in nodes:
        if node.op_type != "ConstantOfShape":
            model.graph.node.append(node)
            continue
        shape = shapes[node.input[0]]
        data = random.standard_normal(shape, np.float32)
        reader = readers.get(node.output[0], ("", 0))
        if reader == ("BatchNormalization", 4):
            data = 0.5 + np.abs(data)
        elif len(shape) > 1:
            fan_in = math.prod(shape[1:])
            data *= np.float32(math.sqrt(2 / fan_in))
        else:
            data = (1 if reader[1] == 1 else 0) + np.float32(0.1) * data
        model.graph.initializer.append(numpy_helper.from_array(data, node.output[0]))
    model.ir_version = 4  # initializers need not be inputs
    return model


@pytest.mark.parametrize("name", [name for name in MODELS if name not in LARGE])
def test_random_weights(name: str, tmp_path: Path) -> None:
    """As stored, all outputs of a model are equal: weights that differ show what got mixed up."""
    model = with_random_weights(onnx.load(FOLDER / f"{name}.onnx"))
    input_name, shape = the_input(model)
    x = np.random.default_rng(1).standard_normal(shape, np.float32)
    (expected,) = run_elsewhere(model, {input_name: x})
    convert(model, tmp_path / "m.edgert")
    (y,) = edgert.load(tmp_path / "m.edgert").run({input_name: x}).values()
    assert np.std(expected) > 0
    np.testing.assert_allclose(y, expected, rtol=1e-4, atol=1e-5 * np.abs(expected).max())
