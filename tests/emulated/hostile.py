"""Hostile files under an emulator: they are refused as here, and nothing else happens.

``python tests/emulated/hostile.py PROGRAM COMMAND...`` changes the files of the hostile tests,
repairs their checksums, and has PROGRAM, ``edgert_emulated_load`` of this machine, and the command,
which ends in that of another one, load and run them all. Where an address has 32 bits, sizes and
memory may be refused that are granted here.
"""

from __future__ import annotations

import collections
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from mutate import PANELS, ROWS, SAMPLE, SHORTS, SIGNS, SPARSE, ModelFile

from edgert.schema import Section

NUMBERS = [0, 1, 7, 255, 2**16, 2**24, 2**28, 2**31 - 1, 2**31, 2**32 - 8, 2**32 - 1]
SECTIONS = [Section.dims, Section.edges, Section.attrs, Section.inputs, Section.outputs]
MAY_DIFFER = {"MEMORY", "LIMIT", "ARRAY", "OVERFLOW"}


def files() -> Iterator[bytes]:
    """Truncated files, and such with each number of their sections replaced by extreme ones."""
    for data in (SAMPLE, SHORTS, ROWS, PANELS, SPARSE, SIGNS):
        yield data
        yield from (data[:size] for size in range(0, len(data), 97))
        for section in SECTIONS:
            for index in range(len(ModelFile(data)[section])):
                for number in NUMBERS:
                    changed = ModelFile(data)
                    words = changed[section].view(np.uint32)
                    words[index] = number
                    yield changed.bytes()
        for section in (Section.tensors, Section.nodes):
            records = len(ModelFile(data)[section])
            for byte in range(0, records * ModelFile(data)[section].dtype.itemsize, 2):
                changed = ModelFile(data)
                changed[section].view(np.uint8)[byte] ^= 0x81
                yield changed.bytes()


def main() -> None:
    """Exits with 1 if the two differ."""
    program, *command = sys.argv[1:]
    with tempfile.NamedTemporaryFile() as all_files:
        for data in files():
            all_files.write(len(data).to_bytes(4, "little") + data)
        all_files.flush()
        here, there = (
            subprocess.run(
                [*words, all_files.name], check=True, stdout=subprocess.PIPE, text=True
            ).stdout.splitlines()
            for words in ([program], command)
        )
    differing = [
        (index, *pair)
        for index, pair in enumerate(zip(here, there))
        if pair[0] != pair[1] and pair[1] not in MAY_DIFFER
    ]
    if differing or len(here) != len(there) or here.count("runs") < 100:
        sys.exit(f"file, here, there: {differing[:10]} of {len(here)} and {len(there)}")
    print(len(here), "files:", *(f"{n} {rule}," for rule, n in collections.Counter(there).items()))


if __name__ == "__main__":
    main()
