"""The table of ONNX operators that are imported."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Callable, Union

from edgert.importer.values import Tensor

if TYPE_CHECKING:
    from edgert.importer.call import Call

Handler = Callable[["Call"], Union[Tensor, Sequence[Tensor]]]

# An attribute of many operators up to operator set 5: which inputs may be overwritten.
_HINTS = {"consumed_inputs"}


@dataclass(frozen=True)
class Operator:
    """How an ONNX operator is imported: by a function from a Call to its outputs.

    ``attrs`` are the attributes that the function reads, ``unused`` those that say nothing about
    what is computed here. A node with any other attribute is refused.
    """

    run: Handler
    attrs: frozenset[str]
    unused: frozenset[str]

    def knows(self, attribute: str) -> bool:
        """Whether nodes may have this attribute."""
        return attribute in self.attrs or attribute in self.unused


# {(domain, operator): how it is imported}; "" is ONNX's own domain.
OPERATORS: dict[tuple[str, str], Operator] = {}
MICROSOFT = "com.microsoft"  # the domain of ONNX Runtime's own operators


def onnx_op(
    *names: str, domain: str = "", attrs: str = "", unused: str = ""
) -> Callable[[Handler], Handler]:
    """Registers the decorated function for ONNX operators of one domain.

    ``attrs`` and ``unused`` list attributes, see :class:`Operator`, of all operator sets.
    """

    def register(handler: Handler) -> Handler:
        operator = Operator(handler, frozenset(attrs.split()), _HINTS.union(unused.split()))
        for name in names:
            OPERATORS[domain, name] = operator
        return handler

    return register
