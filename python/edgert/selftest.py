"""What a machine computes, how fast, and how warm it gets: two networks made of numbers by formula.

The networks need neither files nor onnx. Their weights and inputs are integers and multiples of
powers of two, so that every machine makes the same, and what they compute must have the bits that
stand here.
"""

from __future__ import annotations

import hashlib
import math
import os
import platform
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from edgert import ir
from edgert.cpu import isa
from edgert.measure import latencies
from edgert.model import Model, load
from edgert.pack import pack
from edgert.schema import BinaryFn, DType, UnaryFn

# Of the networks for images of CHECKED pixels. Floats have other bits where products and sums are
# rounded separately, as by the portable kernels.
DIGESTS = {
    "int8": {"exact": "66a7161f775376686e9b6c8961e2ab52c37d0a8bf0360da6ce79298d0bf7afb0"},
    "float32": {
        "fused": "97ed4bfd811144f9b362fddab0cc67148559fce9d00a5eb11af3696b51bf7d89",
        "rounded twice": "bd198f7ce3f0d9802e7ea8f09a6bf50b8607cff6cb90a1d686b2595ca23ec03c",
    },
}
CHECKED, MEASURED = 33, 160  # pixels in height and width
ZERO, STEP = 120, 2.0**-5  # of every tensor of bytes
ISA_VARIABLE = "EDGERT_ISA"


def integers(seed: int, shape: Sequence[int], low: int, high: int) -> np.ndarray:
    """Evenly spread int64 numbers from ``low`` to ``high``, by SplitMix64 (Steele et al., 2014)."""
    count = math.prod(shape)
    z = np.arange(seed << 32, (seed << 32) + count, dtype=np.uint64)
    z *= np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    z ^= z >> np.uint64(31)
    return ((z >> np.uint64(32)) % np.uint64(high - low + 1)).astype(np.int64).reshape(shape) + low


class _Network(ir.Graph):
    """A graph whose convolutions keep the size of the image, but for their stride."""

    def __init__(self) -> None:
        super().__init__()
        self.drawn = 0

    def draw(self, shape: Sequence[int], low: int, high: int) -> np.ndarray:
        self.drawn += 1
        return integers(self.drawn, shape, low, high)

    def window(self, kernel: int, stride: int, groups: int) -> dict[str, Any]:
        return {
            "strides": [stride] * 2,
            "dilations": [1, 1],
            "groups": groups,
            "pads": [kernel // 2] * 4,
        }

    def conv(self, x: str, outputs: int, kernel: int, stride: int = 1, groups: int = 1) -> str:
        """A convolution of floats and a ReLU6."""
        shape = (outputs, kernel, kernel, self.values[x].shape[-1] // groups)
        unit = 2.0 ** -(6 + math.prod(shape[1:]).bit_length() // 2)
        weight = self.add_constant("w", (self.draw(shape, -64, 64) * unit).astype(np.float32))
        bias = self.add_constant("b", (self.draw((outputs,), -64, 64) / 64).astype(np.float32))
        clip = {"fn": UnaryFn.clip, "alpha": 0.0, "beta": 6.0}
        attrs = {**self.window(kernel, stride, groups), "activation": clip}
        return self.add("conv", [x, weight, bias], attrs)

    def qconv(self, x: str, outputs: int, kernel: int, stride: int = 1, groups: int = 1) -> str:
        """A convolution of bytes whose sums deviate from zero by some 40 levels."""
        limit = 64
        shape = (outputs, kernel, kernel, self.values[x].shape[-1] // groups)
        weight = self.draw(shape, -limit, limit)
        size = limit * math.isqrt(math.prod(shape[1:])) * 40
        bias = self.draw((outputs,), -size, size) - ZERO * weight.reshape(outputs, -1).sum(1)
        scale = self.draw((outputs,), 40, 72) * 2.0 ** -(size.bit_length() + 6)
        constants = [weight.astype(np.int8), bias.astype(np.int32), scale.astype(np.float32)]
        output = {
            "dtype": DType.uint8,
            "activation": {"fn": UnaryFn.clip, "alpha": -4.0, "beta": 4.25},
            "scale": 1 / STEP,
            "zero": ZERO,
            "low": 0,
            "high": 255,
        }
        attrs = {**self.window(kernel, stride, groups), "x_zero": ZERO}
        attrs.update(residual_zero=ZERO, residual_scale=STEP, output=output)
        return self.add("qconv", [x, *(self.add_constant("c", c) for c in constants)], attrs)


def network(kind: str, pixels: int) -> bytes:
    """A packed model: convolutions, depthwise and pointwise ones as in mobile networks."""
    net = _Network()
    dtype, conv = (np.uint8, net.qconv) if kind == "int8" else (np.float32, net.conv)
    y = net.add_input("image", np.dtype(dtype), (1, pixels, pixels, 3))
    y = conv(y, 24, 3, stride=2)
    for outputs, stride in ((32, 1), (48, 2), (64, 2)):
        channels = net.values[y].shape[-1]
        y = conv(y, 4 * channels, 1)
        y = conv(y, 4 * channels, 3, stride, groups=4 * channels)
        y = conv(y, outputs, 1)
    y = conv(y, 64, 3)
    if kind == "float32":
        gate = net.add("unary", [y], {"function": {"fn": UnaryFn.sigmoid}})
        y = net.add("binary", [y, gate], {"fn": BinaryFn.mul, "activation": {}})
    net.outputs = [conv(y, 40, 1)]
    return pack(net)


def image(kind: str, pixels: int) -> np.ndarray:
    """The input of a network."""
    shape = (1, pixels, pixels, 3)
    if kind == "int8":
        return integers(99, shape, 0, 255).astype(np.uint8)
    return (integers(99, shape, -128, 128) / 64).astype(np.float32)


def digest(model: Model, kind: str, pixels: int) -> str:
    """The digest of the output, little-endian."""
    (output,) = model.run({"image": image(kind, pixels)}).values()
    little = output.astype(output.dtype.newbyteorder("<"))
    return hashlib.sha256(little.tobytes()).hexdigest()


def check_bits() -> list[dict[str, Any]]:
    """For each network and level of this CPU the digest, and which stored one it is, if any."""
    rows = []
    cap = os.environ.get(ISA_VARIABLE)
    try:
        for level in isa().active:
            os.environ[ISA_VARIABLE] = level
            for kind, stored in DIGESTS.items():
                found = digest(load(network(kind, CHECKED)), kind, CHECKED)
                names = [name for name, bits in stored.items() if bits == found]
                row = {"network": kind, "level": level, "digest": found}
                rows.append({**row, "bits": names[0] if names else None})
    finally:
        if cap is None:
            os.environ.pop(ISA_VARIABLE, None)
        else:
            os.environ[ISA_VARIABLE] = cap
    return rows


def measure(seconds: float) -> list[dict[str, Any]]:
    """Milliseconds of each network on one thread and on all that are used by default."""
    rows = []
    for kind in DIGESTS:
        for threads in sorted({1, isa().machine.threads}):
            model = load(network(kind, MEASURED), threads=threads)
            x = {"image": image(kind, MEASURED)}
            times = list(latencies(lambda model=model, x=x: model.run(x), seconds))
            row = {"network": kind, "threads": model.threads, "runs": len(times)}
            row.update(min_ms=min(times), median_ms=float(np.median(times)))
            rows.append({**row, "last_ms": float(np.median(times[-len(times) // 4 :]))})
    return rows


def condition(root: Path = Path("/")) -> dict[str, Any]:
    """Clocks in MHz, temperatures in degrees Celsius, and signs of throttling, as far as told."""
    cpus = sorted((root / "sys/devices/system/cpu").glob("cpu[0-9]*"))

    def mhz(name: str) -> list[int]:
        found = (_number(cpu / "cpufreq" / name) for cpu in cpus)
        return [khz // 1000 for khz in found if khz is not None]

    temperatures = {}
    for zone in sorted((root / "sys/class/thermal").glob("thermal_zone*")):
        value = _number(zone / "temp")
        if value is not None:
            temperatures[f"{zone.name} {_text(zone / 'type')}".strip()] = value / 1000
    throttled = {}
    # What the firmware of a Raspberry Pi says, in bits; counters of x86.
    for path in (
        *(root / "sys/devices").glob("platform/soc/soc:firmware/get_throttled"),
        *(cpu / "thermal_throttle" / "core_throttle_count" for cpu in cpus[:1]),
    ):
        text = _text(path)
        if text:
            throttled[path.name] = text
    return {
        "mhz": mhz("scaling_cur_freq"),
        "allowed_mhz": mhz("scaling_max_freq"),
        "possible_mhz": mhz("cpuinfo_max_freq"),
        "governor": _text(cpus[0] / "cpufreq" / "scaling_governor") if cpus else "",
        "celsius": temperatures,
        "throttled": throttled,
    }


def _text(path: Path) -> str:
    try:
        return path.read_text(errors="replace").strip("\0\n ")
    except OSError:
        return ""


def _number(path: Path) -> int | None:
    text = _text(path)
    return int(text) if text.lstrip("-").isdigit() else None


def report(seconds: float) -> dict[str, Any]:
    """All of it, with nothing that tells who uses the machine."""
    info = isa()
    machine = info.machine
    before = condition()
    bits = check_bits()
    times = measure(seconds)
    return {
        "machine": {**machine._asdict(), "cores": [kind._asdict() for kind in machine.cores]},
        "architecture": platform.machine(),
        "kernel": platform.release(),
        "libc": " ".join(platform.libc_ver()),
        "python": platform.python_version(),
        "levels": list(info.active),
        "bits": bits,
        "times": times,
        "before": before,
        "after": condition(),
    }
