"""What a conversion did: the report that ``edgert.convert`` returns, as text and for JSON."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from edgert.compress import Compression
from edgert.compress.quantize.stated import Stated
from edgert.parity import OutputParity, Parity
from edgert.passes import PassReport
from edgert.preprocess import Input, inputs_text
from edgert.report import decibels, json_number, size, stored_rows, table


@dataclass(frozen=True)
class ModelSize:
    """How large a model is."""

    nodes: int
    parameters: int  # elements of its constants
    bytes: int  # of the file, external data included


@dataclass(frozen=True)
class Report:
    """What a conversion did; shown and printed, it is what the command prints."""

    model: str  # path of the original, or that it came from memory
    output: str  # path of the file
    inputs: tuple[str, ...]  # paths of the files that were read, or could have been
    before: ModelSize
    after: ModelSize
    passes: tuple[PassReport, ...]
    pinned: Mapping[str, np.ndarray] = field(default_factory=dict)  # inputs that are constants now
    # Shapes of inputs whose leading dimension the model and the caller leave open: it is 1.
    assumed: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    preprocess: Mapping[str, Input] = field(default_factory=dict)  # as it is stored
    labels: tuple[str, ...] = ()
    stated: Stated | None = None  # of a model that was quantised before
    compression: Compression | None = None
    # What was compared with the original: what is in the file or, of a network that was compressed,
    # the same in floats.
    parity: Parity | None = None
    compared_on: str = ""  # on which inputs
    recipe: str | None = None  # path of the file that says how it was compressed
    written: bool = False

    @property
    def passed(self) -> bool:
        """Whether the model is close enough to the original, as far as that was checked."""
        fine = self.compression is None or self.compression.verdict.word != "bad"
        return fine and (self.parity is None or self.parity.passed)

    def __repr__(self) -> str:
        """What ``edgert convert`` prints."""
        return _text(self)

    def data(self) -> dict[str, Any]:
        """What ``edgert convert --json`` prints."""
        data: dict[str, Any] = {
            "output": self.output,
            "written": self.written,
            "before": asdict(self.before),
            "after": asdict(self.after),
            "preprocess": json.loads(inputs_text(self.preprocess)),
            "labels": list(self.labels),
            "assumed": {name: list(shape) for name, shape in self.assumed.items()},
        }
        if self.parity is not None:
            data["check"] = _parity_data(self.parity)
        if self.compression is not None:
            data["compression"] = _compression_data(self.compression, self.recipe)
        if self.stated is not None:
            data["stated"] = _stated_data(self.stated)
        return data


def _text(report: Report) -> str:
    before, after = report.before, report.after
    rows = [
        ("nodes", f"{before.nodes:,}", f"{after.nodes:,}"),
        ("parameters", f"{before.parameters:,}", f"{after.parameters:,}"),
        ("bytes", size(before.bytes), size(after.bytes)),
    ]
    parts = [f"{report.model} -> {report.output}", table(rows, ("", "before", "after"))]
    if report.assumed:
        names = " and ".join(map(repr, report.assumed))
        more = " ".join(
            f"--input-shape {name}={','.join(['N', *map(str, shape[1:])])}"
            for name, shape in report.assumed.items()
        )
        parts.append(
            f"the model leaves open how many samples there are in {names}: the file is for 1, "
            f"{more} makes one for N"
        )
    if stored := stored_rows(report.preprocess, report.labels):
        parts.append(f"stored in the file:\n\n{table(stored)}")
    if report.parity is not None:
        parts.append(_parity_text(report.parity, report.compared_on))
    if report.compression is not None:
        parts.append(_compression_text(report.compression, report.recipe))
    if report.stated is not None:
        parts.append(_stated_text(report.stated))
    if not report.written:
        parts.append("nothing was written; --force writes it all the same")
    return "\n\n".join(parts)


def _parity_data(parity: Parity) -> dict[str, Any]:
    """The comparison for JSON; an ``sqnr`` of null with an error of 0 means the same bits."""
    outputs = [
        {
            "name": output.name,
            "max_abs_error": json_number(output.max_abs_error),
            "sqnr": json_number(output.sqnr),
            "minimum_sqnr": json_number(output.minimum),
            "agreement": output.agreement,
            "passed": output.passed,
        }
        for output in parity.outputs
    ]
    return {"reference": parity.reference, "passed": parity.passed, "outputs": outputs}


def _result(output: OutputParity) -> str:
    if not output.passed:
        return "FAILED"
    return "passed" if output.sqnr >= output.minimum else "passed: tiny"


def _parity_text(parity: Parity, inputs: str) -> str:
    """The comparison as a table."""
    rows = [
        (o.name, f"{o.max_abs_error:.2e}", decibels(o.sqnr), decibels(o.minimum),
         _result(o))
        for o in parity.outputs
    ]  # fmt: skip
    header = ("output", "max abs error", "SQNR", "at least", "result")
    return f"Check against {parity.reference}, {inputs}:\n\n{table(rows, header)}"


def _compression_data(done: Compression, recipe: str | None) -> dict[str, Any]:
    """What a compression did, for JSON."""
    quality = done.quality
    return {
        "verdict": done.verdict.word,
        "reasons": list(done.verdict.reasons),
        "next": list(done.verdict.steps),
        "samples": done.samples,
        "calibrated": done.calibrated,
        "chose": done.chose,
        "judged": quality.samples,
        "data_free": done.data_free,
        "skipped": list(done.skipped),
        "layers": {
            name: {"form": layer.form.text, "why": layer.why} for name, layer in done.layers.items()
        },
        "sqnr": json_number(quality.sqnr),
        "agreement": quality.agreement,
        "metric": json_number(quality.metric),
        "outputs": [{**asdict(o), "sqnr": json_number(o.sqnr)} for o in quality.outputs],
        "recipe": recipe,
    }


def _compression_text(done: Compression, recipe: str | None) -> str:
    """What a compression did, for people."""
    lines = []
    if done.skipped:
        lines.append(f"WARNING: {len(done.skipped)} files of data could not be read:")
        lines += [f"  {reason}" for reason in done.skipped]
    kind = "random inputs" if done.data_free else "samples"
    counts = Counter(layer.form.text for layer in done.layers.values())
    lines.append(
        table(
            [
                *((f"layers {form}", f"{n} of {len(done.layers)}") for form, n in counts.items()),
                *([("calibrated on", f"{done.calibrated} {kind}")] if done.calibrated else []),
                *([("forms chosen on", f"{done.chose} others")] if done.chose else []),
                ("judged on", f"{done.quality.samples} {kind} that decided nothing"),
                *([("recipe", recipe)] if recipe else []),
            ]
        )
    )
    first = done.recipe.forms[0]
    told = [(name, x.form.text, x.why) for name, x in done.layers.items() if x.form != first]
    if told:
        lines.append("\n" + table(told, ("layer", "form", "because")))
    if done.quality.outputs:
        lines.append("\n" + _quality_text(done))
    lines.append(f"\nverdict: {done.verdict.word}")
    lines += [f"  because {reason}" for reason in done.verdict.reasons]
    lines += [f"  next: {step}" for step in done.verdict.steps]
    return "\n".join(lines)


def _quality_text(done: Compression) -> str:
    """The outputs, and what is measured of each; what no output has is left out."""
    rows = [
        (o.name, decibels(o.sqnr, o.sqnr_margin), f"{o.max_error:.2e}", _share(o.agreement),
         _share(o.overlap),
         "tiny" if o.negligible else "")
        for o in done.quality.outputs
    ]  # fmt: skip
    header = ("output", "SQNR", "max abs error", "same best class", "overlap", "")
    kept = [i for i in range(len(header)) if i < 3 or any(row[i] for row in rows)]
    text = table([[row[i] for i in kept] for row in rows], [header[i] for i in kept])
    if done.quality.metric is not None:
        text += f"\nmetric: {done.quality.metric:.6g}"
    return text


def _share(value: float | None) -> str:
    """A share in per cent, nothing for none."""
    return "" if value is None else f"{value:.1%}"


def _stated_data(done: Stated) -> dict[str, Any]:
    """What became of the quantisation that a model states, for JSON."""
    return {
        "integer": done.integer,
        "float_nodes": done.floats,
        "rounded_weights": done.rounded,
    }


def _stated_text(done: Stated) -> str:
    """What became of the quantisation that a model states, for people."""
    counts = ", ".join(f"{count} {op}" for op, count in sorted(done.integer.items()))
    lines = [f"quantised in the original; on bytes: {counts or 'nothing'}"]
    if done.floats:
        lines.append("\n" + table(done.floats.items(), ("quantised node in float", "because")))
    if done.rounded:
        lines.append("\n" + table(done.rounded.items(), ("weights rounded", "because")))
    return "\n".join(lines)
