"""Rewrites an imported graph into the one that the runtime runs fast; see :func:`optimize`."""

from __future__ import annotations

from edgert.ir import Graph
from edgert.passes.affine import fold_affine
from edgert.passes.axis_order import assign_axis_order
from edgert.passes.base import Pass, PassReport, run_pipeline
from edgert.passes.constants import fold_constants
from edgert.passes.epilogue import fuse_activation, fuse_residual
from edgert.passes.functions import recognise_functions
from edgert.passes.layer_norm import recognise_layer_norm
from edgert.passes.matmul import matmul_to_gemm
from edgert.passes.movers import sink_movers
from edgert.passes.pads import fuse_pads
from edgert.passes.signs import recognise_signs
from edgert.passes.simplify import simplify_arithmetic, simplify_data_movement
from edgert.passes.slices import divide_products
from edgert.passes.subexpressions import share_subexpressions
from edgert.passes.thresholds import keep_bits
from edgert.passes.transposes import merge_transposes_across_reshapes
from edgert.passes.unsigned import make_unsigned
from edgert.passes.upsampling import conv_transpose_to_gemm

PASSES: tuple[Pass, ...] = (
    # First what makes the graph smaller and its spellings uniform: the others look for few forms.
    fold_constants,
    simplify_arithmetic,
    simplify_data_movement,
    share_subexpressions,
    make_unsigned,
    # Patterns before transposes move into them, and before their nodes are fused with others.
    recognise_functions,
    recognise_layer_norm,
    matmul_to_gemm,
    conv_transpose_to_gemm,
    divide_products,
    # Transposes before fusion: what is to be fused must be neighbours.
    merge_transposes_across_reshapes,
    assign_axis_order,
    fuse_pads,
    # Sunk at once before the fusion that wants it, or the order of axes would be chosen again.
    sink_movers,
    # In the order of y = activation(x * scale + shift + residual).
    fold_affine,
    fuse_residual,
    fuse_activation,
)

# Behind those, when no other fires any more: what they make is understood by no other pass.
BIT_PASSES: tuple[Pass, ...] = (recognise_signs, keep_bits)


def optimize(graph: Graph) -> list[PassReport]:
    """Rewrites ``graph`` in place until no pass changes it; one report per pass.

    What the graph computes stays the same up to rounding; so do its inputs and outputs.
    """
    return [*run_pipeline(graph, PASSES), *run_pipeline(graph, BIT_PASSES)]


__all__ = ["BIT_PASSES", "PASSES", "Pass", "PassReport", "optimize"]
