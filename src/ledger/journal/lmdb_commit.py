"""Frames made durable in LMDB: one synced write transaction for each commit.

Segments roll by size and at the UTC day of recorded_at_ns. The order of steps at a roll is what recovery relies on:
the old segment's manifest is made durable first; the new one takes its first frames under a temporary name and gets
its own name only when they are durable. A crash in between leaves either nothing or an unnamed file to throw away.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from typing import Final, final

import lmdb

from ledger.journal.environment import MAP_BYTES, SegmentHandle, create_environment
from ledger.journal.errors import Corrupt, Refused, StorageError, Unavailable, storage_error
from ledger.journal.frame import (
    FRAME_BYTES_MAX,
    Frame,
    Head,
    decode_frame,
    encode_frame,
    key_of,
    place_text,
    why_not_next,
)
from ledger.journal.manifest import sync_directory, write_manifest
from ledger.journal.segments import (
    LOCK_SUFFIX,
    UNFINISHED,
    JournalDirectory,
    SegmentFile,
    describe_segment,
    last_frame,
)
from ledger.journal.wal_file import remove_wal
from ledger.journal.wal_recovery import batches, recover_wal

SEGMENT_BYTES_MAX: Final = 1024**3
_DAY_NS: Final = 86_400 * 10**9
# A commit rewrites a few pages and the list of free ones besides its frames.
_MAP_SLACK_BYTES: Final = 8 * FRAME_BYTES_MAX


@final
class LmdbCommit:
    """The commit of `journal.<name>.commit: lmdb`, and of the market journal. Implements `Commit`."""

    def __init__(
        self,
        directory: JournalDirectory,
        *,
        segment_bytes_max: int = SEGMENT_BYTES_MAX,
        map_size_bytes: int = MAP_BYTES,
        keeps_wal: bool = False,
    ) -> None:
        """`keeps_wal`: frames reach it by way of the wal, whose files stay. Raises Refused where the map cannot hold
        a segment."""
        if map_size_bytes < 2 * segment_bytes_max + _MAP_SLACK_BYTES:
            raise Refused(
                f"map_size_bytes {map_size_bytes} cannot hold segments of {segment_bytes_max} bytes",
                f"set journal.{directory.journal}.map_size_bytes to 64 GiB (it takes no space) or lower segment_bytes_max",
            )
        self.directory = directory
        self._torn_end = ""
        self._keeps_wal = keeps_wal
        self._segment_bytes_max = segment_bytes_max
        self._map_bytes = map_size_bytes
        self._head: Head | None = None
        self._failed: StorageError | None = None
        self._exchange = (
            threading.Lock()
        )  # between check_readers and the roll, which run in different threads
        self._handle: SegmentHandle | None = None
        self._segment: SegmentFile | None = None
        self._before: Head = directory.origin
        """The head before the current segment."""

    @property
    def journal(self) -> str:
        return self.directory.journal

    @property
    def partition(self) -> int:
        return self.directory.partition

    @property
    def head(self) -> Head:
        assert self._head is not None, "not open"
        return self._head

    @property
    def settled(self) -> Head:
        """Here the durable head."""
        return self.head

    @property
    def torn_end(self) -> str:
        """What `open` saw of a frame at the end of a wal that was not whole; empty: nothing."""
        return self._torn_end

    def open(self) -> Head:
        """Recovers: throws an unnamed segment away, seals what a crash left unsealed, checks that segments join, and
        settles what a wal holds above them.

        Raises Corrupt, Refused, StorageError. Costs one manifest for each sealed segment, one frame, and a read of the
        wal where there is one.
        """
        assert self._head is None, "already open"
        try:
            self._head = self._recover_segments()
            self._recover_wal()
            self._check_stopped(self.head)
        except StorageError:
            self._head = None
            self.close()
            raise
        except (lmdb.Error, OSError, Unavailable) as error:
            self._head = None
            self.close()
            raise storage_error("opening", str(self.directory.path), error) from error
        except BaseException:
            self._head = None
            self.close()
            raise
        return self.head

    def commit(self, frames: Sequence[Frame]) -> None:
        if self._failed is not None:
            raise StorageError(self._failed.what, self._failed.hint)
        assert_continues(self.journal, self.head, frames)
        try:
            for run, fits in self._runs(frames):
                if fits:
                    self._append(run)
                else:
                    self._seal()
                    self._begin_segment(run)
                self._head = run[-1].head
        except (lmdb.Error, OSError, Unavailable) as error:
            place = place_text(self.journal, self.partition, frames[0].first_seq)
            self._failed = storage_error(f"committing {place} in", str(self.directory.path), error)
            raise self._failed from error

    def check_readers(self) -> int:
        with self._exchange:
            return 0 if self._handle is None else self._handle.environment.reader_check()

    def close(self) -> None:
        with self._exchange:
            handle, self._handle, self._segment = self._handle, None, None
            if handle is not None:
                handle.close()

    def _runs(self, frames: Sequence[Frame]) -> Iterator[tuple[Sequence[Frame], bool]]:
        """Cuts frames into runs of one segment each; True: the run belongs to the current segment."""
        fits = self._handle is not None
        day = self.head.recorded_at_ns // _DAY_NS
        used = self._used_bytes()
        start = 0
        for index, frame in enumerate(frames):
            used += frame.bytes_count
            frame_day = frame.recorded_at_ns // _DAY_NS
            first = start == index
            if (frame_day != day or used > self._segment_bytes_max) and not (first and not fits):
                if not first:
                    yield frames[start:index], fits
                start, fits, used = index, False, frame.bytes_count
            day = frame_day
        if start < len(frames):
            yield frames[start:], fits

    def _used_bytes(self) -> int:
        if self._handle is None:
            return 0
        environment = self._handle.environment
        return (environment.info()["last_pgno"] + 1) * environment.stat()["psize"]

    def _append(self, run: Sequence[Frame]) -> None:
        assert self._handle is not None
        put_frames(self._handle.environment, run)

    def _seal(self) -> None:
        """Makes the manifest of the current segment durable and lets its file go."""
        if self._segment is None or self._handle is None:
            return
        manifest = describe_segment(self.directory, self._segment, self._handle, self._before)
        write_manifest(self._segment.manifest_path, manifest)
        self._before = self.head
        self.close()

    def _begin_segment(self, run: Sequence[Frame]) -> None:
        """A new segment with its first frames durable in it."""
        path = self.directory.segments_path / UNFINISHED
        environment = create_environment(path, self._map_bytes)
        try:
            put_frames(environment, run)
        finally:
            environment.close()
        (path.parent / (path.name + LOCK_SUFFIX)).unlink()
        segment = self.directory.segment(run[0].first_seq)
        assert not segment.path.exists(), f"{segment.path} is there already"
        path.rename(segment.path)
        sync_directory(path.parent)
        self._before = self.head
        self._use(segment)

    def _use(self, segment: SegmentFile) -> None:
        handle = SegmentHandle(segment.path, writable=True, map_bytes=self._map_bytes)
        handle.environment.reader_check()
        with self._exchange:
            self._handle, self._segment = handle, segment

    def _recover_segments(self) -> Head:
        """The settled head."""
        self._remove_unfinished()
        segments = self.directory.segments()
        head = self.directory.origin
        for segment in segments[:-1]:
            head = self._recover_sealed(segment, head)
        return self._recover_newest(segments[-1], head) if segments else head

    def _recover_wal(self) -> None:
        """Settles what the wal holds above the settled head, whatever `commit` says now."""
        found = recover_wal(self.directory, self.head)
        self._torn_end = found.torn
        for frames in batches(found.frames):
            self.commit(frames)
        if not self._keeps_wal:
            remove_wal(self.directory)

    def _remove_unfinished(self) -> None:
        path = self.directory.segments_path / UNFINISHED
        for leftover in (path, path.parent / (path.name + LOCK_SUFFIX)):
            leftover.unlink(missing_ok=True)

    def _recover_sealed(self, segment: SegmentFile, before: Head) -> Head:
        """The head after a segment that others follow; seals it if a crash or a person left it without manifest."""
        if not segment.sealed():
            handle = SegmentHandle(segment.path)
            try:
                manifest = describe_segment(self.directory, segment, handle, before)
            finally:
                handle.close()
            write_manifest(segment.manifest_path, manifest)
        return check_joins(self.directory, segment, before)

    def _recover_newest(self, segment: SegmentFile, before: Head) -> Head:
        self._before = before
        if segment.sealed():
            head = check_joins(self.directory, segment, before)
            self._before = head
            return head
        self._use(segment)
        assert self._handle is not None
        describe_segment(self.directory, segment, self._handle, before)
        with self._handle.read() as transaction:
            return last_frame(transaction, self.directory.source(segment.path)).head

    def _check_stopped(self, head: Head) -> None:
        """A journal shorter than at its last clean stop has lost acknowledged events."""
        stopped = self.directory.stopped
        if stopped is None or (head.seq > stopped.seq and self._holds(stopped)) or head == stopped:
            return
        place = place_text(self.journal, self.partition, stopped.seq)
        raise Corrupt(
            str(self.directory.path),
            place,
            f"the last clean stop was at {place}, the journal ends at {head.seq} or holds another frame there",
            "put the segment back from a copy, then: ledger verify",
        )

    def _holds(self, stopped: Head) -> bool:
        """Whether the frame that ended the journal at its last clean stop is still there (0: nothing was)."""
        if stopped.seq <= self.directory.origin.seq:
            return True
        segment = [one for one in self.directory.segments() if one.first_seq <= stopped.seq][-1]
        source = self.directory.source(segment.path)
        handle = SegmentHandle(segment.path, sealed=segment.sealed(), map_bytes=self._map_bytes)
        try:
            with handle.read() as transaction, transaction.cursor() as cursor:
                # The frame before the one that begins after the stop, or the segment's last.
                found = cursor.prev() if cursor.set_range(key_of(stopped.seq + 1)) else cursor.last()
                return found and decode_frame(cursor.key(), cursor.value(), source).head == stopped
        finally:
            handle.close()


def assert_continues(journal: str, head: Head, frames: Sequence[Frame]) -> None:
    """AssertionError unless `frames` follow `head`: whoever chained them is wrong."""
    previous = head
    for frame in frames:
        why = why_not_next(journal, previous, frame)
        assert why is None, why
        assert frame.previous_hash == previous.chain_hash, f"frame {frame.first_seq} is of another chain"
        assert frame.bytes_count <= FRAME_BYTES_MAX, f"a frame of {frame.bytes_count} bytes"
        previous = frame.head


def put_frames(environment: lmdb.Environment, frames: Sequence[Frame]) -> None:
    """One synced write transaction, begun and ended in the calling thread; durable when it returns."""
    items = [(key_of(frame.first_seq), encode_frame(frame)) for frame in frames]
    with environment.begin(write=True) as transaction, transaction.cursor() as cursor:
        consumed, added = cursor.putmulti(items, append=True)
        # Out of order, LMDB answers with a smaller number and goes on.
        assert consumed == added == len(items), f"{added} of {len(items)} frames appended"


def check_joins(directory: JournalDirectory, segment: SegmentFile, before: Head) -> Head:
    """The head after a sealed segment, by its manifest. Raises Corrupt where it does not follow `before`."""
    manifest = segment.manifest()
    source = directory.source(segment.manifest_path)
    owner = (manifest.lineage, manifest.journal, manifest.partition)
    if owner != (directory.lineage, directory.journal, directory.partition):
        raise source.corrupt(
            segment.first_seq,
            f"this segment is of {manifest.journal}/{manifest.partition}, lineage {manifest.lineage}",
        )
    if manifest.before.head() != before or manifest.first_seq != segment.first_seq:
        raise source.corrupt(
            segment.first_seq,
            f"does not follow the segment that ends at {before.seq}: one is missing or damaged",
        )
    return manifest.last.head()
