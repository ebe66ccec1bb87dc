"""What is known of the values of a network on the calibration samples."""

from edgert.compress.statistics.histogram import Histogram, Histograms
from edgert.compress.statistics.moments import Channels, Covariances
from edgert.compress.statistics.stream import HELD_SAMPLES, Statistics

__all__ = [
    "HELD_SAMPLES",
    "Channels",
    "Covariances",
    "Histogram",
    "Histograms",
    "Statistics",
]
