"""The system calls of a process that change a disk, counted, and each of them as a point where it can be killed.

strace counts `when=` by thread and call. Calls on a descriptor are therefore chosen by their file, too, which one
thread writes: so the n-th of any file is reached, however busy another thread is.
"""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

ON_FILES = (
    "write",
    "pwrite64",
    "pwritev",
    "pwritev2",
    "writev",
    "fsync",
    "fdatasync",
    "sync_file_range",
    "ftruncate",
    "fallocate",
)
"""Calls on an open file."""
ON_MEMORY = ("msync",)
"""LMDB's with a writable map, which the journal does not use; counted to show that there is none."""
ON_NAMES = ("rename", "renameat", "renameat2", "unlink", "unlinkat", "mkdir", "mkdirat", "rmdir", "link")
ON_SOCKETS = ("write", "sendto", "sendmsg")
"""What a feed changes the world with."""
SENDING = ["-e", f"trace={','.join(ON_SOCKETS)}", "-e", "signal=none"]
COUNTING = ["-y", "-e", f"trace={','.join((*ON_FILES, *ON_MEMORY, *ON_NAMES))}", "-e", "signal=none"]
_LINE = re.compile(r"^(?:(\d+)\s+)?(\w+)\((.*)")
_FILE = re.compile(r"^\d+<([^>]*)>")
_PID = "{pid}"
_NEWEST = "{newest}"
_SEGMENT = re.compile(r"(?:trading|market)/\d+/segments/\d{20}")


class Point(NamedTuple):
    """The `number`-th call of this name, on this file where it has one ({pid}: of the process; {newest} segment)."""

    call: str
    file: str
    number: int

    def strace(self, folder: Path) -> Callable[[int], Sequence[str]]:
        """The options that kill the process there; files are counted from `folder`."""

        def options(pid: int) -> list[str]:
            path = ["-P", str(folder / self._name(folder, pid))] if self.file else []
            when = f"inject={self.call}:signal=KILL:when={self.number}"
            return [*path, "-e", f"trace={self.call}", "-e", when, "-e", "signal=none"]

        return options

    def _name(self, folder: Path, pid: int) -> str:
        name = self.file.replace(_PID, str(pid))
        before, newest, after = name.partition(_NEWEST)
        if not newest:
            return name
        return next((f"{it}{after}" for it in segments_of(folder) if it.startswith(before)), name)

    def __str__(self) -> str:
        return f"{self.call} {self.number}" + (f" of {self.file}" if self.file else "")


def segments_of(folder: Path) -> list[str]:
    """The segments that are there, newest first, without the ending."""
    paths = sorted(folder.glob("*/*/segments/[0-9]*.lmdb"), reverse=True)
    return [str(path.relative_to(folder).with_suffix("")) for path in paths]


def counted(log: Path, folder: Path, pid: int, before: Sequence[str] = ()) -> Counter[tuple[str, str]]:
    """How often each (call, file below `folder`) was made; "": a call on names.

    `before`: the segments that were there when it began. Calls on others are left out: their names are new in each run.
    """
    counts: Counter[tuple[str, str]] = Counter()
    newest = {name.rpartition("/")[0]: name for name in reversed(before)}
    for _, call, rest in _lines(log):
        if call in ON_NAMES:
            counts[call, ""] += f'"{folder}' in rest
            continue
        file = _FILE.match(rest)
        if file is None or not file[1].startswith(f"{folder}/"):
            continue
        name = re.sub(rf"\.{pid}$", f".{_PID}", file[1][len(str(folder)) + 1 :])
        segment = _SEGMENT.match(name)
        if segment is not None and before:
            place = segment[0].rpartition("/")[0]
            if newest.get(place) != segment[0]:
                continue
            name = f"{place}/{_NEWEST}{name[segment.end() :]}"
        counts[call, name] += 1
    return +counts


def of_busiest(log: Path) -> Counter[tuple[str, str]]:
    """How often the busiest thread made each call, on whatever: for processes whose files have new names in each run."""
    by_thread = Counter((call, thread) for thread, call, _ in _lines(log))
    most: Counter[tuple[str, str]] = Counter()
    for (call, _), number in by_thread.items():
        most[call, ""] = max(most[call, ""], number)
    return most


def _lines(log: Path) -> Iterator[tuple[str, str, str]]:
    """(thread, call, arguments and result) of each call."""
    for line in log.read_text(errors="replace").splitlines():
        found = _LINE.match(line)
        if found is not None and "resumed>" not in line:
            yield found[1] or "", found[2], found[3]


def points_of(counts: Counter[tuple[str, str]], most: int, seed: int) -> list[Point]:
    """Every one, or `most` of them evenly over all files; another seed begins with another."""
    every = [
        Point(call, file, number)
        for (call, file), total in sorted(counts.items())
        for number in range(1, total + 1)
    ]
    if len(every) <= most:
        return every
    begin = random.Random(seed).random()
    return [every[int((index + begin) * len(every) / most)] for index in range(most)]
