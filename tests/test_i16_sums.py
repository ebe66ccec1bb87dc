"""Weights that cannot overflow the 16-bit sums of AVX2: the rule, and that it holds at run time."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from pass_nets import CONV, Net

import edgert
from edgert import interp
from edgert.compress import compress, preset
from edgert.compress.quantize.rounding.i16_sums import FITS, MAX_SUM, fits, i16_sums, trim
from edgert.pack import pack

WEIGHTS = "normal", "laplace", "equal", "outlier", "signs", "blocks", "zeros"


# --- the rule


def test_sums_by_hand() -> None:
    """Products 4 apart meet in one of the 16-bit lanes, if the panels have both blocks of 4."""
    assert i16_sums("any", 1, 2, 1).tolist() == [[0], [1]]
    assert i16_sums("pairs", 1, 2, 3).tolist() == [[0, 1], [2, -1], [3, 4], [5, -1]]
    assert i16_sums("quads", 1, 1, 8).tolist() == [[0, 1, 4, 5], [2, 3, 6, 7]]
    ends = [[8, 9, -1, -1], [10, -1, -1, -1]]
    assert i16_sums("quads", 1, 1, 11).tolist() == [[0, 1, 4, 5], [2, 3, 6, 7], *ends]


def test_sums_of_several_taps() -> None:
    """The taps of a row are one segment, each filled up to blocks of 4; rows are segments."""
    first = [[0, 1, 3, 4], [2, -1, 5, -1], [6, 7, -1, -1], [8, -1, -1, -1]]
    second = [[p + 9 if p >= 0 else p for p in row] for row in first]
    assert i16_sums("quads", 2, 3, 3).tolist() == first + second


@pytest.mark.parametrize("fit", FITS)
@pytest.mark.parametrize("channels", [1, 2, 3, 4, 5, 7, 8, 12, 13, 16])
@pytest.mark.parametrize(("rows", "taps"), [(1, 1), (1, 3), (2, 1), (3, 4)])
def test_every_weight_is_in_one_sum(fit: str, rows: int, taps: int, channels: int) -> None:
    sums = i16_sums(fit, rows, taps, channels)
    assert sorted(sums[sums >= 0].tolist()) == list(range(rows * taps * channels))


def test_fits() -> None:
    """Signs count apart, and bytes do not overflow while they are added."""
    sums = i16_sums("quads", 1, 1, 8)
    assert fits(np.array([[64, 32, -128, 127, 16, 16, 0, 1]], np.int8), sums)
    assert not fits(np.array([[64, 32, -128, 127, 16, 17, 0, 1]], np.int8), sums)
    assert not fits(np.array([[0, 0, -128, 0, 0, 0, -1, 0]], np.int8), sums)
    assert not fits(np.full((1, 8), 127, np.int8), sums)


@pytest.mark.parametrize(
    ("data", "trimmed"),
    [
        ([127, 127], [64, 64]),
        ([-100, -30], [-99, -29]),
        ([127, -127], [127, -127]),
        ([127, 127, 127, 3], [43, 43, 42, 0]),
        ([-1, -127, -127, 127], [0, -64, -64, 127]),
        ([127], [127]),
    ],
)
def test_trim_by_hand(data: list, trimmed: list) -> None:
    assert trim(np.array([data], float).T)[:, 0].tolist() == trimmed


@pytest.mark.parametrize("members", [1, 2, 3, 4])
def test_trimmed_integers_are_the_nearest(members: int) -> None:
    """No exchange of one between two of them, and no single step, is nearer and keeps the rule."""
    rng = np.random.default_rng(members)
    data = rng.integers(-127, 128, (members, 500)).astype(float)
    data[:, :100] = np.abs(data[:, :100])
    found = trim(data)
    moves = [np.zeros(members)]
    for i in range(members):
        for j in range(members):
            for step in (-1, 1):
                move = np.zeros(members)
                move[i] += step
                move[j] -= step * (i != j)
                moves += [move, np.eye(members)[i] * step]
    before = np.square(found - data).sum(0)
    for move in moves:
        other = found + move[:, None]
        keeps = np.maximum(other, 0).sum(0) <= MAX_SUM
        keeps &= np.maximum(-other, 0).sum(0) <= MAX_SUM
        if not move.any():
            assert keeps.all()
        assert not (keeps & (np.square(other - data).sum(0) < before)).any()


# --- networks


def weights_of(kind: str, shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    """Weights as trained ones are, and such as break the rule as often as can be."""
    if kind == "blocks":  # as large as a sum allows, in every second one
        return np.broadcast_to(np.arange(shape[-1]) // 2 % 2, shape).astype(np.float32)
    w = rng.laplace(size=shape) if kind == "laplace" else rng.normal(size=shape)
    if kind == "equal":
        w = np.ones(shape)
    elif kind == "outlier":
        w.reshape(-1)[:: max(1, w.size // 5)] *= 1000
    elif kind == "signs":
        w = np.sign(w)
    elif kind == "zeros":
        w = np.zeros(shape)
    return w.astype(np.float32)


# channels, kernel, strides, dilations, pads, groups
SHAPES = {
    "1x1": (16, (1, 1), (1, 1), (1, 1), 0, 1),
    "odd": (13, (1, 1), (1, 1), (1, 1), 0, 1),
    "image": (3, (3, 3), (2, 2), (1, 1), 1, 1),
    "one channel": (1, (3, 3), (2, 2), (1, 1), 1, 1),
    "no pads": (12, (3, 3), (2, 2), (1, 1), 0, 1),
    "row": (12, (1, 4), (1, 1), (1, 1), 0, 1),
    "dilated": (12, (3, 3), (1, 1), (2, 2), 2, 1),
    "groups": (32, (3, 2), (2, 1), (1, 1), 1, 2),
    "padded groups": (20, (3, 2), (2, 1), (1, 1), 1, 2),
}


# Those above, and ones that are transposed: the second is not merged, the third in several parts.
TRANSPOSED = {
    "blocks": (13, (2, 2), (2, 2), (1, 1), 0, 1),
    "cut blocks": (12, (2, 2), (2, 2), (1, 1), 1, 1),
    "overlaps": (12, (4, 4), (2, 2), (1, 1), 1, 1),
    "odd overlaps": (3, (5, 6), (2, 2), (1, 1), 1, 1),
    "dilated overlaps": (12, (3, 5), (1, 2), (1, 3), 0, 1),
}


@pytest.mark.skipif("avx2" not in edgert.isa().detected, reason="the rule is for AVX2")
@pytest.mark.parametrize("steps", [(), ("compensate", "correct")], ids=["rounded", "compensated"])
@pytest.mark.parametrize("fit", FITS)
@pytest.mark.parametrize("shape", [*SHAPES, *TRANSPOSED])
def test_convolutions_take_the_kernel(
    shape: str, fit: str, steps: tuple, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That of the rule or a faster one, whatever the weights are, with the oracle's bits for
    inputs at both ends of their range.
    """
    channels, kernel, strides, dilations, pad, groups = {**SHAPES, **TRANSPOSED}[shape]
    rng = np.random.default_rng(channels)
    attrs = {"strides": strides, "dilations": dilations, "pads": [pad] * 4, "groups": groups}
    monkeypatch.setenv("EDGERT_ISA", "avx2")
    for kind in WEIGHTS:
        net = Net()
        x = net.x(1, 9, 10, channels)
        weight = weights_of(kind, (20, *kernel, channels // groups), rng)
        if shape in TRANSPOSED:
            rows = np.moveaxis(weight, 0, 2).reshape(-1, channels)
            more = {"kernel": kernel, "output_padding": [0, 0]}
            net.outputs = [net.op("conv_transpose", x, net.c(rows), **{**CONV, **attrs, **more})]
        else:
            net.outputs = [net.op("conv", x, net.c(weight), **{**CONV, **attrs})]
        samples = [{x: rng.choice([-1, 0, 1], (1, 9, 10, channels)).astype(np.float32)}]
        samples += [{x: np.full((1, 9, 10, channels), v, np.float32)} for v in (-1, 1)]
        graph, _ = compress(net, samples, preset("int8", "minmax", steps, fit))
        path = tmp_path / f"{kind}.edgert"
        path.write_bytes(pack(graph))
        with edgert.load(path) as model:
            (used,) = (s.kernel for s in model.plan() if s.op.startswith("qconv"))
            order = list(FITS)
            rank = max(i for i, name in enumerate(order) if name in used)
            assert rank >= FITS.index(fit), (kind, used)
            for sample in samples:
                (found,), (wanted,) = model.run(sample).values(), interp.run(graph, sample).values()
                np.testing.assert_array_equal(found, wanted)


@pytest.mark.skipif("avx2" not in edgert.isa().detected, reason="the rule is for AVX2")
@pytest.mark.parametrize("fit", FITS)
@pytest.mark.parametrize("depth", [1, 6, 8, 61, 64])
def test_dense_layers_take_the_kernel(
    fit: str, depth: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The one of the rule, with weights that break it wherever they can."""
    monkeypatch.setenv("EDGERT_ISA", "avx2")
    rng = np.random.default_rng(depth)
    net = Net()
    x = net.x(12, depth)
    weight = rng.choice([-1, 1], (40, depth)) * rng.uniform(0.9, 1, (40, depth))
    net.outputs = [net.op("gemm", x, net.c(weight.astype(np.float32)))]
    samples = [{x: rng.normal(size=(12, depth)).astype(np.float32)} for _ in range(3)]
    graph, _ = compress(net, samples, preset(weight_fit=fit))
    path = tmp_path / "m.edgert"
    path.write_bytes(pack(graph))
    with edgert.load(path) as model:
        (used,) = (s.kernel for s in model.plan() if s.op == "qgemm")
        assert fit in used or depth == 1
        (found,), (wanted,) = model.run(samples[0]).values(), interp.run(graph, samples[0]).values()
        np.testing.assert_array_equal(found, wanted)
