"""Which events a reader of the stream wants: by journal, strategy, symbol, exchange and type."""

from __future__ import annotations

from typing import Any, Final, cast, final

from msgspec import Struct

from ledger.domain import events as every_event
from ledger.domain import operator_events
from ledger.domain.events import CancelRequested, OrderSubmitted, ReplaceRequested
from ledger.domain.operator_events import OrderUnconfirmed
from ledger.domain.request_events import OrderStatusRequested, SnapshotRequested
from ledger.errors import Rejected
from ledger.wire import Query, is_number

WAIT_MS: Final = 0
FILTERS: Final = frozenset(
    ("from", "consumer", "journal", "strategy", "symbol", "exchange", "types", "wait_ms")
)
OUTWARD: Final = frozenset(
    (OrderSubmitted, CancelRequested, ReplaceRequested, OrderUnconfirmed, OrderStatusRequested)
)
"""What a venue gateway acts on: orders, cancels and replaces to send, and orders whose state it must ask for."""
OUTWARD_MARKET: Final = frozenset((SnapshotRequested,))
"""What a feed acts on, of the market journal: books that ask for a snapshot."""


@final
class Selection(Struct, frozen=True):
    """A reader's filters; an empty one lets everything through."""

    journal: str
    strategy: str
    symbol: str
    exchange: str
    types: frozenset[str]
    kinds: frozenset[type]
    wait_ms: int

    def wants(self, event: Any) -> bool:
        """Whether the event passes; one that has no such field does not."""
        kind = cast("type", event.__class__)
        if self.kinds and kind not in self.kinds:
            return False
        if self.types and kind.__name__ not in self.types:
            return False
        if self.symbol and getattr(event, "symbol", "") != self.symbol:
            return False
        if self.strategy and getattr(event, "strategy_id", "") != self.strategy:
            return False
        return not self.exchange or getattr(event, "exchange", "") == self.exchange


def selection_of(query: Query) -> Selection:
    """The filters of a query for `events` or `outward`. Raises Rejected naming the filter that is wrong."""
    filters = query.filters
    unknown = sorted(filters.keys() - FILTERS)
    if unknown:
        raise Rejected(f"{unknown[0]!r} is no filter of the stream", f"one of {', '.join(sorted(FILTERS))}")
    outward = query.what == "outward"
    if outward and not filters.get("exchange"):
        raise Rejected("outward needs the filter exchange", "name the venue of the gateway")
    journal = filters.get("journal", "") or "trading"
    if journal not in ("trading", "market"):
        raise Rejected(f"journal {journal!r} does not exist", "trading or market")
    wait = filters.get("wait_ms", "") or str(WAIT_MS)
    if not is_number(wait):
        raise Rejected(f"wait_ms {wait!r} is not a number of milliseconds")
    types = frozenset(name for name in filters.get("types", "").split(",") if name)
    for name in types:
        if not (hasattr(every_event, name) or hasattr(operator_events, name)):
            raise Rejected(f"there is no event type {name!r}", "journal/schema lists them")
    return Selection(
        journal,
        filters.get("strategy", ""),
        filters.get("symbol", ""),
        filters.get("exchange", ""),
        types,
        (OUTWARD if journal == "trading" else OUTWARD_MARKET) if outward else frozenset(),
        int(wait),
    )
