"""Compares a converted model with the ONNX model it was made from."""

from __future__ import annotations

import contextlib
import math
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Callable

import numpy as np

from edgert.budget import require_held
from edgert.errors import UnsupportedError
from edgert.model import Model

if TYPE_CHECKING:
    import onnx

# The least SQNR in dB by the dtype of the original's output; any other dtype must be equal.
# Networks in float32 reach 100 to 140; those in float16 are computed in float32 here.
MINIMUM = {"float16": 30.0, "float32": 60.0, "float64": 60.0}
# The least SQNR in dB of a model that is quantised itself. Where sums in another order are rounded
# the other way, a step is the difference; a deep network with random weights makes much of it.
QUANTIZED_MINIMUM = 10.0
# Outputs that are nowhere larger than the first are tiny, and errors of theirs up to the second are
# those of rounding in the layers before, whose numbers are larger.
TINY, TINY_ERROR = 1e-3, 1e-6
_COPIES = 8  # of an output: both models', and what they are compared in


@dataclass(frozen=True)
class OutputParity:
    """How far one output is from the original's.

    ``sqnr`` is 10 log10 of the original's energy over that of the difference, in dB, ``inf`` if
    there is no difference. Infinities and NaNs do not count but must stand in the same places.
    ``peak`` is the largest magnitude of the original's.
    ``agreement`` says how often the index of the largest element along the last axis is the same.
    """

    name: str
    max_abs_error: float
    sqnr: float
    minimum: float
    same_places: bool
    agreement: float = 1.0
    peak: float = math.inf

    @property
    def passed(self) -> bool:
        """Whether the output is as close as it must be."""
        return self.same_places and (self.sqnr >= self.minimum or self.is_negligible)

    @property
    def is_negligible(self) -> bool:
        """Whether the output is tiny as a whole, and its error what rounding floats explains."""
        is_float = math.isfinite(self.minimum)
        return is_float and 0 < self.peak <= TINY and self.max_abs_error <= TINY_ERROR


@dataclass(frozen=True)
class Parity:
    """The comparison of all outputs; ``reference`` names what ran the original."""

    reference: str
    outputs: list[OutputParity]

    @property
    def passed(self) -> bool:
        """Whether each output passed."""
        return all(output.passed for output in self.outputs)


def check_parity(
    original: str | bytes | onnx.ModelProto,
    model: Model,
    samples: Sequence[Mapping[str, np.ndarray]],
    minimum: float | None = None,
    fused: bool = True,
    constants: Mapping[str, np.ndarray] = MappingProxyType({}),
) -> Parity:
    """Runs the original, a path or what it has, and the converted model on ``samples`` and compares
    their outputs.

    ``minimum``: the least SQNR in dB of all outputs, instead of ``MINIMUM``. The original runs
    in ONNX Runtime if that is installed and takes it, else in onnx's reference evaluator;
    UnsupportedError if it does not run there either. ``fused``: whether ONNX Runtime may fuse
    nodes. On CPUs with AVX2 alone the sums of its fused quantised nodes saturate; unfused ones
    between QuantizeLinear and DequantizeLinear compute in float. ``constants`` are inputs that the
    original has alone.
    """
    nbytes = sum(math.prod(info.shape) * info.dtype.itemsize for info in model.outputs)
    require_held(_COPIES * nbytes, "the outputs that are to be compared", "leave out the check")
    totals: dict[str, _Totals] = {}
    model.run(samples[0])  # first: its errors tell what is wrong
    with _errors_of_original():
        reference, run = _open_original(original, fused)
    for sample in samples:
        found = model.run(sample)
        with _errors_of_original():
            expected = run({**constants, **sample})
        for name, array in expected.items():
            totals.setdefault(name, _Totals()).add(array, found[name])
    return Parity(reference, [total.parity(name, minimum) for name, total in totals.items()])


def compare_output(
    name: str, expected: np.ndarray, found: np.ndarray, minimum: float | None = None
) -> OutputParity:
    """The parity of one output; one of another shape never passes."""
    totals = _Totals()
    totals.add(expected, found)
    return totals.parity(name, minimum)


@dataclass
class _Totals:
    """What the parity of an output follows from, summed over samples."""

    dtype: str = ""  # the original's
    energy: float = 0.0
    noise: float = 0.0
    max_error: float = 0.0
    peak: float = 0.0
    same_places: bool = True
    agreements: list[float] = field(default_factory=list)

    def add(self, expected: np.ndarray, found: np.ndarray) -> None:
        """Counts one sample."""
        self.dtype = expected.dtype.name
        if expected.shape != found.shape:
            self.same_places, self.max_error, self.noise = False, math.inf, math.inf
            return
        signal, other = expected.astype(np.float64), found.astype(np.float64)
        finite = np.isfinite(signal) & np.isfinite(other)
        self.same_places &= np.array_equal(signal[~finite], other[~finite], equal_nan=True)
        error = np.abs(signal[finite] - other[finite])
        self.energy += float(np.square(signal[finite]).sum())
        self.noise += float(np.square(error).sum())
        self.peak = max(self.peak, float(np.abs(signal[finite]).max(initial=0)))
        self.max_error = max(self.max_error, float(error.max(initial=0)))
        if signal.ndim and signal.shape[-1]:
            self.agreements.append(float((signal.argmax(-1) == other.argmax(-1)).mean()))

    def parity(self, name: str, minimum: float | None) -> OutputParity:
        """What it comes to."""
        if minimum is None:
            minimum = MINIMUM.get(self.dtype, float("inf"))
        agreement = float(np.mean(self.agreements)) if self.agreements else 1.0
        return OutputParity(
            name, self.max_error, decibels(self.energy, self.noise), minimum, self.same_places,
            agreement, self.peak,
        )  # fmt: skip


def decibels(energy: float, noise: float) -> float:
    """The ratio of two energies in dB; infinite without noise."""
    if noise == 0:
        return math.inf
    ratio = energy / noise
    return 10 * float(np.log10(ratio)) if ratio > 0 else -math.inf


Run = Callable[[Mapping[str, np.ndarray]], dict[str, np.ndarray]]


def _open_original(original: str | bytes | onnx.ModelProto, fused: bool) -> tuple[str, Run]:
    """What runs the original, and how to run it on a sample."""
    source = _read_original(original)
    try:
        return _open_onnxruntime(source, fused)
    except ImportError:
        return _open_reference_evaluator(source)
    except Exception as error:  # it has no kernel for float64 in many places, for one
        try:
            return _open_reference_evaluator(source)
        except Exception:
            raise error from None


@contextlib.contextmanager
def _errors_of_original() -> Iterator[None]:
    try:
        yield
    except Exception as error:  # whatever the other library raises
        from edgert.importer.text import printable

        first_line = str(error).strip().splitlines()[:1] or [type(error).__name__]
        raise UnsupportedError(
            f"the original does not run for comparison: {printable(first_line[0])}; "
            "--no-check (check=False) leaves it out",
            "CHECK",
        ) from error


def _read_original(source: str | bytes | onnx.ModelProto) -> bytes | str:
    """The original for another library, with its external data in it.

    Others read neither paths that are not UTF-8 nor data behind links, nor nodes of one name. What
    is too large for that they must read from the path themselves.
    """
    from edgert.importer import read_model
    from edgert.importer.external import data_files
    from edgert.importer.load import MAX_MODEL_BYTES
    from edgert.importer.protos import all_nodes
    from edgert.importer.tensors import inline_data

    original, path = read_model(source)
    if path is None:
        is_copy = original is not source
        original = original if is_copy else type(original).FromString(original.SerializeToString())
    else:
        files = [path, *data_files(original, path)]
        if sum(map(os.path.getsize, files)) > MAX_MODEL_BYTES:
            return path
        inline_data(original, path)
    for node, _ in all_nodes(original.graph.node):
        node.name = ""
    return original.SerializeToString()


def _open_onnxruntime(source: bytes | str, fused: bool) -> tuple[str, Run]:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3  # errors only: stderr belongs to the command
    if not fused:
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(source, options, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]

    def run(sample: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        return dict(zip(names, session.run(names, dict(sample))))

    return f"ONNX Runtime {onnxruntime.__version__}", run


def _open_reference_evaluator(source: bytes | str) -> tuple[str, Run]:
    import onnx
    from onnx.reference import ReferenceEvaluator

    evaluator = ReferenceEvaluator(source)

    def run(sample: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        return dict(zip(evaluator.output_names, evaluator.run(None, dict(sample))))

    return f"onnx {onnx.__version__} reference evaluator", run
