"""Builds edgert for other machines than this one.

    python tools/cross.py wheel --target aarch64 --python 3.11    # for old systems, too
    python tools/cross.py wheel --target armv7l --python all --run    # and its self-test
    python tools/cross.py library --target armv7l --libc musl     # libedgert, edgert.h, edgert-run
    python tools/cross.py tests --target aarch64                  # the C++ tests
    python tools/cross.py sdist --target armv7l                   # pip install, as on the board
    python tools/cross.py macos                                   # whether arm64 macOS compiles it

``wheel`` and ``library`` use Clang and libc++ from the PyPI package ziglang, so that what they
build runs on systems with glibc 2.28 or newer, or with ``--libc musl`` on those with musl; an
``edgert-run`` with musl is static and runs on both. Results stand in build/cross/dist.
``--compiler gcc`` takes Debian's cross compilers, as ``tests`` does: fast, but what they build
needs a system as new as this one. Python's headers come from Debian, those of 3.10 and 3.12 from
Pythons of this system. The first build for a target takes minutes more, for the C++ library.
``--run`` has QEMU run the self-test of each wheel in a Debian of the target with its Python.
Debian's ``advancecomp``, where it is installed, packs wheels better.
``sdist`` makes the source distribution, and has pip build and install it in an emulated Debian of
the target, where the self-test runs: as on a board, but that the compilers are this system's, as
fast as ever. Needs ``apt install qemu-user-static binfmt-support`` and Debian's cross compiler.
``macos`` compiles the runtime for Macs with Apple silicon; it links and runs nothing.

Needs ``pip install -r tools/cross/requirements.txt``.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "build" / "cross"
CROSS = ROOT / "tools" / "cross"
DIST = BUILD / "dist"
GLIBC = "2.28"
PYTHONS = [f"3.{minor}" for minor in range(9, 15)]
sys.path.insert(0, str(CROSS))
import board  # noqa: E402
import sysroot  # noqa: E402

TARGETS = sorted(sysroot.TRIPLES)
EMULATED = {  # QEMU's name of the machine, and the oldest CPU of a board that has its wheel
    "aarch64": ("aarch64", "cortex-a53"),
    "armv7l": ("arm", "cortex-a7"),
    "x86_64": ("x86_64", "Haswell"),
}
SMALL = "-DCMAKE_BUILD_TYPE=MinSizeRel"  # as small as it can be with fast kernels
ZIG_ARCHITECTURES = {"aarch64": "aarch64", "armv7l": "arm", "x86_64": "x86_64"}


def run(*command: object, env: dict[str, str] | None = None) -> None:
    """Runs a command, shows it, and ends this program if it fails."""
    words = [str(word) for word in command]
    print("$", *words, flush=True)
    done = subprocess.run(words, env={**os.environ, **(env or {})}, check=False)
    if done.returncode != 0:
        sys.exit(f"exit code {done.returncode}: {' '.join(words)}")


def zig() -> Path:
    """The compiler of the package ziglang."""
    package = importlib.util.find_spec("ziglang")
    if package is None or package.origin is None:
        sys.exit("zig is missing: pip install -r tools/cross/requirements.txt")
    return Path(package.origin).parent / "zig"


def triple(target: str, libc: str) -> str:
    """Such as arm-linux-gnueabihf."""
    return sysroot.TRIPLES[target].replace("gnu", libc)


def toolchain(target: str, compiler: str, libc: str) -> list[str]:
    """The options of CMake that choose the compiler."""
    file = f"-DCMAKE_TOOLCHAIN_FILE={CROSS / compiler}.cmake"
    name = triple(target, libc)
    if compiler == "gcc":
        return [file, f"-DEDGERT_CROSS={name}"]
    if libc == "gnu":
        name += f".{GLIBC}"
    return [file, f"-DEDGERT_CROSS={name}", f"-DEDGERT_ZIG={zig()}"]


def cmake_build(folder: Path, *options: object, targets: tuple[str, ...] = ()) -> None:
    """Configures and builds the project in ``folder``."""
    run("cmake", "-S", ROOT, "-B", folder, "-G", "Ninja", *options)
    run("cmake", "--build", folder, *(["--target", *targets] if targets else []))


def build_tests(target: str) -> Path:
    """The C++ tests and programs, by Debian's cross compiler; returns the folder."""
    folder = BUILD / f"gcc-{target}"
    programs = ("edgert_kernel_test", "edgert_emulated_run", "edgert_emulated_load")
    options = ("-DEDGERT_TESTS=ON", "-DEDGERT_LIBRARY=OFF")
    cmake_build(folder, *toolchain(target, "gcc", "gnu"), *options, targets=programs)
    return folder


def compile_for_macos() -> None:
    """Every object of the runtime. To link and run takes a Mac."""
    folder = BUILD / "zig-aarch64-macos"
    options = (f"-DCMAKE_TOOLCHAIN_FILE={CROSS / 'zig'}.cmake", f"-DEDGERT_ZIG={zig()}")
    options += ("-DEDGERT_CROSS=aarch64-macos", "-DEDGERT_LIBRARY=OFF")
    cmake_build(folder, *options, targets=("edgert_runtime",))


def build_library(target: str, compiler: str, libc: str) -> Path:
    """What ``cmake --install`` gives: libedgert, edgert.h, and edgert-run, static with musl."""
    folder = BUILD / f"library-{compiler}-{triple(target, libc)}"
    prefix = DIST / f"edgert-{triple(target, libc)}"
    options = [f"-DEDGERT_STATIC={'ON' if libc == 'musl' else 'OFF'}"]
    options.append(SMALL)
    cmake_build(folder, *toolchain(target, compiler, libc), *options)
    run("cmake", "--install", folder, "--prefix", prefix)
    return prefix


def python_headers(target: str, python: str) -> list[Path]:
    """Folders to search for Python.h of the target and for pyconfig.h, and nothing of its libc."""
    folder = BUILD / "headers" / f"{target}-{python}"
    if not folder.exists():
        sysroot.headers(target, python, folder)
    import pybind11

    return [Path(pybind11.get_include()), folder / f"python{python}", folder]


def build_module(target: str, python: str, compiler: str, libc: str) -> Path:
    """The extension module. All Pythons share one build of the runtime."""
    folder = BUILD / f"wheel-{compiler}-{triple(target, libc)}"
    suffix = f".cpython-{python.replace('.', '')}-{triple(target, libc)}.so"
    headers = ";".join(map(str, python_headers(target, python)))
    options = [
        "-DEDGERT_PYTHON=ON",
        "-DEDGERT_LIBRARY=OFF",
        f"-DEDGERT_PYTHON_HEADERS={headers}",
        f"-DEDGERT_PYTHON_SUFFIX={suffix}",
        SMALL,
    ]
    cmake_build(folder, *toolchain(target, compiler, libc), *options, targets=("_core",))
    return folder / f"_core{suffix}"


def version() -> str:
    """The version of the project."""
    text = (ROOT / "pyproject.toml").read_text()
    return text.split('\nversion = "', 1)[1].split('"', 1)[0]


def platform_tag(target: str, compiler: str, libc: str) -> str:
    """The oldest systems that a wheel claims to run on; `auditwheel` confirms it."""
    if compiler == "gcc":
        return f"linux_{target}"
    if libc == "musl":
        return f"musllinux_1_2_{target}"
    return f"manylinux_{GLIBC.replace('.', '_')}_{target}"


def write_wheel(module: Path, python: str, tag: str) -> Path:
    """A wheel of the module, the Python files and the metadata that scikit-build-core makes."""
    interpreter = f"cp{python.replace('.', '')}"
    with tempfile.TemporaryDirectory() as scratch:
        code = "import sys, scikit_build_core.build as b; " + (
            "b.prepare_metadata_for_build_wheel(sys.argv[1])"
        )
        subprocess.run([sys.executable, "-c", code, scratch], cwd=ROOT, check=True)
        (info,) = Path(scratch).glob("*.dist-info")
        lines = ["Wheel-Version: 1.0", "Generator: edgert", "Root-Is-Purelib: false"]
        lines.append(f"Tag: {interpreter}-{interpreter}-{tag}")
        (info / "WHEEL").write_text("\n".join(lines) + "\n")
        files = {path.relative_to(scratch).as_posix(): path for path in info.rglob("*")}
        files.pop(f"{info.name}/RECORD", None)
        package = ROOT / "python"
        for path in sorted((package / "edgert").rglob("*")):
            if "__pycache__" not in path.parts and path.suffix != ".so":
                files[path.relative_to(package).as_posix()] = path
        files[f"edgert/{module.name}"] = module
        DIST.mkdir(parents=True, exist_ok=True)
        target = DIST / f"edgert-{version()}-{interpreter}-{interpreter}-{tag}.whl"
        record = []
        with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
            for name, path in sorted(files.items()):
                if path.is_file():
                    data = path.read_bytes()
                    archive.writestr(name, data)
                    digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=")
                    record.append(f"{name},sha256={digest.decode()},{len(data)}")
            record.append(f"{info.name}/RECORD,,")
            archive.writestr(f"{info.name}/RECORD", "\n".join(record) + "\n")
    if shutil.which("advzip"):
        run("advzip", "--recompress", "--shrink-insane", target)
    else:
        print("Debian's advancecomp would make the wheel 3 % smaller")
    return target


def build_wheel(target: str, python: str, compiler: str, libc: str) -> Path:
    """A wheel; `auditwheel` must agree with a tag that promises something."""
    module = build_module(target, python, compiler, libc)
    wheel = write_wheel(module, python, platform_tag(target, compiler, libc))
    if compiler == "zig":
        run(sys.executable, "-m", "auditwheel", "show", wheel)
    return wheel


def self_test(wheel: Path, target: str, python: str, libc: str) -> str:
    """Runs a wheel's self-test on an emulated CPU, and says whether that was possible."""
    if libc != "gnu" or python not in sysroot.SUITES:
        return "not run: no Debian has this Python and C library"
    machine, cpu = EMULATED[target]
    root = sysroot.with_python(target, sysroot.SUITES[python])
    with tempfile.TemporaryDirectory() as site:
        zipfile.ZipFile(wheel).extractall(site)
        qemu = (f"qemu-{machine}-static", "-cpu", cpu, "-L", root)
        test = ("-m", "edgert", "selftest", "--seconds", "0.01")
        run(*qemu, root / "usr" / "bin" / f"python{python}", *test, env={"PYTHONPATH": site})
    return f"passed its self-test on an emulated {cpu}"


def build_wheels(target: str, pythons: list[str], compiler: str, libc: str, tested: bool) -> None:
    """A wheel for each Python, and what became of it."""
    lines = []
    for python in pythons:
        wheel = build_wheel(target, python, compiler, libc)
        result = self_test(wheel, target, python, libc) if tested else "not run"
        lines.append(f"{wheel.relative_to(ROOT)}: {wheel.stat().st_size} bytes, {result}")
    print(*lines, sep="\n")


def install_sdist(target: str) -> None:
    """Builds the source distribution in an emulated Debian, and runs its self-test there."""
    root = sysroot.board(target)
    with tempfile.TemporaryDirectory() as folder:
        run(sys.executable, "-m", "build", "--sdist", "--outdir", folder, ROOT)
        tags = [f"--platform=manylinux_2_{minor}_{target}" for minor in (17, 28, 31, 34, 35)]
        needs = ("scikit-build-core", "pybind11", "cmake", "ninja")
        run(sys.executable, "-m", "pip", "download", "--quiet", "--dest", f"{folder}/wheels",
            "--only-binary=:all:", "--python-version=3.11", *tags, *needs)  # fmt: skip
        commands = (
            "python3 -m venv --system-site-packages env",  # with Debian's numpy
            "env/bin/pip install --no-index --find-links wheels edgert-*.tar.gz",
            "env/bin/edgert selftest --seconds 0.01",
        )
        board.run(
            root, triple(target, "gnu"), EMULATED[target][1], Path(folder), " && ".join(commands)
        )


def main() -> None:
    """Runs a command."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("command", choices=["wheel", "library", "tests", "sdist", "macos"])
    parser.add_argument("--target", choices=TARGETS, help="for all but macos")
    parser.add_argument("--python", nargs="+", default=["3.11"], metavar="VERSION", help="or all")
    parser.add_argument("--compiler", choices=["zig", "gcc"], default="zig")
    parser.add_argument("--libc", choices=["gnu", "musl"], default="gnu")
    parser.add_argument("--run", action="store_true", help="the self-test of wheels, under QEMU")
    args = parser.parse_args()
    if args.compiler == "gcc" and args.libc == "musl":
        parser.error("Debian's cross compilers are for glibc: --compiler zig")
    if args.command == "macos":
        return compile_for_macos()
    if args.target is None:
        parser.error(f"{args.command} needs --target")
    if args.command == "sdist":
        install_sdist(args.target)
    elif args.command == "tests":
        print(build_tests(args.target))
    elif args.command == "library":
        print(build_library(args.target, args.compiler, args.libc))
    else:
        pythons = PYTHONS if args.python == ["all"] else args.python
        build_wheels(args.target, pythons, args.compiler, args.libc, args.run)


if __name__ == "__main__":
    main()
