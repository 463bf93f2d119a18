"""The writer: one thread for each journal, which chains frames by hash, makes them durable and says so.

For trading a frame is committed at once, and the engine fills the next one meanwhile, so two unsynced frames never
exist. For market the frames of up to `group_wait_s` share one sync. Callbacks run in this thread and must be short:
the engine passes functions that hop to trio. A single frame on a quick disk the engine writes itself (`write`).
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from queue import SimpleQueue
from typing import Final, final

from ledger.journal.commit import Commit
from ledger.journal.errors import JournalFull, StorageError
from ledger.journal.frame import (
    FRAME_BYTES_MAX,
    OVERHEAD_BYTES,
    Frame,
    FrameDraft,
    Head,
    chain_frame,
    why_not_next,
)

UNSYNCED_BYTES_MAX: Final = 8 * FRAME_BYTES_MAX
_GROUP_BYTES_MAX: Final = FRAME_BYTES_MAX
_NEWEST: Final = 1 / 8
"""Weight of the newest commit in the average of how long they take."""


@final
class WriterThread:
    """Owns a `Commit` while it runs; starts at once, from the commit's head."""

    def __init__(
        self,
        commit: Commit,
        *,
        on_durable: Callable[[Head, Sequence[Frame]], None],
        on_failed: Callable[[Exception], None],
        group_wait_s: float = 0.0,
        unsynced_bytes_max: int = UNSYNCED_BYTES_MAX,
        quick_s: float = 0.0,
    ) -> None:
        """`on_failed` is called once, with the error that ended the writing; StorageError unless we are wrong.

        `quick_s`: while commits take less on average, the thread that submits may `write`; 0: never.
        """
        self._commit = commit
        self._on_durable = on_durable
        self._on_failed = on_failed
        self._group_wait_s = group_wait_s
        self._unsynced_bytes_max = unsynced_bytes_max
        self._queue: SimpleQueue[FrameDraft | None] = SimpleQueue()
        self._enough = threading.Event()
        """Set where frames of market are not to wait for more: they fill a group, or the writer is to end."""
        self._lock = threading.Lock()
        self._unsynced_bytes = 0
        self._submitted = commit.head
        self._failed: Exception | None = None
        self._closing = False
        self._quick_s = self._commit_s = quick_s  # not quick until one was
        name = f"writer-{commit.journal}-{commit.partition}"
        # A sync that never returns must not keep the process from ending.
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    @property
    def unsynced_bytes(self) -> int:
        """Bytes of frames submitted and not durable yet."""
        return self._unsynced_bytes

    @property
    def quick(self) -> bool:
        """Whether a frame of trading may be written by the thread that submits it."""
        return self._commit_s < self._quick_s

    def submit(self, draft: FrameDraft) -> None:
        """Hands a frame over; returns at once, `on_durable` follows.

        From one thread. Raises JournalFull where too much waits, StorageError after the writing has ended,
        AssertionError where the frame does not continue the journal or (trading) another one is not durable yet.
        """
        self._accept(draft)
        self._queue.put(draft)

    def write(self, draft: FrameDraft) -> Head:
        """Makes a frame of trading durable in the caller's thread, which waits for the sync; `on_durable` does not follow.

        From the thread that submits; ours has nothing to do then, since there is one frame at a time. Raises as
        `submit` does, and StorageError where this very write ended the writing; `on_failed` does not follow.
        """
        assert not self._group_wait_s, "frames of market share their syncs"
        self._accept(draft)
        try:
            return self._made_durable([draft])[-1].head
        except Exception as error:
            self._failed = error
            if isinstance(error, StorageError):
                raise
            raise StorageError(
                f"the {self._commit.journal} journal has stopped: {error}", "start again"
            ) from error

    def _accept(self, draft: FrameDraft) -> None:
        """Raises unless the frame may be written next; counts its bytes."""
        if self._failed is not None:
            raise StorageError(
                f"the {self._commit.journal} journal has stopped: {self._failed}", "start again"
            )
        assert not self._closing, "the writer is closed"
        why = why_not_next(self._commit.journal, self._submitted, draft)
        assert why is None, why
        size = OVERHEAD_BYTES + len(draft.payload)
        with self._lock:
            assert self._group_wait_s or not self._unsynced_bytes, "a frame is on its way to the disk"
            if self._unsynced_bytes and self._unsynced_bytes + size > self._unsynced_bytes_max:
                raise JournalFull(f"{self._unsynced_bytes} bytes wait for the {self._commit.journal} journal")
            self._unsynced_bytes += size
        if self._unsynced_bytes >= _GROUP_BYTES_MAX:
            self._enough.set()
        # The hash of this one is made in the writer's thread; its order is checked without it.
        self._submitted = Head(draft.epoch, draft.last_seq, b"", draft.recorded_at_ns)

    def close(self, timeout_s: float = 5.0) -> None:
        """Commits what was submitted and ends the thread; the commit stays open. Raises StorageError at the timeout."""
        if not self._closing:
            self._closing = True
            self._queue.put(None)
            self._enough.set()
        self._thread.join(timeout_s)
        if self._thread.is_alive():
            raise StorageError(
                f"the {self._commit.journal} writer did not end in {timeout_s} s",
                "the disk hangs: read the system's log",
            )

    def _run(self) -> None:
        try:
            last_commit_s = time.monotonic()
            ended = False
            while not ended:
                drafts, ended = self._gather(last_commit_s + self._group_wait_s)
                last_commit_s = time.monotonic()
                if drafts:
                    frames = self._made_durable(drafts)
                    self._on_durable(frames[-1].head, frames)
        except Exception as error:
            # Fail-stop: whatever it was, this journal takes nothing more until the next start.
            self._failed = error
            self._on_failed(error)

    def _gather(self, until_s: float) -> tuple[list[FrameDraft], bool]:
        """The frames of the next commit, and whether the writer is to end after it."""
        draft = self._queue.get()
        if self._group_wait_s and draft is not None:
            # Nobody is woken for each frame: that costs whoever submits more than handing the frame over does.
            if self._unsynced_bytes < _GROUP_BYTES_MAX:
                self._enough.wait(max(0.0, until_s - time.monotonic()))
            self._enough.clear()
        drafts: list[FrameDraft] = []
        size = 0
        while draft is not None:
            drafts.append(draft)
            size += len(draft.payload)
            if size >= _GROUP_BYTES_MAX or not self._group_wait_s or self._queue.empty():
                return drafts, False
            draft = self._queue.get()
        return drafts, True

    def _made_durable(self, drafts: list[FrameDraft]) -> list[Frame]:
        frames: list[Frame] = []
        previous_hash = self._commit.head.chain_hash
        for draft in drafts:
            frame = chain_frame(previous_hash, draft)
            frames.append(frame)
            previous_hash = frame.chain_hash
        begun = time.perf_counter()
        self._commit.commit(frames)
        self._commit_s += _NEWEST * (time.perf_counter() - begun - self._commit_s)
        with self._lock:
            self._unsynced_bytes -= sum(frame.bytes_count for frame in frames)
        return frames
