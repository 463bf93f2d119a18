"""What decide says of a market fact: the events it becomes, each anomaly beside the event that stands first."""

from __future__ import annotations

from ledger.domain.anomalies import SEVERITY, Anomaly
from ledger.domain.context import Context
from ledger.domain.events import AnomalyRecorded, BookEvent, BookSnapshotApplied
from ledger.domain.facts import MarketData

Decided = list[BookEvent | AnomalyRecorded]


def record(
    events: Decided, kind: Anomaly, about: MarketData | BookSnapshotApplied, context: Context, detail: str
) -> None:
    """Add the anomaly beside the event that stands first."""
    events.append(
        AnomalyRecorded(
            kind.value,
            SEVERITY[kind],
            0,
            about.symbol,
            context.next_seq,
            f"{about.exchange}/{about.symbol}: {detail}",
        )
    )
