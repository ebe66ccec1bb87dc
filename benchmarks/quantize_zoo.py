"""Quantise the benchmark networks to int8 with each engine's own tool, from the same samples.

usage: quantize_zoo.py FOLDER [--models A,B] [--formats ort,litert,edgert]

FOLDER holds what export_zoo.py wrote. ort makes NAME.qdq.onnx (per channel, u8 activations and i8
weights, min-max) with onnxruntime, which OpenVINO runs, too; litert makes NAME.int8.tflite with
ai-edge-quantizer; edgert makes NAME.int8.edgert. Prints the signal to noise ratio of each against
its float32 network in dB, on a sample that none of them has seen.
"""

from __future__ import annotations

import argparse
import logging
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
from models import MODELS

SHAPE = (1, 3, 224, 224)
SAMPLES = 8


def samples() -> list[np.ndarray]:
    """The calibration data."""
    rng = np.random.default_rng(0)
    return [rng.standard_normal(SHAPE, dtype=np.float64).astype(np.float32) for _ in range(SAMPLES)]


def unseen() -> np.ndarray:
    """What the quantised networks are judged by."""
    return np.random.default_rng(1).standard_normal(SHAPE).astype(np.float32)


def sqnr(exact: np.ndarray, found: np.ndarray) -> float:
    """Signal to noise ratio in dB."""
    noise = np.square(exact - found, dtype=np.float64).sum()
    return float(10 * np.log10(np.square(exact, dtype=np.float64).sum() / noise))


def run_onnx(path: Path) -> np.ndarray:
    """The output for the unseen sample."""
    import onnxruntime

    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    return session.run(None, {session.get_inputs()[0].name: unseen()})[0]


def ort(stem: Path) -> float:
    """Quantises with onnxruntime."""
    from onnxruntime.quantization import CalibrationDataReader, QuantType, quantize_static
    from onnxruntime.quantization.shape_inference import quant_pre_process

    class Reader(CalibrationDataReader):
        def __init__(self) -> None:
            self.left = iter([{"input": sample} for sample in samples()])

        def get_next(self) -> dict | None:
            return next(self.left, None)

    logging.disable(logging.WARNING)
    source, target = stem.with_suffix(".onnx"), stem.with_suffix(".qdq.onnx")
    with tempfile.TemporaryDirectory() as folder:
        prepared = Path(folder) / "prepared.onnx"
        quant_pre_process(str(source), str(prepared), skip_symbolic_shape=True)
        quantize_static(
            str(prepared),
            str(target),
            Reader(),
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
        )
    return sqnr(run_onnx(source), run_onnx(target))


def run_tflite(path: Path) -> np.ndarray:
    """The output for the unseen sample, in NHWC."""
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(str(path))
    interpreter.allocate_tensors()
    source, result = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
    x = unseen().transpose(0, 2, 3, 1)
    if source["dtype"] == np.int8:
        scale, zero = source["quantization"]
        x = np.clip(np.rint(x / scale) + zero, -128, 127).astype(np.int8)
    interpreter.set_tensor(source["index"], x)
    interpreter.invoke()
    y = interpreter.get_tensor(result["index"])
    if y.dtype == np.int8:
        scale, zero = result["quantization"]
        y = (y.astype(np.float32) - zero) * scale
    return y


def litert(stem: Path) -> float:
    """Quantises with ai-edge-quantizer."""
    from ai_edge_litert.interpreter import Interpreter
    from ai_edge_quantizer import quantizer, recipe

    source, target = stem.with_suffix(".tflite"), stem.with_suffix(".int8.tflite")
    signatures = Interpreter(str(source)).get_signature_list()
    ((key, signature),) = signatures.items()
    data = [{signature["inputs"][0]: x.transpose(0, 2, 3, 1).copy()} for x in samples()]
    tool = quantizer.Quantizer(str(source), recipe.static_wi8_ai8())
    tool.quantize(tool.calibrate({key: data})).export_model(str(target), overwrite=True)
    return sqnr(run_tflite(source), run_tflite(target))


def edgert(stem: Path) -> float:
    """Quantises with edgert."""
    import edgert

    target = stem.with_suffix(".int8.edgert")
    edgert.convert(stem.with_suffix(".onnx"), target, quantize="int8", calibrate=samples())
    (found,) = edgert.load(target).run({"input": unseen()}).values()
    return sqnr(run_onnx(stem.with_suffix(".onnx")), found)


FORMATS: dict[str, Callable[[Path], float]] = {"ort": ort, "litert": litert, "edgert": edgert}


def main() -> None:
    """Runs the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--models", default=",".join(MODELS))
    parser.add_argument("--formats", default=",".join(FORMATS))
    args = parser.parse_args()
    for name in args.models.split(","):
        for form in args.formats.split(","):
            print(f"{name} {form}: {FORMATS[form](args.folder / name):.1f} dB", flush=True)


if __name__ == "__main__":
    main()
