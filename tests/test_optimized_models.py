"""What is left of real networks: the operators that one would write by hand."""

from __future__ import annotations

import importlib.util
from collections import Counter
from pathlib import Path

import onnx
import pytest

from edgert import importer, passes
from edgert.ir import Graph
from edgert.passes.base import activation
from edgert.schema import UnaryFn

LIGHT = Path(onnx.__file__).parent / "backend" / "test" / "data" / "light"
OCR = importlib.util.find_spec("rapidocr_onnxruntime")

# The weights of one network and shape are all alike, so that equal branches are computed once.
EXPECTED = {
    "light_bvlc_alexnet": {
        "transpose": 1, "conv": 5, "lrn": 2, "max_pool": 3, "reshape": 1, "gemm": 3, "softmax": 1,
    },
    "light_densenet121": {
        "transpose": 1, "conv": 121, "batch_norm": 62, "concat": 58, "max_pool": 1,
        "average_pool": 3, "reduce": 1, "reshape": 1,
    },
    "light_inception_v1": {
        "transpose": 1, "conv": 55, "max_pool": 13, "lrn": 2, "concat": 9, "average_pool": 1,
        "reshape": 1, "gemm": 1, "softmax": 1,
    },
    "light_resnet50": {
        "transpose": 1, "conv": 53, "max_pool": 1, "average_pool": 1, "reshape": 1, "gemm": 1,
        "softmax": 1,
    },
    # One transpose, between two reshapes, for each of the 16 shuffles.
    "light_shufflenet": {
        "transpose": 17, "conv": 49, "max_pool": 1, "average_pool": 4, "concat": 3, "unary": 3,
        "reshape": 33, "gemm": 1, "softmax": 1,
    },
    "light_squeezenet": {
        "transpose": 1, "conv": 26, "max_pool": 3, "concat": 8, "reduce": 1, "softmax": 1,
        "reshape": 1,
    },
}  # fmt: skip

# Per attention block of the recogniser: queries, keys, values and the result are transposed.
EXPECTED_OCR = {
    "ch_ppocr_mobile_v2.0_cls_infer": (
        (1, 3, 48, 192),
        {"transpose": 1, "conv": 53, "reduce": 10, "binary": 9, "max_pool": 1, "gemm": 1,
         "softmax": 1},
    ),
    "ch_PP-OCRv4_rec_infer": (
        (1, 3, 48, 320),
        {"transpose": 9, "conv": 38, "batch_norm": 16, "reduce": 2, "binary": 2,
         "average_pool": 1, "layer_norm": 5, "gemm": 13, "matmul": 4, "softmax": 3, "concat": 1},
    ),
    "ch_PP-OCRv4_det_infer": (
        (1, 3, 96, 128),
        {"transpose": 2, "conv": 62, "batch_norm": 14, "reduce": 10, "binary": 21, "resize": 6,
         "concat": 1, "conv_transpose": 1, "gemm": 1},
    ),
}  # fmt: skip


def optimized(path: Path, **options) -> Graph:
    """The graph of an ONNX file after all passes."""
    graph = importer.import_model(path, **options)
    passes.optimize(graph)
    return graph


@pytest.mark.parametrize("name", EXPECTED)
def test_light_models(name: str) -> None:
    graph = optimized(LIGHT / f"{name}.onnx")
    assert Counter(node.op for node in graph.nodes) == EXPECTED[name]


def test_every_branch_of_a_residual_network_ends_in_a_conv() -> None:
    graph = optimized(LIGHT / "light_resnet50.onnx")
    convs = [node for node in graph.nodes if node.op == "conv"]
    assert sum(len(node.inputs) == 4 for node in convs) == 16
    plain = [node for node in convs if activation(node) is not UnaryFn.relu]
    assert len(plain) == 4  # those of the four shortcuts


@pytest.mark.skipif(OCR is None, reason="rapidocr-onnxruntime is not installed")
@pytest.mark.parametrize("name", EXPECTED_OCR)
def test_text_models(name: str) -> None:
    shape, expected = EXPECTED_OCR[name]
    path = Path(OCR.submodule_search_locations[0]) / "models" / f"{name}.onnx"
    graph = optimized(path, input_shapes={"x": shape})
    found = Counter(node.op for node in graph.nodes)
    found.pop("reshape", None)  # they cost nothing
    assert found == expected
