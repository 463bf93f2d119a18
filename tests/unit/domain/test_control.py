"""Instruments and strategies: what may be defined, what may change, what never may."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from ledger.domain.codes import Code
from ledger.domain.commands import DefineInstrument, DefineStrategy
from ledger.domain.context import Context, Instrument, Rejection, Strategy
from ledger.domain.control import decide_instrument, decide_strategy, evolve_instrument, evolve_strategy
from ledger.domain.outcome import Repeated
from ledger.fold.instruments import instrument_of, redefined
from ledger.testing.order_desk import NOW, command_id

CONTEXT = Context(now_ns=NOW, received_at_ns=NOW - 1, actor="ann")


def instrument(**more: Any) -> DefineInstrument:
    return DefineInstrument(command_id(), **{"symbol": "AAPL", "exchange": "NASDAQ", **more})


def known() -> Instrument:
    outcome = decide_instrument(None, instrument(), CONTEXT)
    assert isinstance(outcome, list)
    return evolve_instrument(None, outcome[0], 7, NOW)


def test_an_instrument_is_as_it_was_defined_with_the_seeds_scales() -> None:
    state = known()
    assert (state.symbol, state.exchange, state.price_scale, state.qty_scale) == ("AAPL", "NASDAQ", 4, 0)
    assert (state.tick, state.lot, state.multiplier, state.version) == (1, 1, 100_000_000, 7)


def test_the_event_says_who_defined_it() -> None:
    outcome = decide_instrument(None, instrument(on_behalf_of="bob"), CONTEXT)
    assert isinstance(outcome, list)
    assert (outcome[0].actor, outcome[0].received_at_ns, outcome[0].on_behalf_of) == ("ann", NOW - 1, "bob")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("symbol", "A B"),
        ("symbol", "A|B"),
        ("symbol", "A{B"),
        ("symbol", "A:B"),
        ("symbol", ""),
        ("symbol", "x" * 33),
        ("symbol", "A\u2003B"),
        ("exchange", "x" * 21),
        ("exchange", "}"),
        ("quote_ccy", "U D"),
        ("price_scale", 13),
        ("price_scale", -1),
        ("qty_scale", 13),
        ("tick", 0),
        ("lot", -1),
        ("multiplier", 0),
    ],
)
def test_an_instrument_that_could_not_be_traded_or_named_is_malformed(field: str, value: Any) -> None:
    answer = decide_instrument(None, instrument(**{field: value}), CONTEXT)
    assert isinstance(answer, Rejection)
    assert answer.code is Code.MALFORMED
    assert field in answer.detail


def test_a_band_is_part_of_an_instrument_s_terms_and_must_hold_a_price() -> None:
    banded = instrument(px_min=-5, px_max=5)
    [event] = decide_instrument(known(), banded, CONTEXT)  # type: ignore[misc]
    assert (event.px_min, event.px_max) == (-5, 5)
    state = evolve_instrument(known(), event, 9, 0)
    assert (state.px_min, state.px_max, state.version) == (-5, 5, 9)
    assert decide_instrument(state, banded, CONTEXT) == Repeated(0, 9)
    assert instrument_of(event, 9) == state
    assert redefined(state) == replace(event, command_id=b"", actor="", received_at_ns=0, on_behalf_of=""), (
        "as the market journal copies it"
    )
    assert isinstance(decide_instrument(state, instrument(px_min=-5, px_max=6), CONTEXT), list)
    assert isinstance(decide_instrument(None, instrument(px_min=5, px_max=5), CONTEXT), list)
    answer = decide_instrument(None, instrument(px_min=6, px_max=5), CONTEXT)
    assert isinstance(answer, Rejection)
    assert (answer.code, "px_min" in answer.detail) == (Code.MALFORMED, True)


def test_a_fee_in_the_base_currency_is_not_supported() -> None:
    answer = decide_instrument(None, instrument(spot_base_fee=True), CONTEXT)
    assert answer == Rejection(Code.UNSUPPORTED, "spot_base_fee is not supported: leave it out")


@pytest.mark.parametrize("other", [{"price_scale": 5}, {"qty_scale": 8}])
def test_the_scales_of_a_known_symbol_never_change(other: dict[str, int]) -> None:
    answer = decide_instrument(known(), instrument(**other), CONTEXT)
    assert isinstance(answer, Rejection)
    assert answer.code is Code.UNSUPPORTED
    assert answer.detail.endswith("define a new symbol")


def test_other_terms_of_a_known_symbol_change_and_equal_ones_are_a_repeat() -> None:
    outcome = decide_instrument(known(), instrument(tick=1000, calendar="XNAS"), CONTEXT)
    assert isinstance(outcome, list)
    state = evolve_instrument(known(), outcome[0], 9, NOW)
    assert (state.tick, state.calendar, state.version) == (1000, "XNAS", 9)
    assert decide_instrument(state, instrument(tick=1000, calendar="XNAS"), CONTEXT) == Repeated(0, 9)


def test_a_strategy_keeps_its_account() -> None:
    outcome = decide_strategy(None, DefineStrategy(command_id(), "S1", "A1"), CONTEXT)
    assert isinstance(outcome, list)
    state = evolve_strategy(None, outcome[0], 3, NOW)
    assert state == Strategy("S1", "A1", 3)
    assert decide_strategy(state, DefineStrategy(command_id(), "S1", "A1"), CONTEXT) == Repeated(0, 3)
    answer = decide_strategy(state, DefineStrategy(command_id(), "S1", "A2"), CONTEXT)
    assert isinstance(answer, Rejection)
    assert answer.code is Code.UNSUPPORTED
    assert answer.detail.endswith("define another strategy for account A2")


@pytest.mark.parametrize("name", ["_EXTERNAL", "_UNALLOCATED", "a/b", "a:b", "a b", "", "x" * 51])
def test_a_strategy_that_is_reserved_or_could_not_stand_in_a_topic_is_malformed(name: str) -> None:
    answer = decide_strategy(None, DefineStrategy(command_id(), name, "A1"), CONTEXT)
    assert isinstance(answer, Rejection)
    assert answer.code is Code.MALFORMED


@pytest.mark.parametrize("account", ["", "a b", "a|b", "x" * 33])
def test_a_strategy_needs_an_account_with_a_good_name(account: str) -> None:
    answer = decide_strategy(None, DefineStrategy(command_id(), "S1", account), CONTEXT)
    assert isinstance(answer, Rejection)
    assert answer.code is Code.MALFORMED
