"""A disk of its own that is soon full, and what fills it.

    with small_disk(folder, 64) as disk:
        fill(disk / "filler")
"""

from __future__ import annotations

import contextlib
import subprocess
from pathlib import Path
from typing import Iterator


@contextlib.contextmanager
def small_disk(base: Path, mebibytes: int) -> Iterator[Path]:
    image, mount = base / "disk.img", base / "disk"
    with open(image, "wb") as file:
        file.truncate(mebibytes << 20)
    subprocess.run(["mke2fs", "-q", "-F", "-t", "ext4", str(image)], check=True)
    mount.mkdir()
    subprocess.run(["mount", "-o", "loop", str(image), str(mount)], check=True)
    try:
        yield mount
    finally:
        subprocess.run(["umount", str(mount)], check=True)
        image.unlink()


def fill(file: Path) -> None:
    with open(file, "ab", buffering=0) as filler:
        for size in (1 << 20, 4096, 1):
            with contextlib.suppress(OSError):
                while True:
                    filler.write(b"x" * size)
