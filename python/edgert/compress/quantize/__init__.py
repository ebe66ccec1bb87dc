"""Quantisation, two techniques: weights that make channels alike, and layers on integers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from edgert.compress.quantize.options import Options
from edgert.compress.quantize.prepare.equalize import equalize as equalize_channels
from edgert.compress.quantize.prepare.rotate import rotate
from edgert.compress.quantize.quantizer import proposal
from edgert.compress.statistics import Statistics
from edgert.compress.technique import Change, Network, Proposal, options_of
from edgert.errors import InputError


def equalize(network: Network, statistics: Statistics, parameters: Mapping[str, Any]) -> Proposal:
    """Lets all channels of a tensor use its levels: a technique without parameters."""
    if parameters:
        raise InputError(f"equalize has no parameters, found {sorted(parameters)}", "OPTION")
    for step, change in (rotate, Change.mixed), (equalize_channels, Change.scaled):
        for name in step(network.graph, statistics, network.ranges):
            network.changes.setdefault(name, change)
    return Proposal()


def quantize(network: Network, statistics: Statistics, parameters: Mapping[str, Any]) -> Proposal:
    """Offers forms on integers; the parameters are those of :class:`Options`."""
    return proposal(network, statistics, options_of(Options, "quantize", parameters))


__all__ = ["equalize", "quantize"]
