"""A writer of a journal in a child under strace, and the check of what it left: acknowledged frames, whole chain."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from journals import make_commit
from ledger.errors import Corrupt, Unavailable
from ledger.journal import JournalReader, create_or_open, verify

Ack = tuple[int, str]
WRITES = (
    "pwrite64",
    "pwritev",
    "pwritev2",
    "write",
    "writev",
    "fdatasync",
    "fsync",
    "ftruncate",
    "fallocate",
    "rename",
    "unlink",
)
"""Everything that changes a disk."""
_WRITER = Path(__file__).resolve().parent.parent / "tests" / "crash" / "journal_writer.py"
_ACK = re.compile(r"(\d+) ([0-9a-f]{64})\n")


def write(
    directory: Path,
    mode: str,
    seed: int,
    frames: int,
    strace: list[str],
    log: Path | None = None,
    options: Sequence[str] = (),
) -> tuple[list[Ack], int, str]:
    """(acknowledged, exit code, what it said) of a writer under strace with these options."""
    command = [sys.executable, str(_WRITER), str(directory), "trading", str(seed)]
    command += ["--commit", mode, "--frames", str(frames), *options]
    traced = ["strace", "-f", "-qq", *strace, "-o", str(log or os.devnull), *command]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    done = subprocess.run(traced, capture_output=True, text=True, env=environment, check=False, timeout=300)
    acks = [(int(seq), chain) for seq, chain in _ACK.findall(done.stdout)]
    return acks[1:], done.returncode, done.stderr


def calls(directory: Path, mode: str, seed: int, frames: int) -> Counter[str]:
    """How often the busiest thread of a writer makes each call: `when=` of strace counts by thread."""
    log = directory.with_name("calls.log")
    write(directory, mode, seed, frames, ["-e", f"trace={','.join(WRITES)}"], log)
    by_thread = Counter(
        (line.split()[0], line.split()[1].split("(")[0])
        for line in log.read_text().splitlines()
        if "(" in line and "resumed" not in line
    )
    most: Counter[str] = Counter()
    for (_, name), number in by_thread.items():
        if name in WRITES:
            most[name] = max(most[name], number)
    return most


def points(most: Counter[str], count: int) -> list[tuple[str, int]]:
    """At most about `count` (call, how many-th), evenly over all calls."""
    every = [(name, number) for name, most_of in sorted(most.items()) for number in range(1, most_of + 1)]
    step = max(1, -(-len(every) // count))
    return every[::step]


def what_is_wrong(directory: Path, acks: list[Ack], mode: str) -> str:
    """What the journal that a crash left lacks; "": nothing. It is verified, read, and opened by a new owner."""
    if not (directory / "manifest.json").exists():
        return "acknowledged and no journal" if acks else ""
    try:
        report = verify(directory)
        if not report.ok:
            return f"false damage: {report.problems[0]}"
        before = heads(directory)
        lost = set(acks) - set(before)
        if lost:
            return f"lost before the start: {sorted(lost)[0]}"
        data = create_or_open(directory, partitions=1)
        try:
            commit = make_commit(mode, data.journal("trading", 0), wal_bytes=64 * 1024)
            commit.open()
            commit.close()
        finally:
            data.close()
        after = heads(directory)
    except (Corrupt, Unavailable, OSError) as error:
        return f"{type(error).__name__}: {error}"
    lost = set(acks) - set(after)
    return f"lost: {sorted(lost)[0]}" if lost else ""


def heads(directory: Path) -> list[Ack]:
    """(last seq, chain) of every frame, as a reader finds them."""
    with JournalReader(directory, "trading", 0) as reader:
        return [(frame.last_seq, frame.chain_hash.hex()) for frame in reader.frames()]
