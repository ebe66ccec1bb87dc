"""The table of ONNX operators that are imported: {name: function from a Call to its outputs}."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Callable, Union

from edgert.importer.values import Tensor

if TYPE_CHECKING:
    from edgert.importer.lower import Call

Handler = Callable[["Call"], Union[Tensor, Sequence[Tensor]]]
HANDLERS: dict[str, Handler] = {}


def onnx_op(*names: str) -> Callable[[Handler], Handler]:
    """Registers the decorated function for ONNX operators of the default domain."""

    def register(handler: Handler) -> Handler:
        for name in names:
            HANDLERS[name] = handler
        return handler

    return register
