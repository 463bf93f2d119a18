"""The end of a trading day: settlement prices, and per position what the day made and paid.

A cut is taken from what the journal holds: totals now less totals at the cut before. The mark that values what is held
is the settlement price of the day, else what the mark policy says; both the mark and where it came from stand in the
event.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, final

from msgspec import Struct

from ledger.domain.calendars import Calendar, session_of
from ledger.domain.codes import Code
from ledger.domain.context import Context, Rejection
from ledger.domain.operator_commands import RollTradingDay, SetSettlementPrice
from ledger.domain.operator_events import DailyCut, SettlementPriceSet
from ledger.domain.outcome import Repeated
from ledger.domain.position import PositionState
from ledger.domain.values import to_money

SETTLEMENT: Final = "SETTLEMENT"
EARLIER_SETTLEMENT: Final = "EARLIER_SETTLEMENT"


@final
class Settlement(Struct, frozen=True, array_like=True, gc=False):
    """The newest settlement price of a symbol."""

    symbol: str
    trade_date: str
    px: int
    version: int


@final
class RolledDay(Struct, frozen=True, array_like=True, gc=False):
    """The newest trading day of a calendar that is over."""

    calendar: str
    trade_date: str
    rolled_at_ns: int
    version: int


@final
class LastCut(Struct, frozen=True, array_like=True, gc=False):
    """The newest cut of a position."""

    trade_date: str
    cut: DailyCut
    version: int
    """seq of its TradingDayRolled."""


def decide_settlement(
    state: Settlement | None, rolled: RolledDay | None, command: SetSettlementPrice, context: Context
) -> list[SettlementPriceSet] | Rejection | Repeated:
    """SettlementPriceSet. `rolled` is the newest rolled day of the instrument's calendar."""
    instrument = context.instrument
    if instrument is None:
        detail = f"symbol {command.symbol} is not defined: send DefineInstrument first"
        return Rejection(Code.UNKNOWN_SYMBOL, detail)
    if session_of(None, command.trade_date) is None:
        return Rejection(Code.MALFORMED, f"trade_date {command.trade_date!r} is no date such as 2026-11-20")
    if command.px <= 0 and not instrument.allow_negative_px:
        return Rejection(Code.PX_NOT_POSITIVE, f"px {command.px} of {command.symbol} must be positive")
    if state is not None and (state.trade_date, state.px) == (command.trade_date, command.px):
        return Repeated(0, state.version)
    if rolled is not None and command.trade_date <= rolled.trade_date:
        detail = f"{rolled.trade_date} of calendar {rolled.calendar} is rolled: {command.trade_date} is over"
        return Rejection(Code.DAY_ALREADY_ROLLED, detail)
    return [
        SettlementPriceSet(
            command.symbol,
            command.trade_date,
            command.px,
            command.command_id,
            context.actor,
            context.received_at_ns,
            command.on_behalf_of,
        )
    ]


def fault_of_roll(
    calendar: Calendar | None, rolled: RolledDay | None, command: RollTradingDay, context: Context
) -> Rejection | None:
    """Why the day may not be rolled; `calendar` is None for 24/7."""
    session = session_of(calendar, command.trade_date)
    if session is None:
        return Rejection(
            Code.MALFORMED, f"{command.trade_date!r} is no trading day of calendar {command.calendar}"
        )
    if rolled is not None and command.trade_date <= rolled.trade_date:
        detail = f"{rolled.trade_date} of calendar {command.calendar} is rolled already"
        return Rejection(Code.DAY_ALREADY_ROLLED, detail)
    if session[1] > context.now_ns:
        return Rejection(Code.MALFORMED, f"{command.trade_date} of calendar {command.calendar} has not begun")
    return None


def mark_of(
    trade_date: str, settlement: Settlement | None, found: tuple[int, str] | None
) -> tuple[int | None, str]:
    """(price, where it comes from) of a day's end. `found`: twice the price that the mark policy gives, and its kind."""
    if settlement is not None and settlement.trade_date == trade_date:
        return settlement.px, SETTLEMENT
    if found is None:
        return None, ""
    twice, kind = found
    half, odd = divmod(twice, 2)
    return half + (odd and half & 1), EARLIER_SETTLEMENT if kind == SETTLEMENT else kind


def cut_of(position: PositionState, last: LastCut | None, mark: tuple[int | None, str]) -> DailyCut | None:
    """The position's day; None if it is flat and nothing happened since the cut before."""
    if last is not None and position.version <= last.version and position.qty == 0:
        return None
    mark_px, mark_from = mark if position.qty else (None, "")
    unrealized = 0 if mark_px is None else position.qty * mark_px - position.cost
    realized_before, fees_before, unrealized_before = 0, dict[str, int](), 0
    if last is not None:
        realized_before = int(last.cut.total_realized)
        fees_before = {name: int(amount) for name, amount in last.cut.total_fees.items()}
        unrealized_before = int(last.cut.unrealized)
    fees = dict(position.fees)
    day = {name: fees.get(name, 0) - fees_before.get(name, 0) for name in sorted({*fees, *fees_before})}
    return DailyCut(
        position.strategy_id,
        position.symbol,
        position.account,
        to_money(position.qty),
        to_money(position.realized - realized_before),
        to_money(unrealized),
        to_money(unrealized - unrealized_before),
        {name: to_money(amount) for name, amount in day.items() if amount},
        mark_px,
        mark_from,
        to_money(position.realized),
        {name: to_money(amount) for name, amount in fees.items()},
    )


def sorted_cuts(cuts: Iterable[DailyCut | None]) -> tuple[DailyCut, ...]:
    """The cuts that there are, by strategy and symbol, so that equal states make equal events."""
    return tuple(
        sorted((cut for cut in cuts if cut is not None), key=lambda cut: (cut.strategy_id, cut.symbol))
    )
