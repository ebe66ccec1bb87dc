"""Weights in sparse forms: from the graph into a file and back, and what they compute."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import sparse_cases
from mutate import SPARSE, ModelFile, attempt, sample_graph, sparse_graph

import edgert
from edgert import _core, cli, interp, ir
from edgert.pack import pack
from edgert.schema import DType, Form, Section
from edgert.unpack import unpack

SPARSE_FORMS = (Form.csr, Form.bsr1x4, Form.bsr4x4)


def inputs(model: edgert.Model, seed: int) -> dict[str, np.ndarray]:
    """Bytes, as the types of the inputs."""
    rng = np.random.default_rng(seed)
    return {t.name: rng.integers(0, 255, t.shape).astype(t.dtype) for t in model.inputs}


def test_every_rule_of_blocks_has_many_cases() -> None:
    found = Counter(rule for rule, _ in sparse_cases.CASES)
    assert set(found) == {"F35", "F40", "F41", "F42", "F43"}
    assert min(found.values()) >= 20, found


def test_from_a_graph_to_a_file_and_back() -> None:
    graph = unpack(SPARSE)
    assert set(graph.forms.values()) == set(SPARSE_FORMS)
    assert pack(graph) == SPARSE


def test_what_they_compute() -> None:
    model = edgert.load(SPARSE)
    x = inputs(model, 5)
    expected, found = interp.run(sparse_graph(), x), model.run(x)
    np.testing.assert_allclose(found.pop("y_f"), expected["y_f"], rtol=1e-5)
    for name, array in found.items():
        np.testing.assert_array_equal(array, expected[name])
    steps = model.plan()
    forms = {step.step: step.form for step in steps}
    assert forms == {"y_f": "csr", "y_i": "csr", "y_bsr1x4": "bsr1x4", "y_bsr4x4": "bsr4x4"}
    assert "gemm_sparse_f32" in steps[0].kernel
    assert all(0.6 < step.zeros < 0.8 for step in steps if step.form == "csr")


def layer(form: Form, kept: float) -> bytes:
    """A convolution of bytes, of whose blocks so many are there."""
    rng = np.random.default_rng(13)
    high, wide = {Form.csr: (1, 1), Form.bsr1x4: (1, 4), Form.bsr4x4: (4, 4)}[form]
    mask = rng.random((64 // high, 256 // wide)) < kept
    w = rng.integers(-30, 30, (64, 256)) * mask.repeat(high, 0).repeat(wide, 1)
    g = ir.Graph()
    x = g.add_input("x", np.uint8, (1, 12, 12, 256))
    constants = (w.astype(np.int8).reshape(64, 1, 1, 256), np.zeros(64, np.int32),
                 np.full(64, 1e-3, np.float32))  # fmt: skip
    operands = [x, *(g.add_constant(f"c{i}", c) for i, c in enumerate(constants))]
    g.forms[operands[1]] = form
    output = {"dtype": DType.uint8, "scale": 1.0, "low": 0, "high": 255, "zero": 99}
    attrs = {"strides": [1, 1], "dilations": [1, 1], "pads": [0] * 4, "groups": 1, "x_zero": 0,
             "residual_zero": 0, "residual_scale": 0.0, "output": output}  # fmt: skip
    g.outputs = [g.add("qconv", operands, attrs, output="y")]
    return pack(g)


@pytest.mark.parametrize("form", SPARSE_FORMS, ids=lambda form: form.name)
def test_what_takes_longer_is_unpacked(form: Form) -> None:
    """On the device, with the same bits; the plan and the memory tell."""
    found = []
    for kept in (0.03, 1.0):
        data = layer(form, kept)
        model = edgert.load(data)
        (step,) = model.plan()
        assert (step.form, step.zeros > 0.9) == (form.name, kept < 1)
        assert len(data) < 12e3 if kept < 1 else len(data) > 16e3
        found.append("gemm_sparse_i8" in step.kernel)
        unpacked = model.memory()["weights_repacked"] >= 64 * 256
        assert unpacked != found[-1]
        (y,) = model.run(inputs(model, 7)).values()
        (expected,) = interp.run(unpack(data), inputs(model, 7)).values()
        np.testing.assert_array_equal(y, expected)
    assert found[0]
    assert not found[1] or edgert.isa().active[-1] == "portable"


def test_info_tells_form_and_zeros(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "sparse.edgert"
    path.write_bytes(layer(Form.bsr1x4, 0.1))
    assert cli.main(["info", str(path), "--plan"]) == 0
    assert re.search(r"\bbsr1x4, (8|9)\d% zeros", capsys.readouterr().out)


def test_the_bits_are_those_of_the_zeros() -> None:
    """Of bytes; of floats where they are not zero."""
    dense = sparse_graph()
    dense.forms.clear()
    models = edgert.load(SPARSE), edgert.load(pack(dense))
    x = inputs(models[0], 6)
    for (name, found), expected in zip(models[0].run(x).items(), models[1].run(x).values()):
        if name != "y_f":
            assert found.tobytes() == expected.tobytes(), name


def test_only_who_reads_blocks_has_them() -> None:
    """Other operators, types and groups are refused when the file is written."""
    graph = sparse_graph()
    graph.forms["f_w"] = Form.bsr1x4
    with pytest.raises(edgert.FormatError, match=r"'f_w', shall have the form bsr1x4, expected"):
        pack(graph)
    graph = sample_graph()
    graph.forms["w2"] = Form.csr  # depthwise
    with pytest.raises(edgert.FormatError, match="shall have the form csr, expected kn"):
        pack(graph)


def test_who_reads_no_weight_reads_rows() -> None:
    """Also what is a sparse weight of another node."""
    graph = sparse_graph()
    both = graph.add("binary", ["f_w", "f_w"], {"fn": 0, "activation": {"fn": 0}}, output="twice")
    graph.outputs.append(both)
    model = edgert.load(pack(graph))
    found = model.run(inputs(model, 8))["twice"]
    np.testing.assert_array_equal(found, 2 * graph.values["f_w"].data)


def test_forms_follow_their_weights() -> None:
    """Through renaming and pruning of a graph."""
    graph = sparse_graph()
    graph.rename({"f_w": "other"})
    assert graph.forms["other"] == Form.csr
    graph.outputs = ["y_i"]
    graph.prune()
    assert graph.forms == {"i_w": Form.csr}


def test_payloads_that_are_none() -> None:
    """What unpack_weight() is given is looked at before it is used."""
    data = sparse_graph().values["i_w"].data
    stored = _core.pack_weight(data, Form.csr)
    found = np.empty_like(data)
    for payload in (stored[:-1], stored[:4], stored[:0], np.append(stored, stored[:2])):
        with pytest.raises(edgert.InputError, match="no payload of blocks"):
            _core.unpack_weight(payload.tobytes(), Form.csr, found, 0)
    for other in (np.zeros((5, 2**17), np.int8), np.zeros((3, 4), np.int16)):
        with pytest.raises(edgert.InputError, match="no constant of this type lies so"):
            _core.pack_weight(other, Form.csr)


def test_any_byte_of_a_payload_may_be_damaged() -> None:
    """It is refused, or a model that runs."""
    rng = np.random.default_rng(11)
    rules = Counter()
    size = ModelFile(SPARSE)[Section.data].size
    for _ in range(1500):
        file = ModelFile(SPARSE)
        for place in rng.integers(0, size, rng.integers(1, 4)):
            file[Section.data][place] = rng.integers(256)
        rules[attempt(file.bytes())] += 1
    assert {"", "BLOCKS", "COLUMN", "PADDING"} <= set(rules), rules


@pytest.mark.parametrize("form", SPARSE_FORMS, ids=lambda form: form.name)
@pytest.mark.parametrize("shape", [(1, 1), (4, 16), (9, 3, 3, 5), (3, 1100), (0, 4), (3, 0)])
def test_no_form_changes_an_element(form: Form, shape: tuple[int, ...]) -> None:
    rng = np.random.default_rng(12)
    for kept in (0.0, 0.01, 0.5, 1.0):
        data = (rng.integers(-128, 128, shape) * (rng.random(shape) < kept)).astype(np.int8)
        for array in (data, data.astype(np.float32)) if form == Form.csr else (data,):
            stored = _core.pack_weight(array, form)
            found = np.empty_like(array)
            _core.unpack_weight(stored.tobytes(), form, found, 0)
            np.testing.assert_array_equal(found, array)
            facts = _core.weight_facts(array, stored, form)
            assert _core.payload_bytes(array, form, facts) == stored.size
