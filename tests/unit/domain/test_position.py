"""The position actor against the worked vectors, busts and corrections of the domain specification."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path

import msgspec
import pytest

from ledger.domain.context import Instrument
from ledger.domain.events import FillBusted, PositionRestated
from ledger.domain.position import (
    PositionState,
    canonical,
    empty,
    evolve,
    from_canonical,
    refold,
    restated,
)
from ledger.domain.position_view import avg_px, net, net_realized, twice_total, twice_upnl
from ledger.testing.made_fills import effective, filled, position, scaled

VECTORS = json.loads((Path(__file__).parents[2] / "vectors" / "domain_vectors.json").read_text())
POSITIONS = VECTORS["position_vectors"]
BUSTS = VECTORS["position_bust_cases"]["cases"]
AAPL = Instrument("AAPL", "NASDAQ", 4, 0, 1, 1, 100_000_000, "USD", False, False, "24/7")


def shown(state: PositionState) -> dict[str, object]:
    return {
        "qty": state.qty,
        "cost": state.cost,
        "realized": state.realized,
        "cash": state.cash,
        "fees": dict(state.fees),
        "buy": state.buy_qty,
        "sell": state.sell_qty,
        "fills": state.fill_count,
        "cycle": state.cycle,
    }


@pytest.mark.parametrize("case", POSITIONS, ids=lambda case: case["name"])
def test_every_step_of_a_position_vector_is_exact(case: dict) -> None:
    """P01-P16."""
    price_scale, qty_scale = case["price_scale"], case["qty_scale"]
    state = None
    for seq, (fill, expected) in enumerate(zip(case["fills"], case["after_each"], strict=True), 1):
        side, qty, px, *fee = fill
        paid = scaled(fee[0], 8) if fee else 0
        state = evolve(state, filled(side, scaled(qty, qty_scale), scaled(px, price_scale), paid), seq, seq)
        average = avg_px(state)
        text = None if average is None else str(Fraction(*average) / 10**price_scale)
        assert shown(state) | {"avg_px": text} == expected
    assert state is not None
    for mark in case["marks"]:
        twice_px = 2 * scaled(mark["mark"], price_scale)
        assert twice_upnl(state, twice_px) == 2 * mark["unrealized"]
        assert twice_total(state, twice_px) == 2 * (state.realized + mark["unrealized"])


@pytest.mark.parametrize(
    ("fills", "qty", "cost", "realized", "cycle"),
    [
        ([("S", 100, 100000), ("B", 250, 95000)], 150, 150 * 95000, 500000, 2),
        ([("S", 300, 200000), ("B", 100, 195000)], -200, -200 * 200000, 500000, 1),
        ([("S", 300, 200000), ("B", 100, 195000), ("B", 200, 202500)], 0, 0, 0, 1),
        ([("B", 1, -50000), ("B", 1, 50000), ("S", 1, 20000)], 1, 0, 20000, 1),
    ],
    ids=["P05", "P06 in part", "P06", "P15"],
)
def test_the_vectors_that_only_the_page_has(fills, qty, cost, realized, cycle) -> None:
    state = position(fills)
    assert (state.qty, state.cost, state.realized, state.cycle) == (qty, cost, realized, cycle)


def test_fees_lower_the_net_and_never_the_realized_profit() -> None:
    """P08."""
    state = position([("B", 100, 100000, 100_000_000), ("S", 250, 105000, 250_000_000)])
    assert state.realized == 500000
    assert state.fees == (("USD", 350_000_000),)
    assert net_realized(state, AAPL) == Fraction("46.50")
    assert net(state, 2 * 104000, AAPL) == Fraction("61.50")


def test_the_multiplier_enters_in_views_only() -> None:
    state = position([("B", 2, 100000), ("S", 2, 101000)])
    contract = msgspec.structs.replace(AAPL, multiplier=50 * 100_000_000)
    assert net_realized(state, AAPL) == Fraction("0.2")
    assert net_realized(state, contract) == 10


def test_profit_in_cents_is_not_rounded_fill_by_fill() -> None:
    """Ten thousand round trips of a hundredth of a cent each are one dollar, not nothing."""
    state = position([("B", 1, 1500), ("S", 1, 1501)] * 10_000)
    assert net_realized(state, AAPL) == 1


def test_fees_of_two_currencies_are_kept_apart_and_sorted() -> None:
    state = None
    for seq, (fee, currency) in enumerate([(5, "USD"), (7, "BNB"), (-2, "USD")], 1):
        state = evolve(state, filled("B", 1, 10, fee, currency), seq, seq)
    assert state is not None
    assert state.fees == (("BNB", 7), ("USD", 3))


@pytest.mark.parametrize("case", BUSTS, ids=lambda case: case["name"])
def test_a_bust_or_correction_restates_the_position(case: dict) -> None:
    before, after = list(case["before"]), list(case["effective_after"])
    at = next(index for index, fill in enumerate(before) if index >= len(after) or fill != after[index])
    instead = effective(*after[at]) if len(after) == len(before) else None
    state = position(before)
    event = restated(state, [effective(*fill) for fill in after], effective(*before[at]), instead)
    new = evolve(state, event, 9, 9)
    assert shown(new) == case["expect"]
    assert new.realized == new.cash + new.cost
    for mark, total in case["total_at_mark"].items():
        assert twice_total(new, 2 * int(mark)) == 2 * total


def test_a_correction_that_turns_the_position_round() -> None:
    """corr 4: B100@10 corrected to 80 after S100@11."""
    state = position([("B", 100, 1000), ("S", 100, 1100)])
    after = [effective("B", 80, 1000), effective("S", 100, 1100)]
    new = evolve(state, restated(state, after, effective("B", 100, 1000), after[0]), 3, 3)
    assert (new.qty, avg_px(new), new.realized) == (-20, (22000, 20), 8000)


def test_a_restatement_from_incomplete_fills_is_refused_before_it_is_journaled() -> None:
    state = position([("B", 100, 1000), ("B", 50, 1200), ("S", 10, 1100)])
    with pytest.raises(AssertionError, match="MM_01/AAPL"):
        restated(state, [effective("B", 100, 1000)], effective("B", 50, 1200))
    swapped = [effective("B", 100, 1001), effective("S", 10, 1100)]
    with pytest.raises(AssertionError, match="cash"):
        restated(state, swapped, effective("B", 50, 1200))


def test_a_position_that_was_adjusted_is_not_restated_from_fills_alone() -> None:
    state = msgspec.structs.replace(position([("B", 100, 1000)]), adj_dcost=5)
    with pytest.raises(AssertionError, match="was adjusted"):
        restated(state, [], effective("B", 100, 1000))


def test_a_bust_alone_changes_nothing_until_the_restatement() -> None:
    state = position([("B", 100, 1000)])
    bust = FillBusted(
        symbol="AAPL",
        order="c1",
        strategy_id="MM_01",
        exchange="NASDAQ",
        source="gw",
        source_epoch=1,
        source_seq=2,
        event_time_ns=1,
        received_at_ns=1,
        actor="gw",
        account="ACC",
        execution_id="e2",
        ref_execution_id="e",
        trade_date="2026-01-02",
        root="e",
        reinstated=True,
        known=True,
    )
    assert evolve(state, bust, 2, 2) == state
    assert evolve(None, bust, 2, 2) == empty("MM_01", "AAPL", "ACC")


def test_a_restatement_of_unbounded_money_survives_the_codec() -> None:
    big = 99_999_999_999_999_999
    state = position([("B", 2**62, big), ("S", 1, 5)])
    event = restated(state, [effective("B", 2**62, big)], effective("S", 1, 5))
    assert isinstance(event.cost, str)
    read = msgspec.msgpack.decode(msgspec.msgpack.encode(event), type=PositionRestated)
    new = evolve(state, read, 3, 3)
    assert (new.qty, new.cost, new.realized, new.cash) == (2**62, 2**62 * big, 0, -(2**62) * big)


def test_the_canonical_form_holds_any_integer_and_reads_back() -> None:
    state = position([("B", 2**62, 2**62, 7), ("B", 2**62, -(2**61), -3), ("S", 3, 1)])
    stored = msgspec.msgpack.decode(msgspec.msgpack.encode(canonical(state)))
    assert str in {type(field) for field in stored[3:7]}
    assert from_canonical(stored) == state


def test_a_refold_keeps_opening_time_and_cycle_of_the_fills_that_count() -> None:
    state = position([("B", 1, 10), ("S", 1, 11), ("B", 1, 12)])
    fills = [effective("B", 1, 10, 0, 1000), effective("S", 1, 11, 0, 2000)]
    new = refold(fills, state)
    assert (new.ts_opened, new.cycle, new.fill_count) == (1000, 1, 2)


def test_a_flip_opens_a_new_cycle_at_its_own_time() -> None:
    state = position([("B", 1, 10), ("S", 3, 11), ("S", 1, 12)])
    assert (state.cycle, state.ts_opened, state.ts_last, state.version) == (2, 2000, 3000, 3)
