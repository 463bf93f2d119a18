"""Power cuts: disk images that a crash may leave, made from the system calls of a writer, and what is found in them.

Three kinds of days: settling (wal files that are filled, settled and used again), rolling (segments sealed by size and by day, both
commit modes) and snapshots (a journal with its follower: index, snapshots, what it removes). What was synced is there. Of what was
not, each sector of each write may be there or not, each name of each directory in its order up to some point. The same with all
syncs ignored must fail, on each kind of day: else the check sees nothing.
"""

from __future__ import annotations

import random
import re
import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from _faults_forks import Fork
from _faults_log import OPTIONS, Op, operations
from _faults_writer import Ack, heads, what_is_wrong, write
from followed import digests_of, follow, recovered
from ledger.engine import replay
from ledger.errors import Corrupt, Unavailable
from ledger.journal import list_snapshots, read_snapshot, verify

FRAMES = 100
ROUNDS = 25
"""Of a journal and its follower."""
SECTORS = (512, 4096)
_ACK = re.compile(rb"(\d+) ([0-9a-f]{64})\n")


class Day(NamedTuple):
    """What was done to a disk, and the check of what a power cut leaves of it."""

    name: str
    ops: list[Op]
    root: Path
    check: Callable[[Path, list[Ack]], str]


def run(folder: Path, count: int, seed: int) -> Counter[str]:
    """`count` images, evenly over the kinds of days."""
    counts: Counter[str] = Counter(
        {"images": 0, "acknowledged": 0, "control images": 0, "control failures": 0, "failed": 0}
    )
    days = [
        _writers("settling", "wal", folder, seed, ("--segment-bytes-max", "100000000", "--event-s", "0.001")),
        _writers("rolling", "wal", folder, seed, ("--segment-bytes-max", "65536", "--event-s", "300")),
        _writers("rolling", "lmdb", folder, seed, ("--segment-bytes-max", "65536", "--event-s", "300")),
        _followers(folder),
    ]
    for day in days:
        _cut(day, folder / "image", -(-count // len(days)), seed, counts)
    return counts


def _writers(name: str, mode: str, folder: Path, seed: int, options: tuple[str, ...]) -> Day:
    data, log = folder / f"{name}-{mode}", folder / f"{name}-{mode}.log"
    _, code, said = write(data, mode, seed, FRAMES, OPTIONS, log, options)
    assert code == 0, said
    return Day(
        f"{name} {mode}", operations(log, data), data, lambda image, acks: what_is_wrong(image, acks, mode)
    )


def _followers(folder: Path) -> Day:
    data, log, said = folder / "snapshots", folder / "snapshots.log", folder / "said"
    with Fork(said, "trade_and_follow", str(data), ROUNDS, strace=lambda _: OPTIONS, trace_log=log) as fork:
        code = fork.end()
    assert code == 0, said.read_text()
    return Day("snapshots", operations(log, data), data, _state_is_whole)


def _state_is_whole(image: Path, acks: list[Ack]) -> str:
    """What is wrong with a journal, its index and its snapshots; a follower goes on from them to the same state."""
    if not (image / "manifest.json").exists():
        return "acknowledged and no journal" if acks else ""
    try:
        report = verify(image)
        if not report.ok:
            return f"false damage: {report.problems[0]}"
        lost = set(acks) - set(heads(image))
        if lost:
            return f"lost: {sorted(lost)[0]}"
        for journal in ("trading", "market"):
            for each in list_snapshots(image, journal, 0):
                read_snapshot(each.path)
        return _state_differs(image)
    except (Corrupt, Unavailable, OSError) as error:
        return f"{type(error).__name__}: {error}"


def _state_differs(image: Path) -> str:
    state = {name: replay(image, name, 0).fold.digest() for name in ("trading", "market")}
    for when in ("after the cut", "after the next follower"):
        found = recovered(image)
        if found.damaged_index or found.why_no_index not in ("", "there is none", "it is empty"):
            return f"{when} the index is not used: {found.why_no_index}"
        if digests_of(found) != state:
            return f"{when} a start has another state than the journal makes"
        if when == "after the cut":
            follow(image, checkpoint_events=25, snapshot_events=60, snapshots_kept=2)
    return ""


def _cut(day: Day, image: Path, count: int, seed: int, counts: Counter[str]) -> None:
    chooser = random.Random(seed)
    found: Counter[str] = Counter({"images": 0, "control images": 0, "control failures": 0})
    for index in range(count):
        wrong, acks = image_of(day, image, chooser, syncs=True)
        found["images"] += 1
        found["acknowledged"] += acks
        if wrong:
            found["failed"] += 1
            print(f"{day.name}: image {index}: {wrong}")
    for _ in range(max(12, count // 10)):
        wrong, _ = image_of(day, image, chooser, syncs=False)
        found["control images"] += 1
        found["control failures"] += bool(wrong)
    if not found["control failures"]:
        found["failed"] += 1
        print(f"{day.name}: the negative control did not fail: this check sees nothing")
    kinds = Counter(op.kind for op in day.ops)
    words = "  ".join(f"{kind} {number:,}" for kind, number in sorted(kinds.items()))
    print(f"{day.name:<14} images {count:,} of {len(day.ops):,} operations: {words}", flush=True)
    counts.update(found)


def image_of(day: Day, image: Path, chooser: random.Random, *, syncs: bool) -> tuple[str, int]:
    """(what is wrong with one image, how many frames were acknowledged by then)."""
    cut = chooser.randrange(1, len(day.ops) + 1)
    disk = _Disk(str(day.root), syncs)
    said = b""
    for op in day.ops[:cut]:
        if op.kind == "ack":
            said += op.data
        else:
            disk.take(op)
    acks: list[Ack] = [(int(seq), chain.decode()) for seq, chain in _ACK.findall(said)]
    if acks and acks[0][0] == 0:  # where a writer began
        acks = acks[1:]
    shutil.rmtree(image, ignore_errors=True)
    disk.write(image, chooser)
    return day.check(image, acks), len(acks)


class _File:
    def __init__(self) -> None:
        self.durable = bytearray()
        self.pending: list[Op] = []


class _Folder:
    def __init__(self) -> None:
        self.durable: dict[str, _File | _Folder] = {}
        self.now: dict[str, _File | _Folder] = {}
        self.pending: list[tuple[str, _File | _Folder | None]] = []
        """(name, what it names from then on; None: nothing)."""

    def name(self, name: str, node: _File | _Folder | None) -> None:
        self.pending.append((name, node))
        _apply(self.now, name, node)


class _Disk:
    """What is durable and what is not, op by op."""

    def __init__(self, root: str, syncs: bool) -> None:
        self._prefix = len(root)
        self._syncs = syncs
        self._root = _Folder()

    def take(self, op: Op) -> None:
        if op.path[self._prefix :].strip("/") == "":
            if op.kind == "sync":
                self._sync(self._root)
            return
        folder, name = self._find(op.path)
        if op.kind in ("link", "mkdir", "unlink"):
            made = {"link": _File, "mkdir": _Folder}.get(op.kind)
            folder.name(name, made() if made is not None else None)
        elif op.kind == "rename":
            other, to = self._find(op.to)
            node = folder.now[name]
            if other is folder:  # one operation: never both names, never none
                folder.pending.append((f"{name}\0{to}", node))
                folder.now.pop(name)
                folder.now[to] = node
            else:
                other.name(to, node)
                folder.name(name, None)
        elif op.kind == "sync":
            self._sync(folder.now[name])
        else:
            node = folder.now[name]
            assert isinstance(node, _File)
            node.pending.append(op)
            if op.durable and self._syncs:
                _change(node.durable, op, None, 512)
                node.pending.remove(op)

    def _sync(self, node: _File | _Folder) -> None:
        if not self._syncs:
            return
        if isinstance(node, _File):
            for op in node.pending:
                _change(node.durable, op, None, 512)
        else:
            node.durable = dict(node.now)
        node.pending.clear()

    def _find(self, path: str) -> tuple[_Folder, str]:
        *folders, name = path[self._prefix :].strip("/").split("/")
        folder = self._root
        for each in folders:
            found = folder.now[each]
            assert isinstance(found, _Folder)
            folder = found
        return folder, name

    def write(self, to: Path, chooser: random.Random) -> None:
        """One of the images that the power cut may leave."""
        sector = chooser.choice(SECTORS)
        share = chooser.choice((0.0, 0.5, 0.9, 1.0))
        _write_folder(self._root, to, chooser, sector, share)


def _apply(names: dict[str, _File | _Folder], name: str, node: _File | _Folder | None) -> None:
    old, zero, new = name.partition("\0")
    if node is None or zero:
        names.pop(old, None)
    if node is not None:
        names[new or old] = node


def _write_folder(folder: _Folder, to: Path, chooser: random.Random, sector: int, share: float) -> None:
    to.mkdir()
    names = dict(folder.durable)
    for name, node in folder.pending[
        : chooser.choice((0, len(folder.pending), chooser.randint(0, len(folder.pending))))
    ]:
        _apply(names, name, node)
    for name, node in names.items():
        if isinstance(node, _Folder):
            _write_folder(node, to / name, chooser, sector, share)
            continue
        content = bytearray(node.durable)
        for op in node.pending:
            _change(content, op, (chooser, share), sector)
        (to / name).write_bytes(content)


def _change(content: bytearray, op: Op, lost: tuple[random.Random, float] | None, sector: int) -> None:
    """Apply a write, a new size, or of a write some sectors."""
    if op.kind != "write":
        if lost is not None and lost[0].random() >= lost[1]:
            return
        if op.kind == "size":
            del content[op.offset :]
        content.extend(bytes(max(0, op.offset - len(content))))
        return
    at, end = op.offset, op.offset + len(op.data)
    while at < end:
        until = min(end, (at // sector + 1) * sector)
        if lost is None or lost[0].random() < lost[1]:
            content.extend(bytes(max(0, until - len(content))))
            content[at:until] = op.data[at - op.offset : until - op.offset]
        at = until
