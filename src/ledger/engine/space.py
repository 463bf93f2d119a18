"""Disk space as the engine sees it: while it is low new orders are refused, and a recovery may use the reserve.

Cancels and facts go on: they end exposure or say what happened at the venue, and there is less of them than of orders.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import trio

from ledger.beats import beat
from ledger.engine.partition import Partition
from ledger.journal import Commit, Reserve, StorageError

SPACE_LOW: Final = (
    "the disk of the journal is nearly full: cancels and facts go on, new orders when space was freed"
)


def open_commit(make: Callable[[], Commit], reserve: Reserve | None) -> Commit:
    """An open commit; where the disk is too full for its recovery, with what the reserve gives up.

    Raises Corrupt, Refused, StorageError.
    """
    commit = make()
    try:
        commit.open()
    except StorageError as error:
        if not error.full or reserve is None or reserve.low:
            raise
        reserve.release()
        commit = make()
        commit.open()
    return commit


async def watch_space(reserve: Reserve, partition: Partition, on_failed: Callable[[Exception], None]) -> None:
    """Looks several times a second while something is journaled, once a second otherwise, until cancelled.

    `on_failed` once, where the disk does not even say how full it is.
    """
    seen = (0, 0)
    while True:
        try:
            low = await trio.to_thread.run_sync(reserve.check)
        except StorageError as error:
            on_failed(error)
            return
        partition.space_low = SPACE_LOW if low else ""
        before, seen = seen, (partition.open_trading.next_seq, partition.open_market.next_seq)
        await beat(is_idle=seen == before)
