"""The engine's memory follows its open orders: what the follower's index holds leaves it, a little at a time.

Several times a second, while anything moves: note what changed, see how far the index is, let go of what it has. An index that the follower
makes anew is taken in the old one's place once it has come as far. While the index is too far behind, new orders are
refused, since the memory grows with each. One that turns out to be damaged stops the partition, for its next start
does without it.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final, final

import trio

from ledger.beats import beat
from ledger.engine.open_frame import OpenJournal
from ledger.engine.partition import Partition
from ledger.engine.recovery import Recovered
from ledger.errors import Corrupt, Unavailable
from ledger.fold import ClosedStates, open_index
from ledger.journal import IndexFile, JournalReader, StorageError, index_path, mark_damaged

KEYS_MAX: Final = 500
"""Entities looked at before other tasks get their turn: about a millisecond."""


@final
class EnginePassivation:
    """The engine's side of the index. Belongs to the trio thread; only `run` waits."""

    def __init__(
        self,
        data: Path,
        partition: Partition,
        journal: OpenJournal,
        recovered: Recovered,
        lag_max: int,
        on_failed: Callable[[Exception], None],
    ) -> None:
        self._data = data
        self._partition = partition
        self._journal = journal
        self._index = recovered.index
        passivation = recovered.trading.passivation
        assert passivation is not None
        self._passivation = passivation
        self._lag_max = lag_max
        self._on_failed = on_failed
        self._started_seq = recovered.trading.head.seq
        offset = None if self._index is None else self._index.offset()
        if offset is not None:
            partition.forgotten_before_ns = offset.forgotten_before_ns
        self.index_seq = 0
        """How far the index has come, as last seen."""
        self._seen = (0, 0)
        """The journal's next seq and the index's, at the last look."""
        self.damaged = ""
        """What is wrong with the index; "" while nothing is."""
        if recovered.damaged_index:
            self._mark(recovered.damaged_index)

    async def run(self) -> None:
        """Look until cancelled, or until the index is damaged."""
        before = (0, 0)
        while not self.damaged:
            await beat(is_idle=self._seen == before)
            before = self._seen
            while self.look():
                await trio.lowlevel.checkpoint()
            self._seen = (self._journal.next_seq, self.index_seq)

    def look(self) -> bool:
        """One look; whether there is more to do at once."""
        partition = self._partition
        if partition.read_only:  # the state is another one now
            return False
        try:
            return self._look()
        except (Corrupt, Unavailable) as error:
            self.failed(error)
            return False

    def failed(self, error: Exception) -> None:
        """The index cannot be read, and states that are needed stand only there: stop, start without it."""
        if self.damaged:
            return
        self.damaged = str(error)
        if isinstance(error, Corrupt):
            self._mark(self.damaged)
        self._on_failed(StorageError(f"the index cannot be read: {error}", "start again"))

    def _mark(self, why: str) -> None:
        """Have the follower build the index again."""
        with suppress(OSError):  # then the next start finds out by itself, later
            mark_damaged(self._data, self._partition.trading.partition, why)

    def release(self) -> None:
        """Let the follower reuse pages; between batches."""
        closed = self._partition.trading.closed
        if closed is not None:
            closed.file.release()

    def close(self) -> None:
        """Lets the file go."""
        index, self._index = self._index, None
        if index is not None:
            index.close()

    # ---- one look ------------------------------------------------------------------------------------------

    def _look(self) -> bool:
        self.release()
        self._follow_file()
        self._passivation.drain(self._journal.next_seq - 1)
        if self._index is None:
            self._judge_lag()
            return False
        offset = self._index.offset()
        if offset is not None:
            self.index_seq = offset.seq
            self._partition.forgotten_before_ns = offset.forgotten_before_ns
        self._judge_lag()
        more = False
        if not self._partition.control.is_scanning:  # a mass cancel counts the orders that it has looked at
            more = self._passivation.run(self.index_seq, KEYS_MAX) == KEYS_MAX
        self.release()
        return more

    def _judge_lag(self) -> None:
        """What a start has in memory is there already: only what came since counts."""
        since = max(self.index_seq, self._started_seq)
        lag = self._journal.durable_seq - since
        behind = bool(self._lag_max) and lag > self._lag_max
        self._partition.index_behind = (
            f"the index is {lag:,} events behind: new orders when the follower has caught up"
            if behind
            else ""
        )

    def _follow_file(self) -> None:
        """Take an index that has appeared, or was made anew, once all that is away stands in it."""
        number = self._partition.trading.partition
        try:
            inode = index_path(self._data, number).stat().st_ino
        except OSError:
            return
        if self._index is not None and self._index.inode == inode:
            return
        with JournalReader(self._data, "trading", number, wal=False) as reader:
            found, offset, _ = open_index(self._data, number, reader, reader.settled())
        if found is None or offset is None:  # new and empty, or one that the follower will replace
            return
        if self._passivation.anything_away and offset.seq < self._passivation.left_at:
            found.close()
            return
        self._take(found)

    def _take(self, found: IndexFile) -> None:
        old, self._index = self._index, found
        self._passivation.attach(ClosedStates(found))
        if old is not None:
            old.close()
