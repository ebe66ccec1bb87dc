"""The comparison of a converted model with its original."""

from __future__ import annotations

import numpy as np
import pytest

from edgert.parity import _Totals, compare_output

SIGNAL = np.linspace(-1, 1, 101, dtype=np.float32)


def test_same_bits() -> None:
    """No difference at all, infinities and NaNs included."""
    x = np.array([1.0, np.inf, -np.inf, np.nan], np.float32)
    parity = compare_output("y", x, x.copy())
    assert parity.passed
    assert parity.sqnr == float("inf")
    assert parity.max_abs_error == 0


@pytest.mark.parametrize(("relative", "passed"), [(1e-4, True), (1e-2, False)])
def test_sqnr(relative: float, passed: bool) -> None:
    """The ratio of the energies decides."""
    parity = compare_output("y", SIGNAL, SIGNAL * np.float32(1 + relative))
    assert parity.sqnr == pytest.approx(-20 * np.log10(relative), abs=0.1)
    assert parity.max_abs_error == pytest.approx(relative, rel=0.01)
    assert parity.passed is passed


def test_float16_may_be_coarser() -> None:
    """The original's own rounding is no error of the conversion."""
    coarse = SIGNAL.astype(np.float16)
    assert compare_output("y", coarse, coarse.astype(np.float32) * np.float32(1.003)).passed
    assert not compare_output("y", SIGNAL, SIGNAL * np.float32(1.003)).passed


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_places_of_what_is_not_finite(value: float) -> None:
    """A NaN or an infinity that only one side has fails."""
    other = SIGNAL.copy()
    other[7] = value
    assert not compare_output("y", SIGNAL, other).passed
    assert not compare_output("y", other, SIGNAL).passed


def test_integers_are_equal_or_wrong() -> None:
    """One index off is a different answer."""
    x = np.arange(1000, dtype=np.int64)
    assert compare_output("y", x, x.copy()).passed
    other = x.copy()
    other[500] += 1
    assert not compare_output("y", x, other).passed


def test_zeros() -> None:
    """Silence must stay silence."""
    zeros = np.zeros(5, np.float32)
    assert compare_output("y", zeros, zeros.copy()).passed
    assert not compare_output("y", zeros, zeros + np.float32(1e-6)).passed


def test_what_is_tiny_as_a_whole() -> None:
    """The scores of a detector that sees nothing: the error is that of the layers before."""
    tiny = np.linspace(1e-6, 1e-4, 50, dtype=np.float32)
    close = compare_output("y", tiny, tiny + np.float32(9e-7))
    assert close.passed
    assert close.sqnr < 60
    assert not compare_output("y", tiny, tiny + np.float32(2e-6)).passed
    large = tiny.copy()
    large[0] = 0.002
    assert not compare_output("y", large, large + np.float32(9e-7)).passed
    numbers = np.zeros(3, np.int64)
    assert not compare_output("y", numbers, numbers + 1).passed


def test_shapes() -> None:
    """Another shape never passes."""
    assert not compare_output("y", SIGNAL, SIGNAL[:50]).passed


def test_several_samples() -> None:
    """Energies are summed; the worst place is that of all of them."""
    totals = _Totals()
    for factor in (1.0, 1.0, 1.02):
        totals.add(SIGNAL, SIGNAL * np.float32(factor))
    parity = totals.parity("y", None)
    assert parity.sqnr == pytest.approx(-20 * np.log10(0.02) + 10 * np.log10(3), abs=0.1)
    assert parity.max_abs_error == pytest.approx(0.02, rel=0.01)
    assert parity.agreement == 1.0
    totals.add(SIGNAL, -SIGNAL)
    assert totals.parity("y", None).agreement == 0.75
