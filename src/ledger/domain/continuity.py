"""When a delta continues a book: the rule of each kind of feed, in one place.

Spot: `first_update` is one above the last; the first delta after a snapshot `id` may overlap it (U <= id + 1 <= u).
Futures: `prev_update` is the last; the first one has U <= id <= u. Counted: each number is one more. Unnumbered:
every delta continues. Source: Binance, "How to manage a local order book correctly", spot and USD-M futures.
"""

from __future__ import annotations

from typing import Final

from ledger.domain.enums import BookSource
from ledger.domain.events import BookDeltaApplied
from ledger.domain.facts import BookDelta

_FUTURES: Final = BookSource.FUTURES
_UNNUMBERED: Final = BookSource.UNNUMBERED

Delta = BookDelta | BookDeltaApplied


def precedes(delta: Delta, last: int, *, fresh: bool) -> bool:
    """Whether a book at update `last` already contains the delta; `fresh`: `last` is a snapshot's number."""
    if delta.last_update > last:
        return False
    kind = delta.continuity
    if kind is _UNNUMBERED:
        return False
    return not (fresh and kind is _FUTURES and delta.last_update == last)


def follows(delta: Delta, last: int, *, fresh: bool) -> bool:
    """Whether a delta that does not precede `last` is the next one; if not, something between is missing."""
    kind = delta.continuity
    if kind is _UNNUMBERED:
        return True
    if kind is _FUTURES:
        if fresh:
            return delta.first_update <= last <= delta.last_update
        return delta.prev_update == last
    if fresh:
        return delta.first_update <= last + 1 <= delta.last_update
    return delta.first_update == last + 1
