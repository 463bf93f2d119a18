"""How far each sender of facts has come: its run, its last number, and the numbers that are missing.

A source is a small tuple, not a struct, because it changes with every fact.
"""

from __future__ import annotations

from typing import Final, final

from msgspec import Struct

SourceState = tuple[int, int, tuple[tuple[int, int], ...]]
"""(source_epoch, highest source_seq, missing ranges as (from, to), both inclusive)."""


@final
class SourceNumber(Struct, frozen=True, gc=False):
    """The number of a message that is no fact: judged for holes before what the message says, and never answered."""

    source: str
    source_epoch: int
    source_seq: int


GAPS_MAX: Final = 64
"""Ranges remembered per source; the oldest are given up for lost beyond that."""


def advanced(state: SourceState | None, source_epoch: int, source_seq: int) -> SourceState:
    """The state after an event of this source's number."""
    if state is None:
        return (source_epoch, source_seq, ())
    epoch, high, gaps = state
    if source_epoch == epoch:
        return (epoch, source_seq, gaps) if source_seq > high else state
    return (source_epoch, source_seq, ()) if source_epoch > epoch else state


def opened(state: SourceState | None, source_epoch: int, from_seq: int, to_seq: int) -> SourceState:
    """The state after SourceGapOpened."""
    if state is None or source_epoch > state[0]:
        return (source_epoch, to_seq, ((from_seq, to_seq),))
    if source_epoch < state[0]:
        return state
    return (state[0], max(state[1], to_seq), (*state[2], (from_seq, to_seq))[-GAPS_MAX:])


def closed(state: SourceState | None, source_epoch: int, source_seq: int) -> SourceState | None:
    """The state after SourceGapClosed: that number is no longer missing."""
    if state is None or source_epoch != state[0]:
        return state
    gaps: list[tuple[int, int]] = []
    for low, high in state[2]:
        if not low <= source_seq <= high:
            gaps.append((low, high))
            continue
        if low < source_seq:
            gaps.append((low, source_seq - 1))
        if source_seq < high:
            gaps.append((source_seq + 1, high))
    return (state[0], state[1], tuple(gaps[-GAPS_MAX:]))


def is_missing(state: SourceState, source_seq: int) -> bool:
    """Whether this number of the source's present run is known to be missing."""
    return any(low <= source_seq <= high for low, high in state[2])
