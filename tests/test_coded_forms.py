"""Weights of few values and of 16 bits: shorter in the file, the same bits when they run."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from mutate import CODED, coded_graph

import edgert
from edgert import _core, interp
from edgert.pack import pack
from edgert.schema import Form
from edgert.unpack import unpack

TRITS = 9  # in the place of the bits of a code: five of three values share a byte


def inputs() -> dict[str, np.ndarray]:
    """For :func:`coded_graph`."""
    rng = np.random.default_rng(11)
    return {
        "x_i": rng.integers(0, 256, (2, 45)).astype(np.uint8),
        "x": rng.standard_normal((2, 45)).astype(np.float32),
        "x_t": rng.standard_normal((2, 43)).astype(np.float32),
        "index": np.array([7, -3], np.int64),
    }


def test_a_file_runs_as_one_that_is_not_coded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    graph = coded_graph()
    monkeypatch.setattr("edgert.pack.MOST_CODED", 0)
    plain = edgert.load(pack(graph)).run(inputs())
    expected = interp.run(graph, inputs())
    path = tmp_path / "m.edgert"
    path.write_bytes(CODED)
    for mapped in (False, True):
        with edgert.load(path, map=mapped) as model:
            for name, array in model.run(inputs()).items():
                np.testing.assert_array_equal(array, plain[name])
                np.testing.assert_allclose(array, expected[name], rtol=1e-4, atol=1e-4)


def test_it_is_shorter_and_unpacked_again() -> None:
    graph = coded_graph()
    plain = sum(v.data.nbytes for v in graph.values.values() if v.data is not None)
    assert len(CODED) < plain / 2
    again = unpack(CODED)
    for node, other in zip(again.nodes, graph.nodes):
        for name, wanted in zip(node.inputs, other.inputs):
            if (data := graph.values[wanted].data) is not None:
                np.testing.assert_array_equal(again.values[name].data, data)
    assert pack(again) == CODED


def test_memory_tells_what_was_decoded() -> None:
    """Panels of bytes, of floats thrice, and rows; what nothing decodes counts nothing."""
    panels = 3 * 16 * 48 + 2 * 3 * 16 * 45 * 4 + 3 * 16 * 43 * 4
    assert edgert.load(CODED).memory()["weights_repacked"] == panels + 2 * 45 * 3 * 8 + 33 * 4


@pytest.mark.parametrize("dtype", [np.int8, np.int16, np.int32, np.int64, np.float32, np.float64])
@pytest.mark.parametrize("values", [1, 2, 3, 16, 17, 255, 256, 257])
def test_elements_stay_bit_by_bit(dtype: type, values: int) -> None:
    rng = np.random.default_rng(values)
    size = np.dtype(dtype).itemsize
    table = rng.integers(0, 256, (min(values, 256 if size == 1 else values), size), dtype=np.uint8)
    data = table.view(dtype).reshape(-1)[rng.integers(0, len(table), 3001)]
    coded = _core.encode_weight(data, Form.row, 0)
    distinct = len(np.unique(data.view(f"u{size}")))
    if distinct > 256 or (size == 1 and distinct > 64):
        assert coded is None or coded[0] != Form.codes or size == 1
        return
    form, facts, payload = coded
    assert form == Form.codes
    bits = TRITS if distinct == 3 else max(1, (distinct - 1).bit_length())
    assert facts >> 4 & 15 == bits
    codes = -(-3001 // 5) if bits == TRITS else -(-3001 * bits // 8)
    assert len(payload) == size * (3 if bits == TRITS else 1 << bits) + codes
    found = np.empty_like(data)
    _core.unpack_weight(payload, form, found, facts)
    assert found.tobytes() == data.tobytes()


def test_halves() -> None:
    """All that 16 bits hold, and nothing else: not what would be rounded, nor another NaN."""
    bits = np.arange(2**16, dtype=np.uint16)
    floats = bits.view(np.float16)[~np.isnan(bits.view(np.float16))].astype(np.float32)
    form, facts, payload = _core.encode_weight(floats, Form.row, 0)
    assert form == Form.half
    found = np.empty_like(floats)
    _core.unpack_weight(payload, form, found, facts)
    assert found.tobytes() == floats.tobytes()
    for other in (np.float32(1 + 2.0**-11), np.float32(65520), np.float32(2.0**-25)):
        assert _core.encode_weight(np.append(floats, other), Form.row, 0) is None


def test_small_constants_stay() -> None:
    """A table, and memory of its own, would cost what is saved."""
    assert _core.encode_weight(np.zeros(128, np.float32), Form.row, 0)[0] == Form.shorts
    assert _core.encode_weight(np.zeros(500, np.int8), Form.row, 0) is None
