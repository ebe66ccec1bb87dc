"""``edgert selftest``: bits, what it reports, and the table that is made of reports."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

import edgert
from edgert import selftest
from edgert.cli import main

ROOT = Path(__file__).resolve().parent.parent


def test_the_command_finds_the_right_bits(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "board.json"
    assert main(["selftest", "--seconds", "0.01", "-o", str(path)]) == 0
    assert "all bits are right" in capsys.readouterr().out
    data = json.loads(path.read_text())
    assert {row["level"] for row in data["bits"]} == set(edgert.isa().active)
    by_level = {(row["network"], row["level"]): row["bits"] for row in data["bits"]}
    assert by_level["float32", "portable"] == "rounded twice"
    assert {row["network"] for row in data["times"]} == set(selftest.DIGESTS)
    assert all(0 < row["min_ms"] <= row["median_ms"] for row in data["times"])


def test_wrong_bits_are_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(selftest.DIGESTS, "int8", {"exact": "0" * 64})
    assert main(["selftest", "--seconds", "0.01"]) == 1
    out = capsys.readouterr().out
    assert "some bits are WRONG" in out
    assert main(["selftest", "--seconds", "0.01", "--json"]) == 1
    bits = json.loads(capsys.readouterr().out)["bits"]
    assert {row["network"] for row in bits if row["bits"] is None} == {"int8"}


def test_the_cap_of_the_environment_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(selftest.ISA_VARIABLE, "portable")
    assert {row["level"] for row in selftest.check_bits()} == {"portable"}
    assert edgert.isa().active == ("portable",)


def test_networks_need_no_onnx() -> None:
    code = (
        "import edgert.selftest as s, sys; s.network('int8', 33); assert 'onnx' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("kind", selftest.DIGESTS)
def test_outputs_are_not_trivial(kind: str) -> None:
    model = edgert.load(selftest.network(kind, selftest.CHECKED))
    (output,) = model.run({"image": selftest.image(kind, selftest.CHECKED)}).values()
    assert len(set(output.ravel().tolist())) > 20


def test_the_condition_of_a_board(tmp_path: Path) -> None:
    """A Raspberry Pi that is too hot; and a machine that tells nothing, or nonsense."""
    files = {
        "sys/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq": "1500000\n",
        "sys/devices/system/cpu/cpu0/cpufreq/cpuinfo_max_freq": "1800000\n",
        "sys/devices/system/cpu/cpu0/cpufreq/scaling_governor": "ondemand\n",
        "sys/class/thermal/thermal_zone0/temp": "81250\n",
        "sys/class/thermal/thermal_zone0/type": "cpu-thermal\n",
        "sys/class/thermal/thermal_zone1/temp": "hot\n",
        "sys/devices/platform/soc/soc:firmware/get_throttled": "80008\n",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    found = selftest.condition(tmp_path)
    assert found["mhz"] == [1500]
    assert found["possible_mhz"] == [1800]
    assert found["allowed_mhz"] == []
    assert found["celsius"] == {"thermal_zone0 cpu-thermal": 81.25}
    assert found["throttled"] == {"get_throttled": "80008"}
    nothing = selftest.condition(tmp_path / "nothing")
    assert not any(nothing.values())


@pytest.mark.skipif(not (ROOT / "benchmarks").exists(), reason="not in the source distribution")
def test_the_table_of_boards_is_that_of_its_files() -> None:
    subprocess.run([sys.executable, "benchmarks/boards/table.py", "--check"], cwd=ROOT, check=True)
