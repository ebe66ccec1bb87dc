"""Tensors of other libraries and lists in the place of arrays, and batches of another size."""

from __future__ import annotations

import shlex
from pathlib import Path

import numpy as np
import pytest
from mutate import SAMPLE, sample_inputs

import edgert

X, INDEX = sample_inputs().values()


class Tensor:
    """One of another library, that can be asked for an array."""

    def __init__(self, array: object = None, error: Exception | None = None) -> None:
        self.array, self.error = array, error

    def __array__(self, dtype: object = None, copy: object = None) -> object:
        if self.error:
            raise self.error
        return self.array


class Lent:
    """One that has DLPack alone."""

    def __init__(self, array: np.ndarray) -> None:
        self.array = array

    def __dlpack__(self, **options: object) -> object:
        return self.array.__dlpack__(**options)

    def __dlpack_device__(self) -> tuple[int, int]:
        return self.array.__dlpack_device__()


@pytest.fixture(scope="module")
def model() -> edgert.Model:
    """The sample model, which has an image and an index of two rows."""
    return edgert.load(SAMPLE)


IMAGES = [X.tolist(), tuple(X.tolist()), [X[0]], Tensor(X), Tensor(X[..., ::-1][..., ::-1])]
IMAGES += [Lent(X)] if hasattr(np, "from_dlpack") else []


@pytest.mark.parametrize("image", IMAGES, ids=lambda image: type(image).__name__)
@pytest.mark.parametrize(
    "index", [INDEX, INDEX.tolist(), [float(i) for i in INDEX], Tensor(INDEX)],
    ids=["array", "integers", "floats", "tensor"],
)  # fmt: skip
def test_what_is_taken(model: edgert.Model, image: object, index: object) -> None:
    """Gives the results of the arrays that they are."""
    expected = [array.tobytes() for array in model(X, INDEX)]
    assert [array.tobytes() for array in model(image, index)] == expected
    found = model.run({"image": image, "index": index}).values()
    assert [array.tobytes() for array in found] == expected
    assert len(model.profile({"image": image, "index": index})) == len(model.plan())


NUMBERS = [1, 1.5, float("nan"), True, [1], [], (X,), np.float32(1), [[1.0] * 3], X[0].tolist()]
OTHERS = [[[1], [2, 3]], np.ndarray, Tensor(X.tolist()), Tensor(error=RuntimeError("on a GPU"))]
TEXTS = [["a"], [[None]], ["1"], [1j], [10**400], [b"1"], [{}], Tensor(X.astype(np.float64))]


@pytest.mark.parametrize(
    ("rule", "image"),
    [("SHAPE", x) for x in NUMBERS]
    + [("ARRAY", x) for x in OTHERS]
    + [("DTYPE", x) for x in TEXTS],
    ids=lambda value: str(value)[:20],
)
def test_what_is_refused(model: edgert.Model, rule: str, image: object) -> None:
    """Of another shape, no array, or of another type."""
    with pytest.raises(edgert.InputError, match="'image'") as caught:
        model(image, INDEX)
    assert caught.value.rule == rule


@pytest.mark.parametrize("number", [0.5, 1 << 63, float("nan"), float("inf"), -(1 << 70)])
def test_numbers_are_not_changed(model: edgert.Model, number: float) -> None:
    """Into other integers."""
    with pytest.raises(edgert.InputError, match="'index': expected numbers that are int64"):
        model(X, [0, number])


def test_another_batch_names_the_command(model: edgert.Model, tmp_path: Path) -> None:
    """That converts for it; no other wrong shape does."""
    batch = np.zeros((8, *X.shape[1:]), np.float32)
    with pytest.raises(edgert.InputError, match=r"run 1 at a time, or .* MODEL\.onnx ") as caught:
        model(batch, INDEX)
    assert str(caught.value).endswith("--input-shape image=8,5,4,3")
    path = tmp_path / "a net.edgert"
    path.write_bytes(SAMPLE)
    with pytest.raises(edgert.InputError, match=r"convert MODEL\.onnx "):
        edgert.load(path)(batch, INDEX)
    path.with_suffix(".onnx").touch()
    command = f"edgert convert {shlex.quote(str(path.with_suffix('.onnx')))} --input-shape image="
    with pytest.raises(edgert.InputError) as caught:
        edgert.load(path)(batch, INDEX)
    assert command in str(caught.value)
    rows = np.zeros(3, np.int64)  # three rows to look up are no batch of three
    for shape, index in (((0, 5, 4, 3), INDEX), ((8, 5, 4, 4), INDEX), ((5, 4, 3), INDEX),
                         (X.shape, rows), (batch.shape, rows)):  # fmt: skip
        with pytest.raises(edgert.InputError, match="expected shape") as caught:
            model(np.zeros(shape, np.float32), index)
        assert "edgert convert" not in str(caught.value)
