"""Random valid graphs of the kind that an importer makes: images wrapped in transposes, functions
spelled out, constants to fold. Values stay small, so that results can be compared.
"""

from __future__ import annotations

import numpy as np

from edgert.ir import Graph
from edgert.schema import BinaryFn, DType, PadMode, ReduceFn, ResizeMode, UnaryFn

TO_IMAGE, FROM_IMAGE = (0, 2, 3, 1), (0, 3, 1, 2)

# What neither jumps nor grows fast, so that rounding stays rounding.
TAME = (
    {"fn": UnaryFn.relu},
    {"fn": UnaryFn.clip, "alpha": 0.0, "beta": 6.0},
    {"fn": UnaryFn.clip, "alpha": -1.0, "beta": 1.5},
    {"fn": UnaryFn.leaky_relu, "alpha": 0.1},
    {"fn": UnaryFn.hard_sigmoid, "alpha": 0.2, "beta": 0.5},
    {"fn": UnaryFn.hard_swish},
    {"fn": UnaryFn.sigmoid},
    {"fn": UnaryFn.silu},
    {"fn": UnaryFn.tanh},
    {"fn": UnaryFn.gelu},
    {"fn": UnaryFn.gelu_tanh},
    {"fn": UnaryFn.neg},
    {"fn": UnaryFn.abs},
    {"fn": UnaryFn.elu, "alpha": 0.7},
    {"fn": UnaryFn.softplus},
)


class _Builder:
    def __init__(self, rng: np.random.Generator) -> None:
        self.rng, self.graph = rng, Graph()
        self.made: list[str] = []

    # Small helpers -----------------------------------------------------------------------------

    def shape(self, name: str) -> tuple[int, ...]:
        return self.graph.values[name].shape

    def below(self, n: int) -> int:
        return int(self.rng.integers(n))

    def chance(self, p: float) -> bool:
        return bool(self.rng.random() < p)

    def any(self, options):
        return options[self.below(len(options))]

    def value(self, *ranks: int) -> str | None:
        """A value made so far, rather a late one; of one of the ranks if given."""
        names = [n for n in self.made if not ranks or len(self.shape(n)) in ranks]
        return names[max(self.below(len(names)), self.below(len(names)))] if names else None

    def data(self, *shape: int, scale: float = 1.0) -> np.ndarray:
        return self.rng.normal(0, scale, shape).astype(np.float32)

    def constant(self, *shape: int, scale: float = 1.0) -> str:
        return self.graph.add_constant("c", self.data(*shape, scale=scale))

    def number(self, x: float) -> str:
        return self.graph.add_constant("n", np.full(self.any([(), (1,)]), x, np.float32))

    def add(self, op: str, *inputs: str, **attrs) -> str:
        return self.graph.add(op, inputs, attrs)

    def unary(self, x: str, fn: UnaryFn, **parameters) -> str:
        return self.add("unary", x, function={"fn": fn, **parameters})

    def binary(self, fn: BinaryFn, a: str, b: str) -> str:
        return self.add("binary", a, b, fn=fn)

    def image(self, x: str) -> str:
        return self.add("transpose", x, perm=TO_IMAGE)

    def planes(self, x: str) -> str:
        return self.add("transpose", x, perm=FROM_IMAGE)

    def reshape(self, x: str, *dims: int) -> str:
        return self.add("reshape", x, rank=len(dims), dims=dims)

    def broadcastable(self, shape: tuple[int, ...]) -> str:
        """A constant that broadcasts to ``shape``: often one number per channel."""
        if len(shape) == 4 and self.chance(0.5):
            dims = (shape[1], 1, 1)
        else:
            dims = tuple(d if self.chance(0.6) else 1 for d in shape)[self.below(len(shape) + 1) :]
        return self.constant(*dims, scale=0.7)

    # What a node may be -------------------------------------------------------------------------

    def tame_unary(self) -> str:
        return self.add("unary", self.value(), function=self.any(TAME))

    def with_constant(self) -> str:
        x = self.value()
        c = self.broadcastable(self.shape(x))
        fn = self.any([BinaryFn.add, BinaryFn.sub, BinaryFn.mul, BinaryFn.max, BinaryFn.min])
        return self.binary(fn, *(self.any([(x, c), (c, x)])))

    def divided(self) -> str:
        return self.binary(BinaryFn.div, self.value(), self.number(self.any([2.0, 3.0, -0.7])))

    def squared(self) -> str:
        x = self.unary(self.value(), UnaryFn.tanh)
        return self.binary(BinaryFn.pow, x, self.number(self.any([1.0, 2.0, 3.0])))

    def with_value(self) -> str | None:
        a = self.value()
        same = [n for n in self.made if self.shape(n) == self.shape(a)]
        fn = self.any([BinaryFn.add, BinaryFn.add, BinaryFn.sub, BinaryFn.max])
        return self.binary(fn, a, self.any(same))

    def gated(self) -> str | None:
        """Squeeze and excitation."""
        x = self.value(4)
        if x is None or self.shape(x)[1] > 64:
            return None
        channels = self.shape(x)[1]
        s = self.add("reduce", x, fn=ReduceFn.mean, axes=0b1100, keep_dims=1)
        s = self.planes(self.conv_image(self.image(s), channels, kernel=(1, 1)))
        s = self.unary(s, UnaryFn.hard_sigmoid, alpha=1 / 6, beta=0.5)
        y = self.binary(BinaryFn.mul, *self.any([(x, s), (s, x)]))
        return self.binary(BinaryFn.add, y, x) if self.chance(0.3) else y

    def conv_image(self, x: str, channels: int, kernel=None) -> str:
        _, height, width, inputs = self.shape(x)
        groups = self.any([g for g in (1, 2, inputs) if inputs % g == 0 and channels % g == 0])
        kernel = kernel or (self.any([1, 2, 3]), self.any([1, 3]))
        weight = self.constant(channels, *kernel, inputs // groups, scale=inputs**-0.5)
        pads = [self.below(k) for k in kernel * 2]
        for axis, size in enumerate((height, width)):
            pads[axis] = max(pads[axis], kernel[axis] - size)
        bias = [self.constant(channels)] if self.chance(0.5) else []
        return self.add("conv", x, weight, *bias, strides=[self.any([1, 1, 2])] * 2,
                        dilations=[1, 1], pads=pads, groups=groups)  # fmt: skip

    def conv(self) -> str | None:
        x = self.value(4)
        if x is None or self.shape(x)[1] > 64:
            return None
        channels = self.any([self.shape(x)[1], 4, 6])
        return self.planes(self.conv_image(self.image(x), channels))

    def padded_conv(self) -> str | None:
        x = self.value(4)
        if x is None or self.shape(x)[1] > 64:
            return None
        x = self.add("pad", x, mode=self.any([PadMode.constant, PadMode.edge]), value=0.0,
                     before=[0, 0, 1, self.below(3)], after=[0, 0, self.below(2), 1])  # fmt: skip
        return self.planes(self.conv_image(self.image(x), 4, kernel=(2, 2)))

    def same_conv_sum(self) -> str | None:
        """conv of 3 x 3 that keeps the shape, plus its input."""
        x = self.value(4)
        if x is None or self.shape(x)[1] > 64:
            return None
        channels = self.shape(x)[1]
        weight = self.constant(channels, 3, 3, channels, scale=0.2)
        y = self.planes(self.add("conv", self.image(x), weight, strides=[1, 1], dilations=[1, 1],
                                 pads=[1, 1, 1, 1], groups=1))  # fmt: skip
        return self.binary(BinaryFn.add, *self.any([(x, y), (y, x)]))

    def conv_transpose(self) -> str | None:
        x = self.value(4)
        if x is None or max(self.shape(x)[1:]) > 16:
            return None
        channels = self.shape(x)[1]
        groups = self.any([g for g in (1, 2) if channels % g == 0])
        weight = self.constant(groups * 4 * 3, channels // groups, scale=0.4)
        if groups == 1 and self.chance(0.5):
            y = self.add("conv_transpose", self.image(x), weight, self.constant(3), kernel=[2, 2],
                         strides=[2, 2], dilations=[1, 1], pads=[0, 0, 0, 0],
                         output_padding=[0, 0], groups=1)  # fmt: skip
            return self.planes(y)
        y = self.add("conv_transpose", self.image(x), weight, kernel=[2, 2], strides=[2, 2],
                     dilations=[1, 1], pads=[0, 1, 0, 0], output_padding=[0, 1],
                     groups=groups)  # fmt: skip
        return self.planes(y)

    def batch_norm(self) -> str | None:
        x = self.value(4)
        if x is None:
            return None
        channels = self.shape(x)[1]
        y = self.add("batch_norm", self.image(x), self.constant(channels), self.constant(channels))
        return self.planes(y)

    def pool(self) -> str | None:
        x = self.value(4)
        if x is None or min(self.shape(x)[2:]) < 2:
            return None
        op = self.any(["max_pool", "average_pool"])
        pad = self.any([0, 1])
        y = self.add(op, self.image(x), kernel=[2, 2], strides=[self.any([1, 2])] * 2,
                     dilations=[1, 1], pads=[pad, 0, 0, pad], ceil_mode=self.below(2),
                     count_include_pad=int(op == "average_pool" and self.chance(0.5)))  # fmt: skip
        return self.planes(y)

    def resize(self) -> str | None:
        x = self.value(4)
        if x is None or max(self.shape(x)[2:]) > 12:
            return None
        size = [2 * d for d in self.shape(x)[2:]]
        mode = self.any([ResizeMode.nearest, ResizeMode.linear])
        y = self.add("resize", self.image(x), mode=mode, size=size, first=[0, 0], step=[1, 1],
                     unit=[2, 2], cubic_coefficient=-0.75, exclude_outside=0)  # fmt: skip
        return self.planes(y)

    def concat(self) -> str:
        a = self.value()
        axis = self.below(len(self.shape(a)))

        def fits(n: str) -> bool:
            s, t = list(self.shape(n)), list(self.shape(a))
            return len(s) == len(t) and s[:axis] + s[axis + 1 :] == t[:axis] + t[axis + 1 :]

        others = [n for n in self.made if fits(n)]
        return self.add("concat", a, self.any(others), axis=axis)

    def slice(self) -> str | None:
        x = self.value()
        starts, steps, sizes = [], [], []
        for dim in self.shape(x):
            step = self.any([1, 1, 1, -1, 2])
            start = dim - 1 if step < 0 else self.below(dim) if self.chance(0.3) else 0
            room = (dim - start + step - 1) // step if step > 0 else dim
            starts.append(start)
            steps.append(step)
            sizes.append(room if self.chance(0.7) else 1 + self.below(room))
        return self.add("slice", x, starts=starts, steps=steps, sizes=sizes)

    def split_halves(self) -> str | None:
        x = self.value(4)
        if x is None or self.shape(x)[1] % 2:
            return None
        sizes = list(self.shape(x))
        sizes[1] //= 2
        halves = [
            self.add("slice", x, starts=[0, start, 0, 0], steps=[1] * 4, sizes=sizes)
            for start in (0, sizes[1])
        ]
        return self.binary(BinaryFn.add, halves[0], self.unary(halves[1], UnaryFn.sigmoid))

    def pad(self) -> str | None:
        x = self.value()
        rank = len(self.shape(x))
        around = [[self.below(2) for _ in range(rank)] for _ in range(2)]
        return self.add("pad", x, mode=PadMode.constant, value=self.any([0.0, 0.5]),
                        before=around[0], after=around[1])  # fmt: skip

    def reduce(self) -> str:
        x = self.value()
        axes = 1 + self.below((1 << len(self.shape(x))) - 1)
        fn = self.any([ReduceFn.mean, ReduceFn.max, ReduceFn.min])
        return self.add("reduce", x, fn=fn, axes=axes, keep_dims=self.below(2))

    def sorted(self) -> str | None:
        x = self.value(1, 2, 3, 4)
        if x is None or self.shape(x)[-1] == 0:
            return None
        k = 1 + self.below(self.shape(x)[-1])
        return self.add("top_k", x, k=k, smallest=self.below(2))

    def chosen(self) -> str:
        """Where a constant holds: one of computed values would jump."""
        x = self.value()
        shape = [d if self.chance(0.7) else 1 for d in self.shape(x)]
        condition = self.graph.add_constant("holds", self.rng.integers(0, 2, shape) == 1)
        other = x if self.chance(0.3) else self.number(-0.5)
        first = self.unary(x, UnaryFn.neg)
        return self.add("select", condition, *self.any([(first, other), (other, first)]))

    def cumulated(self) -> str | None:
        x = self.value(1, 2, 3, 4)
        if x is None:
            return None
        return self.add("cumulate", x, fn=ReduceFn.sum, axis=self.below(len(self.shape(x))))

    def recurrent(self) -> str | None:
        """A projection and an operator with steps, of which one output goes on."""
        x = self.value(3)
        if x is None or self.shape(x)[-1] > 64 or 0 in self.shape(x):
            return None
        op, gates = self.any([("rnn", 1), ("lstm", 4), ("gru", 3)])
        units, depth = self.any([2, 5]), self.shape(x)[-1]
        x = self.add("matmul", x, self.constant(depth, gates * units, scale=depth**-0.5))
        sigmoid, tanh = {"fn": UnaryFn.sigmoid}, {"fn": UnaryFn.tanh}
        attrs = {"reverse": self.below(2), "clip": self.any([0.0, 1.5])}
        if op == "rnn":
            weights, attrs["hidden"] = [1], tanh
        elif op == "lstm":
            weights = [4]
            attrs.update(input_forget=self.below(2), gate=sigmoid, cell=tanh, hidden=tanh)
        else:
            weights = [2, 1]
            attrs.update(linear_before_reset=self.below(2), gate=sigmoid, candidate=tanh)
        r = [self.constant(rows * units, units, scale=units**-0.5) for rows in weights]
        self.add(op, x, *r, **attrs)
        return self.any(self.graph.nodes[-1].outputs)

    def softmax(self) -> str:
        x = self.value()
        return self.add("softmax", x, axis=self.below(len(self.shape(x))), log=0)

    def transpose(self) -> str:
        x = self.value()
        return self.add("transpose", x, perm=self.rng.permutation(len(self.shape(x))).tolist())

    def shuffled_channels(self) -> str | None:
        x = self.value(4)
        if x is None or self.shape(x)[1] % 2:
            return None
        batch, channels, height, width = self.shape(x)
        y = self.reshape(x, batch, 2, channels // 2, height, width)
        y = self.add("transpose", y, perm=[0, 2, 1, 3, 4])
        return self.reshape(y, batch, channels, height, width)

    def flatten(self) -> str:
        x = self.value()
        batch = self.shape(x)[0] if self.shape(x) else 1
        return self.reshape(x, batch, int(np.prod(self.shape(x))) // batch)

    def merge_axes(self) -> str | None:
        x = self.value(3, 4)
        if x is None:
            return None
        *first, a, b = self.shape(x)
        return self.reshape(x, *first, a * b)

    def split_axis(self) -> str | None:
        x = self.value(2, 3)
        if x is None:
            return None
        dims = list(self.shape(x))
        axis = self.below(len(dims))
        factor = self.any([f for f in (1, 2, 3) if dims[axis] % f == 0])
        dims[axis : axis + 1] = [factor, dims[axis] // factor]
        return self.reshape(x, *dims)

    def gemm(self) -> str | None:
        x = self.value(2, 3, 4)
        if x is None or self.shape(x)[-1] > 400:
            return None
        depth = self.shape(x)[-1]
        y = self.add("matmul", x, self.constant(depth, 5, scale=depth**-0.5))
        return self.binary(BinaryFn.add, y, self.constant(5)) if self.chance(0.5) else y

    def attention(self) -> str | None:
        x = self.value(3)
        if x is None or self.shape(x)[-1] > 64 or 0 in self.shape(x):
            return None
        batch, length, depth = self.shape(x)
        heads = []
        if self.chance(0.5):
            y = self.add("matmul", x, self.constant(depth, 18, scale=depth**-0.5))
            y = self.reshape(
                self.binary(BinaryFn.add, y, self.constant(18)), batch, length, 3, 2, 3
            )
            y = self.add("transpose", y, perm=[2, 0, 3, 1, 4])
            for i in range(3):
                part = self.add("slice", y, starts=[i, 0, 0, 0, 0], steps=[1] * 5,
                                sizes=[1, batch, 2, length, 3])  # fmt: skip
                heads.append(self.reshape(part, batch, 2, length, 3))
        else:
            for _ in range(3):
                y = self.add("matmul", x, self.constant(depth, 6, scale=depth**-0.5))
                y = self.reshape(y, batch, length, 2, 3)
                heads.append(self.add("transpose", y, perm=[0, 2, 1, 3]))
        keys = self.add("transpose", heads[1], perm=[0, 1, 3, 2])
        scores = self.binary(BinaryFn.mul, self.add("matmul", heads[0], keys), self.number(0.5))
        mixed = self.add("matmul", self.add("softmax", scores, axis=3, log=0), heads[2])
        return self.reshape(self.add("transpose", mixed, perm=[0, 2, 1, 3]), batch, length, 6)

    def layer_norm(self) -> str | None:
        x = self.value()
        rank = len(self.shape(x))
        if rank < 2 or self.shape(x)[-1] < 3:
            return None
        attrs = {"fn": ReduceFn.mean, "axes": 1 << (rank - 1), "keep_dims": 1}
        d = self.binary(BinaryFn.sub, x, self.add("reduce", x, **attrs))
        square = self.binary(BinaryFn.pow, d, self.number(2.0))
        variance = self.binary(BinaryFn.add, self.add("reduce", square, **attrs), self.number(0.1))
        y = self.binary(BinaryFn.div, d, self.unary(variance, UnaryFn.sqrt))
        y = self.binary(BinaryFn.mul, y, self.constant(self.shape(x)[-1]))
        return self.binary(BinaryFn.add, y, self.constant(self.shape(x)[-1]))

    def spelled_function(self) -> str:
        x = self.value()
        spelling = self.below(5)
        if spelling == 0:
            y = self.unary(self.binary(BinaryFn.add, x, self.number(3.0)), UnaryFn.clip, beta=6.0)
            return self.binary(BinaryFn.div, self.binary(BinaryFn.mul, x, y), self.number(6.0))
        if spelling == 1:
            return self.binary(BinaryFn.mul, self.unary(x, UnaryFn.sigmoid), x)
        if spelling == 2:
            y = self.unary(self.binary(BinaryFn.div, x, self.number(2**0.5)), UnaryFn.erf)
            y = self.binary(BinaryFn.mul, x, self.binary(BinaryFn.add, y, self.number(1.0)))
            return self.binary(BinaryFn.mul, y, self.number(0.5))
        if spelling == 3:
            cube = self.binary(BinaryFn.pow, x, self.number(3.0))
            y = self.binary(BinaryFn.add, x, self.binary(BinaryFn.mul, cube, self.number(0.044715)))
            y = self.unary(self.binary(BinaryFn.mul, y, self.number(0.7978846)), UnaryFn.tanh)
            y = self.binary(BinaryFn.add, y, self.number(1.0))
            return self.binary(BinaryFn.mul, self.binary(BinaryFn.mul, x, self.number(0.5)), y)
        return self.binary(BinaryFn.max, x, self.binary(BinaryFn.mul, x, self.number(0.2)))

    def constant_chain(self) -> str | None:
        """A product with a constant that is computed from constants."""
        x = self.value(4)
        if x is None:
            return None
        c = self.unary(self.constant(1, 1, 1, self.shape(x)[1]), UnaryFn.sigmoid)
        return self.binary(BinaryFn.mul, x, self.planes(c))

    def expanded(self) -> str:
        x = self.value()
        dims = [d if d > 1 else self.any([1, 2]) for d in self.shape(x)]
        return self.add("expand", x, rank=len(dims), dims=dims)

    def tiled(self) -> str | None:
        x = self.value()
        if int(np.prod(self.shape(x))) > 500:
            return None
        return self.add("tile", x, repeats=[self.any([1, 1, 2]) for _ in self.shape(x)])

    def gathered(self) -> str | None:
        x = self.value()
        axis = self.below(len(self.shape(x)))
        size = self.shape(x)[axis]
        dims = self.any([(), (2,), (1, 2)])
        if len(self.shape(x)) + len(dims) > 7:
            return None
        indices = self.rng.integers(-size, size, dims)
        return self.add("gather", x, self.graph.add_constant("i", indices), axis=axis)

    def rounded_input(self) -> str:
        """An input in bytes, turned around. Not of what is computed: its roundings would jump."""
        scale = {"scale": 2.0**-5, "zero": -3}
        x = self.add("quantize", self.any(self.graph.inputs), dtype=DType.int8, **scale)
        x = self.add("transpose", x, perm=list(self.any([TO_IMAGE, FROM_IMAGE, (0, 1, 3, 2)])))
        return self.add("dequantize", x, dtype=DType.float32, **scale)

    def identity(self) -> str:
        x = self.value()
        return self.reshape(x, *self.shape(x))


def random_graph(rng: np.random.Generator, nodes: int) -> Graph:
    """A graph with one or two inputs, about ``nodes`` nodes and up to three outputs."""
    b = _Builder(rng)
    for i in range(1 + b.below(2)):
        dims = (b.any([1, 1, 2]), b.any([1, 4, 6]), b.any([1, 5, 6, 8]), b.any([1, 4, 7]))
        b.made.append(b.graph.add_input(f"x{i}", np.float32, dims))
    kinds = [
        b.tame_unary, b.with_constant, b.divided, b.squared, b.with_value, b.gated, b.conv, b.conv,
        b.padded_conv, b.same_conv_sum, b.conv_transpose, b.batch_norm, b.pool, b.resize, b.concat,
        b.slice, b.split_halves, b.pad, b.reduce, b.sorted, b.softmax, b.transpose,
        b.shuffled_channels, b.flatten, b.merge_axes, b.split_axis, b.gemm, b.attention,
        b.layer_norm, b.expanded, b.spelled_function, b.constant_chain, b.tiled, b.gathered,
        b.identity, b.rounded_input, b.padded_conv, b.chosen, b.cumulated, b.recurrent,
    ]  # fmt: skip
    while len(b.graph.nodes) < nodes:
        small = [n for n in b.made if b.shape(n) and int(np.prod(b.shape(n))) <= 3000]
        b.made = small[-6:] + b.made[: max(0, 2 - len(small))]
        value = b.any(kinds)()
        if value is not None:
            b.made.append(value)
    inputs = set(b.graph.inputs)
    b.graph.outputs = [n for n in dict.fromkeys(b.made[-1 - b.below(3) :]) if n not in inputs]
    if not b.graph.outputs:
        b.graph.outputs = [b.unary(b.made[-1], UnaryFn.tanh)]
    b.graph.prune()
    return b.graph


def random_inputs(graph: Graph, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """One array per input of the graph."""
    return {n: rng.normal(0, 1, graph.values[n].shape).astype(np.float32) for n in graph.inputs}
