"""Write the benchmark networks, each engine's file from the same weights.

usage: export_zoo.py FOLDER [--models A,B] [--formats onnx,ncnn,litert]

The architectures come from timm. The weights are random, with batch-norm statistics far enough
from the identity to matter; no time depends on them. Needs torch, torchvision and timm; for onnx
also onnx, for ncnn the pnnx package, for litert the litert-torch package. Batch 1, 3x224x224.
"""

from __future__ import annotations

import argparse
import importlib
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from types import ModuleType

import torch
from models import MODELS

SHAPE = (1, 3, 224, 224)
OPSET = 17


def import_timm() -> ModuleType:
    """Imports timm, also beside a torchvision whose C++ library does not fit this torch build.

    torchvision then lacks two operators that its Python part refers to while it is imported; no
    network here uses them.
    """
    try:
        return importlib.import_module("timm")
    except RuntimeError:
        for name in ("nms", "qnms"):
            torch.library.define(f"torchvision::{name}", "(Tensor x) -> Tensor")
        for module in [m for m in sys.modules if m.partition(".")[0] in ("timm", "torchvision")]:
            del sys.modules[module]
        return importlib.import_module("timm")


def make(name: str) -> torch.nn.Module:
    """Returns a network with reproducible random weights."""
    timm = import_timm()
    torch.manual_seed(0)
    network = timm.create_model(name, pretrained=False, exportable=True).eval()
    for layer in network.modules():
        if isinstance(layer, torch.nn.BatchNorm2d):
            torch.nn.init.normal_(layer.running_mean, 0, 0.1)
            torch.nn.init.uniform_(layer.running_var, 0.5, 1.5)
            torch.nn.init.uniform_(layer.weight, 0.7, 1.3)
            torch.nn.init.normal_(layer.bias, 0, 0.1)
    return network


def write_onnx(network: torch.nn.Module, path: Path) -> None:
    """Writes an ONNX file."""
    torch.onnx.export(
        network,
        torch.zeros(SHAPE),
        str(path.with_suffix(".onnx")),
        opset_version=OPSET,
        dynamo=False,
        input_names=["input"],
        output_names=["output"],
    )


def write_ncnn(_network: torch.nn.Module, path: Path) -> None:
    """Translates the ONNX file for ncnn, with float32 weights."""
    shape = ",".join(map(str, SHAPE))
    with tempfile.TemporaryDirectory() as folder:
        model = Path(folder) / "model.onnx"
        shutil.copyfile(path.with_suffix(".onnx"), model)
        command = ["pnnx", str(model), f"inputshape=[{shape}]", "fp16=0"]
        subprocess.run(command, check=True, capture_output=True)
        for suffix in (".ncnn.param", ".ncnn.bin"):
            shutil.copyfile(model.with_suffix(suffix), path.with_suffix(suffix))


def write_litert(network: torch.nn.Module, path: Path) -> None:
    """Writes a .tflite file that takes NHWC input, as LiteRT's kernels do."""
    import litert_torch

    batch, channels, height, width = SHAPE
    network = litert_torch.to_channel_last_io(network, args=[0]).eval()
    model = litert_torch.convert(network, (torch.zeros(batch, height, width, channels),))
    model.export(str(path.with_suffix(".tflite")))


FORMATS = {"onnx": write_onnx, "ncnn": write_ncnn, "litert": write_litert}


def main() -> None:
    """Runs the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--models", default=",".join(MODELS))
    parser.add_argument("--formats", default="onnx", help="of " + ",".join(FORMATS))
    args = parser.parse_args()
    args.folder.mkdir(parents=True, exist_ok=True)
    for name in args.models.split(","):
        network = make(name)
        for form in args.formats.split(","):
            FORMATS[form](network, args.folder / name)
        parameters = sum(p.numel() for p in network.parameters())
        print(f"{name}: {parameters / 1e6:.2f} M parameters", flush=True)


if __name__ == "__main__":
    main()
