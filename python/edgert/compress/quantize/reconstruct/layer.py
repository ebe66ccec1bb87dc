"""Layer-wise reconstruction: chooses the weights of each matrix product while both graphs run.

The quantised form runs beside the graph in float, node after node: so a product sees the inputs
that it will see on the device, with all errors made before it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from edgert.compress.probe import Sample
from edgert.compress.quantize.assign import Assignment
from edgert.compress.quantize.forms import weight_kind
from edgert.compress.quantize.lowering.lower import Lowering
from edgert.compress.quantize.options import Options
from edgert.compress.quantize.reconstruct.compensate import compensate, damp
from edgert.compress.quantize.reconstruct.twin import Twin
from edgert.compress.quantize.rounding.affine import Affine
from edgert.compress.quantize.rounding.weights import (
    WeightKind,
    Weights,
    float_weights,
    sums_of,
)
from edgert.compress.statistics.patches import patches, thin
from edgert.compress.technique import Progress
from edgert.ir import Graph, Node
from edgert.ops import PRODUCTS

_PRIOR = 32  # positions that the gain of all outputs counts for in that of one
_GAINS = 0.5, 1.25  # what gains are kept within
_LEAST_POSITIONS = 4  # per weight of an output, for the errors to be explained by the inputs
_DAMPING = 0.001  # of the mean second moment of the inputs
_MOST_MOMENT_BYTES = 1 << 29  # those of a depth of 8192: the time grows with its cube


def reconstruct_weights(
    graph: Graph,
    assignment: Assignment,
    affine: Mapping[str, Affine],
    plain: Mapping[str, Weights],
    samples: Sequence[Sample],
    options: Options,
    progress: Progress = lambda how_far: None,
) -> Mapping[str, Weights]:
    """The weights that the options make of the ``plain`` ones; dynamic layers keep theirs."""
    if not (options.compensate or options.correct):
        return plain
    weights: dict[str, Weights] = {}
    lowering = Lowering(graph, assignment, affine, weights)
    twin = Twin(graph, lowering, samples)
    for node in graph.nodes:
        if node.output in plain:
            progress(f"layer {len(weights) + 1} of {len(plain)}")
        if node.op in PRODUCTS and assignment.is_integer(node):
            kind = weight_kind(assignment.form(node), options)
            layer = _Layer(graph, node, twin, not assignment.writes_integers(node))
            weights[node.output] = layer.run(plain[node.output], kind, options)
        elif node.output in plain:
            weights[node.output] = plain[node.output]
        twin.run_exact(node)
        lowering.step(node)
        twin.run_found()
        twin.forget(node)
    return weights


class _Layer:
    """A matrix product as [groups, outputs of a group, depth], and what it sees and should give.

    ``rows`` are its inputs as they will be, [groups, positions, depth], of each sample; ``exact``
    is what the sums must be for the exact result, [groups, positions, outputs], without the bias:
    it makes up for errors of the inputs and of the residual. ``is_last``: the result is a float.
    """

    def __init__(self, graph: Graph, node: Node, twin: Twin, is_last: bool) -> None:
        self.graph, self.node, self.is_last = graph, node, is_last
        weight, bias = float_weights(graph, node)
        self.shape = weight.shape
        groups = node.attrs.get("groups", 1)
        self.weight = weight.reshape(groups, len(weight) // groups, -1)
        self.bias = bias.reshape(groups, -1)
        self.rows, self.exact = [], []
        residual = node.inputs[3] if len(node.inputs) > 3 else ""
        found = twin.found(node, 0)
        found_residual = twin.found(node, 3) if residual else []
        for i in range(twin.count):
            self.rows.append(patches(node, self.shape, found[i]))
            rows = patches(node, self.shape, twin.exact(node.inputs[0])[i])
            exact = _products(rows, self.weight)
            if residual:
                lost = twin.exact(residual)[i] - found_residual[i]
                depth = groups * self.weight.shape[2]
                lost = thin(lost.reshape(-1, lost.shape[-1]), depth)
                exact += lost.reshape(len(lost), groups, -1).transpose(1, 0, 2)
            self.exact.append(exact)

    def run(self, plain: Weights, kind: WeightKind, options: Options) -> Weights:
        """The weights that the options ask for, of the scales that the ``plain`` ones have."""
        scale = plain.scale.reshape(self.bias.shape)
        data = plain.data.reshape(self.weight.shape)
        if options.compensate and not kind.is_int16 and self.has_moments:
            sums = sums_of(self.graph, self.node, kind.fit)
            parts = [self.moments(half) for half in (slice(0, None, 2), slice(1, None, 2))]
            count = sum(rows.shape[1] for rows in self.rows)
            weight = self.weight
            if len(self.rows) > 1 and count >= _LEAST_POSITIONS * weight.shape[-1]:
                weight = np.where(weight == 0, 0, weight + explained(parts))
            moments, others = (own for own, _ in parts)
            moments += others
            moments /= count
            del parts, others  # as large as the moments, each
            data = compensate(weight, scale, moments, sums, plain.levels)
        bias = self.bias
        if options.correct:
            gain, bias = self.correction(data * scale[:, :, None])
            scale = scale * gain
        return Weights(
            data.astype(plain.data.dtype).reshape(self.shape), scale.reshape(-1), bias.reshape(-1)
        )

    @property
    def has_moments(self) -> bool:
        """Whether the second moments are few enough to be computed."""
        groups, _, depth = self.weight.shape
        return groups * depth**2 * np.dtype(np.float64).itemsize <= _MOST_MOMENT_BYTES

    def moments(self, part: slice) -> tuple[np.ndarray, np.ndarray]:
        """Second moments of some samples' inputs with themselves, [groups, depth, depth], and of
        what would be lost with exact weights with the inputs, [groups, outputs, depth].

        All without the means: errors of these are the bias's business.
        """
        inputs = self.rows[part]
        errors = [exact - _products(x, self.weight) for x, exact in zip(inputs, self.exact[part])]
        groups, outputs, depth = self.weight.shape
        own, lost = np.zeros((groups, depth, depth)), np.zeros((groups, outputs, depth))
        for x, error in zip(_centred(inputs), _centred(errors)):
            own += np.swapaxes(x, 1, 2) @ x
            lost += np.swapaxes(error, 1, 2) @ x
        return own, lost

    def correction(self, rounded: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The gain and the bias of each output.

        The gain of a last layer is that of least error: the more an output is made of errors, the
        smaller it is. Where layers follow, it keeps the variance: activations of what varies less
        would have other means. Where there are few positions, that of all outputs counts.
        """
        parts = [_products(rows, rounded) for rows in self.rows], self.exact
        off, wanted = (np.concatenate(part, 1, dtype=np.float64) for part in parts)
        for values in off, wanted:
            values -= values.mean(1)[:, None]
        variance = np.square(off).mean(1)
        shared = (off * wanted if self.is_last else np.square(wanted)).mean(1)
        gain = np.ones_like(variance)
        if variance.any():
            prior = _PRIOR / off.shape[1] * variance.mean()
            common = shared.sum() / variance.sum()
            gain = (shared + prior * common) / (variance + prior)
            gain = np.clip(gain if self.is_last else np.sqrt(gain), *_GAINS)
        means = np.stack([rows.mean(1, dtype=np.float64) for rows in self.rows])
        exact_means = np.stack([exact.mean(1, dtype=np.float64) for exact in self.exact])
        lost = exact_means - np.einsum("sgi,goi->sgo", means, self.weight)
        left = np.einsum("gi,goi->go", means.mean(0), self.weight - gain[:, :, None] * rounded)
        return gain, self.bias + left + shrunk(lost)


def explained(parts: Sequence[tuple[np.ndarray, np.ndarray]]) -> np.ndarray:
    """What to add to the weights, by the ``moments`` of two halves of the samples, to make up for
    what linear regression on the inputs explains of the errors before the layer.

    As much of it as holds for the samples of one half if it is learnt from those of the other.
    """
    learnt = [_regression(*part) for part in parts]
    told = sum((a * lost).sum() for a, (_, lost) in zip(learnt, parts[::-1]))
    size = sum(((a @ own) * a).sum() for a, (own, _) in zip(learnt, parts[::-1]))
    share = float(np.clip(told / size, 0, 1)) if size > 0 else 0.0
    return share * _regression(*map(sum, zip(*parts)))


def _regression(own: np.ndarray, lost: np.ndarray) -> np.ndarray:
    damped = own.copy()
    damp(damped, _DAMPING)
    return np.swapaxes(np.linalg.solve(damped, np.swapaxes(lost, 1, 2)), 1, 2)


def shrunk(means: np.ndarray) -> np.ndarray:
    """The mean of ``means`` of samples, their first axis, less what chance may have made.

    Few samples have errors that others do not have. All means give up the share which the spread
    between the samples explains (James and Stein).
    """
    count, mean = len(means), means.mean(0)
    if count == 1 or not mean.any():
        return mean
    chance = means.var(0, ddof=1) / count
    return mean * max(1 - chance.sum() / np.square(mean).sum(), 0)


def _products(rows: np.ndarray, weight: np.ndarray) -> np.ndarray:
    return rows @ np.swapaxes(weight, 1, 2).astype(np.float32)


def _centred(parts: Sequence[np.ndarray]) -> Iterator[np.ndarray]:
    """Parts [groups, positions, values] without the mean over the positions of all."""
    count = sum(part.shape[1] for part in parts)
    mean = sum(part.sum(1, dtype=np.float64) for part in parts) / max(count, 1)
    for part in parts:
        yield part - mean[:, None].astype(np.float32)
