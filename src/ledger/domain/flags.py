"""What a record is beside its content (DOMAIN 1.2): found from the journal itself, so it costs no byte of it.

ANOMALY: an AnomalyRecorded of the same turn stands beside it. SYNTHETIC: the engine made it, no sender said it.
RECONCILIATION: it comes of comparing us with a venue, or of an operator in a venue's place.
"""

from __future__ import annotations

from collections.abc import Container, Iterable
from typing import Any, Final

from ledger.domain.anomalies import Anomaly
from ledger.domain.cases import OPERATOR
from ledger.domain.events import AnomalyRecorded, EntityQuarantined, OrderStatusAnswered
from ledger.domain.operator_events import ClockSampled, ExecConflictResolved, OrderUnconfirmed, TimerFired
from ledger.domain.partition_events import ControlTaken, FactAssigned
from ledger.domain.request_events import OrderStatusRequested, SnapshotRequested
from ledger.domain.timers import ENGINE

_SYNTHETIC: Final = (
    ClockSampled,
    ControlTaken,
    EntityQuarantined,
    FactAssigned,
    OrderStatusRequested,
    OrderUnconfirmed,
    SnapshotRequested,
    TimerFired,
)
_RECONCILING: Final = (ExecConflictResolved, OrderStatusAnswered, OrderStatusRequested)
_COMPARED: Final = frozenset((Anomaly.ORDER_STATE_MISMATCH, Anomaly.CUM_MISMATCH, Anomaly.POSITION_BREAK))


def judged_in(events: Iterable[Any]) -> frozenset[int]:
    """The seqs of the events of a frame beside which an anomaly stands."""
    return frozenset(event.ref_seq for event in events if type(event) is AnomalyRecorded and event.ref_seq)


def flags_of(seq: int, event: Any, judged: Container[int]) -> list[str]:
    """The flags of the event with this seq; `judged` is what `judged_in` says of its frame."""
    source, actor = getattr(event, "source", ""), getattr(event, "actor", "")
    kind: type[Any] = type(event)  # type: ignore[reportUnknownVariableType]
    compared = kind is AnomalyRecorded and event.kind in _COMPARED
    found = {
        "ANOMALY": kind is not AnomalyRecorded and seq in judged,
        "SYNTHETIC": ENGINE in (source, actor) or kind in _SYNTHETIC,
        "RECONCILIATION": source == OPERATOR or kind in _RECONCILING or compared,
    }
    return [name for name, holds in found.items() if holds]
