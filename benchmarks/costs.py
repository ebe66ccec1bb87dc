"""Fits the costs of layers by level and form: what ladder/costs.json of the converter says.

    taskset -c 1 python benchmarks/costs.py python/edgert/compress/ladder/costs.json

Times single products and convolutions in every form on each level of this CPU that the table has,
in a process for each level, the forms taking turns, and takes medians. A cost in nanoseconds is

    call + mac * multiplications + element * (elements read and written) + weight * weights

with factors of at least zero and the least relative error. Levels that this CPU lacks keep the rows
that they have, or are derived from AVX2's by what their instructions multiply in a cycle.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np

from edgert.compress import Recipe, Step, compress
from edgert.compress.ladder import Form
from edgert.cpu import isa
from edgert.ir import Graph
from edgert.model import load
from edgert.pack import pack

TERMS = "call", "mac", "element", "weight"
ROUNDS, RUNS = 5, 6
# Height and width, channels of the input, kernel, outputs, whether it is depthwise.
CASES = [
    (1, 256, 1, 256, False), (1, 1024, 1, 256, False), (1, 2048, 1, 1000, False),
    (4, 512, 1, 512, False), (7, 160, 1, 320, False), (7, 512, 3, 128, False),
    (14, 96, 1, 96, False), (14, 256, 3, 64, False), (28, 64, 1, 128, False),
    (28, 128, 3, 32, False), (56, 24, 1, 72, False), (56, 32, 3, 32, False),
    (56, 8, 3, 16, False), (56, 16, 1, 16, False), (14, 24, 1, 8, False),
    (7, 320, 3, 320, True), (14, 96, 3, 96, True), (28, 72, 5, 72, True),
    (56, 32, 3, 32, True), (56, 144, 3, 144, True),
]  # fmt: skip
# Multiplications of a cycle relative to AVX2 by the instructions that the kernels use: those of
# kernels.inc, where the kernels of one byte for AVX2 do quads.
RATES = {
    "avx_vnni": {"f32": 1, "i16": 2, "i16_w8": 2, "i8": 64 / 26, "i8_dynamic": 64 / 26},
    "avx512": {"f32": 2, "i16": 1, "i16_w8": 1, "i8": 1, "i8_dynamic": 1},
    "avx512_vnni": {"f32": 2, "i16": 4, "i16_w8": 4, "i8": 128 / 26, "i8_dynamic": 128 / 26},
    "amx_int8": {"f32": 2, "i16": 4, "i16_w8": 4, "i8": 1024 / 26, "i8_dynamic": 1024 / 26},
    "neon": {"f32": 1 / 2, "i16": 1 / 4, "i16_w8": 1 / 4, "i8": 8 / 26, "i8_dynamic": 8 / 26},
    "neon_dot": {"f32": 1 / 2, "i16": 1 / 4, "i16_w8": 1 / 4, "i8": 32 / 26, "i8_dynamic": 32 / 26},
    "neon_i8mm": {"f32": 1 / 2, "i16": 1 / 4, "i16_w8": 1 / 4, "i8": 64 / 26,
                  "i8_dynamic": 64 / 26},
}  # fmt: skip
MEASURED = "portable", "avx2"


def network(case: tuple, form: Form, rng: np.random.Generator) -> Graph | None:
    """One layer in a form; None if it cannot have it."""
    size, channels, kernel, outputs, is_depthwise = case
    graph = Graph()
    x = graph.add_input("x", np.float32, (1, size, size, channels))
    depth = 1 if is_depthwise else channels
    weight = rng.normal(size=(outputs, kernel, kernel, depth)).astype(np.float32)
    attrs = {"strides": [1, 1], "dilations": [1, 1], "pads": [kernel // 2] * 4,
             "groups": channels if is_depthwise else 1}  # fmt: skip
    y = graph.add("conv", [x, graph.add_constant("w", weight)], attrs)
    graph.outputs = [y]
    samples = [{x: rng.normal(size=(1, size, size, channels)).astype(np.float32)}] * 2
    options = {"weight_fit": "pairs" if form.is_dynamic else "quads",
               "compensate": False, "correct": False}  # fmt: skip
    built, done = compress(graph, samples, Recipe((form,), (Step("quantize", options),)))
    return built if done.layers[y].form is form else None


def sizes(case: tuple) -> tuple[float, ...]:
    """What the factors of ``TERMS`` are multiplied with."""
    size, channels, kernel, outputs, is_depthwise = case
    weights = outputs * kernel * kernel * (1 if is_depthwise else channels)
    return 1.0, float(size * size * weights), float(size * size * (channels + outputs)), weights


def measure() -> list[dict]:
    """The medians of the level in use, in nanoseconds."""
    rng = np.random.default_rng(0)
    models = []
    for case, form in itertools.product(CASES, Form):
        graph = network(case, form, rng)
        if graph is not None:
            models.append((case, form, load(pack(graph), threads=1)))
    times: dict[int, list] = {i: [] for i in range(len(models))}
    for _ in range(ROUNDS):
        for i, (case, _, model) in enumerate(models):
            size, channels = case[:2]
            inputs = {"x": np.ones((1, size, size, channels), np.float32)}
            times[i] += [model.profile(inputs) for _ in range(RUNS)]
    rows = []
    for i, (case, form, model) in enumerate(models):
        steps = dict(zip((s.op for s in model.plan()), np.median(times[i], 0) * 1e6))
        conversions = {op: steps.pop(op, None) for op in ("quantize", "dequantize")}
        rows.append({"case": case, "form": form.text, "ns": sum(steps.values()), **conversions})
    return rows


def fit(sizes: np.ndarray, ns: np.ndarray) -> np.ndarray:
    """Factors of at least zero with the least sum of squared relative errors."""
    rows = sizes / ns[:, None]
    best, least = np.zeros(rows.shape[1]), np.inf
    for used in itertools.product((False, True), repeat=rows.shape[1]):
        factors = np.zeros(rows.shape[1])
        if any(used):
            factors[list(used)] = np.linalg.lstsq(rows[:, list(used)], np.ones(len(ns)), None)[0]
        error = np.square(rows @ factors - 1).sum()
        if (factors >= 0).all() and error < least:
            best, least = factors, error
    return best


def level_row(rows: list[dict]) -> dict:
    """The table's row of a level."""
    row: dict = {"measured": True, "dense": {}, "depthwise": {}}
    for kind, form in itertools.product(("dense", "depthwise"), Form):
        own = [r for r in rows if r["form"] == form.text and r["case"][4] == (kind == "depthwise")]
        if own:
            ns = np.array([r["ns"] for r in own])
            matrix = np.array([sizes(tuple(r["case"])) for r in own])
            factors = fit(matrix, ns)
            row[kind][form.text] = {t: float(f"{f:.4g}") for t, f in zip(TERMS, factors)}
            errors = np.abs(matrix @ factors / ns - 1)
            print(f"{kind:10}{form.text:11} median error {np.median(errors):.0%}, "
                  f"largest {errors.max():.0%}", file=sys.stderr)  # fmt: skip
    per_element = [r["quantize"] / (r["case"][0] ** 2 * r["case"][1])
                   for r in rows if r["quantize"] and r["case"][0] > 7]  # fmt: skip
    row["conversion"] = float(f"{np.median(per_element):.4g}")
    return row


def derived(base: dict, rates: dict[str, float]) -> dict:
    """A level's row from AVX2's: multiplications by their rate, the rest as the floats go."""
    row = {"measured": False, "conversion": float(f"{base['conversion'] / rates['f32']:.4g}")}
    for kind in ("dense", "depthwise"):
        row[kind] = {
            form: {**own, "mac": float(f"{own['mac'] / rates[form]:.4g}")}
            for form, own in base[kind].items()
        }
    return row


def table_text(levels: dict[str, dict]) -> str:
    """The table as JSON, a line for each level, kind and form."""
    texts = []
    for name, row in levels.items():
        kinds = []
        for kind in "dense", "depthwise":
            forms = [f'    "{form}": {json.dumps(own)}' for form, own in row[kind].items()]
            kinds.append(f'   "{kind}": {{\n' + ",\n".join(forms) + "\n   }")
        head = f'"measured": {json.dumps(row["measured"])}, "conversion": {row["conversion"]},'
        texts.append(f'  "{name}": {{\n   {head}\n' + ",\n".join(kinds) + "\n  }")
    return '{\n "version": 1,\n "levels": {\n' + ",\n".join(texts) + "\n }\n}\n"


def main() -> None:
    """Measures what this CPU has, and writes the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("table", type=Path)
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.worker:
        print(json.dumps(measure()))
        return
    old = json.loads(args.table.read_text()) if args.table.exists() else {"levels": {}}
    levels = dict(old["levels"])
    for level in (*MEASURED, *RATES):
        if level in isa().detected:
            print(level, file=sys.stderr)
            done = subprocess.run(
                [sys.executable, __file__, str(args.table), "--worker"],
                env={**os.environ, "EDGERT_ISA": level}, check=True, capture_output=True, text=True,
            )  # fmt: skip
            levels[level] = level_row(json.loads(done.stdout))
        elif not levels.get(level, {}).get("measured"):
            levels[level] = derived(levels["avx2"], RATES[level])
    args.table.write_text(table_text(levels))


if __name__ == "__main__":
    main()
