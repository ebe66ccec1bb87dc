"""Models that are quantised already: what they state is computed on bytes as they say it."""

from __future__ import annotations

import functools
from collections.abc import Collection

from edgert.compress.quantize.scales import SCALES, scale_text
from edgert.compress.quantize.stated.dynamic import lower_dynamic
from edgert.compress.quantize.stated.lowering import StatedLowering
from edgert.compress.quantize.stated.plan import CONVERSIONS, Plan, Stated
from edgert.ir import Graph, Node
from edgert.passes.align_channels import align_channels
from edgert.passes.base import Sweep, run_pipeline, sweep
from edgert.passes.lookups import fold_lookups
from edgert.passes.simplify import simplify_data_movement
from edgert.schema import BinaryFn


def states_quantization(graph: Graph) -> bool:
    """Whether a node quantizes or dequantizes, or its input is to be quantised while it runs."""
    return bool(graph.dynamic) or _has_conversions(graph)


def lower_stated(graph: Graph) -> tuple[Graph, Stated]:
    """The optimised graph, whose quantisation it states, on bytes where that is possible."""
    report = Stated()
    if graph.dynamic:
        graph = lower_dynamic(graph, report)
    if _has_conversions(graph):
        graph, found = lower_conversions(graph)
        report.add(found)
    return graph, report


def _has_conversions(graph: Graph) -> bool:
    return any(node.op in CONVERSIONS for node in graph.nodes)


def lower_conversions(graph: Graph) -> tuple[Graph, Stated]:
    """The graph whose nodes quantize and dequantize on bytes."""
    plan = Plan(graph)
    if plan.residuals:
        sweep("add_residuals", graph, functools.partial(_add_behind, plan.residuals))
        plan = Plan(graph)
    lowering = StatedLowering(graph, plan)
    for node in graph.nodes:
        lowering.step(node)
    lowered = lowering.finish()
    run_pipeline(lowered, [simplify_data_movement, fold_lookups, align_channels])
    lowered.metadata[SCALES] = scale_text(lowered, {**plan.affine, **plan.tensors})
    return lowered, plan.report


def _add_behind(chosen: Collection[str], sweep: Sweep, node: Node) -> str | None:
    """Takes the residual out of a matrix product and adds it to the result."""
    if node.output not in chosen:
        return None
    attrs = {**node.attrs, "activation": {}}
    y = sweep.add(node.op, node.inputs[:3], attrs, node)
    total = {"fn": BinaryFn.add, "activation": node.attrs.get("activation", {})}
    return sweep.add("binary", [y, node.inputs[3]], total, node)


__all__ = ["Stated", "lower_conversions", "lower_stated", "states_quantization"]
