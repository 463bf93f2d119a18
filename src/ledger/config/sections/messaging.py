"""The seed's section 5: the ZeroMQ sockets, which are doors here, and Kafka."""

from typing import Annotated, Literal, final

import msgspec

from ledger.config.note import acts, planned, switch


@final
class MarketDataPub(msgspec.Struct, frozen=True):
    """The door market_data_pub."""

    type: Annotated[Literal["PUB"], acts("Kind of socket.")] = "PUB"
    endpoint: Annotated[
        str, acts("Sets doors.host and doors.base_port (this port).", seed="S-43", form="endpoint")
    ] = "tcp://127.0.0.1:5555"
    hwm: Annotated[int, acts("Sets doors.market_data_hwm.", "messages", seed="S-42", least=1)] = 100_000


@final
class OrderEventsPub(msgspec.Struct, frozen=True):
    """The door order_events_pub."""

    type: Annotated[Literal["PUB"], acts("Kind of socket.")] = "PUB"
    endpoint: Annotated[
        str, acts("Sets doors.host and doors.base_port (this port less 1).", seed="S-43", form="endpoint")
    ] = "tcp://127.0.0.1:5556"
    hwm: Annotated[int, acts("Sets doors.order_events_hwm.", "messages", seed="S-42", least=1)] = 100_000


@final
class CommandSub(msgspec.Struct, frozen=True):
    """The seed's way in for commands, which can lose them: off; commands come in at the acknowledged door."""

    enabled: Annotated[
        bool,
        acts(
            "Whether commands are also taken, at most once and unanswered, from publishers; holes are recorded.",
            seed="S-40",
        ),
    ] = False
    type: Annotated[Literal["SUB"], acts("Kind of socket.", seed="S-40")] = "SUB"
    endpoint: Annotated[
        str,
        acts(
            "The seed's 5557 is the acknowledged door `commands` here; the SUB socket is at base_port + 7.",
            seed="S-40",
            form="endpoint",
        ),
    ] = "tcp://127.0.0.1:5562"
    topics: Annotated[
        tuple[Literal["order", "cancel", "modify"], ...],
        acts("Topics taken; compared whole, not as prefixes.", seed="S-40"),
    ] = ("order", "cancel", "modify")


@final
class Sockets(msgspec.Struct, frozen=True):
    """The sockets that the seed names; reports, market, stream and query follow them."""

    market_data_pub: MarketDataPub = MarketDataPub()
    order_events_pub: OrderEventsPub = OrderEventsPub()
    command_sub: CommandSub = CommandSub()


@final
class Zeromq(msgspec.Struct, frozen=True):
    """The doors, under the seed's names."""

    enabled: Annotated[bool, acts("Must be true: the doors are how the engine is reached.", seed="S-41")] = (
        True
    )
    sockets: Sockets = Sockets()


@final
class Topic(msgspec.Struct, frozen=True):
    """One topic."""

    partitions: Annotated[int, planned("Partitions of the topic.", "count", seed="S-44", least=1)] = 12
    replication_factor: Annotated[int, planned("Copies of each record.", "count", seed="S-44", least=1)] = 3


@final
class Topics(msgspec.Struct, frozen=True):
    """The topics that the projection fills."""

    market_data_archive: Topic = Topic()
    trade_executions: Topic = Topic(partitions=6)


@final
class Kafka(msgspec.Struct, frozen=True):
    """An outbox: acks=all, idempotent, keyed by symbol or order, seq in every record."""

    enabled: Annotated[bool, switch("Whether the journal is projected into Kafka.", seed="S-44")] = False
    brokers: Annotated[tuple[str, ...], planned("Brokers asked first.", form="address")] = ()
    topics: Topics = Topics()


@final
class MessageQueues(msgspec.Struct, frozen=True):
    """Sockets and brokers."""

    zeromq: Zeromq = Zeromq()
    kafka: Kafka = Kafka()
