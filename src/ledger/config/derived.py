"""Settings that follow from others: the effective retention table (S-45), pools (S-8), and every derived default."""

from __future__ import annotations

from typing import final

import msgspec

from ledger.config.sections.retention import OrderPolicy, TickPolicy, TradePolicy
from ledger.config.settings import Settings


@final
class RetentionRow(msgspec.Struct, frozen=True):
    """Where one kind of data is at which age; ages count from the beginning."""

    data: str
    hot_until_days: int
    warm_until_days: int
    archive_until_years: int
    stores: str
    """What the row governs."""


def retention(settings: Settings) -> tuple[RetentionRow, ...]:
    """The one table of retention: policies win over tier defaults, databases follow it (S-45, S-46)."""
    policies = settings.data_retention.retention_policies
    orders, trades = policies.order_data, policies.trade_data
    audit = TradePolicy(
        max(orders.hot_days, trades.hot_days),
        max(orders.warm_days, trades.warm_days),
        max(orders.archive_years, trades.archive_years),
    )
    return (
        _row("tick_data", policies.tick_data, "journal market, market_data_ticks, trades"),
        _row("order_data", orders, "orders"),
        _row("trade_data", trades, "fills, positions"),
        _row("audit", audit, "journal trading"),
    )


def _row(data: str, policy: TickPolicy | OrderPolicy | TradePolicy, stores: str) -> RetentionRow:
    return RetentionRow(data, policy.hot_days, policy.warm_days, policy.archive_years, stores)


def retention_text(settings: Settings) -> list[str]:
    """The table as lines for a person."""
    head = f"{'data':<12}{'hot until':>12}{'warm until':>12}{'archive until':>15}  governs"
    rows = [
        f"{row.data:<12}{row.hot_until_days:>10} d{row.warm_until_days:>10} d{row.archive_until_years:>13} y  {row.stores}"
        for row in retention(settings)
    ]
    return [head, *rows]


@final
class Pool(msgspec.Struct, frozen=True):
    """Connections of one system, after the most specific section won."""

    min_connections: int
    max_connections: int


def pools(settings: Settings) -> dict[str, Pool]:
    """The effective pools by system (S-8, S-27)."""
    shared = settings.connection_pooling.global_settings
    by_name = settings.connection_pooling.per_database
    own = settings.postgresql.connection.pool_settings
    redis = settings.redis.pool_settings
    least, most = shared.min_connections, shared.max_connections
    return {
        "postgresql": Pool(
            _first(own.min_connections, by_name.postgresql.min_connections, least),
            _first(own.max_connections, by_name.postgresql.max_connections, most),
        ),
        "redis": Pool(
            _first(redis.min_connections, by_name.redis.min_connections, least),
            _first(redis.max_connections, by_name.redis.max_connections, most),
        ),
        "questdb": Pool(
            _first(by_name.questdb.min_connections, least), _first(by_name.questdb.max_connections, most)
        ),
    }


def derived_values(settings: Settings) -> dict[str, object]:
    """The value of each derived setting that nobody gave (it is None in the settings), by path."""
    ticks = settings.data_retention.retention_policies.tick_data.warm_days
    shared = settings.connection_pooling.global_settings
    found = pools(settings)
    postgres, redis, questdb = found["postgresql"], found["redis"], found["questdb"]
    pooling = "connection_pooling.per_database."
    return {
        "questdb.tables.market_data_ticks.partitioning.retention_days": ticks,
        "questdb.tables.trades.partitioning.retention_days": ticks,
        "timescaledb.retention.older_than": f"{ticks} days",
        "postgresql.connection.pool_settings.min_connections": postgres.min_connections,
        "postgresql.connection.pool_settings.max_connections": postgres.max_connections,
        "redis.pool_settings.min_connections": redis.min_connections,
        "redis.pool_settings.max_connections": redis.max_connections,
        "redis.pool_settings.connection_timeout_ms": shared.connection_timeout_ms,
        f"{pooling}postgresql.min_connections": postgres.min_connections,
        f"{pooling}postgresql.max_connections": postgres.max_connections,
        f"{pooling}postgresql.max_idle_time_s": shared.idle_timeout_ms // 1000,
        f"{pooling}redis.min_connections": redis.min_connections,
        f"{pooling}redis.max_connections": redis.max_connections,
        f"{pooling}questdb.min_connections": questdb.min_connections,
        f"{pooling}questdb.max_connections": questdb.max_connections,
    }


def _first(*values: int | None) -> int:
    return next(value for value in values if value is not None)
