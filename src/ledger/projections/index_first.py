"""The index before the engine, where a start would otherwise hold too much of history in memory.

A start folds what follows the index, and keeps what is closed since until the follower has it: about a kilobyte an
event. Behind a short history that is the quickest way. Behind a long one, after an upgrade most often, since states of
other code are not read, the index is built first: slower by a multiple, in memory that does not grow with history.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from ledger.collecting import no_collection
from ledger.config import Settings
from ledger.errors import Corrupt, Rejected, Unavailable
from ledger.fold import open_index
from ledger.journal import JournalReader, place_text
from ledger.projections.follower import Follower
from ledger.projections.following import follower_of, take_over

SAID_EVERY_S: Final = 10.0


def index_first(
    settings: Settings,
    data: Path,
    partition: int,
    say: Callable[[str], None],
    stopped: Callable[[], bool],
) -> bool:
    """Build the index and a snapshot up to the settled head, if more than `recovery.in_memory_events_max` lies between;
    durable when it returns. False: `stopped` said to end before; what was built stays, and the next start goes on from it.

    A disk that does not take the index is no reason not to start: that is said. Blocks. Raises Corrupt of the journal.
    """
    most = settings.recovery.in_memory_events_max
    if not settings.recovery.follower or not most:
        return True
    at, end = _to_fold(data, partition)
    if end - at <= most:
        return True
    say(
        f"{end - at:,} events lie between the index and {place_text('trading', partition, end)}, more than"
        f" recovery.in_memory_events_max: the index is built first"
    )
    for last_try in (False, True):
        try:
            return _build(settings, data, partition, say, stopped)
        except (Unavailable, Rejected) as error:  # a full disk, or another follower that does not end
            say(f"the index is not built: {error}; all that is closed will be held in memory")
            return True
        except Corrupt as error:
            if last_try or not error.place.startswith("index "):
                raise
            say(f"the index is built from the beginning: {error.what}")
    raise AssertionError


def _to_fold(data: Path, partition: int) -> tuple[int, int]:
    """From which event to which a start would fold."""
    with JournalReader(data, "trading", partition, wal=False) as reader:
        end = reader.settled()
        index, offset, _ = open_index(data, partition, reader, end)
        if index is not None:
            index.close()
        return reader.directory.origin.seq if offset is None else offset.seq, end.seq


def _build(
    settings: Settings, data: Path, partition: int, say: Callable[[str], None], stopped: Callable[[], bool]
) -> bool:
    follower = follower_of(settings, data, partition, say)
    take_over(follower)
    try:
        follower.open()
    except BaseException:
        follower.release()
        raise
    begun = time.monotonic()
    first, end = follower.heads["trading"].seq, _to_fold(data, partition)[1]
    try:
        with no_collection():
            ended = _follow(follower, end, say, stopped)
        if ended:
            follower.close()
        else:
            follower.checkpoint()
            follower.drop()
    except BaseException as error:
        if isinstance(error, Corrupt):
            follower.mark_damaged(error)
        follower.drop()
        raise
    if ended:
        say(f"the index is built: {end - first:,} events in {time.monotonic() - begun:.1f} s")
    else:
        say("stopped before the start: the next one goes on with the index from there")
    return ended


def _follow(follower: Follower, end: int, say: Callable[[str], None], stopped: Callable[[], bool]) -> bool:
    begun = told = time.monotonic()
    first = follower.heads["trading"].seq
    while follower.step():
        if stopped():
            return False
        now = time.monotonic()
        if now - told >= SAID_EVERY_S:
            told = now
            say(_progress(follower.heads["trading"].seq, first, end, now - begun))
    return True


def _progress(at: int, first: int, end: int, seconds: float) -> str:
    rate = (at - first) / seconds
    left = f", {(end - at) / rate:,.0f} s to go" if rate else ""
    return f"building the index: {at:,} of {end:,} events, {rate:,.0f}/s{left}"
