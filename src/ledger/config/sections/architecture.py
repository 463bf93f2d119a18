"""The seed's section 1: which database holds what, how data flows, partitioning, pools; and the projections' switches."""

from typing import Annotated, Literal, final

import msgspec

from ledger.config.note import OneKeyMaps, Refused, acts, advisory, derived, planned, switch

PRIORITY = "Order of start, of alerting and of shedding: low ones stop first under pressure."
PURPOSE = "What the database is for; for people."
Priority = Literal["critical", "high", "low"]


@final
class Timeseries(msgspec.Struct, frozen=True):
    """The database of ticks."""

    type: Annotated[
        Literal["questdb", "timescaledb"],
        planned(
            "Which system takes market data.",
            seed="S-53",
            refused={"influxdb": Refused("S-53", "use questdb or timescaledb")},
        ),
    ] = "questdb"
    purpose: Annotated[str, advisory(PURPOSE)] = "market_data_ticks"
    priority: Annotated[Priority, planned(PRIORITY, seed="S-51")] = "high"


@final
class Relational(msgspec.Struct, frozen=True):
    """The database of orders, fills and positions."""

    type: Annotated[Literal["postgresql"], acts("Which system takes orders, fills and positions.")] = (
        "postgresql"
    )
    purpose: Annotated[str, advisory(PURPOSE)] = "orders_trades_positions"
    priority: Annotated[Priority, planned(PRIORITY, seed="S-51")] = "high"


@final
class Inmemory(msgspec.Struct, frozen=True):
    """The cache, which holds nothing that cannot be rebuilt and is never read back by the engine."""

    type: Annotated[
        Literal["redis"],
        planned(
            "Which system caches state.",
            seed="S-53",
            refused={name: Refused("S-53", "use redis") for name in ("memcached", "aerospike")},
        ),
    ] = "redis"
    purpose: Annotated[str, advisory(PURPOSE, seed="S-6")] = "session_state_cache"
    priority: Annotated[Priority, planned(PRIORITY, seed="S-6 S-51")] = "high"


@final
class Analytical(msgspec.Struct, frozen=True):
    """The database of history; off by default."""

    type: Annotated[Literal["clickhouse"], planned("Which system serves analysis.", seed="S-3")] = (
        "clickhouse"
    )
    purpose: Annotated[str, advisory(PURPOSE)] = "historical_analysis"
    priority: Annotated[Priority, planned(PRIORITY, seed="S-51")] = "low"


@final
class Databases(msgspec.Struct, frozen=True):
    """One database for each use; all of them are projections of the journal."""

    timeseries: Timeseries = Timeseries()
    relational: Relational = Relational()
    inmemory: Inmemory = Inmemory()
    analytical: Analytical = Analytical()


Sink = Literal["inmemory_cache", "timeseries_db", "relational_db", "analytical_db"]


@final
class HotPath(msgspec.Struct, frozen=True):
    """The way of market data: first the market journal, then the databases."""

    source: Annotated[Literal["market_data_feed"], acts("Where market data comes from.", seed="S-5")] = (
        "market_data_feed"
    )
    destination: Annotated[
        Literal["market_journal", "inmemory_cache", "timeseries_db"],
        acts("Where it is written first; only `market_journal` is accepted.", seed="S-50"),
    ] = "market_journal"
    async_persist: Annotated[
        tuple[Sink, ...],
        planned("Projections that follow the market journal.", seed="S-50", one_or_many=True),
    ] = ("inmemory_cache", "timeseries_db")


@final
class TradingPath(msgspec.Struct, frozen=True):
    """The way of orders and fills: first the audit log, then the databases."""

    source: Annotated[Literal["order_execution"], acts("Where orders and fills come from.", seed="S-5")] = (
        "order_execution"
    )
    destination: Annotated[
        Literal["audit_log", "relational_db", "inmemory_cache"],
        acts("Where they are written first, before every answer; only `audit_log` is accepted.", seed="S-1"),
    ] = "audit_log"
    async_backup: Annotated[
        tuple[Literal["audit_log"] | Sink, ...],
        planned("Projections that follow the audit log.", seed="S-1", one_or_many=True),
    ] = ("relational_db",)


@final
class DataFlow(msgspec.Struct, frozen=True):
    """Which store is first."""

    hot_path: Annotated[HotPath, OneKeyMaps()] = HotPath()
    trading_path: Annotated[TradingPath, OneKeyMaps()] = TradingPath()


@final
class Partitioning(msgspec.Struct, frozen=True):
    """Partitioning of the databases' tables; the journal's own partitions are engine.partitions."""

    strategy: Annotated[
        Literal["time_based"],
        planned(
            "How tables are partitioned.",
            seed="S-52",
            refused={
                name: Refused(
                    "S-52", "tables are partitioned by time; to spread symbols use engine.partitions"
                )
                for name in ("hash_based", "range_based")
            },
        ),
    ] = "time_based"
    partition_interval: Annotated[
        Literal["daily", "monthly"],
        advisory(
            "Default of tables that name no interval of their own: day for market data, month for orders.",
            seed="S-4",
        ),
    ] = "daily"


@final
class DatabaseArchitecture(msgspec.Struct, frozen=True):
    """The seed's picture of the whole, put the right way round: the journal first, databases behind it."""

    databases: Databases = Databases()
    data_flow: DataFlow = DataFlow()
    partitioning: Partitioning = Partitioning()


@final
class GlobalPool(msgspec.Struct, frozen=True):
    """Pool settings for a system that has none of its own."""

    min_connections: Annotated[int, planned("Connections kept open.", "connections", seed="S-8", least=0)] = 1
    max_connections: Annotated[
        int,
        planned(
            "Connections opened at most; a projector needs one or two.", "connections", seed="S-8", least=1
        ),
    ] = 2
    connection_timeout_ms: Annotated[
        int, planned("Longest wait for a connection.", "ms", seed="S-27", least=1)
    ] = 5000
    idle_timeout_ms: Annotated[
        int, planned("An idle connection is closed after this.", "ms", seed="S-8", least=1)
    ] = 60_000


@final
class PostgresqlPool(msgspec.Struct, frozen=True):
    """Pool of PostgreSQL; postgresql.connection.pool_settings is more specific and wins."""

    min_connections: Annotated[
        int | None, derived("Connections kept open.", "connections", seed="S-8", least=0)
    ] = None
    max_connections: Annotated[
        int | None, derived("Connections opened at most.", "connections", seed="S-8", least=1)
    ] = None
    max_idle_time_s: Annotated[
        int | None, derived("An idle connection is closed after this.", "s", seed="S-8", least=1)
    ] = None
    validation_query: Annotated[str, planned("Asked of a connection before it is used.")] = "SELECT 1"


@final
class RedisPool(msgspec.Struct, frozen=True):
    """Pool of Redis; redis.pool_settings is more specific and wins."""

    min_connections: Annotated[
        int | None, derived("Connections kept open.", "connections", seed="S-8", least=0)
    ] = None
    max_connections: Annotated[
        int | None, derived("Connections opened at most.", "connections", seed="S-8", least=1)
    ] = None
    connection_retry_delay_ms: Annotated[
        int, planned("Wait before a connection is tried again.", "ms", least=1)
    ] = 100
    max_retries: Annotated[
        int, planned("Tries of a connection; writes are never retried blindly.", "tries", least=0)
    ] = 3


@final
class QuestdbPool(msgspec.Struct, frozen=True):
    """Pool of QuestDB."""

    min_connections: Annotated[
        int | None, derived("Connections kept open.", "connections", seed="S-8", least=0)
    ] = None
    max_connections: Annotated[
        int | None, derived("Connections opened at most.", "connections", seed="S-8", least=1)
    ] = None


@final
class PerDatabase(msgspec.Struct, frozen=True):
    """Pools by system; more specific than global_settings."""

    postgresql: PostgresqlPool = PostgresqlPool()
    redis: RedisPool = RedisPool()
    questdb: QuestdbPool = QuestdbPool()


@final
class ConnectionPooling(msgspec.Struct, frozen=True):
    """Connections to the databases; the most specific section wins."""

    global_settings: GlobalPool = GlobalPool()
    per_database: PerDatabase = PerDatabase()


@final
class ProjectionSwitch(msgspec.Struct, frozen=True):
    """One projection of the journal."""

    enabled: Annotated[bool, switch("Whether this projection runs.")] = False


@final
class RunningProjection(msgspec.Struct, frozen=True):
    """One projection of the journal, in a process of its own."""

    enabled: Annotated[bool, acts("Whether this projection runs, as a child of `serve`.")] = False
    batch_events: Annotated[
        int,
        acts(
            "Events given to the database at once, at most; the rows and the offset of a batch are one step.",
            "events",
            least=1,
            most=1_000_000,
        ),
    ] = 20_000


@final
class AnalyticalSwitch(msgspec.Struct, frozen=True):
    """The projection into ClickHouse."""

    enabled: Annotated[bool, switch("Whether this projection runs.", seed="S-3")] = False


@final
class Projections(msgspec.Struct, frozen=True):
    """Which databases follow the journal; a connection section alone starts nothing."""

    postgres: RunningProjection = RunningProjection()
    timescale: ProjectionSwitch = ProjectionSwitch()
    redis: RunningProjection = RunningProjection()
    questdb: RunningProjection = RunningProjection()
    clickhouse: AnalyticalSwitch = AnalyticalSwitch()
    own: Annotated[
        tuple[str, ...],
        acts(
            "Projections of your own, each as NAME=MODULE, run as children of `serve`; MODULE has"
            " `make(settings, partition)`, see examples/projection.py."
        ),
    ] = ()
    audit_interval_s: Annotated[
        int,
        acts(
            "How often an auditor, a child of `serve`, compares what changed in each sink, and a part of the rest, with"
            " a fold of the journal. 0: none runs.",
            "s",
            least=0,
            most=86_400,
        ),
    ] = 0
    audit_pass_s: Annotated[
        int,
        acts("In what time the auditor looks at every row of a sink once.", "s", least=1, most=31 * 86_400),
    ] = 3600
    audit_repairs: Annotated[
        bool, acts("Whether the auditor writes what the journal says in place of what differs.")
    ] = False
