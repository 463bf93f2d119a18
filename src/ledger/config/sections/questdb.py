"""The seed's section 2: QuestDB, the store of ticks and market trades."""

from typing import Annotated, Literal, final

import msgspec

from ledger.config.note import acts, advisory, derived


@final
class Column(msgspec.Struct, frozen=True):
    """One column of a seed table."""

    name: str
    type: Literal["timestamp", "symbol", "double", "int", "long", "string", "boolean"]
    designated_timestamp: bool = False
    indexed: bool = False


@final
class Server(msgspec.Struct, frozen=True):
    """Where QuestDB listens."""

    host: Annotated[str, acts("Host of the server.", form="name")] = "localhost"
    http_port: Annotated[int, acts("HTTP, used for ILP and for questions.", "port", least=1, most=65_535)] = (
        9000
    )
    pg_port: Annotated[int, acts("PostgreSQL wire protocol.", "port", least=1, most=65_535)] = 8812
    ilp_port: Annotated[
        int,
        acts(
            "ILP over TCP: no acknowledgement, so only the seed's option.",
            "port",
            seed="S-34",
            least=1,
            most=65_535,
        ),
    ] = 9009
    user: Annotated[
        str,
        acts("User of HTTP and of the PostgreSQL wire protocol; empty: the open edition's own.", form="user"),
    ] = ""
    password_file: Annotated[
        str, acts("File that holds the password, read at each connect.", "path", seed="S-7")
    ] = ""


@final
class Connection(msgspec.Struct, frozen=True):
    """How rows are sent."""

    protocol: Annotated[
        Literal["http", "ilp", "postgresql"],
        acts(
            "`http`: ILP over HTTP, acknowledged; `ilp`: over TCP, rejected rows vanish silently.",
            seed="S-34 S-53",
        ),
    ] = "http"
    buffer_size: Annotated[int, acts("First size of the row buffer; it grows.", "bytes", least=1024)] = 65_536
    auto_flush_interval_ms: Annotated[
        int,
        acts(
            "Longest time that a row waits for others to be sent with; after a quiet time it does not wait.",
            "ms",
            seed="S-34",
            least=1,
        ),
    ] = 1000
    auto_flush_rows: Annotated[
        int,
        acts(
            "Rows after which the buffer is sent; rows are counted, not bytes.", "rows", seed="S-35", least=1
        ),
    ] = 10_000


@final
class TablePartitioning(msgspec.Struct, frozen=True):
    """Partitions and age of one table."""

    type: Annotated[Literal["HOUR", "DAY", "WEEK", "MONTH"], acts("Period of one partition.", seed="S-4")] = (
        "DAY"
    )
    retention_days: Annotated[
        int | None,
        derived(
            "Age at which rows leave; from data_retention's tick_data, and never above it.",
            "days",
            seed="S-45",
            least=1,
        ),
    ] = None


@final
class Optimization(msgspec.Struct, frozen=True):
    """Write settings of one table."""

    deduplicate: Annotated[
        bool,
        acts(
            "DEDUP UPSERT KEYS(timestamp, symbol, seq); must be true, or a resend doubles ticks.", seed="S-33"
        ),
    ] = True
    wal_enabled: Annotated[bool, acts("Whether the table has QuestDB's own WAL; deduplication needs it.")] = (
        True
    )
    max_uncommitted_rows: Annotated[
        int, acts("Given to CREATE TABLE as maxUncommittedRows.", "rows", seed="S-37", least=1)
    ] = 500_000


@final
class Ticks(msgspec.Struct, frozen=True):
    """Quotes: market_data_ticks."""

    schema: Annotated[
        tuple[Column, ...],
        advisory(
            "The seed's columns; kept for charts, raw integers, ts_ns and seq stand beside them.",
            seed="S-30 S-31 S-32",
        ),
    ] = ()
    partitioning: TablePartitioning = TablePartitioning()
    optimization: Optimization = Optimization()


@final
class Trades(msgspec.Struct, frozen=True):
    """Prints of the market: trades. Own executions are `fills`."""

    schema: Annotated[
        tuple[Column, ...],
        advisory(
            "The seed's columns; these are market prints, own executions are fills.",
            seed="S-30 S-31 S-32 S-38",
        ),
    ] = ()
    partitioning: TablePartitioning = TablePartitioning()
    optimization: Optimization = Optimization()


@final
class Tables(msgspec.Struct, frozen=True):
    """The two tables that the projection fills."""

    market_data_ticks: Ticks = Ticks()
    trades: Trades = Trades()


@final
class Performance(msgspec.Struct, frozen=True):
    """Settings of the server itself; a client cannot set them."""

    write_buffer_size_mb: Annotated[
        int | None,
        advisory(
            "Write buffer of the server.",
            "MB",
            seed="S-37",
            least=1,
            server_key="cairo.writer.data.append.page.size",
        ),
    ] = None
    max_uncommitted_rows: Annotated[
        int | None,
        advisory(
            "Rows of a table that the server keeps uncommitted.",
            "rows",
            seed="S-37",
            least=1,
            server_key="cairo.max.uncommitted.rows",
        ),
    ] = None
    page_cache_size_mb: Annotated[
        int | None,
        advisory(
            "Page cache; it is the operating system's.",
            "MB",
            seed="S-37",
            least=1,
            server_key="none: the operating system's",
        ),
    ] = None
    query_timeout_ms: Annotated[
        int, acts("Longest question of the projection; the server's is query.timeout.", "ms", least=1)
    ] = 30_000


@final
class Ilp(msgspec.Struct, frozen=True):
    """ILP over TCP, the seed's way in."""

    enabled: Annotated[
        bool, acts("Whether rows go over TCP; true only with connection.protocol ilp.", seed="S-34")
    ] = False
    port: Annotated[int, acts("Port of ILP over TCP.", "port", seed="S-34", least=1, most=65_535)] = 9009
    buffer_size: Annotated[
        int | None,
        advisory(
            "Message buffer of the server.",
            "bytes",
            seed="S-37",
            least=1024,
            server_key="line.tcp.msg.buffer.size",
        ),
    ] = None
    worker_threads: Annotated[
        int | None,
        advisory(
            "Writer threads of the server.",
            "threads",
            seed="S-37",
            least=1,
            server_key="line.tcp.writer.worker.count",
        ),
    ] = None


@final
class Ingestion(msgspec.Struct, frozen=True):
    """Ways in."""

    ilp: Ilp = Ilp()


@final
class Questdb(msgspec.Struct, frozen=True):
    """QuestDB; projections.questdb.enabled starts it."""

    server: Server = Server()
    connection: Connection = Connection()
    tables: Tables = Tables()
    performance: Performance = Performance()
    ingestion: Ingestion = Ingestion()
