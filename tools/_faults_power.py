"""Power cuts: disk images that a crash may leave, made from the system calls of a writer, and what is found in them.

What was synced is there. Of what was not, each sector of each write may be there or not, each name of each directory
in its order up to some point. The same with all syncs ignored must fail: else the check sees nothing.
"""

from __future__ import annotations

import random
import re
import shutil
from collections import Counter
from pathlib import Path

from _faults_log import OPTIONS, Op, operations
from _faults_writer import Ack, what_is_wrong, write

FRAMES = 60
MODES = ("wal", "lmdb")
SECTORS = (512, 4096)
_ACK = re.compile(rb"(\d+) ([0-9a-f]{64})\n")


def run(folder: Path, count: int, seed: int) -> Counter[str]:
    counts: Counter[str] = Counter(
        {"images": 0, "acknowledged": 0, "control images": 0, "control failures": 0, "failed": 0}
    )
    for mode in MODES:
        data, log = folder / mode, folder / f"{mode}.log"
        write(data, mode, seed, FRAMES, OPTIONS, log)
        ops = operations(log, data)
        chooser = random.Random(seed)
        for index in range(max(1, count // 2)):
            wrong, acks = image_of(ops, data, folder / "image", chooser, mode, syncs=True)
            counts["images"] += 1
            counts["acknowledged"] += acks
            if wrong:
                counts["failed"] += 1
                print(f"{mode}: image {index}: {wrong}")
        for _ in range(max(20, count // 10)):
            wrong, _ = image_of(ops, data, folder / "image", chooser, mode, syncs=False)
            counts["control images"] += 1
            counts["control failures"] += bool(wrong)
    if not counts["control failures"]:
        counts["failed"] += 1
        print("the negative control did not fail: this check sees nothing")
    return counts


def image_of(
    ops: list[Op], root: Path, image: Path, chooser: random.Random, mode: str, *, syncs: bool
) -> tuple[str, int]:
    """(what is wrong with one image, how many frames were acknowledged by then)."""
    cut = chooser.randrange(1, len(ops) + 1)
    disk = _Disk(str(root), syncs)
    said = b""
    for op in ops[:cut]:
        if op.kind == "ack":
            said += op.data
        else:
            disk.take(op)
    acks: list[Ack] = [(int(seq), chain.decode()) for seq, chain in _ACK.findall(said)][1:]
    shutil.rmtree(image, ignore_errors=True)
    disk.write(image, chooser)
    return what_is_wrong(image, acks, mode), len(acks)


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
