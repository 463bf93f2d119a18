"""What `decide` may return besides events and a Rejection, and how it records an anomaly."""

from __future__ import annotations

from typing import final

from msgspec import Struct

from ledger.domain.anomalies import SEVERITY, Anomaly
from ledger.domain.context import Context
from ledger.domain.events import AnomalyRecorded


@final
class Repeated(Struct, frozen=True, gc=False):
    """The same request under another command_id (FIX F.1.b): answer what the first one was answered."""

    order_id: int
    """0 for a definition."""
    seq: int
    """Of the event that the first one became."""


@final
class Unfit(Struct, frozen=True, gc=False):
    """A fact that no state can take (a fill of nothing): to be journaled as FactSuspended with this reason."""

    reason: str


def anomaly(
    context: Context,
    kind: Anomaly,
    detail: str,
    *,
    order_id: int = 0,
    symbol: str = "",
    beside: int | None = None,
) -> AnomalyRecorded:
    """The record of a disagreement, beside the input's event at index `beside`; None if the fact made no event."""
    ref_seq = 0 if beside is None else context.next_seq + beside
    return AnomalyRecorded(kind.value, SEVERITY[kind], order_id, symbol, ref_seq, detail)
