"""Runs programs in a Debian for another machine as on a board, under QEMU.

The kernel must know QEMU: ``apt install qemu-user-static binfmt-support`` tells it. Everything is
mounted in a namespace of its own, which has no network, and gone when the program ends. The cross
compilers of this system are there, too, and run without emulation, which would take hours.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

# $1: the folder that becomes /, $2: the triple, $3: what becomes /board.
_MOUNTS = """
set -eu
root=$1 triple=$2 work=$3
shift 3
share() {
  if [ -d "$1" ]; then mkdir -p "$root$2"; else touch "$root$2"; fi
  mount --rbind "$1" "$root$2"
}
share /dev /dev
share "$work" /board
mkdir -p "$root/proc"
mount -t proc proc "$root/proc"
# What this machine's programs need lies where the other has nothing.
here=$(uname -m)-linux-gnu
share /lib64 /lib64
share "/usr/lib/$here" "/usr/lib/$here"
share "/usr/lib/$here" "/lib/$here"
share /usr/lib/gcc-cross /usr/lib/gcc-cross
share "/usr/$triple" "/usr/$triple"
for program in "/usr/bin/$triple"-*; do
  share "$(readlink -f "$program")" "$program"
done
exec chroot "$root" /usr/bin/env -i -C /board "$@"
"""


def run(root: Path, triple: str, cpu: str, work: Path, command: str) -> None:
    """Has the shell of the Debian in ``root`` run a command on an emulated ``cpu``.

    It does so in /board, which is the folder ``work``; CC and CXX are the cross compilers for
    ``triple``.

    Raises CalledProcessError if it fails.
    """
    settings = {
        "PATH": "/usr/bin:/bin",
        "HOME": "/board",
        "QEMU_CPU": cpu,
        "CC": f"{triple}-gcc",
        "CXX": f"{triple}-g++",
    }
    unshare = ["unshare", "--map-root-user", "--mount", "--net", "--pid", "--fork"]
    shell = ["sh", "-c", _MOUNTS, "board", root, triple, work]
    words = [f"{name}={value}" for name, value in settings.items()]
    subprocess.run([*unshare, *shell, *words, "/bin/bash", "-euc", command], check=True)
