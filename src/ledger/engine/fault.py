"""What a turn becomes whose code raised: nothing of it stands, and the fault is its outcome.

The fault is journaled with the whole input, the entity whose turn it was is set aside, and the sender is told. A
query changes nothing, so its fault sets nobody aside.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from ledger.codec import encode_message
from ledger.domain.anomalies import SEVERITY, Anomaly
from ledger.domain.codes import Code
from ledger.domain.events import AnomalyRecorded, EngineFault, EntityQuarantined
from ledger.engine.refusals import command_id_of, content_of, not_taken
from ledger.wire import Query, QueryRefused, Refused, Rejected, TextMessage

if TYPE_CHECKING:
    from ledger.engine.partition import Partition

_DETAIL_MAX: Final = 500
_RETRY_MS: Final = 1000


def _what(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"[:_DETAIL_MAX]


def fault_events(partition: Partition, message: Any, error: Exception) -> list[Any]:
    """The record of the fault, the quarantine of the entity whose turn it was, and the case for the operator."""
    kind, key = partition.entity
    raw = message.raw if isinstance(message, TextMessage) else encode_message(message)
    context, seq, what = partition.context, partition.open_trading.next_seq, _what(error)
    command_id = command_id_of(content_of(message))
    fault = EngineFault(kind, key, what, raw, command_id, context.actor, context.received_at_ns)
    detail = f"{kind} {key}: {what}"
    anomaly = AnomalyRecorded(
        Anomaly.ENGINE_FAULT, SEVERITY[Anomaly.ENGINE_FAULT], ref_seq=seq, detail=detail
    )
    return [fault, EntityQuarantined(kind, key, seq), anomaly]


def answer_fault(partition: Partition, message: Any, error: Exception) -> Any:
    """Journal the fault, unless nothing can be written, and say what the sender is told."""
    what = _what(error)
    if isinstance(message, Query):
        return QueryRefused(message.id, int(Code.ENGINE_FAULT), what)
    if partition.read_only:
        return not_taken(message, Code.JOURNAL_READ_ONLY, partition.read_only, _RETRY_MS)
    partition.forget_turn()
    seq = partition.open_trading.next_seq
    partition.commit_trading(fault_events(partition, message, error))
    content = content_of(message)
    command_id = command_id_of(content)
    if command_id:
        return Rejected(command_id, partition.context.partition, seq, int(Code.ENGINE_FAULT), what)
    if getattr(content, "source", ""):
        return partition.fact_committed(content, partition.open_trading, repeated=False)
    return Refused(b"", Code.MALFORMED, what)
