"""Rows of the back office, of time and of operators, as `show` and the query door give them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ledger.domain.adjustments import Adjustment
from ledger.domain.calendars import Calendar
from ledger.domain.context import Instrument
from ledger.domain.sessions import Session
from ledger.domain.trading_day import LastCut, RolledDay
from ledger.domain.units import FEE_SCALE
from ledger.domain.values import format_decimal

Row = dict[str, Any]
_MULTIPLIER_SCALE = 8


def _money(value: int | str, instrument: Instrument) -> str:
    """Money in the quote currency, multiplier included."""
    scale = instrument.price_scale + instrument.qty_scale + _MULTIPLIER_SCALE
    return format_decimal(int(value) * instrument.multiplier, scale)


def _fees(fees: Mapping[str, int | str]) -> dict[str, str]:
    return {currency: format_decimal(int(amount), FEE_SCALE) for currency, amount in fees.items()}


def session_row(state: Session) -> Row:
    """A session: whose, since when, and how it stands."""
    return {
        "session_id": state.session_id,
        "user_id": state.user_id,
        "state": "OPEN" if state.end is None else state.end.name,
        "created_at_ns": state.opened_ns,
        "last_activity_ns": state.touched_ns,
        "ended_at_ns": state.ended_ns,
        "version": state.version,
    }


def adjustment_row(place: str, change: Adjustment, instrument: Instrument) -> Row:
    """One route of an adjustment or transfer; money as `show positions` has it."""
    return {
        "place": place,
        "strategy_id": change.strategy_id,
        "symbol": change.symbol,
        "account": change.account,
        "dqty": format_decimal(change.dqty, instrument.qty_scale),
        "dcost": _money(change.dcost, instrument),
        "dcash": _money(change.dcash, instrument),
        "px": None if change.px is None else format_decimal(change.px, instrument.price_scale),
        "recorded_at_ns": change.recorded_at_ns,
    }


def daily_row(last: LastCut, instrument: Instrument) -> Row:
    """A position's newest daily cut; money in the quote currency, multiplier included."""
    cut = last.cut
    return {
        "trade_date": last.trade_date,
        "strategy_id": cut.strategy_id,
        "symbol": cut.symbol,
        "account": cut.account,
        "qty": format_decimal(int(cut.qty), instrument.qty_scale),
        "realized": _money(cut.realized, instrument),
        "unrealized": _money(cut.unrealized, instrument),
        "unrealized_change": _money(cut.unrealized_change, instrument),
        "fees": _fees(cut.fees),
        "mark": None if cut.mark_px is None else format_decimal(cut.mark_px, instrument.price_scale),
        "mark_from": cut.mark_from,
        "total_realized": _money(cut.total_realized, instrument),
        "version": last.version,
    }


def calendar_row(name: str, calendar: Calendar | None, rolled: RolledDay | None) -> Row:
    """A calendar: its reach, and the newest day that is rolled. 24/7 has no sessions of its own."""
    sessions = calendar.sessions if calendar is not None else ()
    return {
        "calendar": name,
        "sessions": len(sessions),
        "first": sessions[0][0] if sessions else "",
        "last": sessions[-1][0] if sessions else "",
        "source": calendar.source if calendar is not None else "built in",
        "rolled": rolled.trade_date if rolled is not None else "",
        "version": calendar.version if calendar is not None else 0,
    }
