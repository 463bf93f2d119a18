"""The disk: one sync into a file whose blocks exist, which nothing durable can beat, and the journal's own commits."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Final

from _bench_result import Figures, check
from ledger.journal import Commit, FrameDraft, Head, JournalReader, chain_frame, encode_frame

SIZES: Final = (1, 16, 100)
"""Events a commit."""
PAGE: Final = 4096
FILE_BYTES: Final = 16 << 20


class PreallocatedFile:
    """A file of written zeros, to be written over from its beginning; for one that measures, not one that keeps."""

    def __init__(self, path: Path) -> None:
        with path.open("wb") as file:
            for _ in range(FILE_BYTES >> 20):
                file.write(bytes(1 << 20))
            file.flush()
            os.fsync(file.fileno())
        self._file = os.open(path, os.O_WRONLY)
        self._at = 0

    def append(self, data: bytes) -> None:
        """Durable when it returns."""
        if self._at + len(data) > FILE_BYTES:
            self._at = 0
        os.pwrite(self._file, data, self._at)
        os.fdatasync(self._file)
        self._at += -(-len(data) // PAGE) * PAGE

    def close(self) -> None:
        """Let the file go."""
        os.close(self._file)


def frame_payloads(events: int, event: bytes) -> bytes:
    """A payload of so many events of the same bytes."""
    return b"\xdc" + events.to_bytes(2, "big") + event * events


def measure(figures: Figures, directory: Path, mode: str, commit: Commit, event: bytes, rounds: int) -> None:
    """One round: the same frames into the file and into the journal, in turn, `rounds` of each size.

    `mode`: where the journal's commit makes a frame durable, `wal` or `lmdb`.
    """
    head = commit.open()
    file = PreallocatedFile(directory / "preallocated")
    committed = 0
    for events in SIZES:
        payload = frame_payloads(events, event)
        took: dict[str, list[float]] = {f"file beside {mode}": [], mode: []}
        for _ in range(rounds):
            frame = chain_frame(head.chain_hash, _draft(head, events, payload))
            data = encode_frame(frame)
            begun = time.perf_counter()
            file.append(data)
            written = time.perf_counter()
            commit.commit([frame])
            took[mode].append(time.perf_counter() - written)
            took[f"file beside {mode}"].append(written - begun)
            head = frame.head
        committed += rounds * events
        for where, seconds in took.items():
            seconds.sort()
            name = f"disk {where} {events}"
            floor = f"disk file beside {mode} {events}" if where == mode else ""
            what = type(commit).__name__ if where == mode else "pwrite + fdatasync"
            figures.add(name, "us", 1e6 * seconds[len(seconds) // 2], floor, what)
    check(
        commit.head.seq == committed, f"{committed} events committed, the journal ends at {commit.head.seq}"
    )
    file.close()
    commit.close()


def _draft(head: Head, events: int, payload: bytes) -> FrameDraft:
    return FrameDraft(
        epoch=1,
        first_seq=head.seq + 1,
        count=events,
        recorded_at_ns=time.time_ns(),
        payload=payload,
        market_epoch=0,
        market_seq=0,
    )


def check_read_back(figures: Figures, data: Path, events: int) -> None:
    """The events that the commits made durable are in the journal."""
    with JournalReader(data, "trading", 0) as reader:
        found = sum(frame.count for frame in reader.frames())
    check(found == events, f"{events} events committed, {found} read back")
    figures.count("events read back from disk", found)
