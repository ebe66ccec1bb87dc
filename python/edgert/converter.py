"""Conversion: from an ONNX model to a packed file, with a report of what happened."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import chain, islice
from typing import Any, Union

import numpy as np
import onnx

from edgert import ir
from edgert.budget import memory_errors
from edgert.compress import Recipe, Target, compress, read_recipe, recipe_text
from edgert.compress.data.samples import Samples, source_files
from edgert.compress.data.samples import Source as Calibration
from edgert.compress.judge import Metric
from edgert.compress.ladder import KINDS, choose_stored
from edgert.compress.probe import Sample
from edgert.compress.quantize.stated import lower_stated, states_quantization
from edgert.compress.recipe import chosen_preset, require_kind
from edgert.errors import InputError, QualityError, UnsupportedError, require
from edgert.files import is_same, refuse_input, replacing, require_place
from edgert.importer import Source, import_proto, open_batches, read_model, with_values
from edgert.importer.external import data_files
from edgert.importer.load import proto_bytes
from edgert.importer.tensors import stored_size, weight_tensors
from edgert.inputs import random_inputs, require_random
from edgert.model import TensorInfo, load
from edgert.pack import pack, plain_name, write_file
from edgert.parity import QUANTIZED_MINIMUM, check_parity
from edgert.passes import optimize
from edgert.preprocess import (
    LABELS,
    PREPROCESS,
    Input,
    describe,
    inputs_text,
    labels_text,
    model_labels,
    read_labels,
)
from edgert.summary import ModelSize, Report

# How inputs are made: one description, several by input name, or the path of a file of JSON.
Preprocess = Union[Input, Mapping[str, Any], str, "os.PathLike[str]"]
STAGES = ("read", "import", "optimize", "pack", "check", "write")
DATA_FREE_SAMPLES = 16
CHECKED_SAMPLES = 16  # on which a model is compared with the original
FLOAT_SAMPLES = 4  # on which the network in floats is, before it is compressed
RECIPE_SUFFIX = ".recipe.json"


@memory_errors()
def convert(
    model: Source,
    output: str | os.PathLike[str] | None = None,
    *,
    input_shapes: Mapping[str, Sequence[int]] | None = None,
    input_values: Mapping[str, Any] | None = None,
    quantize: str | None = None,
    calibrate: Calibration | None = None,
    ranges: str | None = None,
    steps: Sequence[str] | None = None,
    weight_fit: str | None = None,
    weights: str | None = None,
    slack: float | None = None,
    bits: float | None = None,
    max_bytes: int | None = None,
    target: Sequence[str] | None = None,
    prune: float | None = None,
    pattern: str | None = None,
    method: str | None = None,
    share: int | None = None,
    half: bool | None = None,
    min_sqnr: float | None = None,
    min_agreement: float | None = None,
    min_metric: float | None = None,
    metric: Metric | None = None,
    recipe: str | os.PathLike[str] | Recipe | None = None,
    preprocess: Preprocess | None = None,
    labels: str | os.PathLike[str] | Sequence[str] | None = None,
    data: Calibration | None = None,
    check: bool = True,
    force: bool = False,
    progress: Callable[[str], None] | None = None,
) -> Report:
    """Converts an ONNX model into the file ``output``.

    ``model`` is a path, the bytes of a file or a ``ModelProto``; for a path, ``output`` defaults
    to the same name with the suffix ``.edgert``. ``input_shapes`` pins the inputs whose dimensions
    the model leaves open: ``{"image": (1, 3, 224, 224)}``; a leading one of which nothing is said
    is 1. ``input_values`` makes constants of inputs: ``{"sr": 16000}``. ``progress`` is called with
    the name of each of ``STAGES`` as it begins, and as it goes on with more behind the name.

    ``quantize`` names a recipe: "int8" makes the network compute on bytes, "int16" on integers of
    16 bits, with ``weights`` "int8" (by default) or "int16"; "dynamic" stores weights as bytes and
    lets each layer that gains by it turn its input into bytes while the model runs, by the range
    that the values have then. ``ranges``, ``steps`` and ``weight_fit`` change it, see
    :func:`edgert.compress.preset`. With "int8", layers that lose much get a more exact form as long
    as the network becomes slower and larger by no more than ``slack``, 0.1 unless told otherwise;
    a table says what they cost on the instruction set levels that ``target`` names. ``bits``, 1.6
    to 8, is how many a weight has in the file on average, with activations on bytes; the network is
    as fast as with 8, and layers that lose much have more. ``max_bytes`` are those of the whole
    file: the weights get as many bits as it has room for. A ``recipe``, or the path of one, says
    all of that itself.

    ``prune`` is the part of the weights that become zero, in a ``pattern`` and by a ``method`` of
    :class:`edgert.compress.prune.Options`: without data by magnitude alone. Weights with many
    zeros, the model's own or these, are stored and multiplied without them where that pays.
    ``share`` gives the weights of a layer on floats so many values, 2 to 256, of which the file
    needs codes alone; ``half`` stores floats of 16 bits. Both run as fast as any floats.

    ``calibrate`` is the data that shows which values occur, see
    :class:`edgert.compress.data.samples.Samples`: the path of an .npz, an .npy, an image, a sound
    or a folder, or any iterable of samples. Some of it is held out to judge the result, unless
    there is other ``data`` for that, read in the same way. Without either random inputs take their
    place; dynamic layers need data only to be judged. ``min_sqnr`` in dB, ``min_agreement``, 0 to
    1, and ``min_metric`` say what the network must reach: layers of which the recipe does not state
    the form get more exact ones until it does. ``metric`` is a function of the original's outputs
    and the network's for one sample, two dicts, that returns a number, the higher the better.

    ``preprocess`` says how images and sounds become tensors: an :class:`ImageInput` or an
    :class:`AudioInput` of :mod:`edgert.preprocess` for the only input that it suits, a dict of them
    by input name, or the path of a file of JSON. ``labels`` are the names of the classes, or the
    path of a text with one in each line; without them those of the model's metadata are taken, if
    there are some. Both are stored in the file, see ``Model.preprocess`` and ``Model.labels``.

    What was made is compared with the original on the first samples of ``data``, or on random
    inputs, in ONNX Runtime if that is installed, unless ``check`` is False; of a network that is
    compressed, what it is in floats before. What is not close enough, before or after compression,
    is not written unless ``force``: QualityError has the report. The recipe of a compressed network
    is written beside ``output``. The report prints as the command does.

    A model that states its quantisation, by QuantizeLinear and DequantizeLinear or by operators on
    quantised tensors, computes on bytes where it says so.

    The same model gives the same bytes. The file is complete or is not written at all. Raises the
    errors of :func:`edgert.importer.import_model`, ModelIOError if the file cannot be written, and
    InputError for arguments of another kind, or that would not matter beside the others, and
    QualityError for a network that must not be used.
    """
    _check_kinds(model, output, input_shapes, input_values, recipe, progress)
    require(metric is None or callable(metric), "metric", metric, "a function of two dicts")
    begin = progress or (lambda stage: None)
    if quantize not in (None, *KINDS):
        raise UnsupportedError(
            f"quantize is {quantize!r}, expected one of {list(KINDS)}", "QUANTIZE"
        )
    choices = {"ranges": ranges, "steps": steps, "weight_fit": weight_fit, "weights": weights,
               "slack": slack, "bits": bits, "max_bytes": max_bytes, "levels": target,
               "prune": prune, "pattern": pattern, "method": method, "share": share,
               "half": half or None}  # fmt: skip
    rest = {"calibrate": calibrate, "min_sqnr": min_sqnr, "min_agreement": min_agreement,
            "min_metric": min_metric, "metric": metric, "recipe": recipe}  # fmt: skip
    if any(x is not None for x in (quantize, prune, bits, max_bytes, share, half or None, recipe)):
        rest["data"] = data
    elif data is not None and not check:
        raise InputError("data: without effect unless something is checked", "ARGUMENT")
    given = [name for name, value in rest.items() if value is not None]
    chosen = chosen_preset(quantize, choices, given)
    if recipe is not None:
        chosen = recipe if isinstance(recipe, Recipe) else read_recipe(recipe, quantize)
        require_kind(chosen, quantize)
    if chosen is not None:
        own = chosen.target
        reached = Target(
            own.sqnr if min_sqnr is None else min_sqnr,
            own.agreement if min_agreement is None else min_agreement,
            own.metric if min_metric is None else min_metric,
        )
        chosen = replace(chosen, target=reached)
    begin("read")
    proto, path = read_model(model)
    if output is None:
        if path is None:
            raise InputError("a model from memory needs the path of its output", "ARGUMENT")
        output = default_output(path)
    read = [
        *source_files(calibrate),
        *source_files(data),
        *([path, *data_files(proto, path)] if path else []),
    ]
    read += [given for given in (recipe, preprocess, labels)
             if isinstance(given, (str, os.PathLike))]  # fmt: skip
    refuse_input(output, read)
    require_place(output)
    beside = _recipe_path(os.fsdecode(output), read) if chosen is not None else None
    begin("import")
    pinned: dict[str, np.ndarray] = {}
    shapes = input_shapes or {}
    if input_values:
        proto, pinned, shapes = with_values(proto, input_values, shapes)
    graph = import_proto(proto, path, shapes)
    ir.verify(graph)
    single = open_batches(proto) - set(shapes)
    found = {name: graph.values[name].shape for name in graph.inputs if name in single}
    assumed = {name: shape for name, shape in found.items() if shape[0] == 1}
    described = {} if preprocess is None else describe(preprocess, input_infos(graph))
    named = _labels(graph, labels)
    before = _onnx_size(proto)
    del proto
    begin("optimize")
    passes = optimize(graph)
    if described:
        stored = {plain_name(name): one for name, one in described.items()}
        graph.metadata[PREPROCESS] = inputs_text(stored)
    if named:
        graph.metadata[LABELS] = labels_text(named)
    report = partial(
        Report,
        model=path or "a model from memory",
        output=os.fsdecode(output),
        inputs=tuple(map(os.fsdecode, read)),
        before=before,
        passes=tuple(passes),
        pinned=pinned,
        assumed=assumed,
        preprocess=described,
        labels=named,
        recipe=beside,
    )
    compared: dict[str, Any] = {}
    compression = stated = None
    if states_quantization(graph):
        if chosen is not None:
            raise InputError(
                "the model is quantised already; convert it without quantize", "QUANTIZE"
            )
        graph, stated = lower_stated(graph)
        ir.verify(graph)
    elif chosen is not None:
        samples = calibration_samples(graph, calibrate, described)
        others = _held_out(graph, data, described, calibrate is None)
        needs_ranges = any(form.is_integer for form in chosen.forms)
        is_random = calibrate is None and (data is None or needs_ranges)
        left: Iterable[Sample] = samples
        if check:
            begin("check")
            first, left = _first(samples)
            packed = pack(graph)
            parity = check_parity(model, load(packed), first, constants=pinned)
            compared = {"parity": parity, "compared_on": "in floats, on some of the samples"}
            if not (parity.passed or force):
                raise QualityError(
                    "what was imported differs from the original, before any compression",
                    report(after=_graph_size(graph, packed), **compared),
                )
            del packed
        graph, compression = compress(
            graph, left, chosen, reporting=others, metric=metric,
            is_random=is_random, progress=begin,
        )  # fmt: skip
        ir.verify(graph)
        compression = replace(compression, skipped=tuple(samples.skipped))
    begin("pack")
    choose_stored(graph)
    packed = pack(graph)
    if check and compression is None:
        begin("check")
        first, name = _check_samples(input_infos(graph), data, described)
        minimum = None if stated is None else QUANTIZED_MINIMUM
        parity = check_parity(
            model, load(packed), first, minimum, fused=stated is None, constants=pinned
        )
        compared = {"parity": parity, "compared_on": name}
    after = _graph_size(graph, packed)
    done = report(after=after, stated=stated, compression=compression, **compared)
    del graph  # its weights are in the data, too
    if not (done.passed or force):
        reasons = ["the converted model differs from the original"]
        raise QualityError("; ".join(compression.verdict.reasons if compression else reasons), done)
    begin("write")
    write_file(output, packed)
    if compression is not None and beside is not None:
        with replacing(beside) as file:
            file.write(recipe_text(compression.recipe).encode())
    return replace(done, written=True)


def _recipe_path(output: str, inputs: Sequence[str | os.PathLike[str]]) -> str:
    """Where the decisions go: beside the output, not over the recipe that was given."""
    stem, _ = os.path.splitext(output)
    path = f"{stem}{RECIPE_SUFFIX}"
    if any(is_same(path, other) for other in inputs):
        path = f"{stem}.decided{RECIPE_SUFFIX}"
        refuse_input(path, inputs)
    return path


def _check_samples(
    infos: Sequence[TensorInfo], data: Calibration | None, preprocess: Mapping[str, Input]
) -> tuple[list[Sample], str]:
    """What a model is compared with the original on, and what to call it."""
    if data is None:
        return [random_inputs(infos)], "random inputs"
    found = list(islice(Samples(data, infos, preprocess), CHECKED_SAMPLES))
    count = "the only sample" if len(found) == 1 else f"the first {len(found)} samples"
    name = os.fsdecode(data) if isinstance(data, (str, os.PathLike)) else "the data"
    return found, f"{count} of {name}"


def default_output(model: str) -> str:
    """What the file is called that the ONNX model in the file ``model`` becomes."""
    return f"{os.path.splitext(model)[0]}.edgert"


def _check_kinds(
    model: object,
    output: object,
    shapes: object,
    values: object,
    recipe: object,
    progress: object,
) -> None:
    """Refuses arguments of :func:`convert` that are none of what they may be."""
    path = str, os.PathLike
    require(
        isinstance(model, (*path, bytes, bytearray, memoryview, onnx.ModelProto)),
        "model", model, "a path, the bytes of a file or a ModelProto",
    )  # fmt: skip
    require(output is None or isinstance(output, path), "output", output, "a path")
    fine = values is None or (
        isinstance(values, Mapping) and all(isinstance(name, str) for name in values)
    )
    require(fine, "input_values", values, "{name: number or array}")
    require(shapes is None or _are_shapes(shapes), "input_shapes", shapes, "{name: (1, 3, ...)}")
    fine = recipe is None or isinstance(recipe, (*path, Recipe))
    require(fine, "recipe", recipe, "a path or a Recipe")
    require(progress is None or callable(progress), "progress", progress, "a function of a string")


def _are_shapes(shapes: object) -> bool:
    return isinstance(shapes, Mapping) and all(
        isinstance(name, str)
        and isinstance(dims, (Sequence, np.ndarray))
        and all(isinstance(dim, (int, np.integer)) for dim in dims)
        for name, dims in shapes.items()
    )


def calibration_samples(
    graph: ir.Graph, source: Calibration | None, preprocess: Mapping[str, Input]
) -> Samples:
    """The calibration samples; random ones if there is no source."""
    infos = input_infos(graph)
    if source is None:
        require_random(infos, DATA_FREE_SAMPLES)
        source = [random_inputs(infos, seed) for seed in range(DATA_FREE_SAMPLES)]
    return Samples(source, infos, preprocess)


def _held_out(
    graph: ir.Graph,
    source: Calibration | None,
    preprocess: Mapping[str, Input],
    is_random: bool,
) -> Iterable[Sample] | None:
    """The samples that are for nothing but to judge: those that are given, or other random ones."""
    infos = input_infos(graph)
    if source is not None:
        return iter(Samples(source, infos, preprocess))
    if not is_random:
        return None
    return (random_inputs(infos, DATA_FREE_SAMPLES + i) for i in range(DATA_FREE_SAMPLES))


def _labels(
    graph: ir.Graph, given: str | os.PathLike[str] | Sequence[str] | None
) -> tuple[str, ...]:
    """The labels that are given, or those of the model. A row of scores has one for each label."""
    labels = model_labels(graph.metadata) if given is None else read_labels(given)
    shapes = [graph.values[name].shape for name in graph.outputs]
    rows = [shape[-1] for shape in shapes if len(shape) == 2 and shape[0] == 1]
    if labels and len(rows) == len(shapes) and len(labels) not in rows:
        if given is None:
            return ()
        raise InputError(
            f"{len(labels)} labels, but the outputs {graph.outputs} have {rows} classes", "LABELS"
        )
    return labels


def input_infos(graph: ir.Graph) -> list[TensorInfo]:
    """The inputs of a graph."""
    return [TensorInfo(n, graph.values[n].shape, graph.values[n].dtype) for n in graph.inputs]


def _first(samples: Iterable[Sample]) -> tuple[list[Sample], Iterable[Sample]]:
    """Some of the samples, and all of them."""
    rest = iter(samples)
    first = list(islice(rest, FLOAT_SAMPLES))
    return first, chain(first, rest)


def _onnx_size(model: onnx.ModelProto) -> ModelSize:
    parameters, external = 0, 0
    for tensor in weight_tensors(model.graph):
        elements, nbytes = stored_size(tensor)
        parameters += elements
        external += nbytes
    return ModelSize(len(model.graph.node), parameters, proto_bytes(model) + external)


def _graph_size(graph: ir.Graph, data: bytes) -> ModelSize:
    constants = (value.data.size for value in graph.values.values() if value.data is not None)
    return ModelSize(len(graph.nodes), sum(constants), len(data))
