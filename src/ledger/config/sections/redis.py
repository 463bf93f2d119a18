"""The seed's section 4: Redis, a cache that can always be rebuilt; and the `cache` section that the seed promises."""

from typing import Annotated, Literal, final

import msgspec

from ledger.config.note import acts, advisory, derived


@final
class Node(msgspec.Struct, frozen=True):
    """One server of a cluster, or one sentinel."""

    host: str
    port: int = 6379


@final
class Standalone(msgspec.Struct, frozen=True):
    """One server."""

    host: Annotated[str, acts("Host of the server.", form="name")] = "localhost"
    port: Annotated[int, acts("Port of the server.", "port", least=1, most=65_535)] = 6379
    password_file: Annotated[
        str, acts("File that holds the password, in every mode.", "path", seed="S-7")
    ] = ""
    database: Annotated[
        int, acts("Database number; a cluster has only 0.", "number", seed="S-25", least=0)
    ] = 0


@final
class Sentinel(msgspec.Struct, frozen=True):
    """A master watched by sentinels."""

    master_name: Annotated[str, acts("Name of the master.", form="name")] = "mymaster"
    nodes: Annotated[tuple[Node, ...], acts("The sentinels; three are the least.")] = ()


@final
class Cluster(msgspec.Struct, frozen=True):
    """A cluster."""

    nodes: Annotated[tuple[Node, ...], acts("Servers asked for the map of the cluster.", seed="S-25")] = ()


@final
class Connection(msgspec.Struct, frozen=True):
    """Where Redis is."""

    mode: Annotated[
        Literal["standalone", "sentinel", "cluster"], acts("Which of the three below counts.", seed="S-25")
    ] = "standalone"
    standalone: Standalone = Standalone()
    sentinel: Sentinel = Sentinel()
    cluster: Cluster = Cluster()


@final
class PoolSettings(msgspec.Struct, frozen=True):
    """Connections; the most specific place, so it wins over connection_pooling."""

    min_connections: Annotated[
        int | None, derived("Connections kept open.", "connections", seed="S-8 S-27", least=0)
    ] = None
    max_connections: Annotated[
        int | None, derived("Connections opened at most.", "connections", seed="S-8 S-27", least=1)
    ] = None
    connection_timeout_ms: Annotated[
        int | None,
        derived("Longest wait for a connection; else global_settings.", "ms", seed="S-27", least=1),
    ] = None
    socket_timeout_ms: Annotated[int, acts("Longest wait for an answer.", "ms", seed="S-27", least=1)] = 500


@final
class TcpOptions(msgspec.Struct, frozen=True):
    """Socket options."""

    tcp_nodelay: Annotated[bool, acts("Send small packets at once.")] = True
    tcp_keepalive: Annotated[bool, acts("Notice a dead peer.")] = True


@final
class Performance(msgspec.Struct, frozen=True):
    """How writes are grouped."""

    pipeline_enabled: Annotated[bool, acts("Whether writes are sent in groups.", seed="S-27")] = True
    pipeline_size: Annotated[int, acts("Entities in one group.", "entities", seed="S-27", least=1)] = 100
    tcp_options: TcpOptions = TcpOptions()


@final
class Persistence(msgspec.Struct, frozen=True):
    """Persistence of the server: needless for a cache that can be rebuilt."""

    rdb_enabled: Annotated[
        bool, advisory("Whether the server writes snapshots.", seed="S-26", server_key="save")
    ] = False
    aof_enabled: Annotated[
        bool, advisory("Whether the server writes its own log.", seed="S-26", server_key="appendonly")
    ] = False
    save: Annotated[
        tuple[str, ...],
        advisory(
            "When the server writes a snapshot; ignored while rdb_enabled is false.",
            seed="S-26",
            form="save",
            server_key="save",
        ),
    ] = ()


@final
class Memory(msgspec.Struct, frozen=True):
    """Memory of the server."""

    maxmemory: Annotated[
        str, advisory("Memory that the server may use.", seed="S-22", form="size", server_key="maxmemory")
    ] = "8gb"
    maxmemory_policy: Annotated[
        Literal[
            "noeviction",
            "volatile-ttl",
            "volatile-lru",
            "volatile-lfu",
            "volatile-random",
            "allkeys-lru",
            "allkeys-lfu",
            "allkeys-random",
        ],
        advisory(
            "What the server drops when it is full; allkeys-* drops positions.",
            seed="S-22",
            server_key="maxmemory-policy",
        ),
    ] = "noeviction"


@final
class OrderBooks(msgspec.Struct, frozen=True):
    """Books: member "<price>:<size>", score the price."""

    type: Annotated[Literal["sorted_set"], acts("Kind of key.", seed="S-20")] = "sorted_set"
    key_pattern: Annotated[
        str,
        acts(
            "Name of the key; another exchange's book has {symbol}@{exchange}.",
            seed="S-25 S-49",
            form="book key",
        ),
    ] = "orderbook:{symbol}:{side}"
    ttl_seconds: Annotated[
        int,
        acts(
            "A book whose projector is gone disappears after this; a heartbeat renews it.",
            "s",
            seed="S-24",
            least=1,
        ),
    ] = 3600


@final
class Positions(msgspec.Struct, frozen=True):
    """Positions: an absent one is unknown, never flat."""

    type: Annotated[Literal["hash"], acts("Kind of key.")] = "hash"
    key_pattern: Annotated[str, acts("Name of the key.", seed="S-25 S-49", form="position key")] = (
        "position:{strategy}:{symbol}"
    )
    ttl_seconds: Annotated[
        int,
        acts(
            "Deadline of re-assertion, not an expiry: every third of it each open position is written again.",
            "s",
            seed="S-23",
            least=3,
        ),
    ] = 86_400


@final
class Sessions(msgspec.Struct, frozen=True):
    """Sessions, as the journal has them."""

    type: Annotated[Literal["hash"], acts("Kind of key.")] = "hash"
    key_pattern: Annotated[str, acts("Name of the key.", form="session key")] = "session:{session_id}"
    ttl_seconds: Annotated[
        int,
        acts(
            "Sets session.ttl_s: every message renews it, unless session.expiry is absolute.",
            "s",
            seed="S-29",
            least=1,
        ),
    ] = 28_800


@final
class DataStructures(msgspec.Struct, frozen=True):
    """The keys that the projection writes."""

    order_books: OrderBooks = OrderBooks()
    positions: Positions = Positions()
    sessions: Sessions = Sessions()
    hash_tags: Annotated[
        bool,
        acts(
            "Whether keys carry braces (orderbook:{AAPL}:bid), so that a symbol's keys share a cluster slot.",
            seed="S-25",
        ),
    ] = False


@final
class Redis(msgspec.Struct, frozen=True):
    """Redis; projections.redis.enabled starts it."""

    connection: Connection = Connection()
    pool_settings: PoolSettings = PoolSettings()
    performance: Performance = Performance()
    persistence: Persistence = Persistence()
    memory: Memory = Memory()
    data_structures: DataStructures = DataStructures()


@final
class Cache(msgspec.Struct, frozen=True):
    """What the cache shows, whichever system holds it; promised by the seed's contents, absent from its text."""

    book_levels_max: Annotated[
        int, acts("Levels of each side that the cache holds.", "levels", seed="S-2 S-21", least=1)
    ] = 50
    heartbeat_interval_ms: Annotated[
        int, acts("How often a live book's time of life is renewed.", "ms", seed="S-2 S-24", least=1)
    ] = 1000
    publish_market_data: Annotated[
        bool,
        acts(
            "Whether ticks are hinted on channel market_data:{symbol}, with seq and exact text.",
            seed="S-2 S-28",
        ),
    ] = True
