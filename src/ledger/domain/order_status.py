"""An order as the venue shows it, beside ours: what differs, and which reports must be missing for it to be so.

Nothing is concluded from a snapshot: a fill without its execution id could be counted twice. What is missing is named
and asked for; it changes the order when it comes.
"""

from __future__ import annotations

from ledger.domain.anomalies import Anomaly
from ledger.domain.context import Context
from ledger.domain.events import Event
from ledger.domain.facts import ReportStatus
from ledger.domain.order_inquiry import ask
from ledger.domain.order_state import OrderState, leaves, phase
from ledger.domain.outcome import anomaly


def compare_status(
    state: OrderState, fact: ReportStatus, context: Context, *, behind: int = 0
) -> list[Event]:
    """ORDER_STATE_MISMATCH with what is missing, CUM_MISMATCH for missing fills, and the request for them; [] where
    both agree. `behind` so many other events of the turn."""
    terms = state.terms
    name, order_id, symbol = terms.client_order_id, terms.order_id, terms.symbol
    missing = missing_reports(state, fact)
    events: list[Event] = []
    if missing:
        what = (
            f"order {name} is {phase(state).name} here; to be as {fact.source} shows it: {'; '.join(missing)}"
        )
        kind = Anomaly.ORDER_STATE_MISMATCH
        events.append(anomaly(context, kind, what, order_id=order_id, symbol=symbol))
    if fact.cum > state.cum:
        what = f"the venue counts {fact.cum} filled of order {name}, we {state.cum}"
        events.append(anomaly(context, Anomaly.CUM_MISMATCH, what, order_id=order_id, symbol=symbol))
    ask(state, events, context, fact.cum, behind=behind)
    return events


def missing_reports(state: OrderState, fact: ReportStatus) -> list[str]:
    """The reports that would make our order the venue's, in the order in which they must have happened."""
    missing: list[str] = []
    if not state.acked and fact.is_open:
        missing.append("an acknowledgement is missing")
    if fact.cum > state.cum:
        missing.append(f"fills of {fact.cum - state.cum} are missing")
    elif fact.cum < state.cum:
        missing.append(f"busts or corrections of {state.cum - fact.cum} are missing, or the venue is behind")
    changed = (fact.qty is not None and fact.qty != state.qty) or (
        fact.px is not None and fact.px != state.px
    )
    if changed:
        missing.append(f"a replace or restatement to qty {fact.qty}, px {fact.px} is missing")
    is_open = leaves(state) > 0
    if is_open and not fact.is_open and fact.cum < state.qty:
        missing.append("the report of its end is missing")
    elif fact.is_open and not is_open and not changed:
        missing.append(f"it is {phase(state).name} here and open there")
    return missing
