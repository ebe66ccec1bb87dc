"""Quantise the benchmark networks to int8 with each engine's own tool, from the same samples.

usage: quantize_zoo.py FOLDER [--models A,B] [--formats ort,litert,edgert] [--seeds 1,2,3,4,5,6]

FOLDER holds what export_zoo.py wrote. ort makes NAME.qdq.onnx (per channel, u8 activations and i8
weights, min-max) with onnxruntime, which OpenVINO runs, too; litert makes NAME.int8.tflite with
ai-edge-quantizer; edgert makes NAME.int8.edgert. Prints the signal to noise ratio of each against
its float32 network in dB, on samples that none of them has seen, one per seed: the energy of all
outputs over that of all errors. onnxruntime is judged twice: as its file is meant, each step in
floats because all optimisation is off, and as it computes on this CPU.
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
SEEDS = "1,2,3,4,5,6"

Samples = list[np.ndarray]
Results = list[np.ndarray]  # one output per sample


def samples() -> Samples:
    """The calibration data."""
    rng = np.random.default_rng(0)
    return [rng.standard_normal(SHAPE, dtype=np.float64).astype(np.float32) for _ in range(SAMPLES)]


def unseen(seed: int) -> np.ndarray:
    """A sample that the quantised networks are judged by."""
    return np.random.default_rng(seed).standard_normal(SHAPE).astype(np.float32)


def sqnr(exact: Results, found: Results) -> float:
    """Signal to noise ratio in dB, over all results together."""
    signal, noise = (
        np.square(np.stack(results), dtype=np.float64).sum()
        for results in (exact, np.subtract(exact, found))
    )
    return float(10 * np.log10(signal / noise))


def run_onnx(path: Path, data: Samples, optimise: bool = True) -> Results:
    """The outputs of onnxruntime."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    if not optimise:
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    return [session.run(None, {name: x})[0] for x in data]


def ort(stem: Path, data: Samples) -> dict[str, float]:
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
    exact = run_onnx(source, data)
    return {
        "ort as meant": sqnr(exact, run_onnx(target, data, optimise=False)),
        "ort": sqnr(exact, run_onnx(target, data)),
    }


def run_tflite(path: Path, data: Samples) -> Results:
    """The outputs of LiteRT."""
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(str(path))
    interpreter.allocate_tensors()
    source, result = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
    results = []
    for sample in data:
        x = sample.transpose(0, 2, 3, 1)
        if source["dtype"] == np.int8:
            scale, zero = source["quantization"]
            x = np.clip(np.rint(x / scale) + zero, -128, 127).astype(np.int8)
        interpreter.set_tensor(source["index"], x)
        interpreter.invoke()
        y = interpreter.get_tensor(result["index"])
        if y.dtype == np.int8:
            scale, zero = result["quantization"]
            y = (y.astype(np.float32) - zero) * scale
        results.append(y)
    return results


def litert(stem: Path, data: Samples) -> dict[str, float]:
    """Quantises with ai-edge-quantizer."""
    from ai_edge_litert.interpreter import Interpreter
    from ai_edge_quantizer import quantizer, recipe

    source, target = stem.with_suffix(".tflite"), stem.with_suffix(".int8.tflite")
    signatures = Interpreter(str(source)).get_signature_list()
    ((key, signature),) = signatures.items()
    shown = [{signature["inputs"][0]: x.transpose(0, 2, 3, 1).copy()} for x in samples()]
    tool = quantizer.Quantizer(str(source), recipe.static_wi8_ai8())
    tool.quantize(tool.calibrate({key: shown})).export_model(str(target), overwrite=True)
    return {"litert": sqnr(run_tflite(source, data), run_tflite(target, data))}


def edgert(stem: Path, data: Samples) -> dict[str, float]:
    """Quantises with edgert."""
    import edgert

    source, target = stem.with_suffix(".onnx"), stem.with_suffix(".int8.edgert")
    edgert.convert(source, target, quantize="int8", calibrate=samples())
    model = edgert.load(target)
    found = [next(iter(model.run({"input": x}).values())) for x in data]
    return {"edgert": sqnr(run_onnx(source, data), found)}


FORMATS: dict[str, Callable[[Path, Samples], dict[str, float]]] = {
    "ort": ort,
    "litert": litert,
    "edgert": edgert,
}


def main() -> None:
    """Runs the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--models", default=",".join(MODELS))
    parser.add_argument("--formats", default=",".join(FORMATS))
    parser.add_argument("--seeds", default=SEEDS, help="of the samples that judge; not 0")
    args = parser.parse_args()
    data = [unseen(int(seed)) for seed in args.seeds.split(",")]
    for name in args.models.split(","):
        for form in args.formats.split(","):
            for engine, ratio in FORMATS[form](args.folder / name, data).items():
                print(f"{name} {engine}: {ratio:.1f} dB", flush=True)


if __name__ == "__main__":
    main()
