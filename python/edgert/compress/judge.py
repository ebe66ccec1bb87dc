"""How close a compressed network comes to the original, on samples that decided nothing else."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from edgert.compress.data.split import ENOUGH
from edgert.compress.probe import Probe, Sample
from edgert.errors import InputError
from edgert.ir import Graph, Node
from edgert.ops import Trait, having
from edgert.parity import TINY, TINY_ERROR, decibels
from edgert.passes.base import activation
from edgert.schema import UnaryFn

# In dB. Below the first a network is another one; from the second on, tasks lose little or nothing.
BAD_BELOW, GOOD_FROM = 10.0, 20.0
LEAST_AGREEMENT = 0.97  # of a network that is called good
# Probabilities that are nowhere larger are tiny, and their errors do not matter: their unit is 1,
# no threshold lies so low. What a softmax reads makes all classes alike if it differs by no more.
_TINY_PROBABILITY = 1e-2
# dB beyond a target that samples which choose must show, for others to hold it: a standard error,
# and no less.
_LEAST_BEYOND = 0.5
_MOST_APART = 20.0  # dB, that a sample counts as better or worse than all together
_SIGMAS = 1.96  # of a normal distribution, for intervals that hold in 95 of 100 cases
_LEAST_ENERGY = 1e-3  # of the mean of all samples, for an output to count

Outputs = Mapping[str, np.ndarray]
# What a user measures: a number of an original's outputs and a network's, of one sample; the
# higher, the better.
Metric = Callable[[Outputs, Outputs], float]

_MOVERS = having(Trait.MOVES)
_SQUASHES = UnaryFn.sigmoid, UnaryFn.hard_sigmoid


@dataclass(frozen=True)
class OutputQuality:
    """How far one output is from the original's, over all samples.

    ``sqnr``: energy of the output over that of its error, in dB, the mean of samples; infinite
    where there is no error. What a softmax makes is judged by what it reads. In 95 of 100 cases the
    mean of all samples that there could be is at most ``sqnr_margin`` dB away; None if there are
    too few to tell. ``max_error`` is the largest. ``negligible``: the output is tiny as a whole,
    and its error does not matter. ``agreement``: how often the best class is the same, 0 to 1; None
    if the output is no class of each sample. ``overlap``: the intersection of where both are above
    0.5 over the union; None if the output is no map of probabilities.
    """

    name: str
    sqnr: float
    max_error: float
    sqnr_margin: float | None = None
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
        return np.inf if self._worst is None else self._worst.sqnr

    @property
    def sqnr_margin(self) -> float | None:
        """That of the same output."""
        return None if self._worst is None else self._worst.sqnr_margin

    @property
    def _worst(self) -> OutputQuality | None:
        counting = (output for output in self.outputs if not output.negligible)
        return min(counting, key=lambda output: output.sqnr, default=None)

    @property
    def agreement(self) -> float | None:
        """The least of the outputs that have one."""
        found = [o.agreement for o in self.outputs if o.agreement is not None]
        return min(found, default=None)

    def figures(self) -> dict[str, float]:
        """What was measured and is a number, rounded to what it is good for."""
        found = {
            "sqnr": self.sqnr,
            "sqnr_margin": self.sqnr_margin,
            "agreement": self.agreement,
            "metric": self.metric,
        }
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

    def missed(self, quality: Quality, for_others: bool = False) -> list[str]:
        """What ``quality`` does not reach, in words, or what others than its samples may miss."""
        missed = []
        beyond = 0.0
        if for_others:
            beyond = max((quality.sqnr_margin or 0.0) / _SIGMAS, _LEAST_BEYOND)
        if self.sqnr is not None and quality.sqnr < self.sqnr + beyond:
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
        """``original`` runs the graph as it was, whatever was done to its weights, and shows what
        :func:`judged_values` names.
        """
        self._samples, self._metric = samples, metric
        self._outputs, self._read = list(graph.outputs), _softmax_inputs(graph)
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

    def measure(self, compressed: Graph) -> Quality:
        """The quality on the samples."""
        totals = {name: _Totals() for name in self._outputs}
        metrics = []
        read = _softmax_inputs(compressed)
        with Probe(compressed, judged_values(compressed)) as probe:
            for sample, expected in zip(self._samples, self._expected):
                found = probe.run(sample)
                for name, total in totals.items():
                    total.add(expected[name], found[name])
                    if name in self._read and name in read:
                        own, other = self._read[name], read[name]
                        total.judge(own.centred(expected), other.centred(found))
                    else:
                        total.judge(expected[name], found[name])
                if self._metric is not None:
                    metrics.append(_measured(self._metric, *map(self._only, (expected, found))))
        outputs = tuple(
            total.quality(name, name in self._probabilities) for name, total in totals.items()
        )
        return Quality(len(self._samples), outputs, float(np.mean(metrics)) if metrics else None)

    def _only(self, values: Outputs) -> Outputs:
        """The outputs among values."""
        return {name: values[name] for name in self._outputs}


def _measured(metric: Metric, expected: Outputs, found: Outputs) -> float:
    try:
        return float(metric(expected, found))
    except Exception as error:  # whatever somebody else's function raises
        kind = type(error).__name__
        raise InputError(f"the metric failed: {kind}: {error}", "ARGUMENT") from error


@dataclass(frozen=True)
class _SoftmaxInput:
    """What a softmax reads: a number added to all of them along the ``axis`` does not matter."""

    name: str
    axis: int

    def centred(self, values: Outputs) -> np.ndarray:
        """Its value without that number."""
        value = values[self.name]
        return value - value.mean(self.axis, keepdims=True)


def judged_values(graph: Graph) -> list[str]:
    """The values by which a graph is judged: its outputs, and what the softmax of one reads."""
    return list(dict.fromkeys([*graph.outputs, *(x.name for x in _softmax_inputs(graph).values())]))


def _softmax_inputs(graph: Graph) -> dict[str, _SoftmaxInput]:
    """What the softmax of each output that has one reads.

    The probabilities themselves hardly differ where one class is likely, and their error is that
    of the few samples where none is: some hundred samples would be needed to know it.
    """
    found = {}
    for name in graph.outputs:
        node = _maker(graph, name)
        if node is not None and node.op == "softmax" and not node.attrs["log"]:
            found[name] = _SoftmaxInput(node.inputs[0], node.attrs["axis"])
    return found


class _Totals:
    """What the quality of an output follows from, summed over samples."""

    def __init__(self) -> None:
        self.max_error = self.peak = 0.0
        self.energies: list[float] = []
        self.noises: list[float] = []
        self.agreements: list[bool] = []
        self.both = self.either = 0

    def judge(self, exact: np.ndarray, other: np.ndarray) -> None:
        """Counts the energy and the noise of a sample; what is not finite does not count."""
        if exact.dtype.kind == "f":
            signal, error = _finite(exact, other)
            self.peak = max(self.peak, float(np.abs(signal).max(initial=0)))
            self.energies.append(float(np.square(signal).sum()))
            self.noises.append(float(np.square(error).sum()))

    def add(self, exact: np.ndarray, other: np.ndarray) -> None:
        """Counts an output of a sample; what is not finite does not count."""
        if is_class(exact):
            rows = exact.reshape(len(exact), -1), other.reshape(len(exact), -1)
            self.agreements += list(rows[0].argmax(-1) == rows[1].argmax(-1))
        if exact.dtype.kind != "f":
            return
        _, error = _finite(exact, other)
        self.max_error = max(self.max_error, float(np.abs(error).max(initial=0)))
        above = exact > 0.5, other > 0.5
        self.both += int(np.count_nonzero(above[0] & above[1]))
        self.either += int(np.count_nonzero(above[0] | above[1]))

    def quality(self, name: str, is_probability: bool) -> OutputQuality:
        """What it comes to."""
        tiny, floor = (_TINY_PROBABILITY,) * 2 if is_probability else (TINY, TINY_ERROR)
        agreement = float(np.mean(self.agreements)) if self.agreements else None
        is_map = is_probability and agreement is None and self.either > 0
        mean, margin = mean_sqnr(self.energies, self.noises)
        return OutputQuality(
            name,
            mean,
            self.max_error,
            margin,
            self.peak <= tiny and self.max_error <= floor and any(self.noises),
            agreement,
            self.both / self.either if is_map else None,
        )


def mean_sqnr(energies: Sequence[float], noises: Sequence[float]) -> tuple[float, float | None]:
    """The mean over samples of their SQNR in dB, and by how much that of all samples may differ.

    The ratio of all energy to all noise is what a few bad samples make it, which some draws have
    and others have not; the mean of the decibels is known from far fewer. Samples of which next to
    nothing comes out do not count.
    """
    energy, noise = np.array(energies), np.array(noises)
    together = decibels(float(energy.sum()), float(noise.sum()))
    if not np.isfinite(together):
        return together, None
    counts = np.maximum(energy, noise) >= _LEAST_ENERGY * energy.mean()
    each = np.array([decibels(*pair) for pair in zip(energy[counts], noise[counts])])
    each = np.clip(each, together - _MOST_APART, together + _MOST_APART)
    margin = None
    if (left := len(each) - 1) > 0:
        quantile = _SIGMAS + (_SIGMAS**3 + _SIGMAS) / (4 * left)  # Student's, to first order
        margin = quantile * float(each.std(ddof=1)) / len(each) ** 0.5
    return float(each.mean()), margin


def is_class(array: np.ndarray) -> bool:
    """Whether an output says for each sample of the batch how likely each of some classes is."""
    return array.ndim >= 2 and max(array.shape[1:]) == np.prod(array.shape[1:]) >= 2


def _is_probability(graph: Graph, name: str) -> bool:
    """Whether an output is made by a softmax or a sigmoid: its unit is 1."""
    node = _maker(graph, name)
    if node is None:
        return False
    if node.op == "softmax":
        return not node.attrs["log"]
    if node.op == "unary":
        return node.attrs["function"]["fn"] in _SQUASHES
    return activation(node) in _SQUASHES


def _maker(graph: Graph, name: str) -> Node | None:
    """What makes a value, but for moving its elements; None if that is no node."""
    producers = graph.producers()
    while (node := producers.get(name)) is not None and node.op in _MOVERS:
        name = node.inputs[0]
    return node


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
