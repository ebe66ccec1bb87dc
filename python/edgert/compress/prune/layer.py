"""One layer while it is pruned: what it sees, what it gave, and which of its weights stay."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from edgert.compress.prune.options import Options
from edgert.compress.prune.patterns import Pattern, mask_of
from edgert.compress.prune.refit import refit, saliencies, schedule
from edgert.compress.statistics.patches import patches, thin
from edgert.ir import Graph, Node

_MOST_MOMENT_BYTES = 1 << 29  # those of a depth of 8192: the time grows with its cube
_DAMPING = 0.01  # of the mean second moment, towards the weights as they were
_MORE_DAMPING = 0.1  # times the weights of an output over the positions that tell of them

Values = Mapping[str, Sequence[np.ndarray]]  # of each sample, by name


class PrunedLayer:
    """A matrix product in a single group, as [outputs, depth].

    ``strength`` is the mean square of each input channel. What is learnt are second moments of the
    inputs as they are in the pruned network, and their products with what the layer must give for
    the result that it had, all without the means, which are the bias's business.
    """

    def __init__(self, graph: Graph, node: Node, strength: np.ndarray) -> None:
        self._graph, self._node = graph, node
        weight = graph.constant(node.inputs[1])
        self._shape = weight.shape
        self._weight = weight.reshape(len(weight), -1).astype(np.float64)
        self._strength = np.broadcast_to(strength, self._shape[1:]).reshape(-1)
        self._moments: np.ndarray | None = None

    @property
    def has_moments(self) -> bool:
        """Whether the second moments are few enough to be computed."""
        depth = self._weight.shape[1]
        return depth**2 * np.dtype(np.float64).itemsize <= _MOST_MOMENT_BYTES

    def learn(self, exact: Values, found: Values) -> None:
        """Takes up the values of the network as it was and of the pruned one."""
        node, outputs = self._node, len(self._weight)
        depth = self._weight.shape[1]
        residual = node.inputs[3] if len(node.inputs) > 3 else ""
        moments, wanted = np.zeros((depth, depth)), np.zeros((outputs, depth))
        means, targets, count = np.zeros(depth), np.zeros(outputs), 0
        weight = self._weight.T.astype(np.float32)
        name = node.inputs[0]
        for i in range(len(exact[name])):
            rows = patches(node, self._shape, found[name][i])[0]
            target = patches(node, self._shape, exact[name][i])[0] @ weight
            if residual in found:
                lost = exact[residual][i] - found[residual][i]
                target += thin(lost.reshape(-1, lost.shape[-1]), depth)
            moments += rows.T @ rows
            wanted += target.T @ rows
            means += rows.sum(0, dtype=np.float64)
            targets += target.sum(0, dtype=np.float64)
            count += len(rows)
        self._means, self._targets = means / count, targets / count
        self._moments = moments / count - np.outer(self._means, self._means)
        self._wanted = wanted / count - np.outer(self._targets, self._means)
        size = float(np.trace(self._moments)) / depth or 1.0
        damping = size * (_DAMPING + _MORE_DAMPING * depth / count)
        self._moments[np.diag_indices(depth)] += damping
        self._wanted += damping * self._weight

    def prune(
        self, pattern: Pattern, sparsity: float, options: Options, rng: np.random.Generator
    ) -> None:
        """Puts the weights that are left, and a bias that fits them, into the graph."""
        weight = self._weight
        rounds = [sparsity]
        if options.method == "obs" and self._moments is not None and not pattern.window:
            rounds = schedule(sparsity)
        for part in rounds:
            scores = self._scores(weight, options.method, rng).reshape(self._shape)
            mask = mask_of(scores, pattern, part).reshape(weight.shape)
            if options.repair and self._moments is not None:
                weight = refit(weight, mask, self._moments, self._wanted)
            else:
                weight = weight * mask
        stored = weight.reshape(self._shape).astype(np.float32)
        self._graph.values[self._node.inputs[1]].data = stored
        if options.repair and self._moments is not None:
            self._shift(self._targets - weight @ self._means)

    def _scores(self, weight: np.ndarray, method: str, rng: np.random.Generator) -> np.ndarray:
        """How much each weight matters."""
        if method == "random":
            return rng.random(weight.shape) * (weight != 0)
        if method == "magnitude":
            return np.square(weight)
        if method == "obs" and self._moments is not None:
            return saliencies(weight, self._moments)
        return np.square(weight) * self._strength

    def _shift(self, by: np.ndarray) -> None:
        """Adds to the bias, which there is from then on."""
        graph, node = self._graph, self._node
        name = node.inputs[2] if len(node.inputs) > 2 else ""
        bias = (0 if not name else graph.constant(name)) + by.astype(np.float32)
        new = graph.add_constant(graph.unique_name(f"{node.output}.bias"), bias)
        node.inputs = [*node.inputs[:2], new, *node.inputs[3:]]
