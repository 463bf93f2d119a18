"""The JSON of an event: names, decimal text at the instrument's scales, nothing that says only a default."""

from __future__ import annotations

import uuid

import pytest

from ledger.domain.control_events import MassCancelRequested
from ledger.domain.enums import Side
from ledger.domain.events import BookSnapshotApplied, InstrumentDefined, MarketTraded
from ledger.domain.scope import Scope
from ledger.wire import show

ID = uuid.UUID("01938f6e-7a5b-7c3d-8e9f-0123456789ab")


def test_numbers_are_text_at_the_scales_that_are_given_and_enumerations_names() -> None:
    traded = MarketTraded("AAPL", "NASDAQ", "feed", 1, 5, 0, 100500, -70, Side.SELL, "t")
    shown = show(traded, (4, 1))
    assert next(iter(shown)) == "type"
    assert (shown["px"], shown["qty"], shown["source_seq"]) == ("10.05", "-7", 5)
    assert Side.SELL.name in shown.values()
    assert show(traded, (0, 0))["px"] == "100500"


def test_an_instrument_is_shown_at_its_own_scales() -> None:
    defined = InstrumentDefined("AAPL", "NASDAQ", 2, 3, 5, 100, 10**8, "USD", False, False, "24/7")
    shown = show(defined, (9, 9))
    assert (shown["tick"], shown["lot"], shown["multiplier"]) == ("0.05", "0.1", "1")


def test_a_second_word_for_a_value_is_not_the_one_that_is_shown() -> None:
    assert Scope.FIRM is Scope.ALL
    shown = show(MassCancelRequested(Scope.FIRM, "", "halt", ID.bytes), (0, 0))
    assert (shown["scope"], shown["command_id"]) == ("ALL", str(ID))


@pytest.mark.parametrize("drop_defaults", [True, False])
def test_what_says_only_its_default_is_left_out_unless_it_is_asked_for(drop_defaults: bool) -> None:
    shown = show(MassCancelRequested(Scope.SYMBOL, "AAPL", ""), (0, 0), drop_defaults=drop_defaults)
    assert ("command_id" in shown, "actor" in shown) == (not drop_defaults, not drop_defaults)
    assert shown["reason"] == ""  # it has no default


def test_levels_are_pairs_of_text() -> None:
    snapshot = BookSnapshotApplied("AAPL", "NASDAQ", "feed", 1, 5, 0, 9, ((100500, 7),), ())
    assert show(snapshot, (4, 0))["bids"] == [["10.05", "7"]]
