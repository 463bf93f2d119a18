"""One execution, by its venue's id: what was said of it, what counts now, what still waits for it.

Each execution id is an entity of its own, so that neither an order nor a position grows with its fills. The id of a
bust or a correction is an alias that names the fill it is about. A bust or correction that comes before its fill
stands under the fill's id as an orphan and is applied in the turn in which the fill comes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, final

from msgspec import Struct

from ledger.domain.calendars import is_date
from ledger.domain.context import PARTITION_SHIFT, Context
from ledger.domain.enums import FillStanding, Side
from ledger.domain.events import FillBusted, FillCorrected, OrderFilled
from ledger.domain.facts import ReportFill, ReportTradeCancel, ReportTradeCorrect
from ledger.domain.units import FEE_SCALE
from ledger.domain.values import format_decimal

FillKey = tuple[str, str, str, str, str]
"""(exchange, account, symbol, trade_date, execution_id): venues repeat execution ids across symbols and days."""
Execution = ReportFill | ReportTradeCancel | ReportTradeCorrect
FillEvent = OrderFilled | FillBusted | FillCorrected
Content = tuple[str, str, int, int, int, str]
"""What was said under an id: (what, referenced id, qty, px, fee, fee_ccy); what is BUY, SELL, BUST or CORRECT."""
CHAIN_MAX: Final = 64
"""How many aliases are followed to a fill; more is not a chain but a circle."""

_BUY: Final = Side.BUY
_BUST: Final = "BUST"
_CORRECT: Final = "CORRECT"
_EFFECTIVE, _ALIAS = FillStanding.EFFECTIVE, FillStanding.ALIAS
_ORPHANS: Final = (FillStanding.ORPHAN_BUST, FillStanding.ORPHAN_CORRECT)


@final
class FillState(Struct, frozen=True, array_like=True, gc=False):
    """An execution id as it stands now."""

    standing: FillStanding
    order: str
    """First client_order_id of its order (its symbol stands in the key); "" where no order is known."""
    strategy_id: str
    fill_id: int
    """Partition in the top 16 bits, seq of its OrderFilled below; 0 while the fill has not come."""
    side: Side
    qty: int
    """Effective terms; of an orphan correction, the terms that wait."""
    px: int
    fee: int
    fee_ccy: str
    root_date: str
    """trade_date and execution id of the fill that this id stands for: its own, but for an alias."""
    root: str
    known_content: Content
    """What was said under this very id, so that the same id with other content is told from a repeat."""
    reported_by: str
    """Execution id of the last bust or correction of this fill; "" for none."""
    refers_to: str
    """What that one referred to: the root, or the correction before it."""
    report_date: str
    reinstated: bool
    """Of a bust: whether the quantity is open again."""
    reason: str
    version: int
    """seq of its last event."""
    recorded_at_ns: int = 0
    """Of its OrderFilled, whatever was corrected since; 0 while the fill has not come."""


@final
class Fills(Struct, frozen=True, gc=False):
    """The executions that `decide` needs to judge one report; see `find_fills`."""

    own: FillState | None = None
    """Under the report's own execution id; None where that is the id of the fill itself."""
    root: FillState | None = None
    """Under the id that a bust or correction refers to, through any aliases."""


NO_FILLS: Final = Fills()


def fill_keys(fact: Execution, account: str, exchange: str = "") -> tuple[FillKey, ...]:
    """The keys to look up for a report: its own id, then the one that it refers to.

    `account` and `exchange` are the order's where the order is known, else the fact's ("" for exchange is that).
    """
    place = (exchange or fact.exchange, account, fact.symbol)
    if type(fact) is ReportFill:
        return ((*place, fact.trade_date, fact.execution_id),)
    assert type(fact) is not ReportFill
    own_date = fact.trade_date or fact.ref_trade_date
    return ((*place, own_date, fact.execution_id), (*place, fact.ref_trade_date, fact.ref_execution_id))


EXECUTION_ID_MAX: Final = 64


def fault_of_key(fact: ReportFill | ReportTradeCancel | ReportTradeCorrect) -> str:
    """Which id or date of an execution is none, as a sentence: its key would name what nobody can name again, and two
    executions without an id would be taken for one."""
    ids = [("execution_id", fact.execution_id)]
    dates = [("trade_date", fact.trade_date)]
    if type(fact) is not ReportFill:
        ids.append(("ref_execution_id", fact.ref_execution_id))
    for field, value in ids:
        if not 0 < len(value) <= EXECUTION_ID_MAX:
            return f"{field} {value!r} is not 1 to {EXECUTION_ID_MAX} characters long"
    if type(fact) is not ReportFill:
        dates = [("ref_trade_date", fact.ref_trade_date), *(dates if fact.trade_date else ())]
    for field, value in dates:
        if not is_date(value):
            return f"execution {fact.execution_id}: {field} {value!r} is no date such as 2026-11-20"
    return ""


def find_fills(
    fact: Execution, account: str, get: Callable[[FillKey], FillState | None], exchange: str = ""
) -> Fills:
    """Looks up what `decide` needs, following aliases from the referenced id to the fill itself."""
    if type(fact) is ReportFill:
        own = get((exchange or fact.exchange, account, fact.symbol, fact.trade_date, fact.execution_id))
        return Fills(own) if own is not None else NO_FILLS
    keys = fill_keys(fact, account, exchange)
    own = get(keys[0])
    root_key = keys[1]
    root = get(root_key)
    for _ in range(CHAIN_MAX):
        if root is None or root.standing is not _ALIAS:
            break
        root_key = (*keys[1][:3], root.root_date, root.root)
        root = get(root_key)
    return Fills(None if keys[0] == root_key else own, root)


def event_keys(event: FillEvent) -> tuple[FillKey, ...]:
    """The entities that an event changes, each by `evolve` with its key: the fill, then the report's own id."""
    fill = (event.exchange, event.account, event.symbol, event.trade_date)
    if type(event) is OrderFilled:
        return ((*fill, event.execution_id),)
    assert type(event) is not OrderFilled
    root = (*fill, event.root)
    own = (*fill[:3], event.report_date or event.trade_date, event.execution_id)
    return (root,) if own == root else (root, own)


def is_orphan(state: FillState) -> bool:
    """Whether a bust or correction waits here for its fill."""
    return state.standing in _ORPHANS


def content_of(fact: Execution) -> Content:
    """What a report says, as far as a repeat must say the same."""
    if type(fact) is ReportFill:
        return (_side_name(fact.side), "", fact.qty, fact.px, fact.fee, fact.fee_ccy)
    if type(fact) is ReportTradeCancel:
        return (_BUST, fact.ref_execution_id, 0, 0, 0, "")
    assert type(fact) is ReportTradeCorrect
    return (_CORRECT, fact.ref_execution_id, fact.qty, fact.px, fact.fee, fact.fee_ccy)


def content_text(content: Content, context: Context) -> str:
    """What a report said of an execution, as a person reads it."""
    what, refers_to, qty, px, fee, fee_ccy = content
    scale = context.instrument.price_scale if context.instrument is not None else 0
    fees = f", fee {format_decimal(fee, FEE_SCALE)} {fee_ccy}".rstrip()
    return f"{what} {refers_to}".rstrip() + f" {context.qty_text(qty)} at {format_decimal(px, scale)}{fees}"


def _side_name(side: Side) -> str:
    # Two strings that are there: an enumeration makes its name anew each time, ten times slower.
    return "BUY" if side is _BUY else "SELL"


def is_repeat(known: Content, said: Content) -> bool:
    """Whether `said` tells nothing new; a second feed (a drop copy) that names no fee does not disagree."""
    return known == said or (said[4] == 0 and said[5] == "" and known[:4] == said[:4])


def evolve(
    state: FillState | None, event: FillEvent, key: FillKey, seq: int, recorded_at_ns: int, partition: int = 0
) -> FillState:
    """The execution under `key` after `event`; total and O(1). Call it once for each of `event_keys(event)`."""
    if type(event) is OrderFilled:
        return filled(event, seq, recorded_at_ns, partition)
    assert type(event) is not OrderFilled
    if key[3:] != (event.trade_date, event.root):
        return _alias(event, seq)
    if type(event) is FillBusted:
        return _busted(state, event, seq)
    assert type(event) is FillCorrected
    return _corrected(state, event, seq)


def filled(event: OrderFilled, seq: int, recorded_at_ns: int, partition: int) -> FillState:
    """The execution once its fill has come, whatever waited for it."""
    return FillState(
        _EFFECTIVE,
        event.order,
        event.strategy_id,
        partition << PARTITION_SHIFT | seq,
        event.side,
        event.qty,
        event.px,
        event.fee,
        event.fee_ccy,
        event.trade_date,
        event.execution_id,
        (_side_name(event.side), "", event.qty, event.px, event.fee, event.fee_ccy),
        "",
        "",
        "",
        False,
        "",
        seq,
        recorded_at_ns,
    )


def _busted(state: FillState | None, event: FillBusted, seq: int) -> FillState:
    standing = FillStanding.BUSTED if event.known else FillStanding.ORPHAN_BUST
    said = state.known_content if state is not None else _said(event)
    return FillState(
        standing,
        event.order,
        event.strategy_id,
        state.fill_id if state is not None else 0,
        event.side,
        event.qty,
        event.px,
        event.fee,
        event.fee_ccy,
        event.trade_date,
        event.root,
        said,
        event.execution_id,
        event.ref_execution_id,
        event.report_date,
        event.reinstated,
        event.reason,
        seq,
        state.recorded_at_ns if state is not None else 0,
    )


def _corrected(state: FillState | None, event: FillCorrected, seq: int) -> FillState:
    standing = _EFFECTIVE if event.known else FillStanding.ORPHAN_CORRECT
    said = state.known_content if state is not None else _said(event)
    return FillState(
        standing,
        event.order,
        event.strategy_id,
        state.fill_id if state is not None else 0,
        event.side,
        event.qty,
        event.px,
        event.fee,
        event.fee_ccy,
        event.trade_date,
        event.root,
        said,
        event.execution_id,
        event.ref_execution_id,
        event.report_date,
        False,
        "",
        seq,
        state.recorded_at_ns if state is not None else 0,
    )


def _alias(event: FillBusted | FillCorrected, seq: int) -> FillState:
    return FillState(
        _ALIAS,
        event.order,
        event.strategy_id,
        0,
        event.side,
        event.qty,
        event.px,
        event.fee,
        event.fee_ccy,
        event.trade_date,
        event.root,
        _said(event),
        "",
        "",
        "",
        False,
        "",
        seq,
    )


def _said(event: FillBusted | FillCorrected) -> Content:
    if type(event) is FillBusted:
        return (_BUST, event.ref_execution_id, 0, 0, 0, "")
    assert type(event) is FillCorrected
    return (_CORRECT, event.ref_execution_id, event.qty, event.px, event.fee, event.fee_ccy)
