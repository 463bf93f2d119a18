"""The seeded venue and strategies: the same seed gives the same, and the venue never says what cannot be."""

from __future__ import annotations

import itertools
from collections import Counter

import pytest

from ledger.domain.commands import SubmitOrder
from ledger.domain.facts import ORDER_REPORTS, ReportFill
from ledger.testing import INSTRUMENTS, Books, Strategies, Venue

SCALES = {each.symbol: (each.price_scale, each.qty_scale) for each in INSTRUMENTS}
MARKETS = {each.symbol: (each.lot, each.around) for each in INSTRUMENTS}


def run(
    seed: int, name: str = "r", rounds: int = 12, orders: int = 40, nasty: bool = False
) -> tuple[list, list, Books]:
    """(commands, facts, books) of a run whose ledger takes everything that it should."""
    numbers = itertools.count(1)
    books, venue = Books(SCALES), Venue(seed, name, MARKETS, nasty=nasty)
    strategies = Strategies(seed, name, books, lambda: next(numbers).to_bytes(16, "big"))
    commands, said = [], []
    for _ in range(rounds):
        for intent in strategies.intents(orders):
            commands.append(intent)
            if not intent.expected:
                books.commanded(intent.command)
                venue.take(intent.command)
        facts = venue.facts(trades=orders // 2)
        for fact in facts:
            books.reported(fact)
        said += facts
    return commands, said, books


def test_the_same_seed_gives_the_same_commands_and_facts() -> None:
    first, second = run(7), run(7)
    assert first[0] == second[0]
    assert first[1] == second[1]


def test_another_seed_gives_other_facts() -> None:
    assert run(7)[1] != run(8)[1]


def test_another_run_of_the_same_seed_differs_in_nothing_but_ids() -> None:
    first, second = run(7, "a")[1], run(7, "b")[1]
    assert [type(fact) for fact in first] == [type(fact) for fact in second]
    assert not {fact.client_order_id for fact in first} & {fact.client_order_id for fact in second}
    traded = [
        [(each.qty, each.px, each.fee) for each in facts if type(each) is ReportFill]
        for facts in (first, second)
    ]
    assert traded[0] == traded[1]


@pytest.mark.parametrize("seed", range(5))
def test_the_venue_numbers_its_facts_without_a_hole_and_never_overfills(seed: int) -> None:
    _, facts, books = run(seed)
    assert [fact.source_seq for fact in facts] == list(range(1, len(facts) + 1))
    executions = Counter(fact.execution_id for fact in facts if type(fact) is ReportFill)
    assert set(executions.values()) == {1}
    assert all(record.cum <= record.qty for record in books.orders.values())
    assert all(not record.asked for record in books.orders.values()), "every request was answered"


def test_a_run_shows_every_kind_of_answer_and_every_status_a_kind_venue_leads_to() -> None:
    commands, facts, books = run(1, rounds=30)
    told = {type(fact).__name__ for fact in facts}
    assert told == {
        "ReportAccepted",
        "ReportRejected",
        "ReportFill",
        "ReportCanceled",
        "ReportCancelRejected",
        "ReportReplaced",
        "ReportReplaceRejected",
    }
    assert told <= {kind.__name__ for kind in ORDER_REPORTS}
    assert {record.status for record in books.orders.values()} == {
        "NEW",
        "PARTIALLY_FILLED",
        "FILLED",
        "CANCELED",
        "REJECTED",
    }
    assert {intent.expected for intent in commands} == {0, 12, 13, 18, 21, 30}


def test_the_same_seed_is_nasty_in_the_same_way() -> None:
    assert run(7, nasty=True)[1] == run(7, nasty=True)[1]
    assert run(7, nasty=True)[1] != run(8, nasty=True)[1]


def test_a_nasty_venue_repeats_skips_and_reorders_its_numbers_and_has_a_second_line() -> None:
    _, facts, _ = run(1, nasty=True)
    own = [(fact.source_epoch, fact.source_seq) for fact in facts if fact.source == "sim/r"]
    assert own != sorted(own)
    assert max(Counter(own).values()) > 1
    last = max(seq for epoch, seq in own if epoch == 1)
    assert {(1, seq) for seq in range(1, last)} - set(own)
    assert {fact.source for fact in facts} == {"sim/r", "sim/r/copy"}


def test_a_nasty_venue_says_everything_that_orders_can_be_told_but_of_trading_halts_and_days() -> None:
    _, facts, books = run(1, rounds=60, nasty=True)
    told = {type(fact).__name__ for fact in facts}
    left_out = {"ReportSuspended", "ReportResumed", "ReportTriggered", "ReportDoneForDay", "ReportRestated"}
    assert {kind.__name__ for kind in ORDER_REPORTS} - told - {"ReportStatus"} == left_out
    assert any(record.cum > record.qty for record in books.orders.values())
    assert any(record.status == "EXPIRED" for record in books.orders.values())


def test_every_price_and_quantity_is_a_whole_number_on_the_grid() -> None:
    grid = {each.symbol: each for each in INSTRUMENTS}
    for intent in run(3)[0]:
        order = intent.command
        if type(order) is SubmitOrder and not intent.expected:
            assert order.qty % grid[order.symbol].lot == 0
            assert order.px is None or order.px % grid[order.symbol].tick == 0
