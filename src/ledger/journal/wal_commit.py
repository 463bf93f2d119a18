"""Frames made durable in the write-ahead file; LMDB follows in larger transactions.

The writer's thread appends each frame to the file in use and syncs it. The settler's thread moves what is durable
into LMDB, within some milliseconds or when much has gathered. When a file is full the other one is used again, once all
its frames are settled; until then commits wait. Whatever fails in either thread ends the writing in both.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Sequence
from typing import Final, final

from ledger.journal.environment import MAP_BYTES
from ledger.journal.errors import StorageError, storage_error
from ledger.journal.frame import Frame, Head, place_text
from ledger.journal.lmdb_commit import SEGMENT_BYTES_MAX, LmdbCommit, assert_continues
from ledger.journal.segments import WAL, JournalDirectory
from ledger.journal.wal_file import PAGE_BYTES, PLACE_HASH_BYTES, WAL_BYTES, WalFile, prepare_wal
from ledger.journal.wal_recovery import SETTLE_BYTES_MAX

SETTLE_WAIT_S: Final = 0.015
"""How long the oldest unsettled frame waits for others: with its transaction it is settled within 20 ms."""
_CLOSE_WAIT_S: Final = 5.0


@final
class WalCommit:
    """The commit of `journal.trading.commit: wal`. Implements `Commit`."""

    def __init__(
        self,
        directory: JournalDirectory,
        *,
        wal_bytes: int = WAL_BYTES,
        settle_wait_s: float = SETTLE_WAIT_S,
        segment_bytes_max: int = SEGMENT_BYTES_MAX,
        map_size_bytes: int = MAP_BYTES,
    ) -> None:
        """`wal_bytes`: of each of the two files, whole pages. Raises Refused where the map cannot hold a segment."""
        self.directory = directory
        self._lmdb = LmdbCommit(
            directory, segment_bytes_max=segment_bytes_max, map_size_bytes=map_size_bytes, keeps_wal=True
        )
        self._wal_bytes = wal_bytes
        self._settle_wait_s = settle_wait_s
        self._files: list[WalFile] = []
        self._head: Head | None = None
        self._changed = threading.Condition()
        # The rest is shared by the two threads and guarded by `_changed`.
        self._unsettled: deque[Frame] = deque()
        self._unsettled_bytes = 0
        self._oldest_s = 0.0
        self._writer_waits = False
        self._closing = False
        self._failed: Exception | None = None
        self._settler: threading.Thread | None = None

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
        return self._lmdb.settled

    @property
    def torn_end(self) -> str:
        """What `open` saw of a frame at the end of the wal that was not whole; empty: nothing."""
        return self._lmdb.torn_end

    def open(self) -> Head:
        """Recovers, settles all that the wal holds, and makes both files where they are missing or of another size.

        Raises Corrupt, Refused, StorageError. A new file costs its own length in writing.
        """
        assert self._head is None, "already open"
        head = self._lmdb.open()
        try:
            self._files = prepare_wal(self.directory, self._wal_bytes)
        except OSError as error:
            self._lmdb.close()
            raise storage_error("preallocating", str(self.directory.path / WAL), error) from error
        except BaseException:
            self._lmdb.close()
            raise
        self._head = head
        name = f"settler-{self.journal}-{self.partition}"
        # A sync that never returns must not keep the process from ending.
        self._settler = threading.Thread(target=self._settle_all, name=name, daemon=True)
        self._settler.start()
        return head

    def commit(self, frames: Sequence[Frame]) -> None:
        self._raise_failed()
        assert_continues(self.journal, self.head, frames)
        for frame in frames:
            file = self._file_for(frame)
            try:
                # One sync for each: two unsynced frames could survive a power loss in the wrong order.
                file.append(frame)
            except OSError as error:
                place = place_text(self.journal, self.partition, frame.first_seq)
                self._fail(storage_error(f"committing {place} in", str(file.path), error))
                self._raise_failed()
            self._head = frame.head
            self._hand_over(frame)

    def check_readers(self) -> int:
        return self._lmdb.check_readers()

    def close(self) -> None:
        """Settles the rest unless something failed; after some seconds it is left to the next start."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        if self._settler is not None:
            self._settler.join(_CLOSE_WAIT_S)
            if self._settler.is_alive():
                return  # the disk hangs: files in use are not to be closed
        self._lmdb.close()
        files, self._files = self._files, []
        for file in files:
            file.close()

    # ---- the writer's thread ---------------------------------------------------------------------------------

    def _file_for(self, frame: Frame) -> WalFile:
        """The file in use, or the other one as soon as all its frames are settled."""
        current = self._files[0]
        if current.fits(frame):
            return current
        size = frame.bytes_count + PLACE_HASH_BYTES
        assert size <= self._wal_bytes - PAGE_BYTES, f"a frame of {size} bytes, a wal of {self._wal_bytes}"
        self._files.reverse()
        following = self._files[0]
        with self._changed:
            self._writer_waits = following.last_seq > self.settled.seq
            if self._writer_waits:
                self._changed.notify_all()
            while following.last_seq > self.settled.seq and self._failed is None:
                self._changed.wait()
            self._writer_waits = False
        self._raise_failed()
        following.begin_again()
        return following

    def _hand_over(self, frame: Frame) -> None:
        with self._changed:
            first = not self._unsettled
            self._unsettled.append(frame)
            self._unsettled_bytes += frame.bytes_count
            if first:
                self._oldest_s = time.monotonic()
            if first or self._unsettled_bytes >= SETTLE_BYTES_MAX:
                self._changed.notify_all()

    # ---- the settler's thread --------------------------------------------------------------------------------

    def _settle_all(self) -> None:
        try:
            while frames := self._gather():
                self._lmdb.commit(frames)
                with self._changed:
                    self._changed.notify_all()
        except Exception as error:
            # Fail-stop: whatever it was, nothing is written any more; the next commit says so.
            self._fail(error)

    def _gather(self) -> list[Frame]:
        """The frames of the next settle transactions, once they are due; none: it is over."""
        with self._changed:
            while not self._due():
                if self._failed is not None or (self._closing and not self._unsettled):
                    return []
                left_s = self._oldest_s + self._settle_wait_s - time.monotonic()
                self._changed.wait(max(0.0, left_s) if self._unsettled else None)
            frames: list[Frame] = []
            size = 0
            while self._unsettled and (
                not frames or size + self._unsettled[0].bytes_count <= SETTLE_BYTES_MAX
            ):
                frame = self._unsettled.popleft()
                size += frame.bytes_count
                frames.append(frame)
            self._unsettled_bytes -= size
            return frames

    def _due(self) -> bool:
        if self._failed is not None or not self._unsettled:
            return False
        return (
            self._closing
            or self._writer_waits
            or self._unsettled_bytes >= SETTLE_BYTES_MAX
            or time.monotonic() >= self._oldest_s + self._settle_wait_s
        )

    # ---- both ------------------------------------------------------------------------------------------------

    def _fail(self, error: Exception) -> None:
        with self._changed:
            if self._failed is None:
                self._failed = error
            self._changed.notify_all()

    def _raise_failed(self) -> None:
        failed = self._failed
        if isinstance(failed, StorageError):
            raise StorageError(failed.what, failed.hint) from failed
        if failed is not None:
            raise failed
