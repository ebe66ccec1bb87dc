"""The parts of the quantiser, each against values worked out by hand or by brute force."""

from __future__ import annotations

import numpy as np
import pytest

from edgert import interp
from edgert.compress.quantize.prepare.equalize import equalize
from edgert.compress.quantize.prepare.rotate import best_mix
from edgert.compress.quantize.reconstruct.compensate import compensate
from edgert.compress.quantize.reconstruct.layer import explained, shrunk
from edgert.compress.quantize.rounding.affine import Affine
from edgert.compress.quantize.rounding.i16_sums import FITS, fits, i16_sums
from edgert.compress.quantize.rounding.ranges import METHODS
from edgert.compress.quantize.rounding.weights import (
    LARGEST_INT16,
    WeightKind,
    as_stored,
    channel_scales,
    float_weights,
    quantize_weights,
    round_to_bytes,
    sums_of,
)
from edgert.compress.recipe import preset
from edgert.compress.statistics import Statistics
from edgert.compress.statistics.histogram import HALF, Histogram
from edgert.compress.statistics.patches import MAX_POSITIONS, patches
from edgert.errors import InputError
from edgert.ir import Graph


def histogram(*arrays) -> Histogram:
    """A histogram of arrays that come one after the other."""
    result = Histogram()
    for array in arrays:
        result.add(np.asarray(array, np.float32))
    return result


# --- scale and zero point


@pytest.mark.parametrize(
    ("low", "high", "scale", "zero"),
    [
        (0, 255, 1, 0),
        (-255, 0, 1, 255),
        (-128, 127, 1, 128),
        (2, 255, 1, 0),  # zero belongs to the range
        (-255, -2, 1, 255),
        (0, 0, 1, 0),  # always zero
        (0, 1e-44, 2.0**-40, 0),  # a denormal range keeps the least scale
        (0, 1e30, 2.0**40, 0),
    ],
)
def test_affine_of_range(low: float, high: float, scale: float, zero: int) -> None:
    """The range is covered, zero is exact, and the scale within the bounds of a file."""
    assert Affine.of_range(low, high) == Affine(scale, zero)


def test_affine_rounds_half_to_even_and_saturates() -> None:
    """As the runtime's quantize does."""
    values = [0.5, 1.5, 2.5, -0.5, -1.5, 1000, -1000, np.nan]
    assert Affine(1.0, 100).quantize(values).tolist() == [100, 102, 102, 100, 98, 255, 0, 0]
    assert Affine(0.5, 10).dequantize(np.array([0, 10, 12], np.uint8)).tolist() == [-5, 0, 1]


# --- histograms


def test_affine_before_a_scale() -> None:
    """Zero must be a byte, the scale in bounds."""
    y = Affine(0.5, 10)
    assert y.before(2.0, 3.0) == Affine(0.25, 16)
    assert y.before(2.0, -5.0) == Affine(0.25, 0)
    for factor, shift in [(2.0, -5.5), (2.0, 123.0), (0.0, 0.0), (-1.0, 0.0), (1e-30, 0.0),
                          (1e30, 0.0), (1.0, np.inf)]:  # fmt: skip
        assert y.before(factor, shift) is None


def test_histogram_counts_every_value_once() -> None:
    """Values, zeros, extremes and what is not finite."""
    h = histogram([0, 1, -2, 0], [np.nan, np.inf, 5])
    assert (h.total, h.zeros, h.not_finite) == (5, 2, 2)
    assert (h.low, h.high) == (-2, 5)
    assert h.counts.sum() == 3


def test_histogram_widens_by_doubling() -> None:
    """What was counted stays where it was, in bins of twice the width."""
    rng = np.random.default_rng(0)
    parts = [rng.normal(size=1000) * 3**i for i in range(6)]
    h = histogram(*parts)
    assert h.counts.sum() == 6000
    everything = np.concatenate(parts).astype(np.float32)
    edges = (np.arange(2 * HALF + 1) - HALF) * h.width
    assert np.abs(np.histogram(everything, edges)[0] - h.counts).sum() <= 6  # bounds of bins
    assert h.width * HALF >= np.abs(everything).max() > h.width * HALF / 4


def test_histogram_of_extreme_numbers() -> None:
    """From denormals to the largest float."""
    h = histogram([1e-44], [3e38], [-3e38])
    assert h.counts.sum() == 3
    assert h.width * HALF >= 3e38


def test_order_does_not_matter_to_the_memory() -> None:
    """One pass, one array of counts, whatever comes."""
    h = histogram(*(np.full(10, 2.0**i) for i in range(-60, 60)))
    assert h.counts.shape == (2 * HALF,)
    assert h.counts.sum() == 1200


# --- transposed convolutions


TRANSPOSED = [
    # kernel, strides, dilations, pads, output_padding, groups
    ([2, 2], [2, 2], [1, 1], [0, 0, 0, 0], [0, 0], 1),
    ([4, 3], [2, 1], [1, 2], [1, 0, 2, 1], [1, 0], 2),
    ([3, 5], [2, 3], [3, 1], [6, 0, 1, 5], [1, 2], 1),
    ([1, 2], [3, 2], [1, 2], [0, 1, 0, 0], [2, 0], 3),
]


def transposed(
    kernel: list, strides: list, dilations: list, pads: list, added: list, groups: int
) -> tuple[Graph, np.ndarray]:
    """A graph of one, and its input."""
    rng = np.random.default_rng(0)
    graph, x = Graph(), rng.normal(size=(2, 5, 6, 6)).astype(np.float32)
    weight = rng.normal(size=(12 * kernel[0] * kernel[1], 6 // groups)).astype(np.float32)
    inputs = [graph.add_input("x", x.dtype, x.shape), graph.add_constant("w", weight)]
    attrs = {"kernel": kernel, "strides": strides, "dilations": dilations, "pads": pads,
             "output_padding": added, "groups": groups}  # fmt: skip
    graph.outputs = [graph.add("conv_transpose", inputs, attrs)]
    return graph, x


@pytest.mark.parametrize("window", TRANSPOSED)
def test_what_the_outputs_of_a_transposed_convolution_read(window: tuple) -> None:
    """A product of these rows with the weight is the convolution."""
    graph, x = transposed(*window)
    (node,), groups = graph.nodes, window[-1]
    weight, _ = float_weights(graph, node)
    np.testing.assert_array_equal(as_stored(node, weight), graph.constant("w"))
    rows = patches(node, weight.shape, x)
    found = rows @ weight.reshape(groups, 12 // groups, -1).swapaxes(1, 2)
    (expected,) = interp.run(graph, {"x": x}).values()
    np.testing.assert_allclose(
        np.concatenate(list(found), 1), expected.reshape(-1, 12), rtol=1e-5, atol=1e-5
    )


def test_few_positions_show_every_kind_of_pixel() -> None:
    """Of 9 x 8192 of them, an even number lies between two that are looked at."""
    graph, _ = transposed(*TRANSPOSED[0])
    (node,) = graph.nodes
    rows = patches(node, (12, 2, 2, 1), np.ones((1, 64, 128, 1), np.float32))
    assert rows.shape[1] <= MAX_POSITIONS
    assert (rows.sum(2) == 1).all()
    np.testing.assert_allclose(rows.mean((0, 1)), 0.25, atol=0.01)


@pytest.mark.parametrize("fit", FITS)
@pytest.mark.parametrize("window", [w for w in TRANSPOSED if w[-1] == 1])
def test_every_weight_of_a_transposed_convolution_is_in_one_sum(window: tuple, fit: str) -> None:
    graph, _ = transposed(*window)
    sums = sums_of(graph, graph.nodes[0], fit)
    count = window[0][0] * window[0][1] * 6
    assert sorted(sums[sums >= 0].tolist()) == list(range(count))


def test_sums_of_a_transposed_convolution_by_hand() -> None:
    """One channel; of four taps in a row, those of the odd and of the even pixels meet."""
    graph = Graph()
    inputs = [graph.add_input("x", np.float32, (1, 1, 5, 1)),
              graph.add_constant("w", np.ones((4, 1), np.float32))]  # fmt: skip
    attrs = {"kernel": [1, 4], "strides": [1, 2], "dilations": [1, 1], "pads": [0] * 4,
             "output_padding": [0, 0], "groups": 1}  # fmt: skip
    graph.outputs = [graph.add("conv_transpose", inputs, attrs)]
    assert sums_of(graph, graph.nodes[0], "quads").tolist() == [
        [2, -1, 0, -1], [-1, -1, -1, -1], [3, -1, 1, -1], [-1, -1, -1, -1],
    ]  # fmt: skip


def test_equalisation_of_transposed_convolutions() -> None:
    """The network computes the same; what one reads keeps its mean."""
    graph, _ = transposed(*TRANSPOSED[1])
    (y,), rng = graph.outputs, np.random.default_rng(2)
    sizes = np.geomspace(1, 40, 8)[:, None]  # of the channels between the two
    weights = (
        rng.normal(size=(2 * 2, *sizes.shape)) * sizes * rng.normal(size=12),
        np.ones((7, 8)),
    )
    second, last = (graph.add_constant("v", w.reshape(-1, w.shape[-1]).astype(np.float32))
                    for w in weights)  # fmt: skip
    attrs = {**graph.nodes[0].attrs, "kernel": [2, 2], "dilations": [1, 1], "groups": 1}
    first = graph.add("conv_transpose", [y, second], attrs)
    graph.outputs = [graph.add("gemm", [first, last])]
    samples = [{"x": (rng.normal(size=(2, 5, 6, 6)) + 3).astype(np.float32)} for _ in range(3)]
    expected = interp.run(graph, samples[0])[graph.outputs[0]]
    assert equalize(graph, Statistics(samples)) == [y, first]
    found = interp.run(graph, samples[0])[graph.outputs[0]]
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4 * np.abs(expected).max())


# --- ranges


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("values", [[0, 0], [3, 3, 3], [-1e-30, 0], [-4, -4], []])
def test_ranges_of_little(method: str, values: list) -> None:
    """Constants and nothing at all: within the extremes, zero included."""
    low, high = METHODS[method](histogram(values))
    assert min([0, *np.float32(values)]) <= low <= 0 <= high <= max([0, *np.float32(values)])


def test_min_max() -> None:
    assert METHODS["minmax"](histogram([-3, 7], [1])) == (-3, 7)


def test_percentile_leaves_out_the_tail() -> None:
    """One value of 100 001 is beyond 99.99 per cent, a tenth of them is not."""
    x = np.linspace(0, 1, 100_000)
    low, high = METHODS["percentile"](histogram(x, [50]))
    assert low == 0
    assert high == pytest.approx(1, abs=0.05)
    assert METHODS["percentile"](histogram(x, np.full(10_000, 50)))[1] == 50


def brute_force_error(x: np.ndarray, low: float, high: float) -> float:
    affine = Affine.of_range(low, high)
    return float(np.square(affine.dequantize(affine.quantize(x)) - x).mean())


@pytest.mark.parametrize("shape", ["normal", "relu", "laplace", "uniform"])
def test_mean_square_error_finds_the_least(shape: str) -> None:
    """No clipping of either end does better by more than what searching in steps costs."""
    rng = np.random.default_rng(1)
    x = {
        "normal": rng.normal(1, 1, 20_000),
        "relu": np.maximum(rng.normal(size=20_000), 0),
        "laplace": rng.laplace(size=20_000),
        "uniform": rng.uniform(-1, 3, 20_000),
    }[shape].astype(np.float32)
    found = brute_force_error(x, *METHODS["mse"](histogram(x)))
    fractions = np.linspace(0.3, 1, 36)
    best = min(
        brute_force_error(x, a * min(x.min(), 0), b * x.max()) for a in fractions for b in fractions
    )
    assert found <= 1.05 * best
    assert found <= brute_force_error(x, x.min(), x.max())


def test_an_outlier_does_not_spoil_the_range() -> None:
    """One value of a hundred thousand that is far off; a clipped square weighs as much as it is."""
    rng = np.random.default_rng(2)
    h = histogram(rng.normal(size=100_000), [20])
    ends = {method: METHODS[method](h)[1] for method in METHODS}
    assert ends["minmax"] == 20
    assert max(ends["percentile"], ends["entropy"]) < 7
    assert ends["mse"] < 19


# --- weights

ALONE = np.arange(48)[:, None]  # sums of 16 bits of one product each


def test_scale_of_a_channel() -> None:
    """Weights that are whole steps of their largest one lose nothing."""
    weight = np.array([[127, -5, 3], [-12.7, 0.5, 0]])
    scale = channel_scales(weight, np.zeros(2), 1.0, ALONE[:3])
    assert scale == pytest.approx([1, 0.1])
    assert round_to_bytes(weight, scale, ALONE[:3]).tolist() == [[127, -5, 3], [-127, 5, 0]]


@pytest.mark.parametrize("value", [0.0, 1e-45, 1e-40])
def test_channels_of_nothing(value: float) -> None:
    """Zeros and denormals are zeros, with a scale that is a number."""
    weight, sums = np.full((1, 4), value), i16_sums("quads", 1, 1, 4)
    scale = channel_scales(weight, np.zeros(1), 1.0, sums)
    assert scale == [1]
    assert not round_to_bytes(weight, scale, sums).any()


def test_huge_weights() -> None:
    """The largest floats are weights like others."""
    weight = np.array([[3e38, -1.5e38]])
    scale = channel_scales(weight, np.zeros(1), 1.0, ALONE[:2])
    assert round_to_bytes(weight, scale, ALONE[:2]).tolist() == [[127, -64]]


def test_a_large_bias_widens_the_scale() -> None:
    """The bias must fit 32 bits beside the sum."""
    scale = channel_scales(np.full((1, 2), 1e-6), np.array([1e6]), 0.01, ALONE[:2])
    assert 1e6 / (0.01 * scale[0]) == pytest.approx(2**29)


@pytest.mark.parametrize("fit", FITS)
def test_equal_weights_lose_little(fit: str) -> None:
    """The scale is as much larger as a sum has members."""
    weight, sums = np.ones((1, 16)), i16_sums(fit, 1, 1, 16)
    scale = channel_scales(weight, np.zeros(1), 1.0, sums)
    data = round_to_bytes(weight, scale, sums)
    assert np.ptp(data) == 0
    assert data[0, 0] == {"any": 127, "pairs": 64, "quads": 32}[fit]
    np.testing.assert_allclose(data * scale, weight, rtol=0.01)


@pytest.mark.parametrize("fit", FITS)
@pytest.mark.parametrize("channels", [1, 2, 3, 8])
def test_rounded_weights_keep_the_rule(channels: int, fit: str) -> None:
    """Whatever the weights are, and the scale is the best for weights that are trimmed."""
    weight = np.random.default_rng(channels).normal(size=(6, 9 * channels))
    sums = i16_sums(fit, 3, 3, channels)
    scale = channel_scales(weight, np.zeros(6), 1.0, sums)
    data = round_to_bytes(weight, scale, sums)
    assert fits(data, sums)
    error = np.square(data * scale[:, None] - weight).sum()
    for factor in (0.5, 0.8, 1.25, 2):
        other = round_to_bytes(weight, scale * factor, sums) * scale[:, None] * factor
        assert error <= np.square(other - weight).sum()


# --- error compensation


def error_of(data, weight, scale, moments) -> float:
    e = data * scale[:, :, None] - weight
    return float((e @ moments * e).sum())


@pytest.mark.parametrize("fit", FITS)
def test_compensation_beats_rounding(fit: str) -> None:
    """On inputs that hang together; on independent ones it is rounding."""
    rng = np.random.default_rng(0)
    weight = rng.normal(size=(2, 5, 48))
    mixed = rng.normal(size=(2, 48, 48))
    moments = mixed @ np.swapaxes(mixed, 1, 2) / 48
    rows, sums = weight.reshape(10, 48), i16_sums(fit, 2, 2, 12)
    scale = channel_scales(rows, np.zeros(10), 1.0, sums)
    plain = round_to_bytes(rows, scale, sums).reshape(weight.shape)
    scale = scale.reshape(2, 5)
    found = compensate(weight, scale, moments.copy(), sums)
    assert error_of(found, weight, scale, moments) < 0.6 * error_of(plain, weight, scale, moments)
    assert np.abs(found).max() <= 127
    assert fits(found.reshape(10, 48), sums)
    if fit == "any":
        alone = compensate(weight, scale, np.stack([np.eye(48)] * 2), sums)
        assert np.array_equal(alone, plain)


def test_compensation_leaves_few_better_neighbours() -> None:
    """One step of any weight, within the rule, hardly ever lessens the error."""
    rng = np.random.default_rng(4)
    weight = rng.laplace(size=(1, 20, 48))
    mixed = rng.normal(size=(48, 24))
    moments = (mixed @ mixed.T)[None]
    sums = i16_sums("quads", 1, 1, 48)
    scale = channel_scales(weight[0], np.zeros(20), 1.0, sums)
    found = compensate(weight, scale[None], moments.copy(), sums)[0]

    def errors(data: np.ndarray) -> np.ndarray:
        e = data * scale[:, None] - weight[0]
        return (e @ moments[0] * e).sum(1)

    before, better = errors(found), 0
    for i in range(48):
        for step in (-1, 1):
            other = found.copy()
            other[:, i] += step
            allowed = [fits(row[None], sums) and abs(row[i]) <= 127 for row in other]
            better += int(((errors(other) < before) & allowed).sum())
    assert better <= 0.005 * 2 * weight.size


def test_compensation_of_dead_inputs() -> None:
    """Inputs that never vary say nothing: plain rounding."""
    weight = np.random.default_rng(3).normal(size=(1, 4, 70))
    scale = np.full((1, 4), np.abs(weight).max() / 127)
    found = compensate(weight, scale, np.zeros((1, 70, 70)), np.arange(70)[:, None])
    assert np.array_equal(found, np.rint(weight / scale[:, :, None]))


@pytest.mark.parametrize("channels", [1, 2, 3, 16, 33])
def test_the_best_mix_of_channels(channels: int) -> None:
    """No mix makes the sum of products of the diagonals less than (sum of roots)^2 / n."""
    rng = np.random.default_rng(channels)
    spread = np.logspace(0, -1.5, channels)
    covariance, gains = (
        (a * spread) @ a.T for a in rng.normal(size=(2, channels, channels))
    )  # fmt: skip

    def cost(mix: np.ndarray) -> float:
        inverse = np.linalg.inv(mix)
        return float(
            np.diag(mix @ covariance @ mix.T) @ np.diag(inverse.T @ gains @ inverse)
        )  # fmt: skip

    mix = best_mix(covariance, gains)
    roots = np.sqrt(np.linalg.eigvals(covariance @ gains).real.clip(0))
    assert cost(mix) == pytest.approx(roots.sum() ** 2 / channels, rel=0.02)
    assert cost(mix) <= cost(np.eye(channels)) * 1.001
    sizes = np.diag(mix @ covariance @ mix.T)
    np.testing.assert_allclose(sizes, sizes.mean(), rtol=0.01)
    assert sizes.sum() == pytest.approx(np.trace(covariance), rel=0.01)


def test_means_of_few_samples_are_mistrusted() -> None:
    """Noise is taken for noise, a mean that all samples have is kept."""
    rng = np.random.default_rng(1)
    noise, mean = rng.normal(size=(8, 1, 1000)), rng.normal(size=(1, 1000))
    assert np.square(shrunk(noise)).mean() < 0.1 * np.square(noise.mean(0)).mean()
    np.testing.assert_allclose(shrunk(mean + 0.01 * noise), mean, atol=0.02)
    np.testing.assert_allclose(shrunk(mean + np.zeros((3, 1, 1))), mean)
    np.testing.assert_array_equal(shrunk(mean[None]), mean)
    np.testing.assert_array_equal(shrunk(np.zeros((8, 1, 4))), np.zeros((1, 4)))


def test_only_errors_that_are_explained_change_weights() -> None:
    """A linear error of the inputs is found; what is noise, or differs by sample, is not."""
    rng = np.random.default_rng(2)
    true = rng.normal(size=(2, 5, 6))
    x, noise = rng.normal(size=(2, 2, 100, 6)), rng.normal(size=(2, 2, 100, 5))

    def parts(*factors: float, noise_factor: float = 0.0) -> list:
        found = []
        for x_half, noise_half, factor in zip(x, noise, factors, strict=True):
            error = factor * x_half @ np.swapaxes(true, 1, 2) + noise_factor * noise_half
            turned = np.swapaxes(x_half, 1, 2), np.swapaxes(error, 1, 2)
            found.append((turned[0] @ x_half, turned[1] @ x_half))
        return found

    np.testing.assert_allclose(explained(parts(1, 1)), true, atol=0.02)
    np.testing.assert_allclose(explained(parts(1, 1, noise_factor=0.1)), true, atol=0.1)
    np.testing.assert_array_equal(explained(parts(1, -1)), 0)
    assert np.abs(explained(parts(0, 0, noise_factor=1))).max() < 0.1


@pytest.mark.parametrize("seed", range(3))
def test_int16_weights(seed: int) -> None:
    """Half a step off at most, of steps that the largest weight is LARGEST_INT16 of."""
    exact = np.random.default_rng(seed).normal(size=(4, 15)).astype(np.float32)
    graph = Graph()
    x = graph.add_input("x", np.dtype(np.float32), (1, 15))
    graph.add("gemm", [x, graph.add_constant("w", exact)])
    kind = WeightKind(is_int16=True, reads_int16=True)
    weights = quantize_weights(graph, graph.nodes[0], 1e-4, kind)
    assert weights.data.dtype == np.int16
    assert (np.abs(weights.data).max(1) == LARGEST_INT16).all()
    assert (np.abs(weights.values - exact) <= weights.scale[:, None] / 2 + 1e-12).all()


def test_int16_form() -> None:
    """One bit of room, around zero, whatever the bytes cover."""
    form = Affine.of_range(-1.0, 3.0, 8.0).int16
    assert (form.zero, form.is_int16, form.dtype) == (0, True, np.int16)
    assert form.quantize(np.array([8, -8, 0, 99, -99, np.nan], np.float32)).tolist() == [
        16384, -16384, 0, 32767, -32768, -32768,
    ]  # fmt: skip
    assert Affine.of_range(0.0, 0.0).int16.quantize(np.zeros(2)).tolist() == [0, 0]


# --- options and recipes


@pytest.mark.parametrize(
    "options",
    [
        {"ranges": "best"},
        {"steps": ("equalise",)},
        {"weight_fit": "none"},
        {"weights": "int4"},
    ],
)
def test_unknown_options(options: dict) -> None:
    with pytest.raises(InputError, match="expected"):
        preset(**options)
