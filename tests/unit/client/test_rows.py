"""Rows as programs get them."""

from __future__ import annotations

from decimal import Decimal

from ledger.client.rows import decimal_row


def test_numbers_become_decimals_wherever_they_stand_and_text_stays_text() -> None:
    row = {
        "symbol": "1E5",
        "qty": "100",
        "overfill_qty": "0",
        "avg_px": None,
        "fees": {"USD": "0.02"},
        "bids": [["10.05", "7"]],
        "best_bid": ["10.05", "7"],
        "last_quote": {"bid": ["1", "2"], "ask": ["3", "4"], "update": 5},
        "last_trade": {"px": "10.05", "trade_id": "12"},
        "place": "trading/0:1",
    }
    level = [Decimal("10.05"), Decimal(7)]
    assert decimal_row(row) == {
        "symbol": "1E5",
        "qty": Decimal(100),
        "overfill_qty": Decimal(0),
        "avg_px": None,
        "fees": {"USD": Decimal("0.02")},
        "bids": [level],
        "best_bid": level,
        "last_quote": {"bid": [Decimal(1), Decimal(2)], "ask": [Decimal(3), Decimal(4)], "update": 5},
        "last_trade": {"px": Decimal("10.05"), "trade_id": "12"},
        "place": "trading/0:1",
    }
