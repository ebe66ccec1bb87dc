"""The Python side of a device: loading, running, describing, and arrays that do not fit."""

from __future__ import annotations

import gc
import os
import threading
import time
import weakref
import zlib
from pathlib import Path

import numpy as np
import pytest
from mutate import SAMPLE, sample_graph, sample_inputs

import edgert
from edgert import ir, pack
from edgert.schema import UnaryFn

X = np.random.default_rng(0).standard_normal((1, 5, 4, 3)).astype(np.float32)
INDEX = np.array([3, -1], np.int64)


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sample model's file."""
    path = tmp_path_factory.mktemp("model") / "sample.edgert"
    path.write_bytes(SAMPLE)
    return path


@pytest.fixture(scope="module")
def model(path: Path) -> edgert.Model:
    """The sample model."""
    return edgert.load(path)


def relu_model(folder: Path, *shape: int, dtype: str = "float32") -> edgert.Model:
    """A model with one input "x" and one output "y"."""
    graph = ir.Graph()
    x = graph.add_input("x", np.dtype(dtype), shape)
    if dtype == "float32":
        graph.outputs = [graph.add("unary", [x], {"function": {"fn": 1}}, output="y")]
    else:
        dims = {"rank": 1, "dims": [int(np.prod(shape))]}
        graph.outputs = [graph.add("reshape", [x], dims, output="y")]
    pack.write_file(folder / "relu.edgert", pack.pack(graph))
    return edgert.load(folder / "relu.edgert")


def out_arrays(model: edgert.Model) -> dict[str, np.ndarray]:
    """Arrays for the results of a model."""
    return {t.name: np.full(t.shape, 7, t.dtype) for t in model.outputs}


# What a model tells ----------------------------------------------------------------------------


def test_description(model: edgert.Model, path: Path) -> None:
    graph = sample_graph()
    assert model.inputs == (
        ("image", (1, 5, 4, 3), np.dtype(np.float32)),
        ("index", (2,), np.dtype(np.int64)),
    )
    assert [t.name for t in model.outputs] == graph.outputs
    assert model.metadata == graph.metadata
    assert 1 <= model.threads <= len(os.sched_getaffinity(0))
    assert repr(model) == (
        f"<edgert.Model {str(path)!r}: (image: float32[1, 5, 4, 3], index: int64[2]) -> "
        f"(scores: float32[20, 5], rows: float32[2, 8]), {path.stat().st_size:,} bytes, "
        f"{edgert.isa().active[-1]}>"
    )


def test_plan_and_memory(model: edgert.Model) -> None:
    plan = model.plan()
    assert [step.op for step in plan] == [node.op for node in sample_graph().nodes]
    assert [step.form for step in plan][:2] == ["k1n16", "kn"]
    assert plan[0].bytes == 27 * 16 * 4
    assert plan[-1].shape == (20, 5)
    kernels = {kernel.name for kernel in edgert.isa().kernels}
    assert {step.kernel for step in plan if step.op in ("conv", "gemm")} <= kernels
    memory = model.memory()
    assert set(memory) == {
        "file_copied",
        "weights_mapped",
        "weights_repacked",
        "tables",
        "arena",
        "scratch",
    }
    assert 0 < memory["arena"] < 10_000


def test_profile(model: edgert.Model) -> None:
    times = model.profile(sample_inputs())
    assert len(times) == len(model.plan())
    assert min(times) >= 0


def test_isa(monkeypatch: pytest.MonkeyPatch) -> None:
    info = edgert.isa()
    assert info.active[0] == info.detected[0] == "portable"
    assert {kernel.isa for kernel in info.kernels} >= {"portable"}
    monkeypatch.setenv("EDGERT_ISA", "portable")
    assert edgert.isa().active == ("portable",)
    monkeypatch.setenv("EDGERT_ISA", "abacus")
    with pytest.raises(edgert.UnsupportedError, match="portable"):
        edgert.isa()


def test_forced_level_is_the_one_that_runs(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    levels = {kernel.name: kernel.isa for kernel in edgert.isa().kernels}
    for level in edgert.isa().detected:
        monkeypatch.setenv("EDGERT_ISA", level)
        active = edgert.isa().active
        assert active[-1] == level
        with edgert.load(path) as model:
            used = {levels[s.kernel] for s in model.plan() if s.kernel in levels}
            assert used
            assert used <= set(active)


def test_version_and_lazy_attributes() -> None:
    assert edgert.__version__[0].isdigit()
    with pytest.raises(AttributeError, match="nonsense"):
        _ = edgert.nonsense


# Loading ---------------------------------------------------------------------------------------


def test_load_options(path: Path) -> None:
    assert edgert.load(str(path), 1, memory_limit=10**30, verify=True).threads == 1
    assert edgert.load(path, 10**30).threads <= len(os.sched_getaffinity(0))
    for options in ({"threads": 0}, {"threads": -1}, {"memory_limit": -1}):
        with pytest.raises(ValueError, match="expected"):
            edgert.load(path, **options)
    for map in (False, True):
        need = edgert.load(path, memory_limit=2**20, map=map).memory()
        total = sum(need.values()) - need["weights_mapped"] - need["scratch"]
        edgert.load(path, memory_limit=total, map=map)
        for limit in (total - 1, need["file_copied"], need["file_copied"] - 1, 1, 0):
            with pytest.raises(edgert.LimitError) as caught:
                edgert.load(path, memory_limit=limit, map=map)
            assert caught.value.rule == "MEMORY"


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "link").symlink_to(tmp_path / "link")
    for name in ("absent", "fifo", "link", ".", "a/b", "x" * 300, "nul\0"):
        with pytest.raises(edgert.ModelIOError) as caught:
            edgert.load(f"{tmp_path}/{name}")
        assert isinstance(caught.value, OSError)
        assert caught.value.rule == "IO"
    with pytest.raises(edgert.ModelIOError):
        edgert.load("/dev/zero")
    for other in (3, None, object(), [b""], np.zeros((2, 2))[:, ::2], memoryview(b"abcd")[::2]):
        with pytest.raises(edgert.InputError, match="expected the path of a file"):
            edgert.load(other)


def test_close_and_context(path: Path) -> None:
    with edgert.load(path) as model:
        model.run(sample_inputs())
    assert model.inputs[0].name == "image"
    assert repr(model).endswith("closed>")
    model.close()
    for call in (
        lambda: model.run(sample_inputs()),
        lambda: model(X, INDEX),
        model.plan,
        model.memory,
        lambda: model.profile(sample_inputs()),
    ):
        with pytest.raises(edgert.InputError) as caught:
            call()
        assert caught.value.rule == "CLOSED"


def test_a_model_goes_with_its_last_reference(path: Path) -> None:
    model = edgert.load(path)
    gone = weakref.ref(model)
    del model
    gc.collect()
    assert gone() is None


def test_replaced_file_keeps_its_model(tmp_path: Path) -> None:
    path = tmp_path / "model.edgert"
    pack.write_file(path, SAMPLE)
    model = edgert.load(path)
    expected = model(X, INDEX)
    other = tmp_path / "other"
    other.write_bytes(b"something else")
    other.replace(path)
    path.unlink()
    for found, want in zip(model(X, INDEX), expected):
        np.testing.assert_array_equal(found, want)


# Running ---------------------------------------------------------------------------------------


def test_ways_to_call(model: edgert.Model) -> None:
    expected = model.run({"index": INDEX, "image": X})
    assert list(expected) == ["scores", "rows"]
    for result in (model(X, INDEX), model(X, index=INDEX), model(index=INDEX, image=X)):
        assert isinstance(result, tuple)
        for found, want in zip(result, expected.values()):
            np.testing.assert_array_equal(found, want)


def test_single_output_is_an_array(tmp_path: Path) -> None:
    x = np.array([[-1, 2, 3]], np.float32)
    np.testing.assert_array_equal(relu_model(tmp_path, 1, 3)(x), [[0, 2, 3]])


def test_out_receives_the_results(model: edgert.Model) -> None:
    expected, out = model.run(sample_inputs()), out_arrays(model)
    found = model.run(sample_inputs(), out=out)
    for name, array in out.items():
        assert found[name] is array
        np.testing.assert_array_equal(array, expected[name])


def strided(array: np.ndarray) -> list[np.ndarray]:
    """The same elements in other places: Fortran order, steps, reversed, misaligned, read-only."""
    steps = np.zeros([2 * d for d in array.shape], array.dtype)[tuple([slice(None, None, 2)] * 4)]
    steps[...] = array
    reversed_ = array[::-1, ::-1, ::-1, ::-1].copy()[::-1, ::-1, ::-1, ::-1]
    misaligned = np.frombuffer(b"\0" + array.tobytes(), array.dtype, offset=1)
    transposed = array.T.copy().T
    read_only = array.copy()
    read_only.flags.writeable = False
    return [np.asfortranarray(array), steps, reversed_, misaligned.reshape(array.shape),
            transposed, read_only]  # fmt: skip


def test_any_strides_are_accepted(model: edgert.Model) -> None:
    expected = model.run(sample_inputs())["scores"]
    for array in strided(sample_inputs()["image"]):
        np.testing.assert_array_equal(model(array, INDEX)[0], expected)
    broadcast = np.broadcast_to(np.float32(2), X.shape)
    np.testing.assert_array_equal(
        model(broadcast, INDEX)[0], model(np.full(X.shape, 2, np.float32), INDEX)[0]
    )


def test_subclasses_of_arrays_are_accepted(tmp_path: Path, model: edgert.Model) -> None:
    class Liar(np.ndarray):
        shape = property(lambda self: (9, 9))
        dtype = property(lambda self: np.dtype("float64"))

        def copy(self, order: str = "C") -> np.ndarray:
            return np.zeros(1)

    mapped = np.memmap(tmp_path / "x.bin", np.float32, "w+", shape=X.shape)
    mapped[...] = X
    expected = model(X, INDEX)[0]
    for array in (mapped, X.view(Liar), np.asfortranarray(X).view(Liar)):
        np.testing.assert_array_equal(model(array, INDEX)[0], expected)


def test_the_same_array_may_be_given_twice(tmp_path: Path) -> None:
    graph = ir.Graph()
    names = [graph.add_input(n, np.float32, (3,)) for n in "ab"]
    graph.outputs = [graph.add("binary", names, {"fn": 0, "activation": {"fn": 0}})]
    pack.write_file(tmp_path / "m.edgert", pack.pack(graph))
    x = np.arange(3, dtype=np.float32)
    np.testing.assert_array_equal(edgert.load(tmp_path / "m.edgert")(x, x), 2 * x)


def test_graph_without_nodes(tmp_path: Path) -> None:
    """Inputs and constants may be outputs."""
    graph = ir.Graph()
    x = graph.add_input("x", np.float32, (2, 3))
    empty = graph.add_input("empty", np.float32, (0, 3))
    c = graph.add_constant("c", np.arange(5, dtype=np.int64))
    none = graph.add_constant("none", np.zeros((4, 0), np.float32))
    graph.outputs = [c, x, empty, none]
    pack.write_file(tmp_path / "m.edgert", pack.pack(graph))
    value = np.ones((2, 3), np.float32)
    found = edgert.load(tmp_path / "m.edgert")(value, np.zeros((0, 3), np.float32))
    np.testing.assert_array_equal(found[0], np.arange(5))
    np.testing.assert_array_equal(found[1], value)
    assert [f.shape for f in found[2:]] == [(0, 3), (4, 0)]
    found[1][:] = 0
    assert value.all(), "a result must not be the caller's input"


def test_another_shape_of_a_constant(tmp_path: Path) -> None:
    """Is an output, and what a node reads."""
    graph = ir.Graph()
    data = np.arange(12, dtype=np.float32) / 3
    constant = graph.add_constant("constant", data)
    dims = {"rank": 2, "dims": [3, 4]}
    graph.outputs = [graph.add("reshape", [constant], dims, output=name) for name in "ab"]
    fn = {"function": {"fn": UnaryFn.neg, "alpha": 0.0, "beta": 0.0}}
    graph.outputs.append(graph.add("unary", ["a"], fn, output="c"))
    (tmp_path / "m").write_bytes(pack.pack(graph))
    found = edgert.load(tmp_path / "m").run({})
    for name, sign in {"a": 1, "b": 1, "c": -1}.items():
        np.testing.assert_array_equal(found[name], sign * data.reshape(3, 4))


def test_scalars_and_other_dtypes(tmp_path: Path) -> None:
    assert relu_model(tmp_path)(np.array(-2, np.float32)) == 0
    for dtype in ("int32", "int64", "int8", "uint8", "bool"):
        x = np.array([[0, 1], [1, 0]], dtype)
        np.testing.assert_array_equal(relu_model(tmp_path, 2, 2, dtype=dtype)(x), x.reshape(-1))


def test_many_threads_one_model(model: edgert.Model) -> None:
    images = [X * i for i in range(8)]
    expected = [zlib.crc32(model(image, INDEX)[0]) for image in images]
    wrong = []

    def work(i: int) -> None:
        for _ in range(50):
            if zlib.crc32(model(images[i], INDEX)[0]) != expected[i]:
                wrong.append(i)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_close_during_runs(path: Path) -> None:
    model = edgert.load(path)

    def work() -> None:
        try:
            while True:
                model(X, INDEX)
        except edgert.InputError as error:
            rules.append(error.rule)

    rules: list[str] = []
    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    time.sleep(0.05)
    model.close()
    for thread in threads:
        thread.join()
    assert rules == ["CLOSED"] * 4


# Arrays that do not fit ------------------------------------------------------------------------


class Claims:
    """Says that it is an array at an address of its own."""

    __array_interface__ = {  # noqa: RUF012
        "shape": (1, 5, 4, 3),
        "typestr": "<f4",
        "data": (0xDEADBEEF, False),
        "version": 3,
    }


def wrong_images() -> list[tuple[str, object]]:
    """(rule, what is given as the image)."""
    dtypes = [
        "f8",
        "f2",
        "i4",
        "i8",
        "u4",
        "i1",
        "u1",
        "?",
        "c8",
        "c16",
        ">f4",
        "O",
        "S4",
        "U4",
        "M8[s]",
        "m8[s]",
        "V4",
        "f4,f4",
        "g",
        ">i8",
        "u8",
        "i2",
    ]
    shapes = [
        (),
        (1,),
        (5, 4, 3),
        (1, 5, 4),
        (1, 5, 4, 3, 1),
        (1, 3, 5, 4),
        (2, 5, 4, 3),
        (1, 5, 4, 2),
        (1, 5, 4, 4),
        (0, 5, 4, 3),
        (1, 0, 4, 3),
        (60,),
        (60, 1),
        (1, 60),
        (1, 1, 5, 4, 3),
        (5, 4, 3, 1),
        (1, 4, 5, 3),
        (1, 5, 12),
        (1, 20, 3),
        (1, 6, 4, 3),
    ]
    others = [
        None,
        "image",
        b"image",
        {"a": X},
        object(),
        Claims(),
        memoryview(X),
        bytearray(240),
        range(60),
        iter([X]),
        np.ma.array(X),
        int,
        np.ma.masked_greater(X, 0),
        Ellipsis,
    ]
    return (
        [("DTYPE", np.zeros(X.shape, dtype)) for dtype in dtypes]
        + [("SHAPE", np.zeros(shape, np.float32)) for shape in shapes]
        + [("ARRAY", other) for other in others]
    )


@pytest.mark.parametrize(("rule", "image"), wrong_images())
def test_wrong_inputs(model: edgert.Model, rule: str, image: object) -> None:
    for call in (lambda: model(image, INDEX), lambda: model.run({"image": image, "index": INDEX})):
        with pytest.raises(edgert.InputError, match="'image'") as caught:
            call()
        assert caught.value.rule == rule


@pytest.mark.parametrize(
    "inputs",
    [
        {},
        {"image": X},
        {"index": INDEX},
        {"image": X, "index": INDEX, "extra": X},
        {"image": X, "Index": INDEX},
        {"image ": X, "index": INDEX},
        {"": X, "index": INDEX},
        {0: X, 1: INDEX},
        {None: X, "index": INDEX},
        {"image": X, b"index": INDEX},
        {"scores": X, "rows": INDEX},
        [X, INDEX],
        (X, INDEX),
        X,
        None,
        1,
        "image",
        b"",
        iter([]),
        {"image", "index"},
    ],
)
def test_wrong_names(model: edgert.Model, inputs: object) -> None:
    with pytest.raises(edgert.InputError) as caught:
        model.run(inputs)
    assert caught.value.rule in ("NAME", "ARRAY")


def test_wrong_calls(model: edgert.Model) -> None:
    for arrays, named in (
        ((X,), {}),
        ((X, INDEX, X), {}),
        ((X, INDEX), {"index": INDEX}),
        ((X,), {"image": X}),
        ((), {}),
        ((X,), {"extra": INDEX}),
    ):
        with pytest.raises(edgert.InputError) as caught:
            model(*arrays, **named)
        assert caught.value.rule == "NAME"


def wrong_outs() -> list[tuple[str, object]]:
    """(rule, what is given for the output "scores", float32[20, 5])."""
    read_only = np.zeros((20, 5), np.float32)
    read_only.flags.writeable = False
    wide = np.zeros((20, 10), np.float32)
    misaligned = np.frombuffer(bytearray(401), np.float32, offset=1).reshape(20, 5)
    return [
        ("SHAPE", np.zeros((20, 4), np.float32)),
        ("SHAPE", np.zeros((5, 20), np.float32)),
        ("SHAPE", np.zeros(100, np.float32)),
        ("SHAPE", np.zeros((1, 20, 5), np.float32)),
        ("SHAPE", np.zeros(0, np.float32)),
        ("DTYPE", np.zeros((20, 5))),
        ("DTYPE", np.zeros((20, 5), np.int32)),
        ("DTYPE", np.zeros((20, 5), ">f4")),
        ("DTYPE", np.zeros((20, 5), object)),
        ("DTYPE", np.zeros((20, 5), bool)),
        ("READONLY", read_only),
        ("READONLY", np.broadcast_to(np.zeros(5, np.float32), (20, 5))),
        ("READONLY", np.frombuffer(bytes(400), np.float32).reshape(20, 5)),
        ("CONTIGUOUS", np.zeros((5, 20), np.float32).T),
        ("CONTIGUOUS", wide[:, ::2]),
        ("CONTIGUOUS", wide[:, :5]),
        ("CONTIGUOUS", np.zeros((20, 5), np.float32)[::-1]),
        ("CONTIGUOUS", misaligned),
        ("ARRAY", [[0.0] * 5] * 20),
        ("ARRAY", None),
        ("ARRAY", bytearray(400)),
        ("ARRAY", np.ma.zeros((20, 5), np.float32)),
        ("ARRAY", Claims()),
    ]


@pytest.mark.parametrize(("rule", "array"), wrong_outs())
def test_wrong_outs(model: edgert.Model, rule: str, array: object) -> None:
    with pytest.raises(edgert.InputError, match="'scores'") as caught:
        model.run(sample_inputs(), out={**out_arrays(model), "scores": array})
    assert caught.value.rule == rule


def test_wrong_names_of_outs(model: edgert.Model) -> None:
    good = out_arrays(model)
    for out in (
        {},
        {"scores": good["scores"]},
        {**good, "extra": X},
        [*good.values()],
        1,
        "scores",
    ):
        with pytest.raises(edgert.InputError) as caught:
            model.run(sample_inputs(), out=out)
        assert caught.value.rule == "NAME"


def test_overlaps_of_outs(model: edgert.Model) -> None:
    """Outputs must share no byte with each other or with an input."""
    memory = np.zeros(1000, np.float32)
    image = memory[:60].reshape(X.shape)
    for scores_at, rows_at, fine in (
        (60, 160, True), (160, 60, True), (76, 60, True), (0, 200, False), (59, 200, False),
        (60, 60, False), (60, 159, False), (75, 60, False), (100, 45, False), (100, 59, False),
        (100, 0, False), (100, 100, False), (100, 184, False), (100, 199, False), (100, 200, True),
        (30, 200, False), (1, 200, False), (200, 44, False), (200, 50, False), (200, 201, False),
        (201, 200, False), (200, 299, False), (200, 300, True),
    ):  # fmt: skip
        out = {
            "scores": memory[scores_at : scores_at + 100].reshape(20, 5),
            "rows": memory[rows_at : rows_at + 16].reshape(2, 8),
        }
        if fine:
            model.run({"image": image, "index": INDEX}, out=out)
            continue
        with pytest.raises(edgert.InputError) as caught:
            model.run({"image": image, "index": INDEX}, out=out)
        assert caught.value.rule == "OVERLAP"


def test_refused_runs_write_nothing(model: edgert.Model) -> None:
    out = out_arrays(model)
    for image in (X[:, :4], X.astype(np.float64), None):
        with pytest.raises(edgert.InputError):
            model.run({"image": image, "index": INDEX}, out=out)
    assert all((array == 7).all() for array in out.values())


def test_awkward_floats(tmp_path: Path) -> None:
    values = [np.nan, np.inf, -np.inf, -0.0, 1e38, -1e38, 1e-45, 1e-38, 3.4028235e38]
    x = np.array(values, np.float32)
    found = relu_model(tmp_path, len(values))(x)
    np.testing.assert_array_equal(found, np.maximum(x, 0))
