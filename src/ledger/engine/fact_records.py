"""What stands beside a fact's own events: its number, when it came and through whom, and the case of one that was kept."""

from __future__ import annotations

from typing import Any, Final

from msgspec.structs import replace

from ledger.domain.anomalies import SEVERITY, Anomaly
from ledger.domain.context import Context
from ledger.domain.events import AnomalyRecorded, FactSuspended
from ledger.domain.request_events import OrderStatusRequested

_NUMBERLESS: Final = (AnomalyRecorded, OrderStatusRequested)
"""Events without the number of the fact that made them."""


def with_number(fact: Any, events: list[Any], numbered: list[Any] | None, context: Context) -> list[Any]:
    """The fact's events and those of its number; where it made anomalies only, they say whose it was and when it came."""
    if events and type(events[0]) is AnomalyRecorded and all(type(it) in _NUMBERLESS for it in events):
        first = replace(
            events[0],
            source=fact.source,
            source_epoch=fact.source_epoch,
            source_seq=fact.source_seq,
            event_time_ns=fact.event_time_ns,
            received_at_ns=context.received_at_ns,
            actor=context.actor,
        )
        events = [first, *events[1:]]
    return [*events, *numbered] if numbered else events


def recorded(kind: Anomaly, symbol: str, ref_seq: int, detail: str) -> AnomalyRecorded:
    """An anomaly that concerns no order."""
    return AnomalyRecorded(kind.value, SEVERITY[kind], symbol=symbol, ref_seq=ref_seq, detail=detail)


def case_of(suspended: FactSuspended, name: str, seq: int) -> AnomalyRecorded:
    """The case of a fact that was kept as it came; `name` is its type, `seq` that of the FactSuspended."""
    number = f"{suspended.source} {suspended.source_epoch}:{suspended.source_seq}"
    what = f"{name} {number}: {suspended.reason}"
    return recorded(Anomaly.FACT_SUSPENDED, suspended.symbol, seq, what)
