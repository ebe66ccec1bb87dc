"""Loading and running a packed model: all that a device needs."""

from __future__ import annotations

import copyreg
import numbers
import os
import shlex
import sys
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple, Union

import numpy as np

from edgert import _core
from edgert.arrays import as_array
from edgert.errors import InputError, require
from edgert.preprocess import Input, prepare, stored_inputs, stored_labels

# The path of a file, or its content.
Source = Union[str, "os.PathLike[str]", bytes, bytearray, memoryview]


class TensorInfo(NamedTuple):
    """An input or output of a model."""

    name: str
    shape: tuple[int, ...]
    dtype: np.dtype


class PlanStep(NamedTuple):
    """One step of a run.

    ``step`` is the name of its result, ``shape`` and ``dtype`` are those of the result, ``op`` is
    its operator, ``kernel`` the code that was chosen for this CPU, ``form`` that of the weight in
    the file ("" if there is none) and ``bytes`` the size of the constants that the step reads.
    ``zeros`` is the share of that weight which the file leaves out.
    """

    step: str
    op: str
    kernel: str
    form: str
    shape: tuple[int, ...]
    dtype: str
    bytes: int
    zeros: float


class Model:
    """A model that is ready to run; :func:`load` makes one.

    ``inputs`` and ``outputs`` describe the tensors, in the model's order; ``metadata`` holds the
    strings that the file carries; ``preprocess`` what the file says of how inputs are made from
    images and sounds, by name, and ``labels`` the names of its classes, if it says so, see
    :mod:`edgert.preprocess`; ``operations`` is about how many elements a run
    multiplies, compares or moves; ``threads`` says how many threads it uses, or fewer if the
    system refuses some; ``path`` is that of the file, None for a model that was loaded from memory.
    A model may be used from several threads at a time. It is copied and pickled as the path of its
    file, which is loaded again, or as the bytes that it was loaded from; a copy of a closed one is
    closed.

    Ctrl-C, and any signal whose handler raises, ends a run or the loading of a model on Python's
    main thread within a tenth of a second. The model stays as it is; arrays for results hold
    anything then. Runs on other threads go on to their end.
    """

    # Those of a model that nobody has loaded, as ``Model.__new__`` makes it: it is closed.
    path: str | None = None
    inputs: tuple[TensorInfo, ...] = ()
    outputs: tuple[TensorInfo, ...] = ()
    metadata: Mapping[str, str] = MappingProxyType({})
    preprocess: Mapping[str, Input] = MappingProxyType({})
    labels: tuple[str, ...] = ()
    threads = 0
    operations = 0.0
    _isa = ""
    _options: tuple = ()
    _input_names: Sequence[str] = ()
    _output_names: Sequence[str] = ()
    _session: _core.Session | None = None

    def __init__(
        self,
        source: Source,
        threads: int | None,
        memory_limit: int | None,
        max_operations: float,
        map: bool,
        verify: bool,
    ) -> None:
        self._options = (threads, memory_limit, max_operations, map, verify)
        fine = threads is None or (_is_whole(threads) and threads >= 1)
        require(fine, "threads", threads, "a positive number")
        fine = memory_limit is None or (_is_whole(memory_limit) and memory_limit >= 0)
        require(fine, "memory_limit", memory_limit, "a number of bytes")
        is_number = isinstance(max_operations, numbers.Real) and not isinstance(
            max_operations, bool
        )
        fine = is_number and max_operations >= 0
        require(fine, "max_operations", max_operations, "a number of operations")
        if isinstance(source, (str, os.PathLike)):
            source = self.path = os.fsdecode(source)
        require(not (map and self.path is None), "map", map, "the path of a file to be mapped")
        self._session = _core.Session(
            source,
            None if threads is None else min(threads, sys.maxsize),
            None if memory_limit is None else min(memory_limit, sys.maxsize),
            float(max_operations),
            bool(map),
            bool(verify),
        )
        self.inputs = _infos(self._session.inputs)
        self.outputs = _infos(self._session.outputs)
        self.metadata = self._session.metadata
        self.preprocess = stored_inputs(self.metadata, self.inputs)
        self.labels = stored_labels(self.metadata)
        self.threads = self._session.threads
        self.operations = self._session.operations
        self._isa = _core.active_isa()[-1]
        self._input_names = [info.name for info in self.inputs]
        self._output_names = [info.name for info in self.outputs]

    def run(
        self, inputs: Mapping[str, Any], out: Mapping[str, np.ndarray] | None = None
    ) -> dict[str, np.ndarray]:
        """Runs the model once and returns its outputs by name.

        ``inputs`` holds one array per input, of exactly the declared shape and dtype; arrays that
        are not C-contiguous are copied. Tensors of other libraries, by ``__array__`` or DLPack, are
        taken as the arrays that they are, lists of numbers become arrays of the dtype. ``out`` may
        hold one array per output: C-contiguous, writable, overlapping no other array of the call.
        They receive the results and are what is returned; nothing is allocated then.

        Raises InputError, before anything is computed, if an array does not fit or the model is
        closed, and also if an index tensor points outside of what it indexes; ResourceError if the
        machine refuses memory.
        """
        results = None if out is None else _in_order(out, self._output_names, "outputs")
        return dict(zip(self._output_names, self._run(inputs, results)))

    def __call__(self, *arrays: Any, **named: Any) -> Any:
        """Runs the model once: ``y = model(x)``.

        Arrays, or what :meth:`run` takes for them, come in the order of ``inputs``, by name, or
        first the one and then the other. Returns the output as an array, or a tuple of them in the
        order of ``outputs`` if there are several. Raises as :meth:`run` does.
        """
        if len(arrays) > len(self._input_names):
            raise InputError(f"{len(arrays)} arrays for {len(self._input_names)} inputs", "NAME")
        inputs = dict(zip(self._input_names, arrays))
        twice = inputs.keys() & named.keys()
        if twice:
            raise InputError(f"input {sorted(twice)} is given twice", "NAME")
        inputs.update(named)
        results = self._run(inputs)
        return results[0] if len(results) == 1 else tuple(results)

    def prepare(self, source: Any, input: str | None = None) -> np.ndarray:
        """The tensor of an input from an image or a sound: ``y = model(model.prepare("cat.jpg"))``.

        ``source`` is the path of an image or of a WAV file, an image of Pillow, an array of uint8,
        [height, width] or [height, width, channels] of red, green and blue, or of a sound, int16 or
        floats, [samples] or [samples, channels]. ``input`` names the input, if there are several.
        What is done to it stands in ``preprocess``; images of which that says nothing are stretched
        and go from 0 to 1, or to 255 for a uint8 input. The result is one sample: that of a model
        for a batch of images is to be concatenated.

        Raises InputError for a source that does not suit, ModelIOError for a file that cannot be
        read, and UnsupportedError where Pillow is needed and absent.
        """
        infos = {info.name: info for info in self.inputs}
        if input is None:
            described = [*self.preprocess] if len(infos) > 1 else [*infos]
            if len(described) != 1:
                raise InputError(f"say for which input: one of {[*infos]}", "NAME")
            (input,) = described
        if input not in infos:
            raise InputError(f"there is no input {input!r}, but {[*infos]}", "NAME")
        info = infos[input]
        return prepare(source, self.preprocess.get(input), *info)

    def profile(self, inputs: Mapping[str, Any]) -> list[float]:
        """Runs the model once and returns the milliseconds of each step of :meth:`plan`."""
        milliseconds: list[float] = []
        self._run(inputs, step_ms=milliseconds)
        return milliseconds

    def plan(self) -> list[PlanStep]:
        """The steps of a run, in order."""
        return [PlanStep(*row) for row in self._open().plan()]

    def memory(self) -> dict[str, int]:
        """Bytes that the model takes, known before it runs.

        ``file_copied``: the private copy of the file, without the weights if it is mapped.
        ``weights_mapped``: weights used where they are in a mapped file, shared between processes.
        ``weights_repacked``: weights in a form that suits this CPU, or decoded from the file.
        ``tables``: what steps look up for each row, column or tap, at most.
        ``arena``: activations and ``scratch``, once for each run under way at the same time.
        """
        return self._open().memory()

    def file(self) -> bytes:
        """The file that the model has a copy of. Raises InputError if it is mapped."""
        return self._open().file()

    def close(self) -> None:
        """Lets go of the file and the memory, as soon as no run is under way any more.

        What needs them raises InputError from now on; closing twice does no harm.
        """
        self._session = None

    def __enter__(self) -> Model:
        """The model itself; leaving the block closes it."""
        return self

    def __exit__(self, *exception: object) -> None:
        """Closes the model."""
        self.close()

    def __reduce__(self) -> tuple:
        """A model is copied and pickled as the arguments that load it, a closed one as it is."""
        if self._session is None:
            return copyreg.__newobj__, (type(self),), self.__dict__
        source = self.file() if self.path is None else self.path
        return type(self), (source, *self._options)

    def __repr__(self) -> str:
        """Where it is from, its inputs and outputs, its size, and the instruction set it uses."""
        inputs, outputs = (
            ", ".join(f"{t.name}: {t.dtype}{list(t.shape)}" for t in infos)
            for infos in (self.inputs, self.outputs)
        )
        state = "closed"
        if self._session:
            memory = self.memory()
            nbytes = memory["file_copied"] + memory["weights_mapped"]
            state = f"{nbytes:,} bytes, {self._isa}"
        return f"<edgert.Model {self._source()}: ({inputs}) -> ({outputs}), {state}>"

    def _source(self) -> str:
        return "in memory" if self.path is None else repr(self.path)

    def _run(
        self,
        inputs: Mapping[str, Any],
        results: list[np.ndarray] | None = None,
        step_ms: list[float] | None = None,
    ) -> list[np.ndarray]:
        arrays = [
            array if type(array) is np.ndarray else as_array(array, info.name, info.dtype)
            for array, info in zip(_in_order(inputs, self._input_names, "inputs"), self.inputs)
        ]
        try:
            return self._open().run(arrays, results, step_ms)
        except InputError as error:
            hint = self._batch_hint(arrays) if error.rule == "SHAPE" else ""
            if not hint:
                raise
            raise InputError(f"{error}; {hint}", error.rule) from None

    def _batch_hint(self, arrays: Sequence[np.ndarray]) -> str:
        """How to run so many samples, if it is their number alone that does not fit."""
        pairs = [(info, array.shape) for info, array in zip(self.inputs, arrays)]
        wrong = [(info, found) for info, found in pairs if found != info.shape]
        if not wrong or any(
            len(info.shape) < 2 or not found or not found[0] or found[1:] != info.shape[1:]
            for info, found in wrong
        ):
            return ""
        beside = f"{os.path.splitext(self.path or '')[0]}.onnx"
        words = ["edgert", "convert", beside if os.path.exists(beside) else "MODEL.onnx"]
        for info, found in wrong:
            words += ["--input-shape", f"{info.name}={','.join(map(str, found))}"]
        ((info, found), *_) = wrong
        return (
            f"run {info.shape[0]} at a time, or convert a model that leaves this open for "
            f"{found[0]}: {shlex.join(words)}"
        )

    def _open(self) -> _core.Session:
        if self._session is None:
            raise InputError(f"the model {self._source()} is closed", "CLOSED")
        return self._session


def load(
    source: Source,
    threads: int | None = None,
    *,
    memory_limit: int | None = None,
    max_operations: float = 1e13,
    map: bool = False,
    verify: bool = False,
) -> Model:
    """Loads a model that ``edgert convert`` has written.

    ``source``: the path of the file, or its content as bytes or what lends bytes. ``threads``: how
    many threads a run uses, never more than the CPUs that this process may use; if None as many as
    these have big cores: all of them, where there are no small ones.
    ``memory_limit``: most bytes of private memory, that is all that :meth:`Model.memory` tells but
    ``weights_mapped``, with one run at a time; what the machine has if None. ``max_operations``:
    most elements that a run multiplies, compares or moves, about; 1e13 are minutes on a PC.

    The model has a copy of the file, which is checked completely, checksums of the weights
    included: what becomes of the file afterwards does not matter. ``map``: use the weights in the
    mapped file instead, so that processes that run the same model share them, and weights that are
    never used are never read. Then the file must stay as it is: to write into it changes results,
    to cut it off kills the process; to replace it by another, as ``edgert convert`` does, is safe.
    The checksums of mapped weights are compared only to ``verify`` them, which reads all.

    Raises ModelIOError if the file cannot be read, FormatError (IntegrityError, VersionError) or
    UnsupportedError if it is not a sound model of this version, LimitError if it would need more
    than ``memory_limit`` or ``max_operations``, ResourceError if the machine refuses the memory,
    InputError for arguments that make no sense.
    """
    return Model(source, threads, memory_limit, max_operations, map, verify)


def _is_whole(value: object) -> bool:
    return isinstance(value, (int, np.integer)) and not isinstance(value, bool)


def _infos(rows: list[tuple[str, tuple[int, ...], str]]) -> tuple[TensorInfo, ...]:
    return tuple(TensorInfo(name, shape, np.dtype(dtype)) for name, shape, dtype in rows)


def _in_order(
    arrays: Mapping[str, np.ndarray], names: Sequence[str], role: str
) -> list[np.ndarray]:
    """The arrays in the order of ``names``; InputError if there are others or too few."""
    try:
        ordered = [arrays[name] for name in names]
        if len(arrays) == len(names):
            return ordered
    except (KeyError, IndexError, TypeError, ValueError):
        pass
    if not isinstance(arrays, Mapping):
        found = type(arrays).__name__
        raise InputError(f"{role}: expected a dict of arrays by name, found {found}", "NAME")
    missing = [name for name in names if name not in arrays]
    unknown = [name for name in arrays if name not in names]
    raise InputError(f"{role}: expected {names}; missing {missing}, unknown {unknown}", "NAME")
