"""What a task asks of a model's outputs: how often they are right, and how sure that number is."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from edgert.errors import InputError

SIGMAS = 1.959964  # of a normal distribution, for intervals that hold in 95 of 100 cases
TOP = 1, 5
MOST_CLASSES = 1024  # of a map, whose classes are counted sample by sample


@dataclass(frozen=True)
class Share:
    """A part of all, 0 to 1, and between which ends it would lie for 95 of 100 such data sets."""

    value: float
    low: float
    high: float

    @classmethod
    def of(cls, hits: int, count: int) -> Share:
        """``hits`` of ``count`` by Wilson's interval (1927), which holds for few samples, too."""
        part, square = hits / count, SIGMAS**2
        middle = (part + square / (2 * count)) / (1 + square / count)
        half = SIGMAS / (1 + square / count)
        half *= math.sqrt(part * (1 - part) / count + square / (4 * count**2))
        return cls(part, max(middle - half, 0.0), min(middle + half, 1.0))


@dataclass(frozen=True)
class Difference:
    """By how much a share is larger than another one of the same samples, with its interval."""

    value: float
    low: float
    high: float

    @classmethod
    def of(cls, hits: Sequence[bool], others: Sequence[bool]) -> Difference:
        """From what was right for each sample: only samples of which one was count."""
        count = len(hits)
        won = sum(a and not b for a, b in zip(hits, others))
        lost = sum(b and not a for a, b in zip(hits, others))
        value = (won - lost) / count
        half = SIGMAS * math.sqrt(max(won + lost - (won - lost) ** 2 / count, 0)) / count
        return cls(value, value - half, value + half)


@dataclass
class Score:
    """What the outputs of a model are worth, sample by sample.

    ``right`` has by k whether the label is among the k most likely classes, ``best`` the most
    likely class; ``overlaps`` of maps the pixels of each class in both and in either, [classes, 2].
    """

    right: dict[int, list[bool]] = field(default_factory=dict)
    best: list[int] = field(default_factory=list)
    overlaps: list[np.ndarray] = field(default_factory=list)

    def add_class(self, output: np.ndarray, label: int | None) -> None:
        """Takes up how likely each class is, [1, classes] or [1, classes, 1, 1], and the label."""
        likely = output.reshape(-1)
        order = np.argsort(-likely, kind="stable")
        self.best.append(int(order[0]))
        if label is None:
            return
        if not 0 <= label < likely.size:
            raise InputError(f"the label {label} is none of {likely.size} classes", "LABELS")
        for k in TOP:
            if k == 1 or likely.size > k:
                self.right.setdefault(k, []).append(label in order[:k])

    def add_map(self, output: np.ndarray, label: np.ndarray) -> None:
        """Takes up how likely each class is of each pixel, [1, classes, height, width], or
        [1, 1, height, width] of a probability; and the classes, [height, width]. Negative ones, and
        255 if there are fewer classes, are of pixels that do not count.
        """
        _, classes, *size = output.shape
        if label.shape != tuple(size):
            raise InputError(
                f"a label has the shape {list(label.shape)}, expected {size} as the output",
                "LABELS",
            )
        found = output[0].argmax(0) if classes > 1 else (output[0, 0] > 0.5).astype(np.int64)
        classes = max(classes, 2)
        if classes > MOST_CLASSES:
            raise InputError(f"a map has {classes} classes, at most {MOST_CLASSES} count", "LABELS")
        counts = (label >= 0) & ((label != 255) | (classes > 255))
        if (label[counts] >= classes).any():
            raise InputError(f"a label has the class {label[counts].max()} of {classes}", "LABELS")
        found, label = found[counts], label[counts]
        both = np.bincount(found[found == label], minlength=classes)
        either = np.bincount(found, minlength=classes) + np.bincount(label, minlength=classes)
        self.overlaps.append(np.stack([both, either - both], 1))

    def top(self, k: int) -> Share | None:
        """How often the label is among the k most likely classes."""
        hits = self.right.get(k)
        return Share.of(sum(hits), len(hits)) if hits else None

    def agreement(self, other: Score) -> Share | None:
        """How often the most likely class is that of another model."""
        same = [a == b for a, b in zip(self.best, other.best)]
        return Share.of(sum(same), len(same)) if same else None

    def mean_overlap(self) -> Share | None:
        """The mean over classes of the intersection over the union; its interval by leaving out
        each sample in turn (the jackknife of Tukey, 1958).
        """
        if not self.overlaps:
            return None
        parts = np.stack(self.overlaps).astype(np.float64)
        total = parts.sum(0)
        value, count = _mean_ratio(total), len(parts)
        left = np.array([_mean_ratio(total - part) for part in parts])
        half = SIGMAS * math.sqrt((count - 1) / count * np.square(left - left.mean()).sum())
        return Share(value, max(value - half, 0.0), min(value + half, 1.0))


def _mean_ratio(counts: np.ndarray) -> float:
    """Over the classes that occur."""
    occurring = counts[counts[:, 1] > 0]
    return float(np.mean(occurring[:, 0] / occurring[:, 1])) if len(occurring) else 1.0
