"""``edgert info``: what is in a model."""

from __future__ import annotations

import argparse
import json
import os
from collections import Counter
from typing import Any

from edgert.commands.arguments import add_model
from edgert.model import PlanStep, load
from edgert.preprocess import LABELS, PREPROCESS, inputs_text
from edgert.report import Outcome, shape, size, stored_rows, table

HELP = "show what is in a model"
DETAILS = "Inputs, outputs, operators and sizes. Nothing is run."
LONGEST_VALUE = 60  # of the metadata, in characters


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of the command."""
    add_model(parser)
    parser.add_argument("--memory", action="store_true", help="what loading and running will take")
    parser.add_argument("--plan", action="store_true", help="every step with its kernel and form")


def execute(args: argparse.Namespace) -> Outcome:
    """Describes a model."""
    model = load(args.model, threads=args.threads, map=args.map, verify=True)
    plan = model.plan()
    operators = Counter(step.op for step in plan)
    data: dict[str, Any] = {
        "file": args.model,
        "bytes": os.path.getsize(args.model),
        "metadata": model.metadata,
        "preprocess": json.loads(inputs_text(model.preprocess)),
        "labels": list(model.labels),
        "operators": dict(sorted(operators.items())),
        "operations": model.operations,
    }
    facts = [
        ("file", f"{args.model}, {size(data['bytes'])}"),
        *(_summary(item) for item in model.metadata.items() if item[0] not in (PREPROCESS, LABELS)),
        *stored_rows(model.preprocess, model.labels),
    ]
    facts.append(("operators", ", ".join(f"{n} {op}" for op, n in operators.most_common())))
    facts.append(("operations", f"{model.operations:,.0f} a run"))
    facts.append(("checksums", "all match"))
    rows = []
    for role, tensors in (("input", model.inputs), ("output", model.outputs)):
        data[f"{role}s"] = [
            {"name": t.name, "dtype": str(t.dtype), "shape": list(t.shape)} for t in tensors
        ]
        rows += [(role, t.name, t.dtype, shape(t.shape)) for t in tensors]
    parts = [table(facts), table(rows, ("", "name", "dtype", "shape"))]
    if args.memory:
        data["memory"] = model.memory()
        parts.append(table([(MEMORY[key], size(n)) for key, n in data["memory"].items()]))
    if args.plan:
        data["plan"] = [{**step._asdict(), "shape": list(step.shape)} for step in plan]
        rows = [
            (s.step, s.op, s.kernel, s.dtype, shape(s.shape), _form(s), size(s.bytes)) for s in plan
        ]
        header = ("step", "operator", "kernel", "dtype", "shape", "form", "constants")
        parts.append(table(rows, header))
    return Outcome(data, "\n\n".join(parts))


def _form(step: PlanStep) -> str:
    """The form of a step's weight, with the zeros that it leaves out."""
    return f"{step.form}, {step.zeros:.0%} zeros" if step.zeros else step.form


def _summary(item: tuple[str, str]) -> tuple[str, str]:
    """A fact of the metadata, cut to what a line holds."""
    key, value = item
    if len(value) <= LONGEST_VALUE:
        return item
    return key, f"{value[:LONGEST_VALUE]}... ({len(value):,} characters; --json has all)"


MEMORY = {
    "file_copied": "private copy of the file",
    "weights_mapped": "weights used in the mapped file",
    "weights_repacked": "weights repacked for this CPU",
    "tables": "tables of places and sizes",
    "arena": "activations of one run",
    "scratch": "scratch, part of the activations",
}
