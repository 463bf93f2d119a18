"""The projection into PostgreSQL: rows and offset in one transaction, so each event has its effect exactly once."""

from ledger.config import Settings
from ledger.projections.postgres.connecting import Target
from ledger.projections.postgres.sink import PostgresSink

__all__ = ["PostgresSink", "Target", "make"]


def make(settings: Settings, partition: int) -> PostgresSink:
    """The sink that the configuration describes; it connects when it is first asked."""
    return PostgresSink(Target.of(settings), partition, schema=settings.postgresql.connection.schema)
