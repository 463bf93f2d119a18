"""The seed's contradictions that settings can show, each with its number: refused, noticed, or cured by `adopt`."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ledger.config.derived import pools
from ledger.config.rules import DROP, Configured, Finding, Rule

FLOW = "database_architecture.data_flow."


def journal_first(configured: Configured) -> Iterator[Finding]:
    """The journal comes before every database (S-1, S-50)."""
    flow = configured.settings.database_architecture.data_flow
    trading, market = flow.trading_path, flow.hot_path
    yield from _turned_round(
        "trading_path", "S-1", "audit_log", trading.destination, "async_backup", trading.async_backup
    )
    yield from _turned_round(
        "hot_path", "S-50", "market_journal", market.destination, "async_persist", market.async_persist
    )


def _turned_round(
    name: str, seed: str, journal: str, first: str, key: str, behind: tuple[str, ...]
) -> Iterator[Finding]:
    destination = f"{FLOW}{name}.destination"
    if first != journal:
        text = f"{journal} is written first and {first} follows it: destination {journal}"
        yield Finding(destination, text, seed, True, journal)
    sinks = tuple(dict.fromkeys(sink for sink in (first, *behind) if sink != journal))
    if sinks != behind:
        text = f"{journal} is written first, the databases follow it: {key} {', '.join(sinks)}"
        yield Finding(f"{FLOW}{name}.{key}", text, seed, True, sinks, beside=(destination,))


def intervals(configured: Configured) -> Iterator[Finding]:
    """Three answers to one question (S-4)."""
    path = "database_architecture.partitioning.partition_interval"
    if configured.wrote(path):
        text = "only a default: market tables go by day, orders and fills by month, unless their own key says otherwise"
        yield Finding(path, text, "S-4")


def cache_is_no_home(configured: Configured) -> Iterator[Finding]:
    """A cache cannot be the critical home of state (S-6)."""
    if configured.settings.database_architecture.databases.inmemory.priority == "critical":
        text = "Redis holds nothing that cannot be rebuilt and the engine never reads it back: high is enough"
        yield Finding("database_architecture.databases.inmemory.priority", text, "S-6", cure="high")


def servers_verified(configured: Configured) -> Iterator[Finding]:
    """Encryption without proof of identity (S-7)."""
    ssl = configured.settings.postgresql.connection.ssl
    modes = {
        "postgresql.connection.ssl.mode": ssl.mode,
        "timescaledb.connection.sslmode": configured.settings.timescaledb.connection.sslmode,
    }
    for path, mode in modes.items():
        if mode not in {"verify-ca", "verify-full"}:
            yield Finding(
                path, f"{mode} does not verify the server: verify-full does", "S-7", cure="verify-full"
            )
    if not ssl.enabled:
        text = "the password and all orders would cross the network in clear text: true"
        yield Finding("postgresql.connection.ssl.enabled", text, "S-7", cure=True)


CONNECTIONS_ODD = 10
"""A pool above this was meant for many threads, not for a projector."""

PLACES = {
    "postgresql": ("postgresql.connection.pool_settings", "connection_pooling.per_database.postgresql"),
    "redis": ("redis.pool_settings", "connection_pooling.per_database.redis"),
    "questdb": ("connection_pooling.per_database.questdb",),
}


def pool_sizes(configured: Configured) -> Iterator[Finding]:
    """Pools given in several places, larger than one process needs (S-8, S-27)."""
    shared = "connection_pooling.global_settings"
    for name, pool in pools(configured.settings).items():
        places = [*PLACES[name], shared]
        wrote = [place for place in places if configured.wrote(f"{place}.max_connections")]
        path = f"{(wrote or places)[0]}.max_connections"
        if pool.min_connections > pool.max_connections:
            text = f"min_connections {pool.min_connections} is above max_connections {pool.max_connections} for {name}"
            beside = tuple(f"{place}.min_connections" for place in places)
            yield Finding(path, text, "S-8", True, beside=beside)
        elif wrote and wrote[0] != shared and pool.max_connections > CONNECTIONS_ODD:
            text = f"{pool.max_connections} counts for {name} (the most specific place wins); a projector uses one or two"
            yield Finding(path, text, "S-8")
    everywhere = configured.settings.connection_pooling.global_settings
    if everywhere.max_connections > CONNECTIONS_ODD:
        text = f"{everywhere.max_connections} is for systems without a pool of their own; a projector uses one or two"
        yield Finding(f"{shared}.max_connections", text, "S-8")
    own, timeout = "redis.pool_settings.connection_timeout_ms", everywhere.connection_timeout_ms
    if configured.wrote(own) and configured.values[own] not in {None, timeout}:
        text = f"{configured.values[own]} ms counts for Redis (the most specific place wins), not {timeout}"
        yield Finding(own, text, "S-27")


def redis_memory(configured: Configured) -> Iterator[Finding]:
    """A cache that drops positions, a position that looks flat, a book that looks fresh (S-22 to S-26, S-29)."""
    redis = configured.settings.redis
    policy = redis.memory.maxmemory_policy
    if policy.startswith("allkeys-"):
        text = f"{policy} drops positions and sessions under pressure of market data: noeviction does not"
        yield Finding("redis.memory.maxmemory_policy", text, "S-22", cure="noeviction")
    keys = "redis.data_structures."
    if configured.wrote(keys + "positions.ttl_seconds"):
        text = "open positions never expire: this is the deadline by which each is written again; absent means unknown"
        yield Finding(keys + "positions.ttl_seconds", text, "S-23")
    if configured.wrote(keys + "order_books.ttl_seconds"):
        text = "a heartbeat renews it while the book is live; age and status stand in orderbook:{symbol}:meta"
        yield Finding(keys + "order_books.ttl_seconds", text, "S-24")
    if configured.wrote(keys + "sessions.ttl_seconds") and configured.settings.session.expiry == "sliding":
        text = "sliding: every message of the session renews it (session.expiry: absolute is the other way)"
        yield Finding(keys + "sessions.ttl_seconds", text, "S-29")
    connection = redis.connection
    if connection.mode == "cluster" and connection.standalone.database != 0:
        text = f"a cluster has only database 0, found {connection.standalone.database}"
        yield Finding("redis.connection.standalone.database", text, "S-25", True, 0)
    if redis.persistence.save and not redis.persistence.rdb_enabled:
        text = "ignored, because rdb_enabled is false; a cache that can be rebuilt needs no persistence"
        yield Finding("redis.persistence.save", text, "S-26", cure=DROP)


def redis_has_servers(configured: Configured) -> Iterator[Finding]:
    """A mode that needs nodes has some."""
    connection = configured.settings.redis.connection
    nodes = {"sentinel": connection.sentinel.nodes, "cluster": connection.cluster.nodes}
    if (
        connection.mode in nodes
        and not nodes[connection.mode]
        and configured.settings.projections.redis.enabled
    ):
        yield Finding(
            f"redis.connection.{connection.mode}.nodes", f"mode {connection.mode} needs nodes", "S-25", True
        )


def questdb_columns(configured: Configured) -> Iterator[Finding]:
    """Floats, 32 bits and microseconds in the record of prices (S-30, S-31, S-32)."""
    tables = configured.settings.questdb.tables
    for name, columns in {
        "market_data_ticks": tables.market_data_ticks.schema,
        "trades": tables.trades.schema,
    }.items():
        path = f"questdb.tables.{name}.schema"
        kinds = {column.type for column in columns}
        if "double" in kinds:
            yield Finding(
                path, "doubles are kept for charts; raw integers with their scale stand beside them", "S-30"
            )
        if "int" in kinds:
            yield Finding(path, "int is 32 bits: sizes are stored as LONG", "S-31")
        if "timestamp" in kinds:
            yield Finding(
                path, "ts_ns and seq stand beside the timestamp, which cannot tell ties apart", "S-32"
            )


def questdb_sends(configured: Configured) -> Iterator[Finding]:
    """Resends that double, rows that vanish (S-33, S-34)."""
    questdb = configured.settings.questdb
    tables = {"market_data_ticks": questdb.tables.market_data_ticks, "trades": questdb.tables.trades}
    for name, table in tables.items():
        path = f"questdb.tables.{name}.optimization."
        if not table.optimization.deduplicate:
            yield Finding(path + "deduplicate", "a resend would double ticks: true", "S-33", True, True)
        if not table.optimization.wal_enabled:
            yield Finding(path + "wal_enabled", "deduplication needs QuestDB's WAL: true", "S-33", True, True)
    tcp = questdb.ingestion.ilp.enabled
    if questdb.connection.protocol == "ilp":
        text = "ILP over TCP has no acknowledgement, rejected rows vanish silently: http acknowledges"
        yield Finding("questdb.connection.protocol", text, "S-34", cure="http")
    if tcp and questdb.connection.protocol != "ilp":
        text = f"ILP over TCP is on, but connection.protocol is {questdb.connection.protocol}: false"
        yield Finding("questdb.ingestion.ilp.enabled", text, "S-34", True, False)


def retention_agrees(configured: Configured) -> Iterator[Finding]:
    """One source of retention; databases keep no more than it says (S-39, S-45, S-48)."""
    policies = configured.settings.data_retention.retention_policies
    for name, policy in {
        "tick_data": policies.tick_data,
        "order_data": policies.order_data,
        "trade_data": policies.trade_data,
    }.items():
        if not policy.hot_days <= policy.warm_days <= policy.archive_years * 365:
            text = f"ages must rise: hot {policy.hot_days} d, warm {policy.warm_days} d, archive {policy.archive_years} y"
            place = f"data_retention.retention_policies.{name}."
            beside = (place + "hot_days", place + "archive_years")
            yield Finding(place + "warm_days", text, "S-45", True, beside=beside)
    for name, years in {
        "order_data": policies.order_data.archive_years,
        "trade_data": policies.trade_data.archive_years,
    }.items():
        if years < 6:
            text = f"{years} years is less than the longest rule asks for (6, SEC 17a-4): 7 is safe"
            yield Finding(f"data_retention.retention_policies.{name}.archive_years", text, "S-48", cure=7)
    yield from _tier_defaults(configured)
    yield from _sinks(configured)


def _tier_defaults(configured: Configured) -> Iterator[Finding]:
    for tier, key in {"hot": "retention_days", "warm": "retention_days", "cold": "retention_years"}.items():
        path = f"data_retention.{tier}_storage.{key}"
        if configured.wrote(path):
            text = "only a default: retention_policies win (ledger config explain data_retention prints the table)"
            yield Finding(path, text, "S-45")
    cold = configured.settings.data_retention.cold_storage
    if configured.wrote("data_retention.cold_storage.encryption") and cold.encryption and not cold.key_file:
        text = (
            "zstd, then AES-256-GCM for each segment; needs cold_storage.key_file before the archive can run"
        )
        yield Finding("data_retention.cold_storage.encryption", text, "S-47")


def _sinks(configured: Configured) -> Iterator[Finding]:
    policy = configured.settings.data_retention.retention_policies.tick_data.warm_days
    tables = configured.settings.questdb.tables
    days = {
        "market_data_ticks": tables.market_data_ticks.partitioning.retention_days,
        "trades": tables.trades.partitioning.retention_days,
    }
    for name, kept in days.items():
        if kept is not None and kept > policy:
            text = f"{kept} days is above tick_data.warm_days {policy}, which governs: at most {policy}"
            yield Finding(f"questdb.tables.{name}.partitioning.retention_days", text, "S-45", True, policy)
    older = configured.settings.timescaledb.retention.older_than
    if older is not None and int(older.split()[0]) > policy:
        text = f"{older} is above tick_data.warm_days {policy}, which governs: at most {policy} days"
        yield Finding("timescaledb.retention.older_than", text, "S-39", True, f"{policy} days")


DDL = (
    (
        r"_id\s+BIGSERIAL\s+PRIMARY KEY[\s\S]*client_order_id",
        "S-9",
        "a unique client_order_id and partitions exclude each other",
    ),
    (r"REFERENCES\s+orders", "S-10", "no foreign key to a partitioned table's order_id alone"),
    (r"\bTIMESTAMP\b(?!TZ)", "S-11", "TIMESTAMP has no zone and loses nanoseconds"),
    (
        r"execution_id\s+\w+(\(\d+\))?\s+UNIQUE",
        "S-12",
        "execution_id is unique only per venue, account, symbol and day",
    ),
    (r"quantity\s+INTEGER", "S-13", "INTEGER rounds 0.5 to 1 and overflows"),
    (r"price\s+NUMERIC\(12", "S-14", "NUMERIC(12,4) rounds prices"),
    (r"(pnl\s+NUMERIC\(15|commission\s+NUMERIC)", "S-15", "cents drift and the fee's currency is lost"),
    (r"(side\s+VARCHAR\(4\)|order_type\s+VARCHAR\(10\))", "S-16", "SELL_SHORT and TRAILING_STOP do not fit"),
    (
        r"(position_id\s+SERIAL|strategy_id\s+VARCHAR\(50\),)",
        "S-19b",
        "32-bit ids, a strategy that may be missing",
    ),
)
"""What the seed's DDL gets wrong: (pattern, number, reason)."""

NEEDLESS = r"ON orders\((client_order_id|status)\)"


def postgres_tables(configured: Configured) -> Iterator[Finding]:
    """DDL that PostgreSQL refuses or that loses money (S-9 to S-16, S-19b)."""
    tables = configured.settings.postgresql.tables
    for name, ddl in {
        "orders": tables.orders.schema,
        "fills": tables.fills.schema,
        "positions": tables.positions.schema,
    }.items():
        wrong = [(seed, why) for pattern, seed, why in DDL if re.search(pattern, ddl)]
        if wrong:
            reasons = "; ".join(f"{seed}: {why}" for seed, why in wrong)
            text = f"the projection makes its own table with these column names, because {reasons}"
            yield Finding(
                f"postgresql.tables.{name}.schema", text, " ".join(seed for seed, _ in wrong), cure=DROP
            )
    useful = tuple(index for index in tables.orders.indexes if not re.search(NEEDLESS, index))
    if useful != tables.orders.indexes:
        text = "client_order_id has its unique index already, status is better served by one WHERE is_open"
        yield Finding("postgresql.tables.orders.indexes", text, "S-19b", cure=useful)


SEED_RULES: tuple[Rule, ...] = (
    journal_first,
    intervals,
    cache_is_no_home,
    servers_verified,
    pool_sizes,
    postgres_tables,
    redis_memory,
    redis_has_servers,
    questdb_columns,
    questdb_sends,
    retention_agrees,
)
