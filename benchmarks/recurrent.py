"""An LSTM, and speech detection chunk by chunk, beside other engines, in turn on one thread.

usage: taskset -c 1 python benchmarks/recurrent.py [--rounds 40]

The LSTM has 128 units and 100 steps; the detector is silero-vad's, if that package is there (pip
install --no-deps silero-vad). Prints the least and the median time of a run in microseconds.
"""

from __future__ import annotations

import argparse
import importlib.util
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

STEPS, UNITS = 100, 128
RUNS = 10  # that are timed together
Inputs = dict[str, np.ndarray]
Run = Callable[[], object]


def lstm() -> tuple[onnx.ModelProto, Inputs]:
    """A model of one LSTM with weights as after training, and an input."""
    rng = np.random.default_rng(0)
    shapes = {"W": (1, 4 * UNITS, UNITS), "R": (1, 4 * UNITS, UNITS), "B": (1, 8 * UNITS)}
    weights = {n: rng.normal(0, 0.1, shape).astype(np.float32) for n, shape in shapes.items()}
    node = helper.make_node("LSTM", ["x", *weights], ["y"], hidden_size=UNITS)
    graph = helper.make_graph(
        [node],
        "lstm",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [STEPS, 1, UNITS])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [STEPS, 1, 1, UNITS])],
        [numpy_helper.from_array(array, name) for name, array in weights.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    return model, {"x": rng.standard_normal((STEPS, 1, UNITS)).astype(np.float32)}


def silero() -> tuple[onnx.ModelProto, Inputs] | None:
    """The detector, and a chunk with the samples before it; None without the package."""
    package = importlib.util.find_spec("silero_vad")
    if package is None:
        return None
    path = Path(package.submodule_search_locations[0]) / "data" / "silero_vad.onnx"
    chunk = np.random.default_rng(1).normal(0, 0.1, (1, 576)).astype(np.float32)
    state = np.zeros((2, 1, 128), np.float32)
    return onnx.load(path), {"input": chunk, "state": state, "sr": np.array(16000, np.int64)}


def edgert_run(path: str, inputs: Inputs) -> Run:
    """A run of edgert, which has the rate as a constant."""
    import edgert

    x = {name: array for name, array in inputs.items() if name != "sr"}
    rate = {"sr": 16000} if "sr" in inputs else None
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder, "model.edgert")
        shapes = {name: array.shape for name, array in x.items()}
        edgert.convert(path, target, input_values=rate, input_shapes=shapes, check=False)
        model = edgert.load(target, threads=1)
    return lambda: model.run(x)


def ort_run(path: str, inputs: Inputs) -> Run:
    """A run of ONNX Runtime."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    return lambda: session.run(None, inputs)


def openvino_run(path: str, inputs: Inputs) -> Run:
    """A run of OpenVINO."""
    import openvino

    settings = {"INFERENCE_NUM_THREADS": 1, "INFERENCE_PRECISION_HINT": "f32"}
    request = openvino.Core().compile_model(path, "CPU", settings).create_infer_request()
    return lambda: request.infer(inputs, share_inputs=True)


def measure(name: str, model: onnx.ModelProto, inputs: Inputs, rounds: int) -> None:
    """Prints the times of a model in each engine that takes it."""
    times: dict[str, list[float]] = {}
    runs: dict[str, Run] = {}
    with tempfile.NamedTemporaryFile(suffix=".onnx") as file:
        onnx.save(model, file.name)
        for make in (edgert_run, ort_run, openvino_run):
            engine = make.__name__[: -len("_run")]
            try:
                runs[engine] = make(file.name, inputs)
                runs[engine]()
            except Exception as error:  # whatever an engine says to a model that it cannot run
                runs.pop(engine, None)
                print(f"{name} {engine}: {' '.join(str(error).split())[:100]}")
    for _ in range(rounds):
        for engine, run in runs.items():
            start = time.perf_counter()
            for _ in range(RUNS):
                run()
            times.setdefault(engine, []).append((time.perf_counter() - start) / RUNS * 1e6)
    for engine, found in times.items():
        print(f"{name} {engine}: {min(found):.1f} us, median {np.median(found):.1f}")


def main() -> None:
    """Runs the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=40)
    args = parser.parse_args()
    for name, case in ("lstm", lstm()), ("silero", silero()):
        if case is not None:
            measure(name, *case, args.rounds)


if __name__ == "__main__":
    main()
