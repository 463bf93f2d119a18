"""Status follows from the state by FIX's precedence, transcribed here a second time and tried on every combination."""

from __future__ import annotations

from itertools import product

import pytest
from msgspec.structs import replace

from ledger.domain import facts as f
from ledger.domain.enums import Closed, OrderStatus, RequestKind, RequestState
from ledger.domain.order import OrderState, Request, is_open, leaves, overfill, status, status_of_broker
from ledger.testing.order_desk import Desk


def asked(kind: RequestKind, state: RequestState) -> Request:
    return Request(f"{kind.name}-{state.name}", kind, state, None, None, None, None, None, 1)


def base() -> OrderState:
    desk = Desk()
    desk.submit(qty=100)
    return desk.x


REQUESTS: list[tuple[Request, ...]] = [
    (),
    *((asked(kind, state),) for kind in RequestKind for state in RequestState),
    (asked(RequestKind.REPLACE, RequestState.PENDING), asked(RequestKind.CANCEL, RequestState.SENT)),
]


def by_precedence(it: OrderState, broker: bool) -> str:
    """FIX: of all that hold, the one with the highest precedence; written as a list of claims."""
    counted = {RequestState.PENDING} if broker else {RequestState.PENDING, RequestState.SENT}
    kinds = {request.kind for request in it.requests if request.state in counted}
    claims = [
        (RequestKind.CANCEL in kinds, "PENDING_CANCEL"),
        (RequestKind.REPLACE in kinds, "PENDING_REPLACE"),
        (it.dfd, "DONE_FOR_DAY"),
        (it.qty > 0 and it.cum >= it.qty, "FILLED"),
        (it.suspended, "SUSPENDED"),
        (it.closed == Closed.CANCELED, "CANCELED"),
        (it.closed == Closed.EXPIRED, "EXPIRED"),
        (it.cum > 0, "PARTIALLY_FILLED"),
        (it.closed == Closed.REJECTED, "REJECTED"),
        (it.qty == 0, "CANCELED"),
        (it.acked, "NEW"),
        (True, "PENDING_NEW"),
    ]
    return next(name for holds, name in claims if holds)


def test_status_is_the_highest_claim_in_every_combination() -> None:
    """I-17, I-18."""
    first = base()
    seen: set[str] = set()
    numbers = [(100, 0), (100, 40), (100, 100), (100, 120), (0, 0)]
    for (qty, cum), acked, closed, dfd, suspended, requests in product(
        numbers, (False, True), Closed, (False, True), (False, True), REQUESTS
    ):
        state = replace(
            first,
            qty=qty,
            cum=cum,
            acked=acked,
            closed=closed,
            dfd=dfd,
            suspended=suspended,
            requests=requests,
        )
        assert status(state).name == by_precedence(state, broker=False)
        assert status_of_broker(state).name == by_precedence(state, broker=True)
        filled = status(state) is OrderStatus.FILLED
        assert filled == (not requests and not dfd and cum >= qty > 0)
        assert leaves(state) == (0 if closed else max(0, qty - cum))
        assert overfill(state) == max(0, cum - qty)
        assert is_open(state) == (not closed and (qty > cum or bool(requests)))
        seen.add(status(state).name)
    assert seen == {member.name for member in OrderStatus}


@pytest.mark.parametrize("how", [f.ReportCanceled, f.ReportExpired])
def test_a_closed_order_is_neither_suspended_nor_done_for_the_day_nor_pending(how: type) -> None:
    desk = Desk()
    desk.submit()
    desk.report(f.ReportAccepted, "V1")
    desk.report(f.ReportSuspended)
    desk.report(f.ReportDoneForDay)
    desk.cancel("C")
    desk.report(how)
    assert status(desk.x).name == ("CANCELED" if how is f.ReportCanceled else "EXPIRED")
    assert not is_open(desk.x)


def test_an_order_that_was_reduced_to_nothing_is_canceled_and_not_open() -> None:
    desk = Desk()
    desk.submit()
    desk.report(f.ReportAccepted, "V1")
    desk.report(f.ReportReduced, 0)
    assert status(desk.x) is OrderStatus.CANCELED
    assert not is_open(desk.x)
