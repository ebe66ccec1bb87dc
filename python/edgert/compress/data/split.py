"""Deals samples out: those that calibrate, those that choose, and those that report.

A figure is only to be believed if it was measured on data that decided nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import islice

from edgert.compress.data.survey import Survey
from edgert.compress.probe import Sample

ENOUGH = 32  # samples from which on figures hold for others, within some tenths of a decibel
_MOST_CHOOSING, _MOST_REPORTING = 16, 64
_MOST_BYTES = 1 << 28  # of the samples of a role that are kept, if there are more than _LEAST
_LEAST = 4
_CALIBRATE, _CHOOSE, _REPORT = "calibrate", "choose", "report"
_DECIDING = 8  # samples that do not report
_CHOOSING = 1, 4, 6  # those of them that choose, or the first of these
# Which of 16 samples report, as the Thue-Morse sequence has it but for the third: as many at even
# places as at odd ones, as data are often sorted, or their classes take turns.
_REPORTS = "-r-rr--rr--r-rr-"


class Split:
    """The samples of a source, read once, each in one role.

    ``calibrating`` passes them on as they are read; ``choosing`` and ``reporting`` are kept, and
    complete once the source was read. Half of the samples report: the mean of fewer says little of
    others. ``calibrates`` and ``chooses`` tell which roles there are besides: of eight of the other
    half so many choose, 3 at most, and the rest calibrates. Where nothing is to be calibrated, one
    of three chooses. Which are which changes from block to block, as data often come in an order.
    If ``reporting`` is given, all of the source is for the other roles.
    """

    def __init__(
        self,
        source: Iterable[Sample],
        calibrates: bool,
        chooses: int,
        reporting: Iterable[Sample] | None = None,
        progress: Callable[[int], None] | None = None,
    ) -> None:
        self.choosing: list[Sample] = []
        self.reporting: list[Sample] = []
        self.calibrated = 0  # how many have calibrated
        self.survey = Survey()  # of all samples
        self._kept = {
            _CHOOSE: (self.choosing, _MOST_CHOOSING),
            _REPORT: (self.reporting, _MOST_REPORTING),
        }
        self._reports = reporting is None
        self._source, self._progress = iter(source), progress or (lambda count: None)
        self._pattern = self._roles(calibrates, chooses)
        if reporting is not None:
            self.reporting += islice(reporting, _MOST_REPORTING)
            for sample in self.reporting:
                self.survey.add(sample)
        self.calibrating = self._deal()

    @property
    def count(self) -> int:
        """All that were read so far."""
        return self.calibrated + len(self.choosing) + len(self.reporting)

    def finish(self) -> None:
        """Reads on until the samples that are kept are complete."""
        for _ in self.calibrating:
            pass

    def _roles(self, calibrates: bool, chooses: int) -> list[str]:
        """Those of a block."""
        if not calibrates:
            roles = [_REPORT] * self._reports + [_CHOOSE] * bool(chooses)
            return roles + roles[:1] * 2
        deciding = [_CALIBRATE] * _DECIDING
        for place in _CHOOSING[:chooses]:
            deciding[place] = _CHOOSE
        if not self._reports:
            return deciding
        left = iter(deciding)
        return [_REPORT if mark == "r" else next(left) for mark in _REPORTS]

    def _deal(self) -> Iterator[Sample]:
        kept = {role: own for role, own in self._kept.items() if role in self._pattern}
        for i, sample in enumerate(self._source if self._pattern else ()):
            self.survey.add(sample)
            block, place = divmod(i, len(self._pattern))
            role = self._pattern[(place + _turn(block)) % len(self._pattern)]
            if role in kept and not _is_full(*kept[role]):
                kept[role][0].append(sample)
                self._progress(self.count)
            elif _CALIBRATE in self._pattern:
                self.calibrated += 1
                self._progress(self.count)
                yield sample
            elif all(_is_full(*own) for own in kept.values()):
                return


def _is_full(samples: list[Sample], most: int) -> bool:
    nbytes = sum(sum(array.nbytes for array in sample.values()) for sample in samples[:1])
    return len(samples) >= min(most, max(_MOST_BYTES // max(nbytes, 1), _LEAST))


def _turn(block: int) -> int:
    """By how much the roles of a block are turned: none for the first, then as if by chance."""
    if block == 0:
        return 0
    z = (block * 0x9E3779B97F4A7C15) % 2**64  # SplitMix64 (Steele et al., 2014)
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) % 2**64
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) % 2**64
    return z ^ (z >> 31)
