"""Finds products whose inputs an ONNX model quantises while it runs, and says each in one node.

ONNX Runtime's quantize_dynamic writes such a product of x and w as

    q, x_scale, x_zero = DynamicQuantizeLinear(x)
    y = Mul(Cast(MatMulInteger(q, w, x_zero, w_zero)), Mul(x_scale, w_scale))

or with ConvInteger, and its optimiser as MatMulIntegerToFloat(q, w, x_scale, w_scale, x_zero,
w_zero, bias). Here they become DynamicProduct(x, w, w_scale, w_zero, bias) in a domain of its own.
"""

from __future__ import annotations

from collections.abc import Container, Sequence

from onnx import NodeProto, TensorProto, helper

from edgert.importer.protos import FunctionKey, called_key, domain_of
from edgert.importer.registry import MICROSOFT

DOMAIN = "edgert"  # no model may use it
_INTEGER = {"ConvInteger": "DynamicConv", "MatMulInteger": "DynamicMatMul"}


def join_dynamic_products(
    nodes: Sequence[NodeProto], functions: Container[FunctionKey]
) -> list[NodeProto]:
    """The nodes of a graph, with those products in place of the nodes that end them.

    ``functions`` are those of the model: nodes that call one are no operators of these names.
    """

    def is_known(node: NodeProto) -> bool:
        return called_key(node) not in functions

    known = [node for node in nodes if is_known(node) and not domain_of(node)]
    writers = {name: node for node in known for name in node.output if name}
    return [(is_known(node) and _joined(node, writers)) or node for node in nodes]


def _joined(node: NodeProto, writers: dict[str, NodeProto]) -> NodeProto | None:
    if (domain_of(node), node.op_type) == (MICROSOFT, "MatMulIntegerToFloat"):
        q, w, x_scale, w_scale, x_zero, w_zero, bias = (*node.input, *[""] * 7)[:7]
        source = _quantizer(writers, q, x_scale, x_zero)
        return source and _product(node, "DynamicMatMul", source, [w, w_scale, w_zero, bias])
    if (domain_of(node), node.op_type) != ("", "Mul") or len(node.input) != 2:
        return None
    for product, scales in (node.input, reversed(node.input)):
        cast = writers.get(product)
        if not _is_float_cast(cast):
            continue
        integer, scale = writers.get(cast.input[0]), writers.get(scales)
        if integer is None or integer.op_type not in _INTEGER:
            continue
        if scale is None or scale.op_type != "Mul" or len(scale.input) != 2:
            continue
        q, w, x_zero, w_zero = (*integer.input, "", "")[:4]
        for x_scale, w_scale in (scale.input, reversed(scale.input)):
            source = _quantizer(writers, q, x_scale, x_zero)
            if source is not None:
                joined = _product(node, _INTEGER[integer.op_type], source, [w, w_scale, w_zero])
                joined.name = integer.name
                joined.attribute.extend(integer.attribute)
                return joined
    return None


def _quantizer(writers: dict[str, NodeProto], *outputs: str) -> NodeProto | None:
    """The DynamicQuantizeLinear with these outputs."""
    node = writers.get(outputs[0])
    if node is None or node.op_type != "DynamicQuantizeLinear":
        return None
    return node if all(outputs) and tuple(node.output) == outputs else None


def _is_float_cast(node: NodeProto | None) -> bool:
    return (
        node is not None
        and node.op_type == "Cast"
        and len(node.input) == 1
        and any(a.name == "to" and a.i == TensorProto.FLOAT for a in node.attribute)
    )


def _product(end: NodeProto, op: str, source: NodeProto, operands: list[str]) -> NodeProto:
    return helper.make_node(
        op, [source.input[0], *operands], list(end.output), end.name, domain=DOMAIN
    )
