"""How far what a compression reports is from what 1,000 unseen samples show, over random draws.

usage: draws.py [--models digits,ppocr_rec] [--draws 20] [--samples 32] [--unseen 1000]
                [--fonts /usr/share/fonts]

Each draw takes other samples, which calibrate, choose and report as in `edgert convert --quantize
int8`, and judges what became of the network on others of the same kind: scikit-learn's digits for
the example network, rendered lines for the recogniser of rapidocr_onnxruntime. Prints of each draw
the SQNR with its interval, and that of the unseen samples; then the mean difference, how many draws
are within 1.5 dB, and how often the interval held. Needs scikit-learn for the digits.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from importlib import resources
from pathlib import Path

import numpy as np
from ocr import SHAPES, SOURCES, Printer, package_models

from edgert.compress import Judge, compress, preset
from edgert.compress.judge import judged_values
from edgert.compress.probe import Probe, Sample
from edgert.importer import import_model
from edgert.ir import Graph
from edgert.passes import optimize

CLOSE = 1.5  # dB


class Known:
    """What the original makes of samples, computed once."""

    def __init__(self, graph: Graph, samples: Sequence[Sample]) -> None:
        with Probe(graph, judged_values(graph)) as original:
            self._values = {id(sample): original.run(sample) for sample in samples}

    def run(self, sample: Sample) -> Sample:
        """The same as a probe's."""
        return self._values[id(sample)]


def digits() -> tuple[bytes, list[np.ndarray]]:
    """The example network, and all images that scikit-learn has."""
    from sklearn.datasets import load_digits

    pixels = load_digits().images.astype(np.float32) / 16
    model = resources.files("edgert") / "examples" / "digits.onnx"
    return model.read_bytes(), list(pixels[:, None, None])


def ppocr_rec(fonts: Path, count: int) -> tuple[bytes, list[np.ndarray]]:
    """The recogniser, and as many lines of text."""
    printer = Printer(0, fonts)
    model = package_models() / SOURCES["ppocr_rec"]
    return model.read_bytes(), [printer.line()[0] for _ in range(count)]


def opened(model: bytes, shape: Sequence[int]) -> Graph:
    """The network in floats; a compression changes its weights."""
    graph = import_model(model, {"x": tuple(shape)} if tuple(shape) == SHAPES["ppocr_rec"] else {})
    optimize(graph)
    return graph


def main() -> None:
    """Runs the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", default="digits,ppocr_rec")
    parser.add_argument("--draws", type=int, default=20)
    parser.add_argument("--samples", type=int, default=32)
    parser.add_argument("--unseen", type=int, default=1000)
    parser.add_argument("--fonts", type=Path, default=Path("/usr/share/fonts"))
    args = parser.parse_args()
    for name in args.models.split(","):
        count = args.samples + args.unseen
        model, images = digits() if name == "digits" else ppocr_rec(args.fonts, count)
        graph = opened(model, images[0].shape)
        samples = [{graph.inputs[0]: image} for image in images]
        known = Known(graph, samples)
        rows = []
        for draw in range(args.draws):
            order = np.random.default_rng(draw).permutation(len(samples))[:count]
            drawn, unseen = np.split(order, [args.samples])
            graph = opened(model, images[0].shape)
            network, done = compress(graph, [samples[i] for i in drawn], preset("int8"))
            judge = Judge(graph, known, [samples[i] for i in unseen])
            (told,), truth = done.quality.outputs, judge.measure(network).sqnr
            rows.append((told.sqnr - truth, told.sqnr_margin, truth))
            print(f"{name}, draw {draw}: {told.sqnr:.2f} +- {told.sqnr_margin:.2f} dB on "
                  f"{done.quality.samples}, unseen {truth:.2f}", flush=True)  # fmt: skip
        off, margin, truth = np.array(rows).T
        print(f"{name}: {off.mean():+.2f} dB on average, {(abs(off) <= CLOSE).mean():.0%} within "
              f"{CLOSE:g} dB, {(abs(off) <= margin).mean():.0%} within their intervals; unseen "
              f"{truth.mean():.2f} dB on average", flush=True)  # fmt: skip


if __name__ == "__main__":
    main()
