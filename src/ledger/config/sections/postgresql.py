"""The seed's section 3: PostgreSQL for orders, fills and positions, and TimescaleDB as the other store of ticks."""

from typing import Annotated, Literal, final

import msgspec

from ledger.config.note import acts, advisory, derived, planned

SslMode = Literal["disable", "allow", "prefer", "require", "verify-ca", "verify-full"]


@final
class PoolSettings(msgspec.Struct, frozen=True):
    """Connections; the most specific place, so it wins over connection_pooling."""

    min_connections: Annotated[
        int | None, derived("Connections kept open.", "connections", seed="S-8", least=0)
    ] = None
    max_connections: Annotated[
        int | None,
        derived(
            "Connections opened at most; 100 is the server's own default limit.",
            "connections",
            seed="S-8",
            least=1,
        ),
    ] = None
    connection_lifetime_s: Annotated[
        int, planned("A connection is replaced at this age.", "s", seed="S-8", least=1)
    ] = 3600


@final
class Ssl(msgspec.Struct, frozen=True):
    """Encryption and proof of identity."""

    enabled: Annotated[bool, acts("Whether the connection is encrypted.", seed="S-7")] = True
    mode: Annotated[
        SslMode, acts("libpq's sslmode; `require` encrypts and verifies nothing.", seed="S-7")
    ] = "verify-full"
    cert_file: Annotated[str, acts("Client certificate; empty: none.", "path")] = ""
    key_file: Annotated[str, acts("Key of the client certificate; empty: none.", "path")] = ""
    ca_file: Annotated[
        str, acts("Certificates that vouch for the server; empty: the system's.", "path", seed="S-7")
    ] = ""


@final
class Connection(msgspec.Struct, frozen=True):
    """Where PostgreSQL is and who we are."""

    host: Annotated[str, acts("Host of the server.", form="name")] = "localhost"
    port: Annotated[int, acts("Port of the server.", "port", least=1, most=65_535)] = 5432
    database: Annotated[str, acts("Database.", form="name")] = "hft_trading"
    schema: Annotated[
        str,
        acts(
            "Schema that holds the tables; a rebuild fills NAME_shadow, a switch keeps the old one as NAME_before.",
            form="name",
        ),
    ] = "ledger"
    user: Annotated[str, acts("Role.", form="name")] = "hft_user"
    password_file: Annotated[
        str, acts("File that holds the password; it is never part of a DSN or a log.", "path", seed="S-7")
    ] = ""
    pool_settings: PoolSettings = PoolSettings()
    ssl: Ssl = Ssl()


@final
class Performance(msgspec.Struct, frozen=True):
    """Limits of connections and statements."""

    tcp_keepalives_idle: Annotated[int, acts("Idle time before a keepalive.", "s", least=1)] = 60
    tcp_keepalives_interval: Annotated[int, acts("Time between keepalives.", "s", least=1)] = 10
    tcp_keepalives_count: Annotated[
        int, acts("Unanswered keepalives that end a connection.", "count", least=1)
    ] = 5
    statement_timeout: Annotated[int, acts("Longest statement.", "ms", least=1)] = 30_000
    lock_timeout: Annotated[int, acts("Longest wait for a lock.", "ms", least=1)] = 5000


@final
class TablePartitioning(msgspec.Struct, frozen=True):
    """Partitions by time."""

    type: Annotated[Literal["RANGE"], planned("How the table is partitioned.", seed="S-9 S-52")] = "RANGE"
    column: Annotated[Literal["created_at"], planned("Column that it is partitioned by.", seed="S-9")] = (
        "created_at"
    )
    interval: Annotated[
        str, planned("Period of one partition; wins over partition_interval.", seed="S-4", form="months")
    ] = "1 MONTH"


OWN_TABLE = (
    "The seed's DDL; the projection makes its own table, with this one's column names. Empty: no remark."
)
OWN_INDEXES = "The seed's indexes; the projection makes its own."


@final
class Orders(msgspec.Struct, frozen=True):
    """Table `orders`."""

    schema: Annotated[str, advisory(OWN_TABLE, seed="S-9 S-11 S-13 S-14 S-16 S-19b")] = ""
    indexes: Annotated[tuple[str, ...], advisory(OWN_INDEXES, seed="S-19b")] = ()
    partitioning: TablePartitioning = TablePartitioning()


@final
class Fills(msgspec.Struct, frozen=True):
    """Table `fills`."""

    schema: Annotated[str, advisory(OWN_TABLE, seed="S-10 S-11 S-12 S-13 S-14 S-15 S-16")] = ""
    indexes: Annotated[tuple[str, ...], advisory(OWN_INDEXES)] = ()
    partitioning: TablePartitioning = TablePartitioning()


@final
class Positions(msgspec.Struct, frozen=True):
    """Table `positions`."""

    schema: Annotated[str, advisory(OWN_TABLE, seed="S-11 S-13 S-14 S-15 S-19b")] = ""
    indexes: Annotated[tuple[str, ...], advisory(OWN_INDEXES)] = ()


@final
class Tables(msgspec.Struct, frozen=True):
    """The tables that the projection fills."""

    orders: Orders = Orders()
    fills: Fills = Fills()
    positions: Positions = Positions()


@final
class Postgresql(msgspec.Struct, frozen=True):
    """PostgreSQL; projections.postgres.enabled starts it."""

    connection: Connection = Connection()
    performance: Performance = Performance()
    tables: Tables = Tables()


@final
class TimescaleConnection(msgspec.Struct, frozen=True):
    """Where TimescaleDB is and who we are."""

    host: Annotated[str, planned("Host of the server.", form="name")] = "localhost"
    port: Annotated[int, planned("Port of the server.", "port", least=1, most=65_535)] = 5432
    database: Annotated[str, planned("Database.", form="name")] = "hft_market_data"
    user: Annotated[str, planned("Role.", form="name")] = "hft_user"
    password_file: Annotated[str, planned("File that holds the password.", "path", seed="S-7")] = ""
    sslmode: Annotated[
        SslMode, planned("libpq's sslmode; `require` encrypts and verifies nothing.", seed="S-7")
    ] = "verify-full"
    ca_file: Annotated[
        str, planned("Certificates that vouch for the server; empty: the system's.", "path", seed="S-7")
    ] = ""


@final
class Compression(msgspec.Struct, frozen=True):
    """Compression of old chunks."""

    enabled: Annotated[bool, planned("Whether chunks are compressed.")] = True
    compress_after: Annotated[str, planned("Age at which a chunk is compressed.", form="age")] = "7 days"
    segment_by: Annotated[
        str, planned("Column that rows of a compressed chunk are grouped by.", form="name")
    ] = "symbol"


@final
class Hypertable(msgspec.Struct, frozen=True):
    """One hypertable."""

    time_column: Annotated[str, planned("Time column.", form="name")] = "timestamp"
    chunk_time_interval: Annotated[str, planned("Period of one chunk.", seed="S-4", form="age")] = "1 day"
    compression: Compression = Compression()


@final
class Hypertables(msgspec.Struct, frozen=True):
    """The hypertables that the projection fills."""

    market_data_ticks: Hypertable = Hypertable()


@final
class TimescaleRetention(msgspec.Struct, frozen=True):
    """When chunks leave; data_retention is the one source."""

    policy: Annotated[Literal["drop_chunks"], planned("How chunks leave.", seed="S-39")] = "drop_chunks"
    older_than: Annotated[
        str | None,
        derived(
            "Age at which chunks leave; from data_retention's tick_data, and never above it.",
            seed="S-39 S-45",
            form="age",
        ),
    ] = None


@final
class Timescaledb(msgspec.Struct, frozen=True):
    """TimescaleDB, instead of QuestDB; projections.timescale.enabled starts it."""

    connection: TimescaleConnection = TimescaleConnection()
    hypertables: Hypertables = Hypertables()
    retention: TimescaleRetention = TimescaleRetention()
