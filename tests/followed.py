"""A follower in this process, on a journal that a test has made; and what it must agree with."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

from ledger.engine import replay
from ledger.engine.recovery import Recovered, recover
from ledger.journal import JournalReader, index_path
from ledger.projections.follower import Follower
from running_engine import SETTINGS

PASSIVATING = msgspec.structs.replace(SETTINGS, passivates=True)


def follower_of(directory: Path, said: list[str] | None = None, **more: Any) -> Follower:
    """One that has folded what is settled."""
    more = {"snapshot_events": 10**9, "snapshots_kept": 100, "checkpoint_events": 10**9} | more
    follower = Follower(directory, 0, say=(said if said is not None else []).append, **more)
    follower.take()
    follower.open()
    return follower


@contextmanager
def following(directory: Path, said: list[str] | None = None, **more: Any) -> Iterator[Follower]:
    """The same, let go of at the end without another write."""
    follower = follower_of(directory, said, **more)
    try:
        yield follower
    finally:
        follower.drop()


def follow(directory: Path, **more: Any) -> list[str]:
    """What a whole run of a follower says that ends cleanly at the settled head."""
    said: list[str] = []
    follower_of(directory, said, **more).close()
    return said


def snapshot_all(follower: Follower) -> None:
    """Follow to the settled head; a checkpoint and a snapshot of both journals there."""
    while follower.step():
        pass
    follower.checkpoint()
    for name in ("trading", "market"):
        follower.snapshot(name)


def recovered(directory: Path, **more: Any) -> Recovered:
    """As the engine would at a start now, with the wal."""
    return recover(directory, 0, **more)


def digests_of(found: Recovered) -> dict[str, int]:
    """Of both folds; the index is let go."""
    try:
        return {"trading": found.trading.fold.digest(), "market": found.market.fold.digest()}
    finally:
        if found.index is not None:
            found.index.close()


def last_seq(directory: Path) -> int:
    with JournalReader(directory, "trading", 0) as reader:
        return reader.head().seq


def flip(path: Path, at: int) -> None:
    """Change one bit of a file."""
    content = bytearray(path.read_bytes())
    content[at] ^= 0x10
    path.write_bytes(bytes(content))


__all__ = [
    "PASSIVATING",
    "digests_of",
    "flip",
    "follow",
    "follower_of",
    "following",
    "index_path",
    "last_seq",
    "recovered",
    "replay",
    "snapshot_all",
]
