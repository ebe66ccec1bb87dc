"""Computing nodes whose inputs are all known, with onnx's reference implementation.

Folding is for shape arithmetic and for weights that a model derives from others. It covers
operators whose reference implementation is a few vectorised numpy calls, from the operator set on
at which that implementation means what the specification says; everything else is left to run.
"""

from __future__ import annotations

import math
import time
import warnings
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper, shape_inference
from onnx.reference import ReferenceEvaluator

from edgert.budget import Budget
from edgert.errors import FormatError, LimitError, UnsupportedError

MAX_SECONDS = 60.0
_MAX_MULTIPLICATIONS = 1 << 32  # of one matrix product
_KINDS = "fiub"  # of the elements of results
_MAX_SHAPE_ELEMENTS = 64  # larger inputs are no shapes: the size of no result depends on them

# First operator set that is folded: its operators.
_FOLDED = {
    1: """Abs Ceil Exp Floor Log Neg Not Reciprocal Sigmoid Sqrt Tanh Relu ConstantOfShape Expand
       Size Shape GatherElements Squeeze Unsqueeze ReduceSum ReduceMax ReduceMin ReduceMean
       ReduceProd ArgMax ArgMin""",
    4: "Concat Flatten Identity Transpose Gather Split Slice",
    5: "Reshape",
    6: "Cast Tile",
    7: "Add Sub Mul Div And Or Xor Equal Greater Less PRelu",
    8: "Max Min Sum Mean",
    9: """Erf Sign Round IsNaN IsInf Sin Cos Mod BitShift Trilu CumSum GreaterOrEqual LessOrEqual
       Where Pow OneHot EyeLike NonZero Compress Unique MatMul Gemm""",
    11: "Clip Pad",
}
_SINCE = {op: opset for opset, ops in _FOLDED.items() for op in ops.split()}
# Their results have at most as many elements as their inputs, or that times the rank.
_BOUNDED = {"NonZero", "Compress", "Unique"}
# What the reference implementation takes while it computes a result, as measured. These take
# nothing but the result; these so many bytes for each element, in Python's own loops; all others at
# most _WORKING times the result, of whose elements none counts for less than 32 bits.
_MOVERS = {"ConstantOfShape", "Identity", "Reshape", "Flatten", "Squeeze", "Unsqueeze", "Transpose"}
_MOVERS |= {"Concat", "Split", "Slice", "Tile", "Cast"}
_LOOPS = {"Erf": 96, "GatherElements": 160}
_WORKING = 4


class Folder:
    """Evaluates nodes within a budget of bytes and one of seconds for the whole model."""

    def __init__(self, budget: Budget) -> None:
        self._budget = budget
        self._seconds = 0.0
        self._evaluators: dict[bytes, ReferenceEvaluator] = {}

    def folds(self, op: str, opset: int) -> bool:
        """Whether nodes of this operator are computed when their inputs are known."""
        return opset >= _SINCE.get(op, math.inf)

    def evaluate(
        self,
        op: str,
        opset: int,
        inputs: list[np.ndarray | None],
        attrs: dict[str, Any],
        outputs: int,
    ) -> list[np.ndarray]:
        """The outputs of the node. Raises LimitError when the budget is exhausted."""
        names = ["" if array is None else f"i{k}" for k, array in enumerate(inputs)]
        feeds = {name: array for name, array in zip(names, inputs) if name}
        node = helper.make_node(op, names, [f"o{k}" for k in range(outputs)], **attrs)
        result, working = _needed_bytes(node, opset, feeds)
        self._budget.require(working, f"computing {op} of constants", "FOLD")
        self._budget.take(result, f"what {op} makes of constants", "FOLD")
        start = time.monotonic()
        try:
            with warnings.catch_warnings(), np.errstate(all="ignore"):
                warnings.simplefilter("ignore")  # means of nothing, divisions by zero
                results = self._evaluator(node, opset).run(None, feeds)
        except MemoryError as error:
            raise LimitError(f"{op}: no memory for its constant result", "FOLD") from error
        except Exception as error:  # the reference raises whatever numpy does
            raise FormatError(f"{op} of constants: {error}", "NODE") from error
        self._seconds += time.monotonic() - start
        if self._seconds > MAX_SECONDS:
            raise LimitError(f"folding constants took more than {MAX_SECONDS} s", "FOLD")
        return [_checked(op, result) for result in results]

    def _evaluator(self, node: onnx.NodeProto, opset: int) -> ReferenceEvaluator:
        key = opset.to_bytes(4, "little") + node.SerializeToString(deterministic=True)
        if key not in self._evaluators:
            graph = onnx.GraphProto(name="fold", node=[node])
            graph.input.extend(onnx.ValueInfoProto(name=name) for name in node.input if name)
            graph.output.extend(onnx.ValueInfoProto(name=name) for name in node.output)
            self._evaluators[key] = ReferenceEvaluator(graph, opsets={"": opset})
        return self._evaluators[key]


def _needed_bytes(
    node: onnx.NodeProto, opset: int, feeds: dict[str, np.ndarray]
) -> tuple[int, int]:
    """Bytes of the results, from ONNX's shape inference, and what their computation takes."""
    op = node.op_type
    if op in _BOUNDED:
        most = sum(array.size * (array.ndim + 1) * 8 for array in feeds.values())
        return most, _WORKING * most
    types, data = {}, {}
    for name, array in feeds.items():
        element = helper.np_dtype_to_tensor_dtype(array.dtype)
        types[name] = helper.make_tensor_type_proto(element, array.shape)
        if array.size <= _MAX_SHAPE_ELEMENTS:
            data[name] = numpy_helper.from_array(array, name)
    try:
        results = shape_inference.infer_node_outputs(
            onnx.defs.get_schema(op, opset, ""),
            node,
            types,
            data,
            opset_imports=[helper.make_opsetid("", opset)],
        )
    except (onnx.checker.ValidationError, shape_inference.InferenceError, RuntimeError) as error:
        raise FormatError(f"{op} of constants: {error}", "NODE") from error
    total = working = 0
    for result in results.values():
        tensor = result.tensor_type
        dims = [d.dim_value if d.HasField("dim_value") else -1 for d in tensor.shape.dim]
        if not tensor.HasField("shape") or any(dim < 0 for dim in dims):
            raise UnsupportedError(f"{op}: the shape of its constant result is unknown", "FOLD")
        dtype, elements = helper.tensor_dtype_to_np_dtype(tensor.elem_type), math.prod(dims)
        if dtype.kind not in _KINDS:
            raise UnsupportedError(f"{op} of constants gives elements of type {dtype}", "DTYPE")
        total += elements * dtype.itemsize
        working += elements * _LOOPS.get(op, _WORKING * max(dtype.itemsize, 4))
        if op in ("MatMul", "Gemm"):
            inner = max(array.shape[-1] if array.ndim else 1 for array in feeds.values())
            if elements * inner > _MAX_MULTIPLICATIONS:
                raise LimitError(f"{op}: a product of constants is too large", "FOLD")
    return total, total if op in _MOVERS else working


def _checked(op: str, result: Any) -> np.ndarray:
    if not isinstance(result, (np.ndarray, np.generic)) or result.dtype.kind not in _KINDS:
        raise UnsupportedError(f"{op} of constants gives {type(result).__name__}", "DTYPE")
    array = np.asarray(result)
    return array.astype(np.float32) if array.dtype == np.float16 else array
