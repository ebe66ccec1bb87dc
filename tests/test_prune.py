"""Pruning: masks of all patterns, weights that make up for others, and what becomes of zeros."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from pass_nets import CONV, Net
from quantized_nets import activation

import edgert
from edgert import interp
from edgert.cli import main
from edgert.compress import Recipe, Step, compress, preset
from edgert.compress.ladder import choose_stored
from edgert.compress.probe import Probe
from edgert.compress.prune import Options
from edgert.compress.prune.allocate import Losses, by_error
from edgert.compress.prune.patterns import mask_of, pattern_named
from edgert.compress.prune.refit import refit, saliencies
from edgert.compress.technique import options_of
from edgert.errors import InputError
from edgert.ir import Graph
from edgert.pack import pack
from edgert.schema import Form as StoredForm
from edgert.schema import UnaryFn


@pytest.mark.parametrize("shape", [(8, 16), (5, 7), (6, 3, 3, 10), (3, 1, 1, 4), (1, 9)])
@pytest.mark.parametrize("pattern", ["unstructured", "1x4", "4x4"])
@pytest.mark.parametrize("sparsity", [0.0, 0.25, 0.5, 0.9, 0.99])
def test_masks_are_of_blocks(shape: tuple[int, ...], pattern: str, sparsity: float) -> None:
    """As many blocks go as were asked for, those with the least scores, and never all."""
    scores = np.random.default_rng(3).random(shape)
    own = pattern_named(pattern)
    mask = mask_of(scores, own, sparsity)
    assert mask.shape == shape
    high, wide = own.high, own.wide
    sums = []
    for i in range(0, shape[0], high):
        for tap in np.ndindex(shape[1:-1]):
            for j in range(0, shape[-1], wide):
                part = (slice(i, i + high), *tap, slice(j, j + wide))
                assert mask[part].all() or not mask[part].any()
                sums.append((scores[part].sum(), bool(mask[part].any())))
    gone = [total for total, kept in sums if not kept]
    stay = [total for total, kept in sums if kept]
    assert len(gone) == min(round(sparsity * len(sums)), len(sums) - 1)
    assert not gone or max(gone) <= min(stay)


@pytest.mark.parametrize(("kept", "window"), [(2, 4), (1, 4), (3, 8), (1, 2)])
@pytest.mark.parametrize("last", [8, 16, 11])
def test_windows_keep_their_largest(kept: int, window: int, last: int) -> None:
    scores = np.random.default_rng(4).random((3, 2, 2, last))
    mask = mask_of(scores, pattern_named(f"{kept}:{window}"), 1 - kept / window)
    for row, own in zip(scores.reshape(-1, last), mask.reshape(-1, last)):
        for j in range(0, last, window):
            part, stay = row[j : j + window], own[j : j + window]
            assert stay.sum() == min(kept, len(part))
            assert not (~stay).any() or part[~stay].max() < part[stay].min()


def test_refit_is_least_squares() -> None:
    """For each output on the inputs that it has left."""
    rng = np.random.default_rng(5)
    x = rng.normal(size=(500, 12)) @ rng.normal(size=(12, 12))
    weight = rng.normal(size=(7, 12))
    mask = rng.random((7, 12)) < 0.5
    moments, wanted = x.T @ x, (x @ weight.T).T @ x
    found = refit(weight, mask, moments, wanted)
    assert (found[~mask] == 0).all()
    for row, own, target in zip(found, mask, weight):
        expected, *_ = np.linalg.lstsq(x[:, own], x @ target, rcond=None)
        np.testing.assert_allclose(row[own], expected, rtol=1e-3, atol=1e-3)


def test_saliency_is_what_the_others_cannot_make_up_for() -> None:
    """The growth of the error without a weight, the others refitted."""
    rng = np.random.default_rng(6)
    x = rng.normal(size=(300, 6)) @ rng.normal(size=(6, 6))
    weight = rng.normal(size=(1, 6))
    moments = x.T @ x
    for i, found in enumerate(saliencies(weight, moments)[0]):
        others = [j for j in range(6) if j != i]
        _, lost, *_ = np.linalg.lstsq(x[:, others], x @ weight[0], rcond=None)
        assert found == pytest.approx(lost[0], rel=1e-6)


def test_layers_that_lose_least_are_pruned_most() -> None:
    rng = np.random.default_rng(7)
    even, steep = np.ones(1000), np.exp(-rng.random(1000) * 12)
    layers = {"even": Losses.of(even, 1000, 1.0), "steep": Losses.of(steep, 1000, 1.0)}
    levels = by_error(layers, 0.5)
    assert sum(levels.values()) / 2 == pytest.approx(0.5, abs=0.01)
    assert levels["steep"] > levels["even"] + 0.3
    far = {"near": Losses.of(even, 1000, 1.0), "far": Losses.of(even, 1000, 0.001)}
    assert by_error(far, 0.4)["far"] > 0.75
    assert by_error(far, 0.0) == {"near": 0.0, "far": 0.0}


def correlated_net() -> Net:
    """Channels that say nearly the same: others can make up for each."""
    net = Net()
    x = net.x(1, 10, 10, 8)
    y = net.op("conv", x, net.random(48, 1, 1, 8), net.random(48), **CONV)
    y = net.conv(y, 32, 3, pads=[1] * 4, **activation(UnaryFn.relu))
    y = net.op("conv", y, net.random(32, 1, 1, 32), net.random(32), y, **CONV)
    net.outputs = [net.gemm(net.mean(y, 1, 2, keep=0), 12)]
    return net


def samples(count: int = 24) -> list[dict]:
    rng = np.random.default_rng(8)
    return [{"x": rng.normal(size=(1, 10, 10, 8)).astype(np.float32)} for _ in range(count)]


def pruned(kind: str | None = None, **options: object) -> tuple[Graph, edgert.compress.Compression]:
    recipe = preset(kind, prune=0.5, **{"slack": 0, **options})
    return compress(correlated_net(), samples(), recipe)


@pytest.mark.parametrize("pattern", ["unstructured", "1x4", "4x4", "2:4"])
def test_methods_by_what_they_lose(pattern: str) -> None:
    """Repair helps, OBS is best; each gives the zeros that were asked for."""
    found = {}
    for method in ("random", "magnitude", "wanda", "obs"):
        graph, done = pruned(pattern=pattern, method=method)
        found[method] = done.quality.sqnr
        weights = [graph.constant(n.inputs[1]) for n in graph.nodes if n.op in ("conv", "gemm")]
        zeros = sum(w.size - np.count_nonzero(w) for w in weights) / sum(w.size for w in weights)
        assert zeros == pytest.approx(0.5, abs=0.02)
    assert found["obs"] > found["magnitude"] + 3
    assert found["obs"] >= found["wanda"] - 1.0
    assert found["magnitude"] > found["random"]


@pytest.mark.parametrize("kind", ["int8", "int16", "dynamic"])
def test_zeros_stay_when_weights_are_quantised(kind: str) -> None:
    graph, done = pruned(kind, pattern="1x4")
    for layer in done.layers.values():
        assert layer.zeros is None or layer.zeros <= 1
    weights = [v.data for v in graph.values.values() if v.data is not None and v.data.ndim > 1]
    zeros = sum(w.size - np.count_nonzero(w) for w in weights) / sum(w.size for w in weights)
    assert zeros > 0.49
    again, _ = compress(correlated_net(), samples(), done.recipe)
    assert pack(again) == pack(graph)


@pytest.mark.parametrize("kind", [None, "int8"])
@pytest.mark.parametrize("pattern", ["unstructured", "1x4", "4x4"])
def test_a_file_without_zeros(kind: str | None, pattern: str) -> None:
    """It is smaller, and computes what the same weights with zeros do."""
    recipe = preset(kind, prune=0.9, pattern=pattern, slack=0)
    step = recipe.steps[-1 if kind is None else -2]
    uniform = Step("prune", {**step.parameters, "allocation": "uniform"})
    recipe = replace(recipe, steps=tuple(uniform if s is step else s for s in recipe.steps))
    graph, _ = compress(correlated_net(), samples(), recipe)
    dense = pack(graph)
    choose_stored(graph)
    assert graph.forms
    packed = pack(graph)
    assert len(packed) < len(dense)
    x = samples(1)[0]
    expected = interp.run(graph, x)
    for data in (dense, packed):
        for name, array in edgert.load(data).run(x).items():
            np.testing.assert_allclose(array, expected[name], rtol=1e-4, atol=1e-4)


def test_zeros_of_a_model_are_found(tmp_path: Path) -> None:
    """Without any option, and also those that a mask has left a sign; few stay where they are."""
    rng = np.random.default_rng(9)
    for kept, form in ((0.1, StoredForm.csr), (0.9, None)):
        weight = (rng.normal(size=(64, 96)) * (rng.random((64, 96)) < kept)).astype(np.float32)
        node = helper.make_node("MatMul", ["x", "w"], ["y"])
        graph = helper.make_graph(
            [node], "g",
            [helper.make_tensor_value_info("x", TensorProto.FLOAT, [5, 64])],
            [helper.make_tensor_value_info("y", TensorProto.FLOAT, [5, 96])],
            [numpy_helper.from_array(weight, "w")],
        )  # fmt: skip
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
        path = tmp_path / f"{kept}.onnx"
        onnx.save(model, path)
        edgert.convert(path, path.with_suffix(".edgert"))
        loaded = edgert.load(path.with_suffix(".edgert"))
        step = loaded.plan()[-1]
        assert step.form == (form.name if form else "k1n16")
        assert step.zeros == pytest.approx(
            1 - np.count_nonzero(weight) / weight.size if form else 0
        )
        x = rng.normal(size=(5, 64)).astype(np.float32)
        np.testing.assert_allclose(loaded.run({"x": x})["y"], x @ weight, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({}, "needs the parameter 'sparsity'"),
        ({"sparsity": 1.0}, "expected 0 to 0.99"),
        ({"sparsity": -0.1}, "expected 0 to 0.99"),
        ({"sparsity": True}, "expected 0 to 0.99"),
        ({"sparsity": float("nan")}, "expected 0 to 0.99"),
        ({"sparsity": 0.5, "pattern": "3x3"}, "N:M"),
        ({"sparsity": 0.5, "pattern": "4:2"}, "N:M"),
        ({"sparsity": 0.9, "pattern": "2:4"}, "2:4 is one of 0.5"),
        ({"sparsity": 0.5, "method": "guess"}, "method is 'guess'"),
        ({"sparsity": 0.5, "allocation": "fair"}, "allocation is 'fair'"),
        ({"sparsity": 0.5, "repair": 1}, "repair is 1"),
        ({"sparsity": 0.5, "dense": "fc"}, "dense is 'fc'"),
        ({"sparsity": 0.5, "speed": 1}, "no parameter 'speed'"),
    ],
)
def test_options(parameters: dict, message: str) -> None:
    with pytest.raises(InputError, match=message):
        options_of(Options, "prune", parameters)


def test_layers_to_leave_alone() -> None:
    net = correlated_net()
    first = net.nodes[0].output
    options = {"sparsity": 0.8, "dense": [first]}
    recipe = Recipe(preset(None, prune=0.5).forms, (Step("prune", options),))
    _, done = compress(net, samples(), recipe)
    assert done.layers[first].zeros is None
    wrong = replace(recipe, steps=(Step("prune", {**options, "dense": ["nobody"]}),))
    with pytest.raises(InputError, match="nobody"):
        compress(correlated_net(), samples(), wrong)
    assert Options(0.5).learns


def test_much_without_repair_is_told() -> None:
    _, done = compress(correlated_net(), samples(), preset(None, prune=0.8, method="magnitude"))
    assert any("without repair" in reason for reason in done.verdict.reasons)
    _, done = compress(correlated_net(), samples(), preset(None, prune=0.5, method="magnitude"))
    assert not any("without repair" in reason for reason in done.verdict.reasons)


def test_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The demo's digits: a smaller file; options that have no effect are refused."""
    from importlib import resources

    examples = resources.files("edgert") / "examples"
    images = (np.load(examples / "digits_test.npz")["images"][:48, None] / 16).astype(np.float32)
    np.save(tmp_path / "x.npy", images)
    with resources.as_file(examples / "digits.onnx") as model:
        words = ["convert", str(model), "-o", str(tmp_path / "d.edgert"), "--json"]
        assert main(words) == 0
        dense = json.loads(capsys.readouterr().out)["after"]["bytes"]
        words += ["--calibrate", str(tmp_path / "x.npy"), "--prune", "0.8"]
        words += ["--min-sqnr", "0", "--force"]
        assert main(words) == 0
        report = json.loads(capsys.readouterr().out)
        assert report["after"]["bytes"] < 0.7 * dense
        recipe = json.loads((tmp_path / "d.recipe.json").read_text())
        assert recipe["steps"] == [
            {"step": "prune", "sparsity": 0.8, "pattern": "unstructured", "method": "obs",
             "repair": True}
        ]  # fmt: skip
        assert main([*words, "--pattern", "5x5"]) == 2
        assert (
            main(["convert", str(model), "-o", str(tmp_path / "e.edgert"), "--pattern", "1x4"]) == 2
        )
    assert not (tmp_path / "e.edgert").exists()


def test_pruned_networks_run_in_the_interpreter_alike() -> None:
    graph, _ = pruned(pattern="4x4")
    x = samples(1)[0]
    with Probe(graph, graph.outputs) as probe:
        found = probe.run(x)
    for name, array in interp.run(graph, x).items():
        np.testing.assert_allclose(found[name], array, rtol=1e-4, atol=1e-4)
