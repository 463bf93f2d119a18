"""The projection into PostgreSQL: rows and offset in one transaction, so each event has its effect exactly once."""

from ledger.config import Settings
from ledger.projections.postgres.connecting import Target
from ledger.projections.postgres.sink import PostgresSink

__all__ = ["PostgresSink", "Target", "make"]


def make(settings: Settings, partition: int) -> PostgresSink:
    """The sink that the configuration describes; it connects when it is first asked."""
    return PostgresSink(
        Target.of(settings),
        partition,
        partitions=settings.engine.partitions,
        schema=settings.postgresql.connection.schema,
        keep_days=keep_days(settings),
    )


def keep_days(settings: Settings) -> int | None:
    """How long rows stay: the longer of orders and own executions; None while nothing is deleted at all."""
    retention = settings.data_retention
    if not retention.enabled or retention.legal_hold:
        return None
    policies = retention.retention_policies
    return 366 * max(policies.order_data.archive_years, policies.trade_data.archive_years)
