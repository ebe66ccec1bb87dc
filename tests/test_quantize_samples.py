"""Calibration data: what is read, and what is refused or skipped by name."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edgert.compress.data.samples import Samples
from edgert.errors import InputError, ModelIOError
from edgert.model import TensorInfo
from edgert.preprocess import ImageInput

F32 = np.dtype(np.float32)
IMAGE = [TensorInfo("x", (1, 3, 4, 4), F32)]
TWO = [TensorInfo("a", (1, 2), F32), TensorInfo("b", (1, 3), np.dtype(np.int64))]
STACK = np.random.default_rng(0).normal(size=(5, 3, 4, 4)).astype(np.float32)


def same(samples: Samples, stack: np.ndarray = STACK) -> None:
    """The samples are the rows of ``stack``."""
    found = list(samples)
    assert len(found) == len(stack)
    for row, sample in zip(stack, found):
        assert list(sample) == ["x"]
        assert np.array_equal(sample["x"], row[None])
        assert sample["x"].dtype == np.float32


@pytest.mark.parametrize("name", ["s.npy", "s.npz", "named.npz"])
def test_files(tmp_path: Path, name: str) -> None:
    """The first axis runs over the samples; a single array needs no name."""
    path = tmp_path / name
    if path.suffix == ".npy":
        np.save(path, STACK)
    else:
        np.savez(path, **{"x" if name[0] == "n" else "whatever": STACK})
    same(Samples(path, IMAGE))
    same(Samples(str(path), IMAGE))
    assert len(Samples(path, IMAGE)) == 5


def test_float64_and_a_batch_axis(tmp_path: Path) -> None:
    """Samples may have the batch dimension, and another kind of float."""
    np.save(tmp_path / "s.npy", STACK[:, None].astype(np.float64))
    same(Samples(tmp_path / "s.npy", IMAGE))


@pytest.mark.parametrize(
    "source",
    [
        STACK,
        list(STACK),
        {"x": STACK},
        [{"x": row} for row in STACK],
        [{"x": row[None]} for row in STACK],
        [(row,) for row in STACK],
    ],
)
def test_iterables(source) -> None:
    """Arrays, dicts and tuples; with and without a batch dimension."""
    same(Samples(source, IMAGE))


def test_a_generator_is_read_once() -> None:
    """Sample by sample: nothing is read ahead."""
    taken = []

    def rows():
        for i, row in enumerate(STACK):
            taken.append(i)
            yield row

    for i, _ in enumerate(Samples(rows(), IMAGE)):
        assert taken == list(range(i + 1))


def test_two_inputs(tmp_path: Path) -> None:
    """Arrays by name; integers stay integers."""
    a, b = np.ones((4, 2), np.float32), np.arange(12).reshape(4, 3)
    np.savez(tmp_path / "s.npz", a=a, b=b)
    found = list(Samples(tmp_path / "s.npz", TWO))
    assert [list(s["b"][0]) for s in found] == b.tolist()
    assert len(list(Samples([(x, y) for x, y in zip(a, b)], TWO))) == 4


def test_a_model_for_batches() -> None:
    """A sample fills the batch."""
    (sample,) = Samples([np.ones(2, np.float32)], [TensorInfo("x", (3, 2), F32)])
    assert sample["x"].shape == (3, 2)


def test_a_folder(tmp_path: Path) -> None:
    """One sample per file, in the order of the names; hidden files do not count."""
    for i, row in enumerate(STACK):
        np.save(tmp_path / f"{i}.npy", row)
    (tmp_path / ".hidden").write_text("?")
    samples = Samples(tmp_path, IMAGE)
    assert len(samples) == 5
    same(samples)
    assert samples.skipped == []


def test_a_folder_of_images(tmp_path: Path) -> None:
    """A broken image is named and skipped, the others are read."""
    image = pytest.importorskip("PIL.Image")
    for i in range(3):
        image.new("RGB", (8, 8), (i * 100, 0, 0)).save(tmp_path / f"{i}.png")
    (tmp_path / "1.png").write_bytes((tmp_path / "1.png").read_bytes()[:40])
    samples = Samples(tmp_path, IMAGE)
    found = [float(s["x"].max()) for s in samples]
    assert found == pytest.approx([0, 200 / 255])
    assert len(samples.skipped) == 1
    assert "1.png" in samples.skipped[0]


def test_one_image(tmp_path: Path) -> None:
    """An image is one sample; mean and std apply to it, and to nothing but images."""
    image = pytest.importorskip("PIL.Image")
    image.new("RGB", (8, 8), (255, 0, 0)).save(tmp_path / "a.png")
    described = {"x": ImageInput(mean=(0.5,), std=(0.5,))}
    samples = Samples(tmp_path / "a.png", IMAGE, described)
    assert len(samples) == 1
    assert [float(s["x"].min()) for s in samples] == [-1]
    np.testing.assert_array_equal(
        [s["x"] for s in Samples(STACK, IMAGE, described)], STACK[:, None]
    )
    pixels = np.zeros((2, 8, 8, 3), np.uint8)
    pixels[..., 0] = 255
    np.save(tmp_path / "b.npy", pixels)
    red = image.fromarray(pixels[0]).quantize(4)
    for source in (pixels, [pixels[0]], tmp_path / "b.npy", [red]):
        for found in Samples(source, IMAGE, described):
            assert (found["x"][0, 0] == 1).all()
            assert (found["x"][0, 1:] == -1).all()


def test_a_text_beside_folders_of_classes(tmp_path: Path) -> None:
    """It is no sample, and does not hide them; names in upper case are names."""
    for name in "a", "b":
        (tmp_path / name).mkdir()
        np.save(tmp_path / name / "x.npy", STACK[0])
        (tmp_path / name / "x.npy").rename(tmp_path / name / "X.NPY")
    (tmp_path / "labels.txt").write_text("a\nb\n")
    samples = Samples(tmp_path, IMAGE)
    assert samples.class_folders() == ["a", "b"]
    assert len(list(samples)) == len(samples) == 2
    assert not samples.skipped


def test_a_folder_of_nothing_readable(tmp_path: Path) -> None:
    """All skipped is no data, and says why."""
    (tmp_path / "a.npy").write_bytes(b"nonsense")
    with pytest.raises(InputError, match=r"no samples.*a\.npy"):
        list(Samples(tmp_path, IMAGE))


NAN = STACK.copy()
NAN[3, 0, 1, 2] = np.nan


@pytest.mark.parametrize(
    ("source", "infos", "message"),
    [
        ([], IMAGE, "no samples"),
        (STACK[:0], IMAGE, "no samples"),
        (iter(()), IMAGE, "no samples"),
        (NAN, IMAGE, r"sample 3.*'x'.*NaN"),
        (np.full((1, 3, 4, 4), np.inf), IMAGE, "NaN or infinite"),
        (STACK[:, :2], IMAGE, r"'x' has shape \[2, 4, 4\], expected \[1, 3, 4, 4\]"),
        (STACK[0, 0, 0, 0], IMAGE, "is a float32"),
        (3, IMAGE, "is a int"),
        ([STACK.astype(complex)[0]], IMAGE, "complex128"),
        (["text"], IMAGE, "not float32"),
        ([{"y": STACK[0]}], IMAGE, r"not the input \['x'\]"),
        ({"a": np.ones((2, 2)), "b": np.ones((3, 3))}, TWO, "differ in length"),
        (STACK, TWO, "by name"),
    ],
)
def test_what_does_not_fit(source, infos, message: str) -> None:
    """Refused, with the sample and the input."""
    with np.errstate(all="ignore"), pytest.raises(InputError, match=message):
        list(Samples(source, infos))


def test_files_that_are_not_there_or_no_arrays(tmp_path: Path) -> None:
    with pytest.raises(ModelIOError):
        list(Samples(tmp_path / "none.npz", IMAGE))
    (tmp_path / "a.npz").write_bytes(b"PK\3\4")
    with pytest.raises(InputError, match=r"not a \.npz"):
        list(Samples(tmp_path / "a.npz", IMAGE))
