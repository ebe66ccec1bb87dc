"""Finds products whose inputs an ONNX model quantises while it runs, and says each in one node.

ONNX Runtime's quantize_dynamic writes such a product of x and w as

    q, x_scale, x_zero = DynamicQuantizeLinear(x)
    y = Mul(Cast(MatMulInteger(q, w, x_zero, w_zero)), Mul(x_scale, w_scale))

or with ConvInteger, and its optimiser as MatMulIntegerToFloat(q, w, x_scale, w_scale, x_zero,
w_zero, bias). Old versions added the bias to the integers behind ConvInteger, as

    Reshape(Cast(Floor(Div(bias, Mul(x_scale, w_scale)))), shape)

Here they become DynamicProduct(x, w, w_scale, w_zero, bias) in a domain of its own.
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
        integer, scale = writers.get(cast.input[0]), _factors(writers, scales)
        integer, bias = _without_bias(writers, integer, scale)
        if integer is None or integer.op_type not in _INTEGER or not scale:
            continue
        q, w, x_zero, w_zero = (*integer.input, "", "")[:4]
        for x_scale, w_scale in (scale, reversed(scale)):
            source = _quantizer(writers, q, x_scale, x_zero)
            if source is not None:
                operands = [w, w_scale, w_zero, bias]
                joined = _product(node, _INTEGER[integer.op_type], source, operands)
                joined.name = integer.name
                joined.attribute.extend(integer.attribute)
                return joined
    return None


def _factors(writers: dict[str, NodeProto], product: str) -> list[str]:
    """The two factors of a Mul; nothing if it is none."""
    node = writers.get(product)
    return list(node.input) if node is not None and _is(node, "Mul", 2) else []


def _without_bias(
    writers: dict[str, NodeProto], total: NodeProto | None, scale: list[str]
) -> tuple[NodeProto | None, str]:
    """The ConvInteger in a sum with a bias in units of ``scale``, two factors, and the bias.

    Of what is no such sum, itself and no bias.
    """
    if total is None or not _is(total, "Add", 2):
        return total, ""
    for product, name in (total.input, reversed(total.input)):
        integer, chain = writers.get(product), []
        for op, inputs in (("Reshape", 2), ("Cast", 1), ("Floor", 1), ("Div", 2)):
            node = writers.get(name)
            if node is None or not _is(node, op, inputs):
                break
            chain.append(node)
            name = node.input[0]
        if len(chain) < 4 or integer is None or not _is(integer, "ConvInteger"):
            continue
        same = sorted(_factors(writers, chain[-1].input[1])) == sorted(scale)
        if same and _casts_to(chain[1], TensorProto.INT32):
            return integer, name
    return total, ""


def _is(node: NodeProto, op: str, inputs: int | None = None) -> bool:
    return node.op_type == op and inputs in (None, len(node.input))


def _quantizer(writers: dict[str, NodeProto], *outputs: str) -> NodeProto | None:
    """The DynamicQuantizeLinear with these outputs."""
    node = writers.get(outputs[0])
    if node is None or node.op_type != "DynamicQuantizeLinear":
        return None
    return node if all(outputs) and tuple(node.output) == outputs else None


def _is_float_cast(node: NodeProto | None) -> bool:
    return node is not None and _is(node, "Cast", 1) and _casts_to(node, TensorProto.FLOAT)


def _casts_to(node: NodeProto, element: int) -> bool:
    return any(a.name == "to" and a.i == element for a in node.attribute)


def _product(end: NodeProto, op: str, source: NodeProto, operands: list[str]) -> NodeProto:
    return helper.make_node(
        op, [source.input[0], *operands], list(end.output), end.name, domain=DOMAIN
    )
