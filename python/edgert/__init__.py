"""edgert: small, exact and fast neural network inference for edge devices.

On a device::

    import edgert
    model = edgert.load("model.edgert")
    y = model(x)

``import edgert`` needs numpy and nothing else; ``edgert.convert`` needs ``pip install
"edgert[convert]"``.
"""

from typing import TYPE_CHECKING, Any

from edgert._core import __version__
from edgert.cpu import IsaInfo, Kernel, isa
from edgert.errors import (
    EdgertError,
    FormatError,
    InputError,
    IntegrityError,
    LimitError,
    ModelIOError,
    QualityError,
    ResourceError,
    UnsupportedError,
    VersionError,
)
from edgert.model import Model, PlanStep, TensorInfo, load

if TYPE_CHECKING:
    from edgert.converter import convert as convert

__all__ = [
    "EdgertError",
    "FormatError",
    "InputError",
    "IntegrityError",
    "IsaInfo",
    "Kernel",
    "LimitError",
    "Model",
    "ModelIOError",
    "PlanStep",
    "QualityError",
    "ResourceError",
    "TensorInfo",
    "UnsupportedError",
    "VersionError",
    "__version__",
    "isa",
    "load",
]


def __getattr__(name: str) -> Any:
    """Imports the converter, and with it the packages that it needs, when it is first asked for."""
    if name != "convert":
        raise AttributeError(f"module 'edgert' has no attribute {name!r}")
    from edgert.converter import convert

    globals()["convert"] = convert
    return convert


def __dir__() -> list[str]:
    """All names, that of the converter among them before it is imported."""
    return sorted({*globals(), "convert"})
