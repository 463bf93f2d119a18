"""When the venue is to be asked about an order, and when it has answered: once a doubt, in the turn that shows it.

A doubt that only the venue can end stands as `needs_recon` on the order. As long as it does, nothing is asked again:
what is asked is an event, so a start asks nothing a second time, and a gateway that was away still finds it. It ends
with a ReportStatus that agrees with us; one that does not agree names what is missing and leaves the doubt.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ledger.domain.anomalies import Anomaly
from ledger.domain.events import AnomalyRecorded, OrderStatusRequested

if TYPE_CHECKING:
    from ledger.domain.context import Context
    from ledger.domain.events import Event
    from ledger.domain.order_state import OrderState

ASKED_ABOUT: Final[frozenset[str]] = frozenset(
    (
        Anomaly.CUM_MISMATCH,
        Anomaly.MISSED_FILL_SUSPECTED,
        Anomaly.IOC_STUCK,
        Anomaly.ORDER_STATE_MISMATCH,
        Anomaly.FILL_AFTER_REJECT,
        Anomaly.REPLACED_AFTER_CLOSE,
    )
)
"""Anomalies after which our state of the order may lack what the venue knows."""


def ask(
    state: OrderState,
    events: list[Event],
    context: Context,
    venue_cum: int | None = None,
    *,
    behind: int = 0,
) -> None:
    """Add an OrderStatusRequested if one of the anomalies asks for it and none is outstanding.

    `venue_cum` is what the report says is filled in all, None where it does not say; `behind` so many other events of the
    turn stand these.
    """
    if state.needs_recon:
        return
    for index, event in enumerate(events):
        if type(event) is AnomalyRecorded and event.kind in ASKED_ABOUT:
            terms = state.terms
            events.append(
                OrderStatusRequested(
                    terms.symbol,
                    terms.client_order_id,
                    terms.strategy_id,
                    terms.exchange,
                    terms.order_id,
                    state.client_order_id,
                    state.venue_order_id,
                    event.kind,
                    context.next_seq + behind + index,
                    venue_cum,
                )
            )
            return
