"""Histories of orders for Hypothesis: what strategies ask and a nasty venue says, of two orders, interleaved.

A history is a list of (order, step). `play` does one step at a `Desk`; `journals` are what a ledger makes of a whole
history. The venue repeats, reorders, contradicts itself, comes late, busts what was never filled and corrects what is
busted; quantities, prices and ids are small in number, so that they meet often.
"""

from __future__ import annotations

from typing import Any, Final

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from ledger.domain import facts as f
from ledger.domain.context import OrderRules
from ledger.domain.enums import CancelReason, CancelRejectReason, Side, TimeInForce
from ledger.testing.order_desk import DAY, NOW, OURS, Desk, Outcome, Pair

Step = tuple[Any, ...]
"""(what, fields): submit, cancel, replace, fill, bust, correct, or the type of another report."""
History = list[tuple[str, Step]]
ORDERS: Final[tuple[str, ...]] = ("X", "Y")
"""Both are submitted before the history begins: BUY 100 LIMIT 10.0000."""

_ORDER: Final[SearchStrategy[str]] = st.sampled_from(ORDERS)
QTY: Final = st.integers(1, 120)
PX: Final = st.integers(90, 110).map(lambda tens: tens * 1000)
FEE: Final[SearchStrategy[tuple[int, str]]] = st.tuples(st.integers(-3, 3), st.sampled_from(("USD", "EUR")))
_REQUEST: Final = st.sampled_from(("r1", "r2", "r3"))
_EXECUTION: Final = st.sampled_from(("e1", "e2", "e3"))
_CHANGE: Final = st.sampled_from(("c1", "c2", "c3", "c4", "e1"))
"""Some venues give a bust or correction the id of its fill."""
_CHANGED: Final = st.sampled_from(("e1", "e2", "e3", "e1", "e2", "e3", "c1", "c2"))
_ANY_DAY: Final = st.sampled_from((*(DAY,) * 7, "2026-11-21"))
_CUM: Final = st.none() | st.integers(0, 250)
_SIDE: Final = st.sampled_from((*(Side.BUY,) * 5, Side.SELL))
_NAMED: Final = (
    f.ReportCancelRejected,
    f.ReportReplaced,
    f.ReportReplaceRejected,
    f.ReportPendingCancel,
    f.ReportPendingReplace,
)


def order_rules() -> SearchStrategy[OrderRules]:
    """The settings that decide what is refused."""
    return st.builds(OrderRules, st.integers(0, 2), st.booleans(), st.booleans())


def order_steps() -> SearchStrategy[Step]:
    """One command or report."""
    just = st.just
    filled = st.tuples(just("fill"), _EXECUTION, _ANY_DAY, QTY, PX, FEE, _CUM, _SIDE)
    busted = st.tuples(just("bust"), _CHANGE, _CHANGED, _ANY_DAY, st.booleans())
    corrected = st.tuples(just("correct"), _CHANGE, _CHANGED, _ANY_DAY, QTY, PX, FEE)
    return st.one_of(
        st.tuples(just("submit"), QTY, st.sampled_from(TimeInForce)),
        st.tuples(just("cancel"), _REQUEST),
        st.tuples(just("replace"), _REQUEST, st.none() | QTY, st.none() | PX),
        *(filled, filled, filled, busted, busted, corrected, corrected),  # what most depends on, most often
        st.tuples(just(f.ReportAccepted), st.sampled_from(("", "v1", "v2")), just(0), _CUM),
        st.tuples(
            just(f.ReportCanceled), st.booleans(), _REQUEST, st.sampled_from(CancelReason), just(0), _CUM
        ),
        st.tuples(just(f.ReportCancelRejected), _REQUEST, st.sampled_from(CancelRejectReason)),
        st.tuples(just(f.ReportReplaced), _REQUEST | just(""), st.none() | QTY, st.none() | PX),
        st.tuples(just(f.ReportReplaceRejected), _REQUEST),
        st.tuples(just(f.ReportPendingCancel), _REQUEST),
        st.tuples(just(f.ReportPendingReplace), _REQUEST),
        st.tuples(just(f.ReportRestated), st.none() | QTY),
        st.tuples(just(f.ReportReduced), st.integers(0, 120)),
        st.tuples(just(f.ReportStatus), st.booleans(), st.sampled_from((0, 100)) | QTY),
        st.sampled_from(((f.ReportSuspended,), (f.ReportResumed,))),
        st.sampled_from(
            ((f.ReportRejected,), (f.ReportExpired,), (f.ReportDoneForDay,), (f.ReportTriggered,))
        ),
    )


def histories(max_size: int = 40) -> SearchStrategy[History]:
    """What happens to the two orders, in any order; half of them long, since much must happen before the worst can."""
    return st.lists(_step(), max_size=max_size) | st.lists(_step(), min_size=max_size // 3, max_size=max_size)


def _step() -> SearchStrategy[tuple[str, Step]]:
    return st.tuples(_ORDER, order_steps())


def begun(rules: OrderRules | None = None, pair: Pair = OURS) -> Desk:
    """A desk at which the two orders were submitted."""
    desk = Desk(rules, pair)
    for order in ORDERS:
        desk.submit(order)
    return desk


def play(desk: Desk, order: str, step: Step, names: str = "") -> Outcome:
    """One step; `names` in front of every request and execution id keeps two orders' ids apart."""
    what, *args = step
    if not isinstance(what, str):
        return desk.report(what, *_with_names(what, args, names), order=order)
    if what == "submit":
        expire_ts = NOW + 1 if args[1] is TimeInForce.GTD else 0
        return desk.submit(order, args[0], time_in_force=args[1], expire_ts=expire_ts)
    if what == "cancel":
        return desk.cancel(names + args[0], order)
    if what == "replace":
        return desk.replace(names + args[0], args[1], order, px=args[2])
    return _play_execution(desk, order, step, names)


def _with_names(what: type, args: list[Any], names: str) -> list[Any]:
    if what in _NAMED and args[0]:
        return [names + args[0], *args[1:]]
    if what is f.ReportCanceled:
        return [args[0], names + args[1], *args[2:]]
    return args


def _play_execution(desk: Desk, order: str, step: Step, names: str) -> Outcome:
    what, *args = step
    if what == "fill":
        execution, day, qty, px, (fee, ccy), cum, side = args
        said = (names + execution, day, side, qty, px, fee, ccy)
        return desk.report(f.ReportFill, *said, account="A1", venue_cum=cum, order=order)
    own, ref, day = names + args[0], names + args[1], args[2]
    if what == "bust":
        return desk.report(f.ReportTradeCancel, own, ref, day, args[3], account="A1", order=order)
    qty, px, (fee, ccy) = args[3:]
    return desk.report(f.ReportTradeCorrect, own, ref, day, qty, px, fee, ccy, account="A1", order=order)


def played(rules: OrderRules | None, history: History, pair: Pair = OURS) -> Desk:
    """A desk at which all of a history has happened."""
    desk = begun(rules, pair)
    for order, step in history:
        play(desk, order, step)
    return desk


def journals(max_size: int = 40) -> SearchStrategy[list[Any]]:
    """The events that a ledger makes of a history, as a stream shows them, anomalies among them."""

    def journal(rules: OrderRules, history: History) -> list[Any]:
        return played(rules, history).journal

    return st.builds(journal, order_rules(), histories(max_size))
