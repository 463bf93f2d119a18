"""What the engine asks of those who feed it: what a venue knows of an order (tag 62), a snapshot of a book (107)."""

from __future__ import annotations

from typing import final

from msgspec import Struct

from ledger.domain.units import OrderId, Qty, Seq


@final
class OrderStatusRequested(Struct, frozen=True, array_like=True, gc=False, tag=62):
    """Something shows that the venue knows more of the order than we do: its gateway is asked, once a doubt.

    It answers with every execution of the order that we lack, then with a ReportStatus (FIX 35=H); the request stands
    open, as `needs_recon` on the order, until a ReportStatus agrees with us.
    """

    symbol: str
    order: str
    """The order's first client_order_id, which names its actor."""
    strategy_id: str
    exchange: str
    order_id: OrderId
    client_order_id: str
    """Its current id."""
    venue_order_id: str
    reason: str
    """The kind of the anomaly that asks."""
    ref_seq: Seq
    """The AnomalyRecorded, in the same turn."""
    venue_cum: Qty | None = None
    """What the venue counts as filled; None where the report did not say."""


@final
class SnapshotRequested(Struct, frozen=True, array_like=True, gc=False, tag=107):
    """A book became STALE, or stays so after a snapshot: its feed is asked for one, once a hole, in the same turn.

    Whoever feeds the book answers with a BookSnapshot of this moment or later; one that does not number its messages
    answers within the run in which its changes go on. It stands open until the book is LIVE again.
    """

    symbol: str
    exchange: str
    source: str
    """Who sent the message that showed the hole; "" after a start that lost the journal's tail."""
    last_update: int
    """The venue's number up to which the levels are right."""
    ref_seq: Seq
    """The event beside it."""
