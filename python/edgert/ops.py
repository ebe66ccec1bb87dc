"""Traits of operators: one row for each operator of the schema, one word for each trait.

A rule about one operator, or with something else to do for each of two, names them. One about a
kind of operators asks for the trait that makes it, ``node.op in having(Trait.WINDOW)``, so that an
operator which is added has its part in it as soon as it has a row.
"""

from __future__ import annotations

from enum import Flag, auto


class Trait(Flag):
    """What is true of an operator whatever its attributes are, but for what it "may" do.

    ``MOVES``: each element of its result is one of its data, of whatever type these are.
    ``REARRANGES``: it moves each element to one place: only the order, or the shape, is another.
    ``REPEATS``: it moves each element to as many places as the others, in their order.
    ``KEEPS_SCALE``: of integers, each element of its result is one of its data, the largest of
    some, between some, or a constant of the node: they keep their scale and zero point.
    ``ELEMENTWISE``: an element of its result depends on those in the same place alone, of data that
    may be broadcast.
    ``ANY_AXIS``: it may work along any axis, as its attributes say, and its result has the axes of
    its data.
    ``LAST_AXIS``: it works along the last axis, whatever the order of the others is.
    ``NORMALIZES``: it may work along the last axis: then each element depends on all of its row.
    ``WINDOW``: it slides a window over an image, [batch, height, width, channels].
    ``POOL``: it slides a window, and makes one element of those in it, channel by channel.
    ``PRODUCT``: it adds up products with weights, which are input 1.
    ``RESIDUAL``: such a product that may take another value, its last input, into its sums.
    ``ACTIVATION``: its attributes have a function that its result goes through at the end.
    ``RECURRENT``: it walks over steps, its first axis, with states that the next step reads, and
    multiplies those by weights.
    ``CONVERTS``: it makes integers of the real numbers that they stand for, or the reverse.
    ``QUANTIZED``: it computes on integers, or on bits, what others do on floats: it comes into
    graphs behind the passes of ``optimize`` that work on floats.
    """

    MOVES = auto()
    REARRANGES = auto()
    REPEATS = auto()
    KEEPS_SCALE = auto()
    ELEMENTWISE = auto()
    ANY_AXIS = auto()
    LAST_AXIS = auto()
    NORMALIZES = auto()
    WINDOW = auto()
    POOL = auto()
    PRODUCT = auto()
    RESIDUAL = auto()
    ACTIVATION = auto()
    RECURRENT = auto()
    CONVERTS = auto()
    QUANTIZED = auto()


_T = Trait
_NO_TRAIT = Trait(0)

TRAITS: dict[str, Trait] = {
    "conv": _T.WINDOW | _T.PRODUCT | _T.RESIDUAL | _T.ACTIVATION,
    "conv_transpose": _T.WINDOW | _T.PRODUCT | _T.ACTIVATION,
    "gemm": _T.LAST_AXIS | _T.PRODUCT | _T.RESIDUAL | _T.ACTIVATION,
    "matmul": _NO_TRAIT,
    "max_pool": _T.WINDOW | _T.POOL | _T.KEEPS_SCALE,
    "average_pool": _T.WINDOW | _T.POOL,
    "reduce": _T.ANY_AXIS,
    "unary": _T.ELEMENTWISE,
    "binary": _T.ELEMENTWISE | _T.ACTIVATION,
    "batch_norm": _T.LAST_AXIS | _T.ACTIVATION,
    "layer_norm": _T.LAST_AXIS | _T.NORMALIZES,
    "softmax": _T.ANY_AXIS | _T.NORMALIZES,
    "lrn": _T.WINDOW,
    "transpose": _T.MOVES | _T.REARRANGES | _T.KEEPS_SCALE,
    "reshape": _T.MOVES | _T.REARRANGES | _T.KEEPS_SCALE,
    "concat": _T.MOVES | _T.KEEPS_SCALE | _T.ANY_AXIS,
    "slice": _T.MOVES | _T.KEEPS_SCALE | _T.ANY_AXIS,
    "gather": _T.MOVES | _T.KEEPS_SCALE,
    "expand": _T.MOVES | _T.REPEATS | _T.KEEPS_SCALE | _T.ANY_AXIS,
    "tile": _T.MOVES | _T.REPEATS | _T.KEEPS_SCALE | _T.ANY_AXIS,
    "pad": _T.KEEPS_SCALE | _T.ANY_AXIS,
    "resize": _T.KEEPS_SCALE,
    "cast": _T.ELEMENTWISE,
    "quantize": _T.ELEMENTWISE | _T.CONVERTS,
    "dequantize": _T.ELEMENTWISE | _T.CONVERTS,
    "lookup": _T.ELEMENTWISE | _T.QUANTIZED,
    "qconv": _T.WINDOW | _T.PRODUCT | _T.RESIDUAL | _T.ACTIVATION | _T.QUANTIZED,
    "qgemm": _T.LAST_AXIS | _T.PRODUCT | _T.RESIDUAL | _T.ACTIVATION | _T.QUANTIZED,
    "qbinary": _T.ELEMENTWISE | _T.ACTIVATION | _T.QUANTIZED,
    "qaverage_pool": _T.WINDOW | _T.POOL | _T.ACTIVATION | _T.QUANTIZED,
    "dynamic_conv": _T.WINDOW | _T.PRODUCT | _T.RESIDUAL | _T.ACTIVATION | _T.QUANTIZED,
    "dynamic_gemm": _T.LAST_AXIS | _T.PRODUCT | _T.RESIDUAL | _T.ACTIVATION | _T.QUANTIZED,
    "qsoftmax": _T.LAST_AXIS | _T.NORMALIZES | _T.QUANTIZED,
    "qlayer_norm": _T.LAST_AXIS | _T.NORMALIZES | _T.QUANTIZED,
    "qconv_transpose": _T.WINDOW | _T.PRODUCT | _T.ACTIVATION | _T.QUANTIZED,
    "top_k": _T.LAST_AXIS,
    "compare": _T.ELEMENTWISE,
    "select": _T.ELEMENTWISE,
    "cumulate": _T.ANY_AXIS,
    "rnn": _T.RECURRENT,
    "lstm": _T.RECURRENT,
    "gru": _T.RECURRENT,
    "signs": _T.LAST_AXIS | _T.QUANTIZED,
    "bconv": _T.WINDOW | _T.PRODUCT | _T.RESIDUAL | _T.ACTIVATION | _T.QUANTIZED,
    "bgemm": _T.LAST_AXIS | _T.PRODUCT | _T.RESIDUAL | _T.ACTIVATION | _T.QUANTIZED,
    "block_gemm": _T.LAST_AXIS | _T.PRODUCT | _T.ACTIVATION | _T.QUANTIZED,
}


def having(trait: Trait, but: Trait = _NO_TRAIT) -> frozenset[str]:
    """The operators with ``trait`` and none of the traits ``but``."""
    return frozenset(op for op, own in TRAITS.items() if trait in own and not own & but)


PRODUCTS = having(Trait.PRODUCT, but=Trait.QUANTIZED)  # of floats
