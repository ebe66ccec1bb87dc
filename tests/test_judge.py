"""What is held out, what is measured on it, and what that comes to."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from pass_nets import CONV, Net
from quantized_nets import INT8, activation, samples_of, with_target

from edgert.compress import Judge, Quality, Recipe, Target, compress, preset
from edgert.compress.data.split import Split
from edgert.compress.judge import OutputQuality, is_class, judged_values, mean_sqnr, verdict
from edgert.compress.probe import Probe
from edgert.errors import InputError
from edgert.schema import UnaryFn


def numbered(count: int) -> Iterator[dict]:
    return ({"x": np.array([i])} for i in range(count))


def dealt(count: int, **roles: int) -> tuple[list[int], list[int], list[int]]:
    """The numbers of the samples that calibrate, choose and report."""
    split = Split(numbered(count), **roles)
    calibrating = [int(sample["x"][0]) for sample in split.calibrating]
    kept = ([int(s["x"][0]) for s in own] for own in (split.choosing, split.reporting))
    assert split.calibrated == len(calibrating)
    return (calibrating, *kept)


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5, 32, 64, 1000])
@pytest.mark.parametrize("calibrates", [True, False])
@pytest.mark.parametrize("chooses", [0, 1, 3])
def test_no_sample_has_two_roles(count: int, calibrates: bool, chooses: int) -> None:
    """And each role that there is has some as soon as there are so many samples."""
    parts = dealt(count, calibrates=calibrates, chooses=chooses)
    together = sorted(number for part in parts for number in part)
    assert together == sorted(set(together))
    assert len(together) == count or not calibrates
    calibrating, choosing, reporting = parts
    assert bool(calibrating) == calibrates
    assert bool(reporting) == (count > calibrates)
    assert bool(choosing) == (chooses > 0 and count > calibrates + 1)
    if calibrates and count in (32, 64):  # as many report as can be
        parts = [count * part // 16 for part in (8 - chooses, chooses, 8)]
        assert [len(calibrating), len(choosing), len(reporting)] == parts


def test_data_in_an_order_is_spread_over_the_roles() -> None:
    """Whether the classes take turns or come one after the other."""
    _, choosing, reporting = dealt(400, calibrates=True, chooses=3)
    for part, most, residues in ((reporting, 64, 10), (choosing, 16, 7)):
        assert len(part) == most
        assert len({i % 10 for i in part}) >= residues
        assert len({i % 4 for i in part}) == 4
    for chooses in 0, 1, 3:
        calibrating, _, few = dealt(40, calibrates=True, chooses=chooses)
        for part in calibrating, few:
            assert {i // 10 for i in part} == {0, 1, 2, 3}
            assert len(part) / 4 < sum(i % 2 for i in part) < 3 * len(part) / 4


def test_data_for_the_judgement_alone() -> None:
    """Then all other samples calibrate."""
    split = Split(numbered(8), calibrates=True, chooses=0, reporting=iter(numbered(3)))
    assert len(list(split.calibrating)) == 8
    assert len(split.reporting) == 3
    split = Split(numbered(8), calibrates=False, chooses=0, reporting=iter(numbered(3)))
    split.finish()
    assert split.count == 3


def test_endless_data() -> None:
    """What nothing calibrates on is read as far as it is needed."""

    def endless() -> Iterator[dict]:
        while True:
            yield {"x": np.zeros(1)}

    split = Split(endless(), calibrates=False, chooses=1)
    split.finish()
    assert (len(split.choosing), len(split.reporting)) == (16, 64)


def net_of(count: int = 4) -> tuple[Net, list[dict]]:
    net = Net()
    relu = activation(UnaryFn.relu)
    y = net.op("conv", net.x(1, 6, 6, 4), net.random(8, 3, 3, 4), net.random(8), **CONV, **relu)
    net.outputs = [net.gemm(net.mean(y, 1, 2, keep=0), 6)]
    return net, samples_of(net, count)


def test_one_sample_tells_nothing() -> None:
    """It calibrates, and no other is left."""
    net, samples = net_of(1)
    _, done = compress(net, samples, INT8)
    assert (done.calibrated, done.quality.samples) == (1, 0)
    assert done.verdict.word == "check"
    assert "no sample was left" in done.verdict.reasons[0]


def test_the_figure_is_that_of_samples_which_decided_nothing() -> None:
    """It is what the network reaches on them, and lower than on those that it was made of."""
    net, samples = net_of(4)
    seen = []

    def metric(expected: dict, found: dict) -> float:
        seen.append(expected)
        return 0.0

    graph, done = compress(net, samples, INT8, metric=metric)
    assert (done.calibrated, done.chose, done.quality.samples) == (2, 0, 2)
    original, _ = net_of(4)
    with Probe(original, original.outputs) as probe:
        (name,) = original.outputs
        for expected, sample in zip(seen, samples[1::2]):
            assert np.array_equal(expected[name], probe.run(sample)[name])
        own = Judge(original, probe, samples[::2]).measure(graph)
        others = Judge(original, probe, samples[1::2]).measure(graph)
    assert done.quality.sqnr == pytest.approx(others.sqnr)
    assert done.quality.sqnr < own.sqnr


def test_a_probability_is_judged_by_what_the_softmax_reads() -> None:
    """What is added to all classes does not matter, however likely one of them is."""
    net = Net()
    logits = net.gemm(net.mean(net.conv(net.x(1, 6, 6, 4), 8), 1, 2, keep=0), 6)
    net.outputs = [net.op("softmax", logits, axis=1, log=False)]
    samples = samples_of(net, 8)
    compressed, done = compress(net, samples, INT8)
    (y,) = net.outputs
    assert judged_values(net) == [y, logits]
    (before,) = judged_values(compressed)[1:]
    with Probe(net, [logits]) as first, Probe(compressed, [before]) as second:
        exact = [first.run(s)[logits] for s in samples]
        found = [second.run(s)[before] for s in samples]
    exact, error = (
        [np.asarray(v - v.mean(), np.float64) for v in values]
        for values in (exact, [f - e for e, f in zip(exact, found)])
    )
    with Probe(net, judged_values(net)) as original:
        everything = Judge(net, original, samples).measure(compressed)
    wanted, _ = mean_sqnr(*([np.square(v).sum() for v in values] for values in (exact, error)))
    assert everything.sqnr == pytest.approx(wanted, abs=0.01)
    assert everything.agreement is not None
    assert 0 < everything.outputs[0].max_error < 1
    assert done.quality.sqnr_margin == done.quality.outputs[0].sqnr_margin


def test_the_mean_of_samples() -> None:
    """It is that of their decibels; one far off counts little, an empty one nothing."""
    energies, noises = np.array([1.0, 2.0, 4.0, 1.0]), np.array([0.01, 0.002, 0.04, 0.001])
    mean, margin = mean_sqnr(energies, noises)
    assert mean == pytest.approx((20 + 30 + 20 + 30) / 4)
    spread = np.std([20, 30, 20, 30], ddof=1) / 2
    assert 2.7 * spread < margin < 3.3 * spread  # Student's quantile for 3 degrees is 3.18
    assert mean_sqnr([*energies, 0.0, 1e-9], [*noises, 0.0, 1e-9]) == (mean, margin)
    for noise in 0.0, 1e-20:
        together = 10 * np.log10(9 / (noises.sum() + noise))
        better, _ = mean_sqnr([*energies, 1.0], [*noises, noise])
        assert better == pytest.approx((4 * mean + together + 20) / 5, abs=0.01)


def test_what_no_mean_tells() -> None:
    """No error at all is infinite, errors on zeros are the opposite; one sample has no margin."""
    assert mean_sqnr([1.0, 2.0], [0.0, 0.0]) == (np.inf, None)
    assert mean_sqnr([0.0, 0.0], [1.0, 0.0]) == (-np.inf, None)
    assert mean_sqnr([1.0], [0.01]) == (pytest.approx(20), None)
    assert mean_sqnr([], []) == (np.inf, None)


def test_the_interval_holds_for_unseen_samples() -> None:
    """In 95 of 100 draws, and in no fewer than 88 of these."""
    rng = np.random.default_rng(0)
    held = 0
    for _ in range(300):
        mean, margin = mean_sqnr(np.ones(16), 10 ** -rng.normal(4, 0.3, 16))
        held += abs(mean - 40) <= margin
    assert 0.88 < held / 300 < 0.99


def test_the_progress_of_long_stages() -> None:
    """They tell the layer: none is silent for longer than a layer takes."""
    net, samples = net_of(4)
    told = []
    compress(net, samples, INT8, progress=told.append)
    for stage in "layers", "forms":
        own = [text for text in told if text.startswith(f"judge: {stage}")]
        assert own == [f"judge: {stage}", *(f"judge: {stage}, layer {i} of 2" for i in (1, 2))]


def test_a_target_needs_samples_for_each_role() -> None:
    net, samples = net_of(2)
    with pytest.raises(InputError, match="2 samples are too few for a target"):
        compress(net, samples, with_target(INT8, sqnr=20.0))


@pytest.mark.parametrize(
    ("shape", "expected"),
    [((1, 5), True), ((3, 5), True), ((2, 5, 1, 1), True), ((1, 1, 1, 7), True), ((1, 1), False),
     ((5,), False), ((), False), ((1, 20, 97), False), ((1, 1, 8, 8), False), ((0, 3), True)],
)  # fmt: skip
def test_a_class_for_each_sample(shape: tuple, expected: bool) -> None:
    assert is_class(np.zeros(shape)) == expected


def test_agreement_is_measured_of_classes_alone() -> None:
    """Maps of probabilities have an overlap instead, and a target of classes is refused."""
    net = Net()
    net.outputs = [net.f(UnaryFn.sigmoid, net.conv(net.x(1, 6, 6, 4), 3))]
    samples = samples_of(net, 8)
    _, done = compress(net, samples, INT8)
    (output,) = done.quality.outputs
    assert (output.agreement, done.quality.agreement) == (None, None)
    assert 0.9 < output.overlap <= 1
    with pytest.raises(InputError, match="no output is a class of each sample"):
        compress(net, samples, with_target(INT8, agreement=0.9))


def test_a_metric_of_the_user() -> None:
    """It is measured, and layers are lifted until its target is met."""

    def metric(expected: dict, found: dict) -> float:
        return -max(float(np.abs(expected[name] - found[name]).max()) for name in expected)

    net, samples = net_of(32)
    _, plain = compress(net, samples, INT8, metric=metric)
    assert plain.quality.metric < 0
    net, samples = net_of(32)
    recipe = with_target(INT8, metric=plain.quality.metric / 8)
    _, done = compress(net, samples, recipe, metric=metric)
    assert done.quality.metric > plain.quality.metric / 4
    assert done.layers != plain.layers
    with pytest.raises(InputError, match="min_metric"):
        compress(net, samples, recipe)


def test_outputs_that_are_tiny_as_a_whole() -> None:
    """Of probabilities that are zero everywhere, the ratio to the error says nothing."""
    net = Net()
    weight, bias = net.random(3, 1, 1, 4), net.c(np.full(3, -12.0))
    y = net.op("conv", net.x(1, 6, 6, 4), weight, bias, **CONV)
    net.outputs = [net.f(UnaryFn.sigmoid, y)]
    samples = [{n: 0.3 * x for n, x in sample.items()} for sample in samples_of(net, 32)]
    recipe = preset(ranges="minmax", steps=())
    _, done = compress(net, samples, recipe)
    (output,) = done.quality.outputs
    assert output.negligible
    assert np.isfinite(output.sqnr)
    assert done.verdict.word == "good"


def test_classes_that_are_alike() -> None:
    """Of what a softmax reads only differences matter: without any there is nothing to judge."""
    net = Net()
    logits = net.gemm(net.mean(net.conv(net.x(1, 6, 6, 4), 8), 1, 2, keep=0), 6)
    weight = net.values[net.nodes[-1].inputs[1]]
    weight.data = np.repeat(weight.data[:1], 6, 0)  # [outputs, depth]
    net.outputs = [net.op("softmax", logits, axis=1, log=False)]
    _, done = compress(net, samples_of(net, 32), INT8)
    assert done.quality.outputs[0].max_error < 1e-2
    assert done.verdict.word == "good", done.verdict


@pytest.mark.parametrize(
    ("change", "doubt"),
    [
        (lambda x: x, ""),
        (lambda x: np.rint(40 * np.abs(x)), "'x' has whole numbers from 0 to"),
        (lambda x: np.full_like(x, 0.5), "'x' is 0.5 everywhere"),
        (np.zeros_like, "'x' is 0 everywhere"),
    ],
)
def test_data_that_cannot_be_meant(change, doubt: str) -> None:
    """They are used, but not without a word."""
    net, samples = net_of(32)
    _, done = compress(net, [{"x": change(s["x"])} for s in samples], INT8)
    assert any(reason.startswith(doubt) for reason in done.verdict.reasons) == bool(doubt)


@pytest.mark.parametrize("recipe", [INT8, preset("dynamic")])
def test_no_data(recipe: Recipe) -> None:
    """No samples at all are refused."""
    net, _ = net_of(4)
    with pytest.raises(InputError, match="there are no"):
        compress(net, [], recipe)


def test_a_metric_that_fails() -> None:
    """Its error is told as one of the caller's, not of edgert."""
    net, samples = net_of(4)
    with pytest.raises(InputError, match="the metric failed: ZeroDivisionError"):
        compress(net, samples, INT8, metric=lambda a, b: 1 / 0)


def quality(sqnr: float, agreement: float | None = None, samples: int = 64) -> Quality:
    return Quality(samples, (OutputQuality("y", sqnr, 0.1, agreement=agreement),))


@pytest.mark.parametrize(
    ("found", "target", "samples", "word"),
    [
        (quality(30), Target(), 64, "good"),
        (quality(30), Target(), 31, "check"),
        (quality(15), Target(), 64, "check"),
        (quality(5), Target(), 64, "bad"),
        (quality(30, 0.9), Target(), 64, "check"),
        (quality(30, 1.0), Target(), 64, "good"),
        (quality(5), Target(sqnr=0), 64, "good"),
        (quality(-1), Target(sqnr=0), 64, "bad"),
        (quality(30), Target(sqnr=31), 64, "bad"),
        (quality(15, 0.9), Target(agreement=0.9), 64, "check"),
        (quality(30, 0.9), Target(agreement=0.95), 64, "bad"),
        (Quality(0), Target(), 1, "check"),
    ],
)
def test_verdicts(found: Quality, target: Target, samples: int, word: str) -> None:
    """A target of 0 dB is one; all but "good" have reasons."""
    result = verdict(found, target, samples, is_random=False)
    assert result.word == word
    assert bool(result.reasons) == (word != "good")
    assert verdict(found, target, samples, is_random=True).word != "good"


def test_a_target_is_met_for_others_by_a_standard_error() -> None:
    """Half a decibel at least: samples that choose are few, and the best for what was chosen."""
    target = Target(sqnr=30)

    def sampled(sqnr: float, margin: float | None) -> Quality:
        return Quality(8, (OutputQuality("y", sqnr, 0.1, margin),))

    for margin, beyond in ((None, 0.5), (0.3, 0.5), (3.92, 2.0)):
        assert target.missed(sampled(30 + beyond - 0.1, margin), for_others=True)
        assert not target.missed(sampled(30 + beyond + 0.1, margin), for_others=True)
        assert not target.missed(sampled(30, margin))
