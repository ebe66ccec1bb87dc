"""The architecture, as a test: who may import whom, and what every operator must have."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from operator_cases import CASES

from edgert import _core, interp, schema
from edgert.ops import TRAITS

ROOT = Path(__file__).resolve().parent.parent
CSRC = ROOT / "csrc"
PACKAGE = ROOT / "python" / "edgert"
MAX_LINES = 600

# A layer includes itself and those to its left.
CPP_LAYERS = ["schema", "core", "weights", "kernels", "runtime", "api"]

# What runs models for others does so through the API, and includes only itself and these files.
ON_API = {
    "bindings": {
        "api/edgert.h",
        "api/errors.h",
        "core/cpu.h",
        "core/error.h",
        "core/hardware.h",
        "core/small_array.h",
        "core/text.h",
        "kernels/list.h",
    },
    "run": {"api/edgert.h", "core/error.h", "core/text.h"},
}
# The converter's, which asks the runtime how it packs and what it infers.
CONVERTER_BINDINGS = {"infer.cpp", "schema.cpp", "weights.cpp"}

# A module imports those above it. "device": all that a board loads; "host": needs the converter's
# dependencies; "tool": the command line, which imports the host side only when it is asked to.
PYTHON_LAYERS = [
    ("device", ["errors", "_core"]),
    ("device", ["schema", "arrays"]),
    ("device", ["preprocess"]),
    ("device", ["cpu", "model"]),
    ("tool", ["budget", "files", "report"]),
    ("host", ["ir", "ops"]),
    ("host", ["interp"]),
    ("host", ["importer", "passes"]),
    ("host", ["pack"]),
    ("host", ["unpack"]),
    ("tool", ["inputs"]),
    ("tool", ["parity"]),
    ("host", ["compress"]),
    ("host", ["summary"]),
    ("host", ["converter"]),
    ("tool", ["measure", "evaluation"]),
    ("host", ["selftest"]),
    ("tool", ["commands"]),
    ("tool", ["cli"]),
    ("tool", ["__main__"]),
]
DEVICE_ENTRY = "__init__"
MODULES = {name: (i, side) for i, (side, names) in enumerate(PYTHON_LAYERS) for name in names}

CPP_FILES = sorted(p for p in CSRC.rglob("*") if p.suffix in (".cpp", ".h", ".inc", ".def"))
PYTHON_FILES = sorted(PACKAGE.rglob("*.py"))
KERNELS = CSRC / "kernels"
LEVEL_ROWS = re.findall(r"^(\w*LEVEL)\((\w+),", (CSRC / "core/isa.def").read_text(), re.MULTILINE)
ISA_LEVELS = {level for _, level in LEVEL_ROWS}
VECTOR_HEADERS = [KERNELS / f"simd/{level}.h" for kind, level in LEVEL_ROWS if kind != "LEVEL"]
ISA_FILES = [
    p
    for p in CPP_FILES
    if KERNELS in p.parents and p.suffix == ".cpp" and p.stem in {*ISA_LEVELS, "kernel", "level"}
]
FAMILIES = re.findall(r"^FAMILY\((\w+), (\w+)\)", (KERNELS / "families.def").read_text(), re.M)
TABLES = re.findall(r"^TABLE_FAMILY\((\w+)\)", (KERNELS / "families.def").read_text(), re.M)
TYPE_HEADERS = {"cstdint", "cstddef", "cstring", "type_traits", "utility"}  # nothing to inline


def relative(path: Path) -> str:
    """The name of a file in test ids and messages."""
    return str(path.relative_to(ROOT))


def includes(path: Path) -> list[tuple[str, str]]:
    """The includes of a file: (quote or bracket, name)."""
    return re.findall(r'^\s*#\s*include\s*(["<])([^">]+)[">]', path.read_text(), re.MULTILINE)


@pytest.mark.parametrize("path", CPP_FILES, ids=relative)
def test_cpp_includes_point_left(path: Path) -> None:
    """What CPP_LAYERS says, and no family of kernels knows another."""
    layer = path.relative_to(CSRC).parts[0]
    allowed = CPP_LAYERS[: CPP_LAYERS.index(layer) + 1] if layer in CPP_LAYERS else [layer]
    if layer == "bindings" and path.name in CONVERTER_BINDINGS:
        allowed = [*CPP_LAYERS, layer]
    for quote, name in includes(path):
        if quote == "<":
            continue
        target = name.split("/")
        assert (CSRC / name).is_file(), f"{name}: includes are relative to csrc/"
        fine = target[0] in allowed or name in ON_API.get(layer, ())
        assert fine, f"{layer} must not include {name}"
        if layer == "kernels" and target[0] == "kernels" and path.parent.name != "kernels":
            own = {path.parent.name, "records", "simd", "kernel.h", "level.h"}
            assert target[1] in own, f"family {path.parent.name} must not include {name}"


@pytest.mark.parametrize("path", ISA_FILES, ids=relative)
def test_isa_files_include_only_intrinsics_and_family(path: Path) -> None:
    """What a file compiled for a level sees, through its family's headers too."""
    seen, todo = set(), [path]
    while todo:
        for quote, name in includes(todo.pop()):
            if name == "kernels/level.h":
                todo += VECTOR_HEADERS
            elif quote == '"':
                header = CSRC / name
                if name.startswith(("kernels/", "weights/")) and header not in seen:
                    seen.add(header)
                    todo.append(header)
            else:
                intrinsics = re.fullmatch(r"\w*intrin\.h|arm_(neon|acle)\.h", name)
                known = name in TYPE_HEADERS or intrinsics
                assert known, f"<{name}> may leak inline functions"


def test_families_are_listed_and_tested() -> None:
    """families.def names the folders of kernels, and each has its test."""
    folders = {p.name for p in KERNELS.iterdir() if p.is_dir()} - {"records", "simd"}
    names = [*TABLES, *(name for name, _ in FAMILIES)]
    assert sorted(names) == sorted(folders)
    for name in names:
        assert (ROOT / f"tests/kernels/{name}_test.cpp").is_file(), f"{name} has no test"


@pytest.mark.parametrize(("family", "arguments"), FAMILIES)
def test_families_have_one_kernel_for_all_levels(family: str, arguments: str) -> None:
    """kernel.cpp, and in its place <level>.cpp for levels with vectors, define the kernels."""
    folder = KERNELS / family
    assert not (folder / "kernels.inc").exists()
    kernel = f"void KERNEL_NAME({family})(const {arguments}&"
    assert kernel in (folder / "kernel.cpp").read_text()
    assert f"struct {arguments} {{" in (folder / f"{family}.h").read_text()
    for path in {*folder.glob("*.cpp")} - {folder / "kernel.cpp"}:
        assert KERNELS / f"simd/{path.stem}.h" in VECTOR_HEADERS, f"{path.name}: no such level"
        assert f"void {family}_{path.stem}(const {arguments}&" in path.read_text()


@pytest.mark.parametrize("family", TABLES)
def test_a_kernel_row_for_every_isa_file(family: str) -> None:
    """Each <family>/<level>.cpp has rows of that level, and each row's symbol names its file."""
    folder = KERNELS / family
    rows = re.findall(r"^KERNEL\((\w+),\s*(\w+)", (folder / "kernels.inc").read_text(), re.M)
    files = {p.stem for p in folder.glob("*.cpp") if p.stem in ISA_LEVELS}
    assert {level for _, level in rows} == files, "kernels.inc and the files of the levels differ"
    assert f'"kernels/{family}/kernels.inc"' in (KERNELS / "list.cpp").read_text()
    for symbol, level in rows:
        assert symbol.startswith(f"{family}_{level}"), symbol
        assert symbol in (folder / f"{level}.cpp").read_text(), symbol


RUNTIME_FILES = [p for p in CPP_FILES if p.is_relative_to(CSRC / "runtime")]
# The constants of Panel, and what looks like arithmetic with them.
PLACES = r"\bk(Outputs|Depth|Step)\b|N16::k|(?<!1 )[%/] ?16\b"


@pytest.mark.parametrize("path", [*RUNTIME_FILES, *PYTHON_FILES], ids=relative)
def test_only_weights_know_how_a_weight_lies(path: Path) -> None:
    """Nobody else computes a place in a panel: csrc/weights has one class for each form."""
    found = re.findall(f".*(?:{PLACES}).*", path.read_text())
    assert not found, f"ask csrc/weights: {found}"


@pytest.mark.parametrize("path", RUNTIME_FILES, ids=relative)
def test_runtime_names_no_level(path: Path) -> None:
    """How fast a kernel is, and what it needs, stands in its row."""
    assert "Isa::" not in path.read_text()


def test_folders_are_small() -> None:
    """Who looks for something in the runtime has few places to look at: modules, or files."""
    runtime = CSRC / "runtime"
    modules = {p.stem for p in runtime.iterdir()}
    assert len(modules) <= 15, sorted(modules)
    for folder in [CSRC / "weights", *(p for p in runtime.rglob("*") if p.is_dir())]:
        files = [p.name for p in folder.iterdir() if p.is_file()]
        assert folder.name == "ops" or len(files) <= 12, f"{folder.name}: {sorted(files)}"


def imported(path: Path, everywhere: bool) -> set[str]:
    """The modules of edgert that a file imports; without ``everywhere``, at module level only."""
    tree = ast.parse(path.read_text())
    found: set[str] = set()
    for node in ast.walk(tree) if everywhere else tree.body:
        if isinstance(node, ast.Import):
            found.update(a.name.split(".")[1] for a in node.names if a.name.startswith("edgert."))
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            parts = node.module.split(".")
            if parts[0] == "edgert" and len(parts) > 1:
                found.add(parts[1])
            elif parts == ["edgert"]:
                found.update(a.name for a in node.names if a.name in MODULES)
        elif isinstance(node, ast.ImportFrom):
            raise AssertionError(f"{relative(path)}: imports are absolute")
    return found


@pytest.mark.parametrize("path", PYTHON_FILES, ids=relative)
def test_python_imports_point_left(path: Path) -> None:
    """A module imports only modules above it in PYTHON_LAYERS."""
    module = Path(path.relative_to(PACKAGE).parts[0]).stem
    if module in (DEVICE_ENTRY, "examples"):
        sides = {MODULES[name][1] for name in imported(path, everywhere=False)}
        assert sides <= {"device"}, "import edgert loads the device side only"
        return
    assert module in MODULES, f"give {module} a place in PYTHON_LAYERS"
    layer, side = MODULES[module]
    for name in imported(path, everywhere=True) - {module}:
        assert name in MODULES, name
        assert MODULES[name][0] < layer, f"{module} must not import {name}"
    if side == "tool":
        eager = {MODULES[name][1] for name in imported(path, everywhere=False)}
        assert "host" not in eager, f"{module} imports the host side inside of functions"


COMPRESS = PACKAGE / "compress"
FLOORS = [COMPRESS, *(p for p in COMPRESS.rglob("*") if p.is_dir() and p.name != "__pycache__")]


def rooms(floor: Path) -> dict[str, set[str]]:
    """The modules and folders of a floor, and which others of the floor each imports."""
    prefix = ".".join(["edgert", *floor.relative_to(PACKAGE).parts])
    found: dict[str, set[str]] = {}
    for path in floor.rglob("*.py"):
        room = Path(path.relative_to(floor).parts[0]).stem
        if room == "__init__":
            continue
        text = path.read_text()
        names = re.findall(rf"^\s*(?:from|import) {prefix}\.(\w+)", text, re.MULTILINE)
        names += re.findall(rf"^\s*from {prefix} import (\w+)", text, re.MULTILINE)
        found.setdefault(room, set()).update({*names} - {room})
    return found


@pytest.mark.parametrize("floor", FLOORS, ids=relative)
def test_floors_of_compression_have_few_rooms_and_no_circles(floor: Path) -> None:
    """Each room needs only rooms that are there without it."""
    left = rooms(floor)
    assert len(left) <= 12, sorted(left)
    while left:
        free = {room for room, needs in left.items() if needs.isdisjoint(left)}
        assert free, f"they need each other: {left}"
        left = {room: needs for room, needs in left.items() if room not in free}


@pytest.mark.parametrize("path", PYTHON_FILES, ids=relative)
def test_only_the_ladder_chooses_among_forms(path: Path) -> None:
    """Who names two forms of layers decides between them."""
    text = path.read_text()
    if COMPRESS / "ladder" in path.parents or "from edgert.compress.ladder" not in text:
        return
    named = set(re.findall(r"\bForm\.(\w+)", text))
    assert len(named) < 2, f"ask the ladder: {named}"


def test_import_needs_numpy_alone() -> None:
    """``import edgert`` loads no module beyond the standard library, numpy and itself."""
    code = """
import sys, numpy
before = set(sys.modules)
import edgert
new = {name.split(".")[0] for name in set(sys.modules) - before}
print(*sorted(new - set(sys.stdlib_module_names if hasattr(sys, "stdlib_module_names") else ())))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    third_party = set(done.stdout.split())
    if sys.version_info >= (3, 10):
        assert third_party <= {"edgert", "numpy"}
    assert not third_party & {"onnx", "rich", "PIL", "google", "onnxruntime"}


def test_module_lives_beside_other_runtimes() -> None:
    """The C++ library inside of the module is not mixed up with that of another module."""
    code = "import edgert, onnxruntime; print(onnxruntime.get_available_providers())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("op", schema.OPS)
def test_every_operator_is_complete(op: str) -> None:
    """An operator of the schema has its file in the runtime, its meaning in numpy and its cases."""
    source = CSRC / "runtime" / "ops" / f"{op}.cpp"
    assert source.is_file(), "the runtime lacks it"
    assert f"const OpDef {op}_op" in source.read_text()
    assert op in interp.OPERATORS, "the interpreter lacks it"
    assert op in TRAITS, "python/edgert/ops.py lacks it"
    assert op in CASES, "tests/operator_cases.py lacks it"


@pytest.mark.parametrize("path", [p for p in PYTHON_FILES if p.name != "__init__.py"], ids=relative)
def test_kinds_of_operators_are_traits(path: Path) -> None:
    """Three operators in a row are a kind, which ops.py has the traits for."""
    for node in ast.walk(ast.parse(path.read_text())):
        items = getattr(node, "args", ()) if isinstance(node, ast.Call) else ()
        items = node.elts if isinstance(node, (ast.Tuple, ast.List, ast.Set)) else items
        texts = [item.value for item in items if isinstance(item, ast.Constant)]
        found = [text for text in texts if text in TRAITS]
        assert len(found) < 3, f"ask for the trait of {found}"


@pytest.mark.parametrize("name", _core.records())
def test_records_have_no_padding(name: str) -> None:
    """Every byte of a file record belongs to a member."""
    assert_no_padding(_core.records()[name])


@pytest.mark.parametrize("op", schema.OPS)
def test_attribute_records_have_no_padding(op: str) -> None:
    """Every byte of an attribute record belongs to a member."""
    assert_no_padding(schema.OPS[op].attrs)


def assert_no_padding(dtype: np.dtype) -> None:
    """Fails if the fields of ``dtype``, or of a record in it, leave bytes out."""
    if dtype.subdtype is not None:
        dtype = dtype.subdtype[0]
    if dtype.names is None:
        return
    end = 0
    for field in dtype.names:
        kind, offset = dtype.fields[field][:2]
        assert offset == end, f"{field} starts at {offset}, expected {end}"
        end += kind.itemsize
        assert_no_padding(kind)
    assert dtype.itemsize == end


TEXTS = [
    *CPP_FILES,
    *PYTHON_FILES,
    *(ROOT / "tests").rglob("*.py"),
    *(ROOT / "tests").rglob("*.cpp"),
    *(ROOT / "tests").rglob("*.h"),
    *(ROOT / "tests").rglob("*.c"),
    *(ROOT / "examples").rglob("*.*"),
    *(ROOT / "tools").rglob("*.py"),
]


@pytest.mark.parametrize("path", TEXTS, ids=relative)
def test_files_are_short(path: Path) -> None:
    """One file, one subject."""
    assert len(path.read_text().splitlines()) <= MAX_LINES


DOCUMENTS = [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), *ROOT.glob("*/README.md")]
NAMING = [*TEXTS, *DOCUMENTS, KERNELS / "simd/README.md", *(ROOT / "benchmarks").glob("*.*")]
FILES = [p.name for p in ROOT.glob("*.*")] + [
    relative(p)
    for folder in ("csrc", "python", "tests", "tools", "benchmarks", "docs", "examples")
    for p in (ROOT / folder).rglob("*.*")
]
# The name of a file with a folder, or of one alone between backticks.
VARYING = r"\*|<\w+>|\{\w+\}"
PART = rf"(?:[\w.-]|{VARYING})+"
KIND = r"\.(?:h|c|cpp|inc|def|py|pyi|cmake|md)\b"
NAMED_FILE = re.compile(rf"(?<![\w./<-])((?:{PART}/)+{PART}{KIND})|`({PART}{KIND})`")


@pytest.mark.parametrize("path", NAMING, ids=relative)
def test_files_that_are_named_exist(path: Path) -> None:
    """What comments and documents call by the end of its path: schema/ops.def is csrc's."""
    text = re.sub(r"^ *# *include.*", "", path.read_text(), flags=re.MULTILINE)
    for name in map("".join, NAMED_FILE.findall(text)):
        pattern = r"[\w.-]+".join(map(re.escape, re.split(VARYING, name)))
        assert any(re.search(f"(?:^|/){pattern}$", file) for file in FILES), name
