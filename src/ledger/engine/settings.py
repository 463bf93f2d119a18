"""What the engine is given by its owner: its settings, where events are published, where frames become durable."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol, final

from msgspec import Struct

from ledger.domain.context import Instrument, OrderRules
from ledger.domain.events import EngineStarted
from ledger.domain.limit import RiskLimit
from ledger.domain.mark_policy import SPREAD_MAX
from ledger.domain.position import PositionState
from ledger.domain.timers import TimeRules
from ledger.engine.time_settings import time_settings
from ledger.journal import WAL_BYTES, Commit, JournalDirectory, LmdbCommit, WalCommit


class Publisher(Protocol):
    """Where events go once they may be seen."""

    def publish(
        self,
        journal: str,
        epoch: int,
        first_seq: int,
        events: Sequence[Any],
        positions: Sequence[tuple[int, PositionState]],
        durable_seq: int,
        instruments: dict[str, Instrument],
    ) -> None:
        """Send what somebody subscribed to; never blocks, never raises."""
        ...


@final
class EngineSettings(Struct, frozen=True):
    """What the engine takes from the configuration."""

    segment_bytes_max: int
    map_size_bytes: int
    market_sync_s: float
    turns_max: int
    queue_max: int
    queue_reserved: int
    frame_bytes_max: int
    idempotence_window_ns: int
    clock_step_max_ns: int
    rules: OrderRules
    risk: RiskLimit | None = None
    """The limits that a new journal begins with."""
    times: TimeRules = TimeRules()
    require_confirmation: bool = False
    crossed_max_ns: int = 10**9
    """How long a book may stay crossed before it is STALE."""
    mark_spread_max_bp: int = 1000
    """How wide a book may be before its mid is no mark, in ten thousandths of it; 0 sets no cap."""
    commit: str = "lmdb"
    """Where a trading frame becomes durable: `wal` or `lmdb`."""
    wal_bytes: int = WAL_BYTES
    """Of each of the two files of the wal."""
    loop_sync_s: float = 0.0
    """While a sync takes less on average, a frame that nothing waits behind is synced in the loop; 0: never."""
    passivates: bool = False
    """Whether snapshots and the index of a follower are used, and closed orders leave memory."""
    index_lag_max: int = 0
    """Events that the index may be behind before new orders wait; 0 is no limit."""

    def started(self, epoch: int, version: str) -> EngineStarted:
        """The first event of a start: the settings that change outcomes, so that replay reads no configuration."""
        rules = self.rules
        return EngineStarted(
            epoch,
            version,
            {
                "order.max_outstanding_replaces": rules.max_outstanding_replaces,
                "order.replace_unacked": rules.replace_unacked,
                "order.replace_filled": rules.replace_filled,
                "engine.idempotence_window_s": self.idempotence_window_ns // 10**9,
                "clock.max_step_ms": self.clock_step_max_ns // 10**6,
                "book.crossed_max_ms": self.crossed_max_ns // 10**6,
                SPREAD_MAX: self.mark_spread_max_bp,
                **time_settings(self.times, self.require_confirmation),
            },
        )


CommitOf = Callable[[JournalDirectory, EngineSettings], Commit]
"""Makes the commit of one journal; the engine opens it, its writer's thread uses it."""


def lmdb_commit(directory: JournalDirectory, settings: EngineSettings) -> Commit:
    """Frames durable in LMDB itself."""
    return LmdbCommit(
        directory, segment_bytes_max=settings.segment_bytes_max, map_size_bytes=settings.map_size_bytes
    )


def commit_as_set(directory: JournalDirectory, settings: EngineSettings) -> Commit:
    """Trading frames durable where `commit` says; market frames always in LMDB itself."""
    if directory.journal != "trading" or settings.commit != "wal":
        return lmdb_commit(directory, settings)
    return WalCommit(
        directory,
        wal_bytes=settings.wal_bytes,
        segment_bytes_max=settings.segment_bytes_max,
        map_size_bytes=settings.map_size_bytes,
    )
