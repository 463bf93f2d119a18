"""Disks that fail: EIO on each write and sync, a file size limit, a full disk, and one that is slow."""

from __future__ import annotations

import subprocess
from collections import Counter
from pathlib import Path

from _faults_writer import calls, points, what_is_wrong, write

FRAMES = 40
MODES = ("wal", "lmdb")
FAILING = (
    "pwrite64",
    "pwritev",
    "pwritev2",
    "writev",
    "fdatasync",
    "fsync",
    "ftruncate",
    "fallocate",
    "rename",
)
"""Not `write`: that is also how the writer says what it has acknowledged."""
SLOW_US = 5000


def run(folder: Path, count: int, seed: int) -> Counter[str]:
    counts: Counter[str] = Counter(
        {"EIO": 0, "ended by it": 0, "ENOSPC": 0, "full disks": 0, "slow": 0, "acknowledged": 0, "failed": 0}
    )
    for mode in MODES:
        base = folder / mode
        base.mkdir()
        most = Counter(
            {name: n for name, n in calls(base / "counted", mode, seed, FRAMES).items() if name in FAILING}
        )
        for error, each in (("EIO", count // 3), ("ENOSPC", count // 6)):
            for name, number in points(most, max(1, each)):
                inject = ["-e", f"trace={name}", "-e", f"inject={name}:error={error}:when={number}+"]
                one(base / f"{error}-{name}-{number}", mode, seed, inject, error, counts)
        delay = ["-e", "trace=fdatasync,pwritev2", "-e", f"inject=fdatasync,pwritev2:delay_enter={SLOW_US}"]
        one(base / "slow", mode, seed, delay, "slow", counts)
        full_disk(base / "full", mode, seed, counts)
    return counts


def one(data: Path, mode: str, seed: int, inject: list[str], what: str, counts: Counter[str]) -> None:
    acks, code, said = write(data, mode, seed, FRAMES, inject)
    counts[what] += 1
    counts["acknowledged"] += len(acks)
    counts["ended by it"] += what != "slow" and code != 0
    wrong = what_is_wrong(data, acks, mode)
    if what == "slow" and (code or len(acks) != FRAMES):
        wrong = wrong or f"a slow disk ended it: {said}"
    if code and "StorageError" not in said and "Refused" not in said and "Unavailable" not in said:
        wrong = wrong or f"it did not say which disk: {said[-300:]}"
    if wrong:
        counts["failed"] += 1
        print(f"{mode}: {data.name}: {wrong}")


def full_disk(disk: Path, mode: str, seed: int, counts: Counter[str]) -> None:
    """A tmpfs of one mebibyte; left out where this user may not mount."""
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1048576", "tmpfs", str(disk)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        print(f"{mode}: a tmpfs cannot be mounted here: no full disk was tried")
        return
    try:
        acks, code, said = write(disk / "data", mode, seed, 2000, ["-e", "trace=none"])
        counts["full disks"] += 1
        counts["acknowledged"] += len(acks)
        wrong = (
            ""
            if code and "StorageError" in said
            else f"it ended otherwise than by its full disk: {said[-200:]}"
        )
        wrong = wrong or still_there(disk / "data", acks)
        if wrong:
            counts["failed"] += 1
            print(f"{mode}: full disk: {wrong}")
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=True)


def still_there(data: Path, acks: list[tuple[int, str]]) -> str:
    """Read only: on a full disk no start is to be expected."""
    from _faults_writer import heads

    return "acknowledged frames are gone" if set(acks) - set(heads(data)) else ""
