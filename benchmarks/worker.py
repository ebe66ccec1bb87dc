"""Time one engine on one model and print one JSON line; models.py starts one per engine and round.

usage: worker.py ENGINE FILE [--shape 1,3,224,224] [--cores 0] [--seconds 1 | --runs N]

Every engine gets the same NCHW float32 input, is timed from NumPy array to NumPy array, and keeps
to float32 arithmetic. The engine runs as many threads as there are cores to pin it to. With --runs
nothing is timed: that many inferences, on one thread, for arm/count.py.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import time
from importlib import metadata
from pathlib import Path
from typing import Callable

import numpy as np

Run = Callable[[], np.ndarray]

WARMUP_RUNS = 5
MIN_RUNS = 10


def open_edgert(path: str, threads: int, x: np.ndarray) -> Run:
    """Loads an .edgert file."""
    import edgert

    model = edgert.load(path, threads=threads)
    feeds, output = {model.inputs[0].name: x}, model.outputs[0].name
    return lambda: model.run(feeds)[output]


def open_ort(path: str, threads: int, x: np.ndarray) -> Run:
    """Loads an .onnx file in ONNX Runtime."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    feeds = {session.get_inputs()[0].name: x}
    return lambda: session.run(None, feeds)[0]


def open_openvino(path: str, threads: int, x: np.ndarray) -> Run:
    """Compiles an .onnx file with OpenVINO; the hint keeps it from using bfloat16."""
    import openvino

    core = openvino.Core()
    model = core.read_model(path)
    if model.is_dynamic():
        model.reshape(x.shape)
    config = {
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_NUM_THREADS": threads,
        "INFERENCE_PRECISION_HINT": "f32",
    }
    request = core.compile_model(model, "CPU", config).create_infer_request()
    return lambda: request.infer([x], share_inputs=True, share_outputs=True)[0]


def open_litert(path: str, threads: int, x: np.ndarray) -> Run:
    """Loads a .tflite file in LiteRT, whose networks take NHWC input."""
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(path, num_threads=threads)
    interpreter.allocate_tensors()
    source = interpreter.get_input_details()[0]["index"]
    output = interpreter.get_output_details()[0]
    nhwc = np.ascontiguousarray(x.transpose(0, 2, 3, 1))
    details = interpreter.get_input_details()[0]
    if details["dtype"] == np.int8:  # a quantised network: its input is made beforehand
        scale, zero = details["quantization"]
        nhwc = np.clip(np.rint(nhwc / scale) + zero, -128, 127).astype(np.int8)

    def run() -> np.ndarray:
        interpreter.set_tensor(source, nhwc)
        interpreter.invoke()
        return interpreter.get_tensor(output["index"])

    if output["dtype"] == np.int8:
        scale, zero = output["quantization"]
        return lambda: (run() - np.float32(zero)) * np.float32(scale)
    return run


def open_ncnn(path: str, threads: int, x: np.ndarray) -> Run:
    """Loads a .ncnn.param file, with the .ncnn.bin beside it, in ncnn."""
    import ncnn

    net = ncnn.Net()
    net.opt.num_threads = threads
    for option in ("fp16_packed", "fp16_storage", "fp16_arithmetic", "bf16_storage"):
        setattr(net.opt, f"use_{option}", False)
    net.load_param(path)
    net.load_model(str(Path(path).with_suffix(".bin")))
    source, result = net.input_names()[0], net.output_names()[0]

    def run() -> np.ndarray:
        extractor = net.create_extractor()
        extractor.input(source, ncnn.Mat(x[0]))
        return np.array(extractor.extract(result)[1])

    return run


# engine: (module to import, package that has its version, how to load a model)
ENGINES = {
    "edgert": ("edgert", "edgert", open_edgert),
    "ort": ("onnxruntime", "onnxruntime", open_ort),
    "openvino": ("openvino", "openvino", open_openvino),
    "litert": ("ai_edge_litert.interpreter", "ai-edge-litert", open_litert),
    "ncnn": ("ncnn", "ncnn", open_ncnn),
}


def load_and_run(engine: str, path: str, shape: list[int], runs: int) -> None:
    """Loads a file and runs it so many times."""
    _, _, open_model = ENGINES[engine]
    run = open_model(path, 1, np.random.default_rng(0).standard_normal(shape, dtype=np.float32))
    for _ in range(runs):
        run()


def peak_memory() -> float:
    """Returns the most memory that this process has had resident so far, in MB."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM"):
            return int(line.split()[1]) / 1024
    raise RuntimeError("/proc/self/status has no VmHWM")


def time_runs(run: Run, seconds: float) -> list[float]:
    """Returns the milliseconds of each run, after a warm-up."""
    for _ in range(WARMUP_RUNS):
        run()
    times: list[float] = []
    end = time.perf_counter() + seconds
    while len(times) < MIN_RUNS or time.perf_counter() < end:
        start = time.perf_counter()
        run()
        times.append((time.perf_counter() - start) * 1e3)
    return times


def measure(engine: str, path: str, shape: list[int], threads: int, seconds: float) -> dict:
    """Returns what models.py reports: times in ms, memory in MB."""
    module, package, open_model = ENGINES[engine]
    x = np.random.default_rng(0).standard_normal(shape, dtype=np.float32)
    before = peak_memory()
    marks = [time.perf_counter()]
    importlib.import_module(module)
    marks.append(time.perf_counter())
    run = open_model(path, threads, x)
    marks.append(time.perf_counter())
    output = run()
    marks.append(time.perf_counter())
    import_ms, load_ms, first_ms = (float(d) * 1e3 for d in np.diff(marks))
    peak = peak_memory()
    times = time_runs(run, seconds) if seconds else []
    return {
        "version": metadata.version(package),
        "import_ms": import_ms,
        "load_ms": load_ms,
        "first_ms": first_ms,
        "peak_mb": peak,
        "over_numpy_mb": peak - before,
        "norm": float(np.linalg.norm(output)),
        "median_ms": float(np.median(times)) if times else None,
        "min_ms": min(times, default=None),
        "runs": len(times),
    }


def numbers(text: str) -> list[int]:
    """Parses comma-separated integers."""
    return [int(part) for part in text.split(",")]


def main() -> None:
    """Runs the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("engine", choices=ENGINES)
    parser.add_argument("file")
    parser.add_argument("--shape", type=numbers, default=[1, 3, 224, 224])
    parser.add_argument("--cores", type=numbers, default=[0], help="CPU numbers to pin to")
    parser.add_argument("--seconds", type=float, default=1.0, help="0: load and run once only")
    parser.add_argument("--runs", type=int, help="so many, not timed")
    args = parser.parse_args()
    if args.runs is not None:
        load_and_run(args.engine, args.file, args.shape, args.runs)
        return
    os.sched_setaffinity(0, args.cores)
    result = measure(args.engine, args.file, args.shape, len(args.cores), args.seconds)
    print(json.dumps(result))


if __name__ == "__main__":
    main()
