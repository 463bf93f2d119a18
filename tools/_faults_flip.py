"""One changed bit in every byte of a small journal: found and located, reported, or provably of no account.

Of no account means that verify finds nothing and every frame is read as before. Two cases cannot be told apart from
what a crash leaves and are reported instead: the newest unsettled frame (a torn end), and LMDB's two meta pages (an
older head, which the heads of the last clean stop show).
"""

from __future__ import annotations

import random
import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from journals import crash_unsettled, write_journal
from ledger.errors import Corrupt, Rejected, Unavailable
from ledger.journal import (
    SNAPSHOT_FORMAT,
    JournalReader,
    SnapshotHeader,
    open_readonly,
    read_snapshot,
    verify,
    write_snapshot,
)

KINDS = ("located", "reported", "of no account", "failed")


def run(folder: Path, count: int, seed: int) -> Counter[str]:
    """`count`: bytes of each file that are changed, evenly over it from a seeded start; all of a smaller file."""
    totals: Counter[str] = Counter(dict.fromkeys(("bytes", *KINDS), 0))
    stopped = folder / "stopped"
    write_journal(stopped, [3, 1, 4, 1, 5, 9, 2, 6], size=200, segment_bytes_max=64 * 1024)
    crashed = folder / "crashed"
    shutil.copytree(stopped, crashed)
    crash_unsettled(crashed, [5, 3, 5], size=300, wal_bytes=64 * 1024)
    files = [("segment", stopped, path) for path in sorted(stopped.glob("trading/0/segments/*.lmdb"))]
    files += [("manifest", stopped, path) for path in sorted(stopped.glob("**/manifest.json"))]
    files += [("wal", crashed, path) for path in sorted(crashed.glob("trading/0/wal/*.wal"))]
    for kind, data, path in files:
        check = _Journal(data)
        _count(kind, path, count, seed, check.outcome, totals)
    snapshot = _snapshot(stopped)
    whole = read_snapshot(snapshot)
    _count("snapshot", snapshot, count, seed, lambda: _snapshot_outcome(snapshot, whole), totals)
    return totals


def _count(
    kind: str, path: Path, count: int, seed: int, outcome: Callable[[], str], totals: Counter[str]
) -> None:
    content = path.read_bytes()
    step = max(1, len(content) // count)
    bits = random.Random(seed)
    counts: Counter[str] = Counter()
    with path.open("r+b", buffering=0) as file:
        for at in range(bits.randrange(step), len(content), step):
            file.seek(at)
            file.write(bytes([content[at] ^ (1 << bits.randrange(8))]))
            found = outcome()
            if found not in KINDS:
                print(f"{kind} {path.name}: byte {at}: {found}")
                found = "failed"
            counts[found] += 1
            file.seek(at)
            file.write(content[at : at + 1])
    number = sum(counts.values())
    shares = "  ".join(f"{name} {counts[name] / number:.1%}" for name in KINDS if counts[name])
    print(f"{kind:<9} {path.name:<28} {len(content):>7,} bytes, {number:,} changed: {shares}")
    totals.update(counts)
    totals["bytes"] += number


class _Journal:
    """A data directory before the change, and what its change comes to."""

    def __init__(self, data: Path) -> None:
        self._data = data
        self._whole = self._read()
        self._notices = set(verify(data).notices)

    def _read(self) -> list[object]:
        manifest = open_readonly(self._data)
        said: list[object] = [manifest.lineage, manifest.partitions]
        for journal in ("trading", "market"):
            with JournalReader(self._data, journal, 0) as reader:
                said += [reader.directory.stopped, *reader.frames()]
        return said

    def outcome(self) -> str:
        try:
            report = verify(self._data)
        except (Corrupt, Rejected, Unavailable) as error:
            return "located" if str(self._data) in str(error) else f"not located: {error}"
        if not report.ok:
            unnamed = [it for it in report.problems if not it.file or not it.what or not it.next]
            return f"without a place: {unnamed[0]}" if unnamed else "located"
        if set(report.notices) - self._notices:
            return "reported"
        try:
            return (
                "of no account"
                if self._read() == self._whole
                else "verify is content, and other frames are read"
            )
        except (Corrupt, Unavailable) as error:
            return f"verify is content, and reading is not: {error}"


def _snapshot(data: Path) -> Path:
    with JournalReader(data, "trading", 0) as reader:
        head, lineage = reader.head(), reader.directory.lineage
    header = SnapshotHeader(
        SNAPSHOT_FORMAT, "trading", 0, lineage, "code", head.epoch, head.seq, head.chain_hash, 0, "0"
    )
    return write_snapshot(data, header, bytes(range(256)) * 4)


def _snapshot_outcome(path: Path, whole: object) -> str:
    try:
        found = read_snapshot(path)
    except Corrupt as error:
        return "located" if error.file == str(path) else f"not located: {error}"
    return "of no account" if found == whole else "another snapshot is read"
