"""Writes a handwritten digit that comes with edgert as an image: digit.py OUT.pgm [NUMBER].

Prints which digit it is. Needs edgert and numpy.
"""

from __future__ import annotations

import sys
from importlib import resources
from pathlib import Path

import numpy as np

MAX_PIXEL = 16


def main(path: str, number: str = "0") -> None:
    """Writes the image of that number among the 360 of the test set."""
    file = resources.files("edgert") / "examples" / "digits_test.npz"
    with resources.as_file(file) as found, np.load(found) as arrays:
        image, label = arrays["images"][int(number)], arrays["labels"][int(number)]
    height, width = image.shape
    Path(path).write_bytes(
        b"P5 %d %d %d\n" % (width, height, MAX_PIXEL) + image.astype(np.uint8).tobytes()
    )
    print(label)


if __name__ == "__main__":
    main(*sys.argv[1:])
