"""The engine's own keys but the journal's: engine, clock, doors, order, book, session, risk, recovery."""

from typing import Annotated, Literal, final

import msgspec

from ledger.config.note import acts, planned
from ledger.config.sections.keys import Curve


@final
class Engine(msgspec.Struct, frozen=True):
    """The turns: how many, how long they may queue, how long their answers are remembered."""

    partitions: Annotated[
        int,
        acts(
            "Partitions of the journal, fixed at its birth; each is one process.",
            "count",
            seed="S-52",
            least=1,
            most=1024,
        ),
    ] = 1
    turns_max: Annotated[
        int, acts("Turns run before other tasks get the processor.", "turns", least=1, most=65_536)
    ] = 256
    queue_max: Annotated[
        int, acts("Inputs that may wait; past it commands are answered OVERLOADED.", "inputs", least=1)
    ] = 65_536
    queue_reserved: Annotated[
        int, acts("Further room that only cancels and the kill switch may use.", "inputs", least=1)
    ] = 4096
    frame_bytes_max: Annotated[
        int, acts("Size at which an open frame is full and turns wait.", "bytes", least=1 << 16, most=8 << 20)
    ] = 8 << 20
    idempotence_window_s: Annotated[
        int,
        acts(
            "A command_id older than this is refused (COMMAND_ID_EXPIRED), never applied.",
            "s",
            least=60,
            outcome=True,
        ),
    ] = 604_800
    switch_interval_us: Annotated[
        int,
        acts(
            "How long a Python thread may keep the interpreter from another in `serve`, and in projectors.",
            "us",
            least=50,
            most=5000,
        ),
    ] = 300
    loop_sync_max_us: Annotated[
        int,
        acts(
            "While syncs take less on average, a frame that nothing waits behind is synced by the event loop: quicker "
            "than a change of thread, but a disk that hangs then holds up queries too. 0: always in a thread.",
            "us",
            least=0,
            most=100_000,
        ),
    ] = 1000


@final
class Clock(msgspec.Struct, frozen=True):
    """What a jump of the machine's clock does."""

    max_step_ms: Annotated[
        int,
        acts(
            "A step beyond this refuses new orders until it is confirmed; also how far ahead a command_id may be.",
            "ms",
            least=1,
            outcome=True,
        ),
    ] = 5000


@final
class Doors(msgspec.Struct, frozen=True):
    """The sockets: partition p's doors are at base_port + 10 p."""

    host: Annotated[
        str,
        acts(
            "Address that the doors bind; anything but loopback needs CURVE keys.", seed="S-43", form="name"
        ),
    ] = "127.0.0.1"
    base_port: Annotated[
        int,
        acts(
            "Port of market_data_pub; the other doors follow it. 0 takes free ports.",
            "port",
            least=0,
            most=65_000,
        ),
    ] = 5555
    message_bytes_max: Annotated[
        int, acts("A larger message is not read; its sender is cut off.", "bytes", least=1024, most=1 << 30)
    ] = 16 << 20
    batch_max: Annotated[
        int, acts("Commands or facts that one message may carry.", "inputs", least=1, most=1 << 20)
    ] = 65_536
    in_flight_max: Annotated[
        int, acts("Unanswered inputs of one connection; past it OVERLOADED.", "inputs", least=1)
    ] = 65_536
    publish_format: Annotated[
        Literal["json", "msgpack"], acts("Payload of the two PUB doors.", seed="S-28")
    ] = "json"
    market_data_hwm: Annotated[
        int,
        acts(
            "Messages kept for a slow subscriber of market_data_pub before it loses some.",
            "messages",
            seed="S-42",
            least=1,
        ),
    ] = 100_000
    order_events_hwm: Annotated[
        int,
        acts(
            "Messages kept for a slow subscriber of order_events_pub before it loses some.",
            "messages",
            seed="S-42",
            least=1,
        ),
    ] = 100_000
    curve: Curve = Curve()


@final
class Order(msgspec.Struct, frozen=True):
    """Rules of orders that a desk may choose."""

    max_outstanding_replaces: Annotated[
        int,
        acts(
            "Replaces of one order that may wait for the venue at once.",
            "requests",
            least=1,
            most=64,
            outcome=True,
        ),
    ] = 1
    replace_unacked: Annotated[
        bool, acts("Whether an order that the venue has not acknowledged may be replaced.", outcome=True)
    ] = False
    replace_filled: Annotated[
        bool, acts("Whether a filled order may be replaced to a larger quantity.", outcome=True)
    ] = False
    ack_timeout_ms: Annotated[
        int,
        acts(
            "An order unacknowledged for longer becomes unconfirmed; it is never rejected by guess.",
            "ms",
            least=1,
            outcome=True,
        ),
    ] = 5000
    tif_grace_ms: Annotated[
        int,
        acts(
            "Wait after the close before a DAY order is expired here.",
            "ms",
            least=0,
            outcome=True,
        ),
    ] = 60_000
    ioc_timeout_ms: Annotated[
        int,
        acts(
            "An IOC or FOK without an outcome for longer is asked for.",
            "ms",
            least=1,
            outcome=True,
        ),
    ] = 5000
    gtc_max_days: Annotated[
        int,
        acts(
            "A GTC order older than this raises an alert; its state stays.",
            "days",
            least=1,
            outcome=True,
        ),
    ] = 90


@final
class Book(msgspec.Struct, frozen=True):
    """Rules of symbol books."""

    crossed_max_ms: Annotated[
        int,
        acts(
            "A book crossed for longer becomes STALE at its next message, until a snapshot comes.",
            "ms",
            least=1,
            outcome=True,
        ),
    ] = 1000
    mark_spread_max_bp: Annotated[
        int,
        acts(
            "A book with a wider spread gives no mark: its last trade, then the settlement price stand in; 0 is no cap.",
            "1/10000 of the mid",
            least=0,
            most=20_000,
            outcome=True,
        ),
    ] = 1000
    deltas_buffered_max: Annotated[
        int,
        planned(
            "Deltas kept while a book waits for its snapshot.",
            "deltas",
            least=1,
            fixed_now=True,
            outcome=True,
        ),
    ] = 10_000


@final
class Session(msgspec.Struct, frozen=True):
    """Sessions of people and programs."""

    ttl_s: Annotated[
        int,
        acts(
            "A session ends when nothing renewed it for this long; the seed's sessions.ttl_seconds sets it.",
            "s",
            seed="S-29",
            least=1,
            outcome=True,
        ),
    ] = 28_800
    expiry: Annotated[
        Literal["sliding", "absolute"],
        acts(
            "`sliding`: every message renews it; `absolute`: it ends ttl_s after it began.",
            seed="S-29",
            outcome=True,
        ),
    ] = "sliding"
    warn_before_s: Annotated[
        int,
        acts(
            "So long before its end an absolute session is warned of; 0: never.", "s", least=0, outcome=True
        ),
    ] = 300
    timeout_ms: Annotated[
        int,
        acts(
            "A session is lost when neither message nor heartbeat came for this long.",
            "ms",
            least=1,
            outcome=True,
        ),
    ] = 30_000
    cancel_on_disconnect: Annotated[
        bool, acts("Whether a lost session's open orders are cancelled.", outcome=True)
    ] = False


@final
class Risk(msgspec.Struct, frozen=True):
    """The limits of the whole firm that a new journal begins with: journaled once, at its birth, and never read again.

    From then on the journal has them: `ledger limits show` tells, `ledger limits set` changes them.
    """

    max_order_qty: Annotated[str, acts("Largest quantity of one order.", form="limit")] = ""
    max_order_notional: Annotated[
        str, acts("Largest qty * px * multiplier of one order, in its quote currency.", form="limit")
    ] = ""
    px_collar: Annotated[
        str,
        acts("How far a limit price may be from the mark, as a share of it: 0.05 is 5 %.", form="limit"),
    ] = ""
    max_position: Annotated[
        str,
        acts("Largest net position in one symbol, all open orders of one side filled.", form="limit"),
    ] = ""
    max_open_orders: Annotated[int, acts("Open orders at most; 0 is no limit.", "orders", least=0)] = 0
    max_gross_notional: Annotated[
        str, acts("Open orders at their prices and positions at their cost, added up.", form="limit")
    ] = ""
    duplicate_window_ms: Annotated[
        int,
        acts("Equal orders of one strategy inside this window are refused; 0 is off.", "ms", least=0),
    ] = 0
    messages_per_second: Annotated[
        int,
        acts(
            "New orders and replaces of one actor and session; past it RATE_LIMITED, never for a cancel; 0 is off.",
            "1/s",
            least=0,
            most=1_000_000,
        ),
    ] = 0
    mark_age_max_ms: Annotated[
        int, acts("A mark or trade older than this is no reference price.", "ms", least=1)
    ] = 5000


@final
class Recovery(msgspec.Struct, frozen=True):
    """What a restart asks of the operator."""

    require_confirmation: Annotated[
        bool, acts("Whether a restarted ledger refuses new orders until `ledger confirm`.", outcome=True)
    ] = False
    follower: Annotated[
        bool,
        acts(
            "Whether a process beside the engine writes snapshots and the index; without it memory grows with history."
        ),
    ] = True
    snapshots_kept: Annotated[
        int, acts("Newest snapshots kept of each journal.", "files", least=1, most=100)
    ] = 3
    in_memory_events_max: Annotated[
        int, acts("Behind more events without index a start builds it first; 0: never.", "events", least=0)
    ] = 2_000_000
