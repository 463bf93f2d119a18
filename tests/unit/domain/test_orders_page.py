"""The page on orders says what the code's tables say, and the FIX reasons are those of the specification."""

from __future__ import annotations

import sys
from pathlib import Path

from ledger.domain.codes import FIX_REASON, Code

ROOT = Path(__file__).parents[3]
sys.path.insert(0, str(ROOT / "tools"))
from _orders_page import check, page  # noqa: E402

# DOMAIN.md 1.4 once more: codes with their FIX tag and value.
REASONS = """
1 35=3|3 103=0|5 103=0|10 103=6, 102=6|12 103=1|13 103=15|14 102=1|15 103=11|16 103=11|17 103=11|18 103=13|19 103=13
20 103=13|21 103=18|22 103=18|23 103=18|24 103=18|25 103=16|26 103=4|27 103=4|28 103=11|30 102=0|31 102=3|32 102=3
33 102=2|34 102=99|35 102=99|40 103=0|41 103=2|42 103=0|43 103=0|44 103=3|45 103=3|46 103=3|47 103=3|48 103=3|49 103=3
50 103=99|70 103=99|71 103=99
"""


def test_the_page_on_orders_is_up_to_date() -> None:
    assert check(ROOT / "docs" / "ORDERS.md") == ""


def test_the_diagram_has_the_arrows_of_a_simple_life() -> None:
    text = page()
    for arrow in ("NONE --> PEND: SubmitOrder", "PEND --> LIVE: Accepted", "LIVE --> FULL", "REJ --> LIVE"):
        assert arrow in text


def test_each_refusal_has_the_fix_reason_of_the_specification() -> None:
    pairs = (each.split(" ", 1) for line in REASONS.strip().splitlines() for each in line.split("|"))
    assert {Code(int(number)): reason for number, reason in pairs} == FIX_REASON
