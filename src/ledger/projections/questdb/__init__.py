"""QuestDB: quotes, market trades and own executions as time series, each row once however often it is sent.

The seed's tables with DEDUP; ILP over HTTP by default; a flush is acknowledged and then waited for until readers see
it, before the offset moves (DOMAIN.md 4.4).
"""

from __future__ import annotations

from ledger.config import Settings
from ledger.projections.questdb.sink import QuestdbSink


def make(settings: Settings, partition: int) -> QuestdbSink:
    """The sink, not connected yet."""
    return QuestdbSink(settings, partition)
