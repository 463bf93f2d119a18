"""Reading a journal, in any process, beside a living writer: verified frames in order, over all segments.

With no living owner the wal is read too, above what was settled, and nothing is changed. Beside an owner a reader
stops at the settled head: the wal is the owner's alone.

A reader copies a bounded batch out of a short read transaction and lets it go before it decodes: LMDB cannot reuse a
page while somebody reads, so a slow consumer would otherwise make the file grow.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Final, final

import lmdb

from ledger.journal.directory import open_readonly
from ledger.journal.environment import SegmentHandle, damaged_file
from ledger.journal.errors import Corrupt, Refused, Unavailable
from ledger.journal.frame import Frame, Head, check_next, decode_frame, key_of, place_text
from ledger.journal.ownership import writer_of
from ledger.journal.segments import JournalDirectory, SegmentFile, copy_items, last_frame
from ledger.journal.wal_file import wal_paths
from ledger.journal.wal_recovery import unsettled

BATCH_BYTES_MAX: Final = 1024 * 1024
_BATCH_FRAMES_MAX: Final = 4096


@final
class JournalReader:
    """One partition of one journal, read-only. Not to be shared between threads; cheap to make."""

    def __init__(
        self, directory: Path | str, journal: str, partition: int, *, wal: bool | None = None
    ) -> None:
        """`wal`: whether the wal is read; None: if there is no living owner. False is for who follows (projections
        see settled frames only), True for the owner itself once it writes no more.

        Raises Refused where there is no journal, Corrupt.
        """
        data = open_readonly(directory)
        self.directory: JournalDirectory = data.journal(journal, partition)
        self._data_path = data.path
        self._wal = wal
        self._segments: list[SegmentFile] = []
        self._handle: SegmentHandle | None = None
        self._last: tuple[int, Head] | None = None
        """The index of the segment and the head of the frame that was read last."""

    def __enter__(self) -> JournalReader:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Lets the file go that is kept open between calls."""
        if self._handle is not None:
            self._handle.close()
            self._handle = None

    def settled(self) -> Head:
        """The head in LMDB. Raises Corrupt, Unavailable."""
        self._refresh()
        if not self._segments:
            return self.directory.origin
        segment = self._segments[-1]
        with self._open(segment).read() as transaction:
            return last_frame(transaction, self.directory.source(segment.path)).head

    def head(self) -> Head:
        """The durable head with no living owner, beside one the settled head. Raises Corrupt, Unavailable."""
        while True:
            settled = self.settled()
            above = self._above(settled)
            if above is not None:
                return above[-1].head if above else settled

    def frame_at(self, seq: int) -> Frame | None:
        """The frame that holds event `seq`; None: no such event (yet)."""
        frame = next(self.frames(seq, seq), None)
        return frame if frame is not None and frame.first_seq <= seq <= frame.last_seq else None

    def last_before(self, time_ns: int) -> Head:
        """The head of the last frame recorded at or before a time; the origin where there is none. O(log) frames read.

        Raises Corrupt, Unavailable.
        """
        low, high = self.directory.origin, self.head().seq
        while low.seq < high:
            middle = (low.seq + high + 1) // 2
            frame = next(self.frames(middle), None)  # in a leap of the market journal: the one behind it
            if frame is not None and frame.recorded_at_ns <= time_ns:
                low = frame.head
            else:
                high = middle - 1
        return low

    def frames(self, from_seq: int | None = None, to_seq: int | None = None) -> Iterator[Frame]:
        """Whole frames in order, from the one that holds `from_seq` (None: the oldest kept) to the one that holds
        `to_seq` or `head()`.

        Each is checked: its hash, its place in the chain, its order. To follow, call again from the last seq + 1.
        Raises Corrupt at the first damage, Refused where `from_seq` lies before the oldest kept frame, Unavailable
        where a file cannot be opened.
        """
        if from_seq is None:
            from_seq = self.directory.origin.seq + 1
        index, previous = self._seek(from_seq)
        while index < len(self._segments):
            segment = self._segments[index]
            sealed = (
                segment.sealed()
            )  # asked before reading: what comes after an empty read is then in the next one
            source = self.directory.source(segment.path)
            items = copy_items(
                self._open(segment), key_of(previous.seq + 1), BATCH_BYTES_MAX, _BATCH_FRAMES_MAX
            )
            for key, value in items:
                frame = decode_frame(key, value, source)
                check_next(previous, frame, source)
                if to_seq is not None and frame.first_seq > to_seq:
                    return
                previous = frame.head
                self._last = (index, previous)
                yield frame
            if not items:
                if not sealed:
                    break
                index += 1
                if index == len(self._segments):
                    self._refresh()
        yield from self._frames_above(index, previous, from_seq, to_seq)

    def _frames_above(self, index: int, previous: Head, from_seq: int, to_seq: int | None) -> Iterator[Frame]:
        """The frames of the wal that follow `previous`, where the segments end."""
        if not self._reads_wal():
            return
        settled = self.settled()
        above = self._above(settled)
        if above is None or settled.seq > previous.seq:  # an owner settled some while we looked
            yield from self.frames(max(from_seq, previous.seq + 1), to_seq)
            return
        for frame in above:
            if frame.last_seq < from_seq or frame.first_seq <= previous.seq:
                continue
            if to_seq is not None and frame.first_seq > to_seq:
                return
            self._last = (index, frame.head)
            yield frame

    def _above(self, settled: Head) -> list[Frame] | None:
        """What the wal holds above the settled head, if it is ours to read; None: look again, an owner moved it.

        Raises Corrupt, Unavailable.
        """
        if not self._reads_wal():
            return []
        try:
            found = unsettled(self.directory, settled)
        except FileNotFoundError:
            return None  # an owner came, settled it and removed it
        except OSError as error:
            raise Unavailable(
                f"the wal of {self.directory.path} cannot be read: {error}",
                "run as the user who owns the journal",
            ) from error
        except Corrupt:
            if not self._reads_wal() or self.settled() != settled:
                return None  # an owner writes over what we read
            raise
        return found.frames if self._reads_wal() and self.settled() == settled else None

    def _reads_wal(self) -> bool:
        if self._wal is None:
            writer = writer_of(self._data_path, self.directory.partition)
            return bool(wal_paths(self.directory)) and writer is None
        return self._wal

    def _seek(self, from_seq: int) -> tuple[int, Head]:
        """The segment to read first and the head before the frame that holds `from_seq`."""
        assert from_seq >= 1, from_seq
        if self._last is not None and self._last[1].seq + 1 == from_seq:
            return self._last
        self._refresh()
        origin = self.directory.origin
        if from_seq <= origin.seq:
            place = place_text(self.directory.journal, self.directory.partition, from_seq)
            raise Refused(
                f"{place} lies before the oldest kept event",
                f"start from {origin.seq + 1} with the base snapshot",
            )
        index = max(0, bisect_right(self._segments, from_seq, key=lambda segment: segment.first_seq) - 1)
        if not self._segments:
            return 0, origin
        before = self._frame_before(self._segments[index], from_seq)
        if before is None:
            return index, origin if index == 0 else self._segments[index - 1].manifest().last.head()
        return index, before

    def _frame_before(self, segment: SegmentFile, from_seq: int) -> Head | None:
        """The head of the last frame of `segment` that ends before `from_seq`; None: none does."""
        source = self.directory.source(segment.path)
        with self._open(segment).read() as transaction, transaction.cursor() as cursor:
            found = (
                cursor.prev()
                if cursor.set_range(key_of(from_seq)) and cursor.key() >= key_of(from_seq)
                else cursor.last()
            )
            while found:
                frame = decode_frame(cursor.key(), cursor.value(), source)
                if frame.last_seq < from_seq:
                    return frame.head
                found = cursor.prev()
        return None

    def _refresh(self) -> None:
        """Looks for new segments; there can be none while the newest is not sealed."""
        if self._segments and not self._segments[-1].sealed():
            return
        known = self._segments
        self._segments = self.directory.segments()
        if known and self._segments[: len(known)] != known:
            self._last = None

    def _open(self, segment: SegmentFile) -> SegmentHandle:
        """The file of a segment; the last one used stays open."""
        if self._handle is not None and self._handle.path == segment.path:
            return self._handle
        self.close()
        try:
            self._handle = SegmentHandle(segment.path, sealed=segment.sealed())
        except FileNotFoundError as error:
            raise damaged_file(segment.path, "missing") from error
        except (lmdb.Error, OSError) as error:
            raise Unavailable(
                f"{segment.path} cannot be read: {error}", "run as the user who owns the journal"
            ) from error
        return self._handle
