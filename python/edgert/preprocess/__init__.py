"""From images and sounds to the tensors of a model, by a description that stands in its file.

:class:`ImageInput` and :class:`AudioInput` describe an input, strictly; ``edgert.convert`` stores
them, with the labels of the classes, and :meth:`edgert.Model.prepare` does what they say. Arrays
need numpy alone, files of images and resizing need Pillow.
"""

from edgert.preprocess.describe import (
    PREPROCESS,
    AudioInput,
    ImageInput,
    Input,
    change,
    describe,
    from_json,
    inputs_text,
    read_file,
    stored_inputs,
)
from edgert.preprocess.labels import LABELS, labels_text, model_labels, read_labels, stored_labels
from edgert.preprocess.prepare import is_pixels, prepare

__all__ = [
    "LABELS",
    "PREPROCESS",
    "AudioInput",
    "ImageInput",
    "Input",
    "change",
    "describe",
    "from_json",
    "inputs_text",
    "is_pixels",
    "labels_text",
    "model_labels",
    "prepare",
    "read_file",
    "read_labels",
    "stored_inputs",
    "stored_labels",
]
