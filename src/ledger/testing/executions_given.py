"""Executions for Hypothesis: each a fill, its chain of corrections and perhaps a bust at its end, to be told shuffled."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from ledger.domain import facts as f
from ledger.testing.generated_orders import FEE, PX, QTY
from ledger.testing.order_desk import Desk

Terms = tuple[int, int, tuple[int, str]]
"""(qty, px, (fee, currency))."""
ExecutionsGiven = list[tuple[list[Terms], bool]]
"""Of each execution: its terms and their corrections, and whether it is busted in the end."""
Said = tuple[Any, ...]


def executions() -> SearchStrategy[ExecutionsGiven]:
    """One to four executions of an order of 1000."""
    chain = st.lists(st.tuples(QTY, PX, FEE), min_size=1, max_size=4)
    return st.lists(st.tuples(chain, st.booleans()), min_size=1, max_size=4)


def facts_of(given: ExecutionsGiven) -> list[Said]:
    """All that the venue says of them, and its acknowledgement, in the order in which it would."""
    facts: list[Said] = [("ack",)]
    for number, (chain, busted) in enumerate(given):
        names = [f"{number}-{depth}" for depth in range(len(chain))]
        facts.append(("fill", names[0], *chain[0]))
        for depth in range(1, len(chain)):
            facts.append(("correct", names[depth], names[depth - 1], *chain[depth]))
        if busted:
            facts.append(("bust", f"{number}-b", names[-1]))
    return facts


def say(desk: Desk, fact: Said) -> None:
    """Tell the desk one of them."""
    what, *args = fact
    if what == "ack":
        desk.report(f.ReportAccepted, "V1")
    elif what == "bust":
        desk.bust(*args)
    elif what == "fill":
        name, qty, px, (fee, ccy) = args
        desk.fill(name, qty, px, fee=fee, fee_ccy=ccy)
    else:
        name, ref, qty, px, (fee, ccy) = args
        desk.correct(name, ref, qty, px, fee=fee, fee_ccy=ccy)
