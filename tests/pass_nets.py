"""Small graphs for the tests of the passes, and the check that passes keep what they compute."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from edgert import interp, ir, passes
from edgert.ir import Graph
from edgert.schema import BinaryFn, PadMode, ReduceFn, UnaryFn

TO_IMAGE, FROM_IMAGE = (0, 2, 3, 1), (0, 3, 1, 2)
CONV = {"strides": [1, 1], "dilations": [1, 1], "pads": [0, 0, 0, 0], "groups": 1}
POOL = {**CONV, "kernel": [2, 2], "ceil_mode": 0, "count_include_pad": 0}
POOL.pop("groups")


class Net(Graph):
    """A graph with short ways to say what these tests need."""

    def __init__(self) -> None:
        super().__init__()
        self.rng = np.random.default_rng(7)

    def x(self, *shape: int, name: str = "x", dtype: type = np.float32) -> str:
        return self.add_input(name, dtype, shape)

    def c(self, data) -> str:
        return self.add_constant("c", np.asarray(data, np.float32))

    def random(self, *shape: int) -> str:
        return self.c(self.rng.normal(size=shape))

    def op(self, op: str, *inputs: str, **attrs) -> str:
        return self.add(op, inputs, attrs)

    def f(self, fn: UnaryFn, x: str, alpha: float = 0, beta: float = 0) -> str:
        return self.op("unary", x, function={"fn": fn, "alpha": alpha, "beta": beta})

    def b(self, fn: BinaryFn, x: str, y: str | float) -> str:
        return self.op("binary", x, y if isinstance(y, str) else self.c(y), fn=fn)

    def conv(self, x: str, outputs: int, kernel: int = 1, groups: int = 1, **attrs) -> str:
        inputs = self.values[x].shape[-1] // groups
        weight = self.random(outputs, kernel, kernel, inputs)
        return self.op(
            "conv", x, weight, self.random(outputs), **{**CONV, "groups": groups, **attrs}
        )

    def gemm(self, x: str, outputs: int) -> str:
        return self.op("gemm", x, self.random(outputs, self.values[x].shape[-1]))

    def reshape(self, x: str, *dims: int) -> str:
        return self.op("reshape", x, rank=len(dims), dims=dims)

    def transpose(self, x: str, *perm: int) -> str:
        return self.op("transpose", x, perm=perm)

    def mean(self, x: str, *axes: int, keep: int = 1) -> str:
        return self.op(
            "reduce", x, fn=ReduceFn.mean, axes=sum(1 << a for a in axes), keep_dims=keep
        )

    def slice(self, x: str, axis: int, start: int, size: int, step: int = 1) -> str:
        shape = list(self.values[x].shape)
        starts, steps, sizes = [0] * len(shape), [1] * len(shape), shape
        starts[axis], steps[axis], sizes[axis] = start, step, size
        return self.op("slice", x, starts=starts, steps=steps, sizes=sizes)

    def pad(self, x: str, before: Sequence[int], after: Sequence[int], value: float = 0.0,
            mode: PadMode = PadMode.constant) -> str:  # fmt: skip
        return self.op("pad", x, mode=mode, before=before, after=after, value=value)


def ops_after(net: Net, outputs: str | Sequence[str], *run: Callable, same_bits: bool = False):
    """The operators that the passes ``run`` (all by default) leave; checks what they compute."""
    net.outputs = [outputs] if isinstance(outputs, str) else list(outputs)
    inputs = {}
    for name in net.inputs:
        value = net.values[name]
        inputs[name] = (3 * net.rng.normal(size=value.shape)).astype(value.dtype)
    expected = interp.run(net, inputs)
    types = {name: (net.values[name].dtype, net.values[name].shape) for name in net.outputs}
    for graph_pass in run or [lambda graph: passes.optimize(graph)]:
        graph_pass(net)
        ir.verify(net)
    assert {n: (net.values[n].dtype, net.values[n].shape) for n in net.outputs} == types
    for name, array in interp.run(net, inputs).items():
        finite = expected[name][np.isfinite(expected[name])]
        tolerance = 0 if same_bits else 1e-5 * max(np.abs(finite).max(initial=0), 1)
        np.testing.assert_allclose(array, expected[name], rtol=0, atol=tolerance)
    return [node.op for node in net.nodes]


def activation(net: Net, i: int = -1) -> UnaryFn:
    return UnaryFn(net.nodes[i].attrs["activation"]["fn"])


def function(net: Net, i: int = -1) -> UnaryFn:
    return UnaryFn(net.nodes[i].attrs["function"]["fn"])


def spelled_layer_norm(net: Net, x: str, axis: int = 2, square_of: str = "") -> str:
    d = net.b(BinaryFn.sub, x, net.mean(x, axis))
    square = net.b(BinaryFn.pow, square_of or d, 2.0)
    y = net.b(
        BinaryFn.div, d, net.f(UnaryFn.sqrt, net.b(BinaryFn.add, net.mean(square, axis), 0.01))
    )
    channels = net.values[x].shape[-1]
    return net.b(BinaryFn.add, net.b(BinaryFn.mul, y, net.random(channels)), net.random(channels))
