"""Runs packed models, in a process whose EDGERT_ISA is set: run_packed.py FOLDER RESULTS.npz.

FOLDER has models NAME.edgert and their inputs NAME.npz. The outputs are stored as NAME/OUTPUT. The
bits must not depend on the number of threads.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

import edgert


def main(folder: str, results: str) -> None:
    """Runs every model of the folder with one thread and with two."""
    found = {}
    for path in sorted(Path(folder).glob("*.edgert")):
        with np.load(path.with_suffix(".npz")) as arrays:
            inputs = dict(arrays)
        once, again = (edgert.load(path, threads=n).run(inputs) for n in (1, 2))
        for name, array in once.items():
            same = array.tobytes() == again[name].tobytes()
            assert same, f"{path.stem}: the bits depend on the threads"
            found[f"{path.stem}/{name}"] = array
    np.savez(results, **found)


if __name__ == "__main__":
    main(*sys.argv[1:])
