"""Commands: what we intend. A command may be refused with a code; nothing of a refused one is applied.

As msgpack a command is an array: its type tag, then its fields in this order, scaled integers for prices and
quantities. `wire.py` derives the JSON form (decimal text, names) from the same types. Fields are only ever added
at the end, with a default.
"""

from __future__ import annotations

from typing import Final, final

from msgspec import Struct

from ledger.domain.control_commands import CONTROL_COMMANDS, ControlCommand
from ledger.domain.enums import OrderType, Side, SideFlag, TimeInForce
from ledger.domain.operator_commands import OPERATOR_COMMANDS, OperatorCommand
from ledger.domain.units import (
    Account,
    ClientOrderId,
    CommandId,
    Decimal8,
    Exchange,
    Ns,
    Px,
    Qty,
    StrategyId,
    Symbol,
    Text,
)


@final
class DefineInstrument(Struct, frozen=True, array_like=True, gc=False, tag=1):
    """Make a symbol known, or change what may change of it; its scales are fixed for the life of the symbol."""

    command_id: CommandId
    symbol: Symbol
    exchange: Exchange
    """The primary exchange: its book is the symbol's book."""
    price_scale: int = 4
    """Digits after the point of a price, 0 to 12."""
    qty_scale: int = 0
    """Digits after the point of a quantity, 0 to 12."""
    tick: Px = 1
    """Smallest price step."""
    lot: Qty = 1
    """Smallest quantity step."""
    multiplier: Decimal8 = 100_000_000
    """Money per price unit and contract, with 8 digits; 1 for shares and spot."""
    quote_ccy: Text = "USD"
    allow_negative_px: bool = False
    spot_base_fee: bool = False
    """Reserved: fees in the base currency that lower the quantity; refused when true."""
    calendar: Text = "24/7"
    on_behalf_of: Text = ""
    px_min: Px | None = None
    """The sanity band, with px_max: market prices outside are recorded as BOOK_BAD_PRICE and make no mark."""
    px_max: Px | None = None


@final
class DefineStrategy(Struct, frozen=True, array_like=True, gc=False, tag=2):
    """Make a strategy known; it belongs to exactly one account, for good."""

    command_id: CommandId
    strategy_id: StrategyId
    account: Account
    on_behalf_of: Text = ""


@final
class SubmitOrder(Struct, frozen=True, array_like=True, gc=False, tag=10):
    """Send a new order (FIX 35=D, the seed's topic `order`)."""

    command_id: CommandId
    client_order_id: ClientOrderId
    strategy_id: StrategyId
    symbol: Symbol
    exchange: Exchange
    side: Side
    order_type: OrderType
    qty: Qty
    px: Px | None = None
    stop_px: Px | None = None
    time_in_force: TimeInForce = TimeInForce.DAY
    side_flag: SideFlag = SideFlag.NONE
    expire_ts: Ns = 0
    """For GTD: when the order ends."""
    display_qty: Qty = 0
    """0 shows all of it."""
    post_only: bool = False
    reduce_only: bool = False
    algo_id: Text = ""
    trader_id: Text = ""
    session_id: Text = ""
    on_behalf_of: Text = ""


@final
class CancelOrder(Struct, frozen=True, array_like=True, gc=False, tag=11):
    """Ask the venue to cancel an order (FIX 35=F, the seed's topic `cancel`). Never blocked by risk."""

    command_id: CommandId
    symbol: Symbol
    client_order_id: ClientOrderId
    """The id of this request."""
    orig_client_order_id: ClientOrderId
    """The order: its first or its current client_order_id."""
    session_id: Text = ""
    on_behalf_of: Text = ""


@final
class ReplaceOrder(Struct, frozen=True, array_like=True, gc=False, tag=12):
    """Ask the venue to change an order (FIX 35=G, the seed's topic `modify`); absent fields stay as they are."""

    command_id: CommandId
    symbol: Symbol
    client_order_id: ClientOrderId
    """The id of this request, and of the order once it is replaced."""
    orig_client_order_id: ClientOrderId
    qty: Qty | None = None
    """The new total quantity, not the remainder."""
    px: Px | None = None
    stop_px: Px | None = None
    time_in_force: TimeInForce | None = None
    expire_ts: Ns | None = None
    session_id: Text = ""
    on_behalf_of: Text = ""


Command = (
    DefineInstrument
    | DefineStrategy
    | SubmitOrder
    | CancelOrder
    | ReplaceOrder
    | ControlCommand
    | OperatorCommand
)
COMMANDS: Final = (
    DefineInstrument,
    DefineStrategy,
    SubmitOrder,
    CancelOrder,
    ReplaceOrder,
    *CONTROL_COMMANDS,
    *OPERATOR_COMMANDS,
)
"""Every command there is, in tag order."""
