"""What `decide` may look at besides the state and the input: it asks nobody and reads no clock."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, final

from msgspec import Struct

from ledger.domain.codes import Code
from ledger.domain.units import Decimal8, Px, Qty
from ledger.domain.values import format_decimal

if TYPE_CHECKING:
    from ledger.domain.risk import Surroundings

PARTITION_SHIFT: Final = 48
"""An order_id or fill_id is `partition << 48 | seq`."""


@final
class Rejection(Struct, frozen=True, gc=False):
    """A command that is refused; nothing changes."""

    code: Code
    detail: str
    """A sentence that names the field, its value and the cure."""
    retry_after_ms: int = 0
    """For codes 1 to 9: when to send it again; 0 where that is of no use."""


@final
class Instrument(Struct, frozen=True, array_like=True, gc=False):
    """The state of an instrument: the terms of its newest InstrumentDefined."""

    symbol: str
    exchange: str
    price_scale: int
    qty_scale: int
    tick: Px
    lot: Qty
    multiplier: Decimal8
    quote_ccy: str
    allow_negative_px: bool
    spot_base_fee: bool
    calendar: str
    version: int = 0
    """seq of its last event."""
    px_min: Px | None = None
    px_max: Px | None = None


@final
class Strategy(Struct, frozen=True, array_like=True, gc=False):
    """The state of a strategy."""

    strategy_id: str
    account: str
    version: int = 0


@final
class OrderRules(Struct, frozen=True, gc=False):
    """The settings that change what an order may do; journaled in EngineStarted."""

    max_outstanding_replaces: int = 1
    """0 sets no limit."""
    replace_unacked: bool = False
    replace_filled: bool = False


class Context:
    """The surroundings of one input; the engine fills one object again for each input, `decide` only reads it."""

    __slots__ = (
        "actor",
        "crossed_max_ns",
        "instrument",
        "next_seq",
        "now_ns",
        "partition",
        "received_at_ns",
        "risk",
        "rules",
        "strategy",
        "told_by",
        "told_ns",
    )

    def __init__(
        self,
        *,
        now_ns: int,
        received_at_ns: int = 0,
        actor: str = "local",
        partition: int = 0,
        next_seq: int = 1,
        instrument: Instrument | None = None,
        strategy: Strategy | None = None,
        rules: OrderRules | None = None,
        risk: Surroundings | None = None,
        crossed_max_ns: int = 10**9,
    ) -> None:
        self.now_ns = now_ns
        """recorded_at_ns of the open frame."""
        self.received_at_ns = received_at_ns
        self.actor = actor
        self.partition = partition
        self.next_seq = next_seq
        """The seq that the first event of this input will have."""
        self.instrument = instrument
        self.strategy = strategy
        self.rules = rules or OrderRules()
        self.risk = risk
        """What risk and control look at; None where nothing limits or restricts any order."""
        self.told_ns = received_at_ns
        """What a market event says of its arrival: received_at_ns and actor, 0 and "" where the one before it in its frame
        has said so."""
        self.told_by = actor
        self.crossed_max_ns = crossed_max_ns
        """How long a book may stay crossed in continuous trading before it is STALE."""

    def qty_text(self, qty: int) -> str:
        """A quantity as a person reads it, at the scale of the instrument of this input."""
        return format_decimal(qty, self.instrument.qty_scale if self.instrument is not None else 0)

    def id_of(self, index: int) -> int:
        """The order_id or fill_id that the input's event at `index` gives."""
        return self.partition << PARTITION_SHIFT | (self.next_seq + index)
