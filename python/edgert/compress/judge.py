"""How close a compressed network comes to the original, on samples that decided nothing else."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from edgert.compress.data.split import ENOUGH
from edgert.compress.probe import Probe, Sample
from edgert.errors import InputError
from edgert.ir import Graph
from edgert.ops import Trait, having
from edgert.parity import TINY, TINY_ERROR, decibels
from edgert.passes.base import activation
from edgert.schema import UnaryFn

# In dB. Below the first a network is another one; from the second on, tasks lose little or nothing.
BAD_BELOW, GOOD_FROM = 10.0, 20.0
LEAST_AGREEMENT = 0.97  # of a network that is called good
# Probabilities that are nowhere larger are tiny, and their errors do not matter: their unit is 1,
# no threshold lies so low.
_TINY_PROBABILITY = 1e-2
MARGIN = 0.5  # dB beyond a target that samples which choose must show, for others to hold it

Outputs = Mapping[str, np.ndarray]
# What a user measures: a number of an original's outputs and a network's, of one sample; the
# higher, the better.
Metric = Callable[[Outputs, Outputs], float]

_MOVERS = having(Trait.MOVES)
_SQUASHES = UnaryFn.sigmoid, UnaryFn.hard_sigmoid


@dataclass(frozen=True)
class OutputQuality:
    """How far one output is from the original's, over all samples.

    ``sqnr``: energy of the output over that of its error, in dB; infinite where there is no error.
    ``max_error`` is the largest. ``negligible``: the output is tiny as a whole, and its error does
    not matter. ``agreement``: how often the best class is the same, 0 to 1; None if the output is
    no class of each sample. ``overlap``: the intersection of where both are above 0.5 over the
    union; None if the output is no map of probabilities.
    """

    name: str
    sqnr: float
    max_error: float
    negligible: bool = False
    agreement: float | None = None
    overlap: float | None = None


@dataclass(frozen=True)
class Quality:
    """How close a network is, on ``samples`` samples; ``metric`` is the mean of the user's own."""

    samples: int
    outputs: tuple[OutputQuality, ...] = ()
    metric: float | None = None

    @property
    def sqnr(self) -> float:
        """The least of all outputs whose errors matter."""
        return min((o.sqnr for o in self.outputs if not o.negligible), default=np.inf)

    @property
    def agreement(self) -> float | None:
        """The least of the outputs that have one."""
        found = [o.agreement for o in self.outputs if o.agreement is not None]
        return min(found, default=None)

    def figures(self) -> dict[str, float]:
        """What was measured and is a number, rounded to what it is good for."""
        found = {"sqnr": self.sqnr, "agreement": self.agreement, "metric": self.metric}
        return {
            name: float(f"{value:.4g}")
            for name, value in found.items()
            if self.samples and value is not None and np.isfinite(value)
        }


@dataclass(frozen=True)
class Target:
    """What a compressed network must reach; None: anything."""

    sqnr: float | None = None
    agreement: float | None = None
    metric: float | None = None

    def __post_init__(self) -> None:
        """Refuses what no quality reaches, or all do."""
        if not (self.sqnr is None or _is_number(self.sqnr)):
            raise InputError(f"min_sqnr is {self.sqnr!r}, expected decibels", "OPTION")
        if not (
            self.agreement is None or (_is_number(self.agreement) and 0 <= self.agreement <= 1)
        ):
            raise InputError(f"min_agreement is {self.agreement!r}, expected 0 to 1", "OPTION")
        if not (self.metric is None or _is_number(self.metric)):
            raise InputError(f"min_metric is {self.metric!r}, expected a number", "OPTION")

    def missed(self, quality: Quality, margin: float = 0.0) -> list[str]:
        """What ``quality`` does not reach, in words; it must have ``margin`` dB more."""
        missed = []
        if self.sqnr is not None and quality.sqnr < self.sqnr + margin:
            missed.append(f"the SQNR is {quality.sqnr:.1f} dB, {self.sqnr:g} were asked for")
        if self.agreement is not None and (quality.agreement or 0) < self.agreement:
            missed.append(
                f"{quality.agreement or 0:.1%} of the best classes are the same, "
                f"{self.agreement:.1%} were asked for"
            )
        if self.metric is not None and not (
            quality.metric is not None and quality.metric >= self.metric
        ):
            missed.append(f"the metric is {quality.metric}, {self.metric:g} were asked for")
        return missed

    def __bool__(self) -> bool:
        """Whether there is anything to reach."""
        return any(value is not None for value in (self.sqnr, self.agreement, self.metric))


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and bool(np.isfinite(value))


class Judge:
    """Samples, and what the original makes of them."""

    def __init__(
        self,
        graph: Graph,
        original: Probe,
        samples: Sequence[Sample],
        metric: Metric | None = None,
    ) -> None:
        """``original`` runs the graph as it was, whatever was done to its weights."""
        self._samples, self._metric = samples, metric
        self._probabilities = [name for name in graph.outputs if _is_probability(graph, name)]
        self._expected = [original.run(sample) for sample in samples]

    def require_measures(self, target: Target) -> None:
        """Raises InputError for a target that says what cannot be measured."""
        if target.metric is not None and self._metric is None:
            raise InputError("min_metric: without effect unless there is a metric", "ARGUMENT")
        arrays = [array for expected in self._expected[:1] for array in expected.values()]
        if target.agreement is not None and arrays and not any(map(is_class, arrays)):
            raise InputError(
                "min_agreement: no output is a class of each sample; give a metric of your own",
                "ARGUMENT",
            )

    def measure(self, compressed: Graph, most: int | None = None) -> Quality:
        """The quality on the samples, or on the first ``most`` of them."""
        totals: dict[str, _Totals] = {}
        metrics = []
        samples = self._samples[:most]
        with Probe(compressed, compressed.outputs) as probe:
            for sample, expected in zip(samples, self._expected):
                found = probe.run(sample)
                for name, exact in expected.items():
                    totals.setdefault(name, _Totals()).add(exact, found[name])
                if self._metric is not None:
                    metrics.append(_measured(self._metric, expected, found))
        outputs = tuple(
            total.quality(name, name in self._probabilities) for name, total in totals.items()
        )
        return Quality(len(samples), outputs, float(np.mean(metrics)) if metrics else None)


def _measured(metric: Metric, expected: Outputs, found: Outputs) -> float:
    try:
        return float(metric(expected, found))
    except Exception as error:  # whatever somebody else's function raises
        kind = type(error).__name__
        raise InputError(f"the metric failed: {kind}: {error}", "ARGUMENT") from error


class _Totals:
    """What the quality of an output follows from, summed over samples."""

    def __init__(self) -> None:
        self.energy = self.noise = self.max_error = self.peak = 0.0
        self.agreements: list[bool] = []
        self.both = self.either = 0

    def add(self, exact: np.ndarray, other: np.ndarray) -> None:
        """Counts a sample; what is not finite does not count."""
        if is_class(exact):
            rows = exact.reshape(len(exact), -1), other.reshape(len(exact), -1)
            self.agreements += list(rows[0].argmax(-1) == rows[1].argmax(-1))
        if exact.dtype.kind != "f":
            return
        signal, error = _finite(exact, other)
        self.energy += float(np.square(signal).sum())
        self.noise += float(np.square(error).sum())
        self.max_error = max(self.max_error, float(np.abs(error).max(initial=0)))
        self.peak = max(self.peak, float(np.abs(signal).max(initial=0)))
        above = exact > 0.5, other > 0.5
        self.both += int(np.count_nonzero(above[0] & above[1]))
        self.either += int(np.count_nonzero(above[0] | above[1]))

    def quality(self, name: str, is_probability: bool) -> OutputQuality:
        """What it comes to."""
        tiny, floor = (_TINY_PROBABILITY,) * 2 if is_probability else (TINY, TINY_ERROR)
        agreement = float(np.mean(self.agreements)) if self.agreements else None
        is_map = is_probability and agreement is None and self.either > 0
        return OutputQuality(
            name,
            decibels(self.energy, self.noise),
            self.max_error,
            self.peak <= tiny and 0 < self.max_error <= floor,
            agreement,
            self.both / self.either if is_map else None,
        )


def is_class(array: np.ndarray) -> bool:
    """Whether an output says for each sample of the batch how likely each of some classes is."""
    return array.ndim >= 2 and max(array.shape[1:]) == np.prod(array.shape[1:]) >= 2


def _is_probability(graph: Graph, name: str) -> bool:
    """Whether an output is made by a softmax or a sigmoid: its unit is 1."""
    producers = graph.producers()
    while (node := producers.get(name)) is not None and node.op in _MOVERS:
        name = node.inputs[0]
    if node is None:
        return False
    if node.op == "softmax":
        return not node.attrs["log"]
    if node.op == "unary":
        return node.attrs["function"]["fn"] in _SQUASHES
    return activation(node) in _SQUASHES


def sqnr(exact: np.ndarray, other: np.ndarray) -> float:
    """Signal to noise in dB, infinite if there is no error; what is not finite does not count."""
    signal, error = _finite(exact, other)
    return decibels(float(np.square(signal).sum()), float(np.square(error).sum()))


def _finite(exact: np.ndarray, other: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What is finite in both, and its errors, in float64."""
    finite = np.isfinite(exact) & np.isfinite(other)
    signal = exact[finite].astype(np.float64)
    return signal, other[finite] - signal


@dataclass(frozen=True)
class Verdict:
    """Whether a network is to be used: ``word`` is "good", "check" or "bad".

    ``reasons`` say why it is not good, ``steps`` what to do about it.
    """

    word: str
    reasons: tuple[str, ...] = ()
    steps: tuple[str, ...] = ()


def verdict(
    quality: Quality,
    target: Target,
    samples: int,
    is_random: bool,
    strange: Sequence[str] = (),
) -> Verdict:
    """The verdict on a network of that ``quality``.

    ``samples`` are all that there were, for calibration and choice too; ``is_random`` tells that
    they were made up, ``strange`` what else is wrong with them.
    """
    bad, doubts, steps = target.missed(quality), list(strange), []
    if quality.samples and target.sqnr is None and quality.sqnr < BAD_BELOW:
        bad.append(f"the SQNR is {quality.sqnr:.1f} dB, which is below {BAD_BELOW:g}")
    if bad:
        steps.append(
            "see which layers lose most with `edgert compare`, and give them a more exact form in "
            "the recipe; or let --min-sqnr do so, or try another --quantize"
        )
    if not quality.samples:
        doubts.append("no sample was left to measure the quality on")
    elif not bad and target.sqnr is None and quality.sqnr < GOOD_FROM:
        doubts.append(f"the SQNR is {quality.sqnr:.1f} dB, which is below {GOOD_FROM:g}")
        steps.append("try --metric or --min-sqnr, or measure what the task asks for")
    if not bad and target.agreement is None and (quality.agreement or 1) < LEAST_AGREEMENT:
        doubts.append(f"only {quality.agreement:.1%} of the best classes are the same")
    if is_random:
        doubts.append("the samples are random numbers, which may be far from real ones")
        steps.append("give typical inputs with --calibrate")
    elif samples < ENOUGH:
        doubts.append(f"{samples} samples are few: figures may not hold for others")
        steps.append(f"give at least {ENOUGH} samples")
    word = "bad" if bad else "check" if doubts else "good"
    return Verdict(word, (*bad, *doubts), tuple(steps))
