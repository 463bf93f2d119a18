"""The books beside a ledger: right by hand-worked cases, and blind to no kind of difference."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest
from msgspec.structs import replace

from ledger.domain.commands import CancelOrder, ReplaceOrder, SubmitOrder
from ledger.domain.enums import OrderType, Side
from ledger.domain.facts import (
    ReportAccepted,
    ReportCanceled,
    ReportCancelRejected,
    ReportFill,
    ReportRejected,
    ReportReplaced,
    ReportReplaceRejected,
)
from ledger.testing import Books, Told

ID = bytes(16)
HEAD = ("venue", 1, 1, "AAPL", "XNAS")


def books_of(*fills: str) -> Books:
    """Books after fills written like `B100@10.30/0.02`, each an order of its own, at scales (2, 0)."""
    books = Books({"AAPL": (2, 0)})
    for number, text in enumerate(fills):
        terms, _, fee = text.partition("/")
        qty, _, px = terms[1:].partition("@")
        side = Side.BUY if terms[0] == "B" else Side.SELL
        cents = round(Fraction(px) * 100)
        name = f"c{number}"
        say(books, order(name, side, int(qty), cents))
        say(books, ReportAccepted(*HEAD, name))
        say(books, fill(name, side, int(qty), cents, f"x{number}", round(Fraction(fee or 0) * 10**8)))
    return books


def say(books: Books, said: Any) -> Told | None:
    """One command or fact; facts are numbered as they come."""
    if isinstance(said, (SubmitOrder, CancelOrder, ReplaceOrder)):
        return books.commanded(said)
    return books.reported(replace(said, source_seq=books.numbers.high("venue") + 1))


def order(name: str = "c", side: Side = Side.BUY, qty: int = 100, px: int = 1000) -> SubmitOrder:
    return SubmitOrder(ID, name, "S1", "AAPL", "XNAS", side, OrderType.LIMIT, qty, px)


def fill(name: str = "c", side: Side = Side.BUY, qty: int = 40, px: int = 1000, ex="x", fee=0) -> ReportFill:
    return ReportFill(*HEAD, name, ex, "2026-11-20", side, qty, px, fee, "USD")


@pytest.mark.parametrize(
    ("fills", "qty", "cost", "realized", "cash", "fees"),
    [
        ("B100@10.00 B200@10.30", 300, 3060, 0, -3060, 0),
        ("B100@10.00 B200@10.30 S150@10.40", 150, 1530, 30, -1500, 0),
        ("B100@10 B200@10.30 S300@10.40", 0, 0, 60, 60, 0),
        ("B100@10.00 S250@10.50", -150, -1575, 50, 1625, 0),
        ("S300@20 B100@19.50 B200@20.25", 0, 0, 0, 0, 0),
        ("B100@10/1.00 S50@11/0.50 S50@12/-0.10", 0, 0, 150, 150, "1.4"),
        ("B1@0.02 B1@0.01 S1@0.01", 1, "0.01", "-0.01", "-0.02", 0),
        ("B1@0.02 B1@0.03 S1@0.03", 1, "0.03", "0.01", "-0.02", 0),
    ],
)
def test_positions_are_those_of_the_worked_cases(fills, qty, cost, realized, cash, fees) -> None:
    """P01 to P07, P10 and P11 of the position vectors: half a unit goes to the even side."""
    holding = books_of(*fills.split()).holding("S1", "AAPL")
    wanted = [Fraction(each) for each in (qty, cost, realized, cash, fees)]
    assert [holding.qty, holding.cost, holding.realized, holding.cash, holding.fees] == wanted


CANCEL = CancelOrder(ID, "AAPL", "k", "c")
REPLACE = ReplaceOrder(ID, "AAPL", "r", "c", 150, 1010)


@pytest.mark.parametrize(
    ("said", "status"),
    [
        ([order()], "PENDING_NEW"),
        ([order(), ReportAccepted(*HEAD, "c")], "NEW"),
        ([order(), ReportRejected(*HEAD, "c")], "REJECTED"),
        ([order(), ReportAccepted(*HEAD, "c"), fill()], "PARTIALLY_FILLED"),
        ([order(), ReportAccepted(*HEAD, "c"), fill(qty=100)], "FILLED"),
        ([order(), ReportAccepted(*HEAD, "c"), CANCEL], "PENDING_CANCEL"),
        ([order(), ReportAccepted(*HEAD, "c"), REPLACE], "PENDING_REPLACE"),
        ([order(), CANCEL, ReportCanceled(*HEAD, "c", request_id="k")], "CANCELED"),
        (
            [order(), ReportAccepted(*HEAD, "c"), CANCEL, fill(), ReportCancelRejected(*HEAD, "c", "k")],
            "PARTIALLY_FILLED",
        ),
        ([order(), ReportAccepted(*HEAD, "c"), REPLACE, ReportReplaceRejected(*HEAD, "c", "r")], "NEW"),
        ([order(), REPLACE, fill(qty=100), ReportReplaced(*HEAD, "c", "r", 150, 1010)], "PARTIALLY_FILLED"),
    ],
)
def test_the_status_follows_from_what_was_said(said, status) -> None:
    books = Books({"AAPL": (2, 0)})
    for each in said:
        say(books, each)
    assert books.orders["AAPL", "c"].status == status


def rows() -> dict[str, list[dict]]:
    """What a ledger shows after `B100@10.00/1 S30@10.50`, everything right."""
    shared = {"strategy_id": "S1", "symbol": "AAPL", "leaves_qty": "0", "status": "FILLED"}
    orders = [
        {
            **shared,
            "client_order_id": "c0",
            "current_client_order_id": "c0",
            "side": "BUY",
            "qty": "100",
            "px": "10",
            "cum_qty": "100",
        },
        {
            **shared,
            "client_order_id": "c1",
            "current_client_order_id": "c1",
            "side": "SELL",
            "qty": "30",
            "px": "10.5",
            "cum_qty": "30",
        },
    ]
    fills = [
        {"strategy_id": "S1", "execution_id": "x0", "side": "BUY", "qty": "100", "px": "10", "fee": "1"},
        {"strategy_id": "S1", "execution_id": "x1", "side": "SELL", "qty": "30", "px": "10.5", "fee": "0"},
    ]
    position = {
        "strategy_id": "S1",
        "symbol": "AAPL",
        "qty": "70",
        "cost": "700",
        "realized": "15",
        "cash": "-685",
    }
    return {"orders": orders, "fills": fills, "positions": [{**position, "fees": {"USD": "1"}}]}


def differences(shown: dict[str, list[dict]]) -> list[str]:
    return books_of("B100@10.00/1", "S30@10.50").differences(**shown, of=["S1"])


def test_a_ledger_that_is_right_shows_no_difference() -> None:
    assert differences(rows()) == []


VALUES = [
    (what, at, key)
    for what, found in rows().items()
    for at, row in enumerate(found)
    for key in row
    if key != "strategy_id"
]


@pytest.mark.parametrize(
    ("what", "at", "key"), VALUES, ids=[f"{what}-{at}-{key}" for what, at, key in VALUES]
)
def test_any_value_that_is_otherwise_is_a_difference(what: str, at: int, key: str) -> None:
    shown = rows()
    shown[what][at][key] = (
        {"USD": "1.00000001"} if key == "fees" else "7" if key[-3:] in ("qty", "px") else "77"
    )
    assert differences(shown)


@pytest.mark.parametrize("what", ["orders", "fills", "positions"])
def test_a_row_that_is_missing_is_a_difference(what: str) -> None:
    shown = rows()
    del shown[what][0]
    assert any("lacks it" in sentence for sentence in differences(shown))


@pytest.mark.parametrize("what", ["orders", "fills"])
def test_a_row_that_stands_twice_is_a_difference(what: str) -> None:
    shown = rows()
    shown[what].append(dict(shown[what][0]))
    assert any("twice" in sentence for sentence in differences(shown))


@pytest.mark.parametrize(("what", "key"), [("orders", "client_order_id"), ("fills", "execution_id")])
def test_a_row_that_nobody_sent_is_a_difference(what: str, key: str) -> None:
    shown = rows()
    shown[what].append({**shown[what][0], key: "other"})
    assert any("nobody sent it" in sentence for sentence in differences(shown))


def test_rows_of_other_strategies_are_none_of_our_business() -> None:
    shown = rows()
    shown["orders"].append({**shown["orders"][0], "client_order_id": "other", "strategy_id": "S2"})
    assert differences(shown) == []
