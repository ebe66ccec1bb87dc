"""The digests of whole networks, computed by a program that needs no Python, as under an emulator.

``python tests/emulated/digests.py [--only NAME] COMMAND...`` has the command, which ends in the
program ``edgert_emulated_run``, compute every network of tests/digests.json and compares the bits.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

TESTS = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(TESTS))
from digest_models import MODELS, bits  # noqa: E402
from test_digests import BATCH, STORED, inputs_of  # noqa: E402

import edgert  # noqa: E402
from edgert import pack  # noqa: E402


def outputs_of(model: edgert.Model, content: bytes) -> dict[str, np.ndarray]:
    """The outputs that stand one behind the other in a file."""
    outputs, offset = {}, 0
    for tensor in model.outputs:
        array = np.empty(tensor.shape, tensor.dtype)
        array.ravel()[:] = np.frombuffer(content, tensor.dtype, array.size, offset)
        outputs[tensor.name] = array
        offset += array.nbytes
    assert offset == len(content), f"{len(content)} bytes of outputs, expected {offset}"
    return outputs


def main() -> None:
    """Exits with 1 if a digest differs."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default="", help="networks whose name contains this")
    parser.add_argument("command", nargs=argparse.REMAINDER)
    args = parser.parse_args()
    names = [name for name in MODELS if args.only in name]
    stored = json.loads(STORED.read_text())
    with tempfile.TemporaryDirectory() as scratch:
        folder, words = Path(scratch), []
        for name in names:
            net = MODELS[name](BATCH)
            model, inputs, outputs = (folder / f"{name}.{part}" for part in ("edgert", "in", "out"))
            model.write_bytes(pack.pack(net))
            drawn = inputs_of(net, 1)
            order = [tensor.name for tensor in edgert.load(model).inputs]
            inputs.write_bytes(b"".join(drawn[key].tobytes() for key in order))
            words += [model, inputs, outputs]
        subprocess.run([*args.command, "1", *words], check=True)
        wrong = []
        for name in names:
            content = (folder / f"{name}.out").read_bytes()
            found = bits(outputs_of(edgert.load(folder / f"{name}.edgert"), content))
            if found != stored[name]["results"]:
                wrong.append(name)
    if wrong or not names:
        sys.exit(f"other bits than in {STORED.name}: {', '.join(wrong) or 'nothing was run'}")
    print(f"{len(names)} networks have the stored digests")


if __name__ == "__main__":
    main()
