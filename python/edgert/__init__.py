"""edgert: small, exact and fast neural network inference for edge devices.

On a device::

    import edgert
    model = edgert.load("model.edgert")
    y = model(x)

``import edgert`` needs numpy and nothing else; ``edgert.convert`` needs ``pip install
"edgert[convert]"``.
"""

from edgert.errors import (
    EdgertError,
    FormatError,
    InputError,
    IntegrityError,
    LimitError,
    ModelIOError,
    ResourceError,
    UnsupportedError,
    VersionError,
)
from edgert.model import Model, TensorInfo, load

__all__ = [
    "EdgertError",
    "FormatError",
    "InputError",
    "IntegrityError",
    "LimitError",
    "Model",
    "ModelIOError",
    "ResourceError",
    "TensorInfo",
    "UnsupportedError",
    "VersionError",
    "load",
]
