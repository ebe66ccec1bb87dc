"""Draws a page of text, as the example that reads one needs it: page.py OUT.png LINE..."""

from __future__ import annotations

import sys

import numpy as np
from PIL import Image, ImageDraw, ImageFont

SIZE, FONT, MARGIN, SPACING = 640, 36, 50, 90  # pixels
NOISE = 8  # of pixels from 0 to 255


def draw(lines: list[str]) -> Image.Image:
    """Black lines on white paper, a little noisy."""
    page = Image.new("L", (SIZE, SIZE), 255)
    for i, line in enumerate(lines):
        place = MARGIN, MARGIN + i * SPACING
        ImageDraw.Draw(page).text(place, line, 0, ImageFont.load_default(FONT))
    noisy = np.asarray(page) + np.random.default_rng(0).normal(size=(SIZE, SIZE)) * NOISE
    return Image.fromarray(np.clip(noisy, 0, 255).astype(np.uint8)).convert("RGB")


if __name__ == "__main__":
    draw(sys.argv[2:]).save(sys.argv[1])
