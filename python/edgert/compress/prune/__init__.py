"""Pruning: weights that matter least become zero, and the others make up for them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from edgert.compress.prune.options import MOST_SPARSITY, Options
from edgert.compress.prune.pruner import prune_network
from edgert.compress.statistics import Statistics
from edgert.compress.technique import Network, Proposal, options_of

MOST_UNREPAIRED = 0.6  # of the weights can go without repair, in many networks


def prune(network: Network, statistics: Statistics, parameters: Mapping[str, Any]) -> Proposal:
    """Makes weights zero; the parameters are those of :class:`Options`. Offers no forms."""
    options = options_of(Options, "prune", parameters)
    prune_network(network.graph, statistics, options)
    if options.sparsity <= MOST_UNREPAIRED or options.repair:
        return Proposal()
    return Proposal(
        (
            f"{options.sparsity:.0%} of the weights were pruned by {options.method} without "
            f"repair, which beyond {MOST_UNREPAIRED:.0%} leaves little of most networks",
        )
    )


__all__ = ["MOST_SPARSITY", "Options", "prune"]
