"""The table of ONNX operators that are imported."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Callable, Union

from edgert.importer.values import Tensor

if TYPE_CHECKING:
    from edgert.importer.lower import Call

Handler = Callable[["Call"], Union[Tensor, Sequence[Tensor]]]
# {(domain, operator): function from a Call to its outputs}; "" is ONNX's own domain.
HANDLERS: dict[tuple[str, str], Handler] = {}
MICROSOFT = "com.microsoft"  # the domain of ONNX Runtime's own operators


def onnx_op(*names: str, domain: str = "") -> Callable[[Handler], Handler]:
    """Registers the decorated function for ONNX operators of one domain."""

    def register(handler: Handler) -> Handler:
        for name in names:
            HANDLERS[domain, name] = handler
        return handler

    return register
