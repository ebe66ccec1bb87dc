"""Makes folders with a Debian for ARM, to compile against and to run under emulation.

``python tools/cross/sysroot.py aarch64 [--suite bookworm] [--packages NAME...]`` has apt download
the packages of another architecture and unpacks them below build/cross/sysroot: that needs no root,
installs nothing, adds no architecture to this system and runs no program of a package. Python comes
with numpy, so that the folder runs an edgert wheel:

    qemu-aarch64-static -L SYSROOT SYSROOT/usr/bin/python3.11 -c "import numpy"
"""

from __future__ import annotations

import argparse
import getpass
import shutil
import subprocess
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2] / "build" / "cross" / "sysroot"
KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
ARCHITECTURES = {"aarch64": "arm64", "armv7l": "armhf", "x86_64": "amd64"}
TRIPLES = {
    "aarch64": "aarch64-linux-gnu",
    "armv7l": "arm-linux-gnueabihf",
    "x86_64": "x86_64-linux-gnu",
}
# The Python of each Debian: with it come the headers that its wheels are built with.
SUITES = {"3.9": "bullseye", "3.11": "bookworm", "3.13": "trixie", "3.14": "forky"}


def mirror() -> str:
    """Where this system gets its own packages from."""
    done = subprocess.run(
        ["apt-get", "indextargets", "--format", "$(SITE)", "Created-By: Packages"],
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    sites = [site for site in done.stdout.splitlines() if site.rstrip("/").endswith("/debian")]
    if not sites:
        raise SystemExit("this system's packages do not come from a mirror of Debian")
    return sites[0]


def download(
    suite: str, architecture: str, packages: list[str], folder: Path, alone: bool
) -> list[Path]:
    """The packages, and unless they are wanted ``alone`` what they depend on, in ``folder``."""
    for name in ("lists/partial", "cache/archives/partial"):
        (folder / name).mkdir(parents=True)
    (folder / "status").touch()
    source = f"deb [arch={architecture} signed-by={KEYRING}] {mirror()} {suite} main\n"
    (folder / "sources.list").write_text(source)
    settings = {
        "APT::Architecture": architecture,
        "APT::Architectures": architecture,
        "APT::Install-Recommends": "false",
        "APT::Sandbox::User": getpass.getuser(),
        "Debug::NoLocking": "1",
        "Dir::State": folder,
        "Dir::State::status": folder / "status",
        "Dir::State::lists": folder / "lists",
        "Dir::Cache": folder / "cache",
        "Dir::Etc::sourcelist": folder / "sources.list",
        "Dir::Etc::sourceparts": "/dev/null",
        "Dir::Etc::preferencesparts": "/dev/null",
    }
    apt = ["apt-get", "-qq", *(f"-o{name}={value}" for name, value in settings.items())]
    subprocess.run([*apt, "update"], check=True)
    archives = folder / "cache" / "archives"
    get = ["download"] if alone else ["-y", "--download-only", "install"]
    subprocess.run([*apt, *get, *packages], check=True, cwd=archives)
    return sorted(archives.glob("*.deb"))


def make(machine: str, suite: str, packages: list[str], name: str, alone: bool = False) -> Path:
    """A folder with the packages, made at the first call; it is there once it is complete."""
    done = ROOT / f"{name}-{suite}-{machine}"
    if done.exists():
        return done
    ROOT.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=ROOT) as made:
        root = Path(made, "root")
        root.mkdir()
        (root / "usr" / "lib").mkdir(parents=True)
        if suite in ("trixie", "forky"):  # their packages have no files in /lib
            (root / "lib").symlink_to("usr/lib")
        with tempfile.TemporaryDirectory() as scratch:
            found = download(suite, ARCHITECTURES[machine], packages, Path(scratch), alone)
            for package in found:
                subprocess.run(["dpkg-deb", "-x", package, root], check=True)
        link_algebra(root / "usr" / "lib" / TRIPLES[machine])
        root.rename(done)
    return done


def link_algebra(libraries: Path) -> None:
    """The links that Debian's alternatives system would make for numpy's BLAS and LAPACK."""
    for name in ("blas", "lapack"):
        library = libraries / name / f"lib{name}.so.3"
        if library.exists():
            (libraries / library.name).symlink_to(f"{name}/{library.name}")


def with_python(machine: str, suite: str = "bookworm") -> Path:
    """A sysroot that runs wheels: Python and numpy."""
    return make(machine, suite, ["python3", "python3-numpy", "libstdc++6", "libatomic1"], "run")


def board(machine: str) -> Path:
    """A Debian in which pip builds edgert, as the README has one install it on a board."""
    packages = ["bash", "coreutils", "g++", "python3-dev", "python3-venv", "python3-numpy"]
    return make(machine, "bookworm", packages, "board")


def headers(machine: str, python: str, folder: Path) -> None:
    """Puts Python's headers, and its pyconfig.h by the triple, in ``folder``.

    Versions that no Debian has come from a ``python3.X`` of this system: all but pyconfig.h is the
    same on every machine, and that hardly changes from the version before.
    """
    minor = int(python.split(".")[1])
    debian = python if python in SUITES else f"3.{minor - 1}"
    package = f"libpython{debian}-dev"
    include = make(machine, SUITES[debian], [package], package, alone=True) / "usr" / "include"
    here = include / f"python{debian}"
    if debian != python:
        code = "import sysconfig; print(sysconfig.get_path('include'))"
        done = subprocess.run([f"python{python}", "-c", code], stdout=subprocess.PIPE, text=True)
        if done.returncode != 0:
            raise SystemExit(f"for headers of Python {python} there must be a python{python} here")
        here = Path(done.stdout.strip())
    triple = TRIPLES[machine]
    shutil.copytree(here, folder / f"python{python}", symlinks=True)
    if debian != python:
        pyconfig = folder / f"python{python}" / "pyconfig.h"
        shutil.copy(include / triple / f"python{debian}" / "pyconfig.h", pyconfig)
    else:
        shutil.copytree(include / triple / f"python{python}", folder / triple / f"python{python}")
    (folder / "crypt.h").touch()  # Python.h of 3.9 includes it, and uses nothing of it


def main() -> None:
    """Makes a sysroot and prints where it is."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("machine", choices=ARCHITECTURES)
    parser.add_argument("--suite", default="bookworm")
    parser.add_argument("--packages", nargs="+", help="these in place of Python and numpy")
    args = parser.parse_args()
    if args.packages:
        print(make(args.machine, args.suite, args.packages, "-".join(sorted(args.packages))))
    else:
        print(with_python(args.machine, args.suite))


if __name__ == "__main__":
    main()
