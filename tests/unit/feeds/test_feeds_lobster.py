"""LOBSTER pairs to market facts, and every row of the book file made again from the messages."""

from __future__ import annotations

from pathlib import Path

import pytest
from test_feeds_run import Shelf

import given_lobster as given
from ledger.domain.enums import OrderAction, Side, TradingPhase
from ledger.domain.facts import BookDelta, BookOrder, BookSnapshot, MarketPhase, MarketTrade
from ledger.feeds import CaptureError, check_lobster, feed, lobster

MIDNIGHT_NS = 1_340_251_200 * 10**9
"""2012-06-21 in New York is 04:00 UTC."""
ROW_0 = "1000200,5,1000000,7,1000300,6,999900,8"
"""Two levels: asks 100.02 x 5, 100.03 x 6; bids 100.00 x 7, 99.99 x 8."""
OPENED = "34200.004241176,3,11,1,1000100,-1"


def pair(folder: Path, *rows: tuple[str, str], symbol: str = "", day: str = "") -> lobster.Pair:
    """A pair of two levels; each row is a message and the book after it."""
    messages, books = [OPENED, *(row[0] for row in rows)], [ROW_0, *(row[1] for row in rows)]
    return lobster.inspect(*given.write(folder, messages, books, 2), symbol, day)


def facts(made: lobster.Pair) -> list:
    return [fact for row in lobster.rows(made, made.terms) for fact in row.facts]


@pytest.mark.parametrize("depth", [1, 2, 3, 10])
@pytest.mark.parametrize("seed", range(5))
def test_every_row_of_a_made_up_day_is_equal(tmp_path: Path, seed: int, depth: int) -> None:
    checked = check_lobster(lobster.inspect(*given.pair(tmp_path, seed=seed, depth=depth)))
    assert checked.first_difference is None
    assert checked.compared == checked.equal >= 400
    assert checked.sound


@pytest.mark.parametrize("which", [0, 1])
@pytest.mark.parametrize("seed", range(5))
def test_one_changed_digit_in_either_file_is_found(tmp_path: Path, which: int, seed: int) -> None:
    made = given.pair(tmp_path, seed=seed)
    lines = made[which].read_text().splitlines()
    number = next(at for at in range(100, len(lines)) if _bears_on_the_book(made, at))
    parts = lines[number].split(",")
    place = 3 if which == 0 else 1  # the size of the message; the size of the best ask
    parts[place] = str(int(parts[place]) + 1)
    lines[number] = ",".join(parts)
    made[which].write_text("\n".join(lines) + "\n")
    checked = check_lobster(lobster.inspect(*made))
    assert not checked.sound
    assert checked.equal < checked.compared
    assert checked.first_difference is not None
    assert checked.first_difference.message >= number


def _bears_on_the_book(made: tuple[Path, Path], row: int) -> bool:
    """A submission that is in sight after it, so its size stands in the book's row."""
    return made[0].read_text().splitlines()[row].split(",")[1] == "1"


def test_row_0_is_the_opening_snapshot_at_the_session_s_day(tmp_path: Path) -> None:
    made = pair(tmp_path)
    [snapshot] = facts(made)
    assert isinstance(snapshot, BookSnapshot)
    assert (made.terms.symbol, made.terms.source, made.terms.exchange) == ("AAPL", "lobster/AAPL", "NASDAQ")
    assert snapshot.bids == ((1_000_000, 7), (999_900, 8))
    assert snapshot.asks == ((1_000_200, 5), (1_000_300, 6))
    assert snapshot.event_time_ns == snapshot.source_epoch == MIDNIGHT_NS + 34_200_004_241_176


def test_winter_time_is_an_hour_later(tmp_path: Path) -> None:
    winter = pair(tmp_path, symbol="X", day="2012-11-05")
    assert winter.midnight_ns == 1_352_091_600 * 10**9
    assert pair(tmp_path, day="2012-11-02").midnight_ns == 1_351_828_800 * 10**9


def test_a_level_that_empties_lets_the_next_one_in_as_a_fact_of_its_own(tmp_path: Path) -> None:
    made = pair(tmp_path, ("34201.5,4,9,7,1000000,1", "1000200,5,999900,8,1000300,6,999700,44"))
    _, order, moved, trade = facts(made)
    assert isinstance(order, BookOrder)
    assert (order.action, order.side, order.px, order.qty) == (OrderAction.EXECUTED, Side.BUY, 1_000_000, 7)
    assert isinstance(moved, BookDelta)
    assert (moved.bids, moved.asks, moved.first_update) == (((999_700, 44),), (), order.update + 1)
    assert isinstance(trade, MarketTrade)
    assert (trade.px, trade.qty, trade.side) == (1_000_000, 7, Side.SELL)
    assert trade.event_time_ns == MIDNIGHT_NS + 34_201_500_000_000
    assert check_lobster(made).sound


def test_a_level_that_is_pushed_out_of_sight_is_removed(tmp_path: Path) -> None:
    made = pair(tmp_path, ("34201.5,1,9,3,1000100,-1", "1000100,3,1000000,7,1000200,5,999900,8"))
    _, order, moved = facts(made)
    assert (order.action, order.order_ref) == (OrderAction.ADDED, "9")
    assert (moved.bids, moved.asks) == ((), ((1_000_300, 0),))
    assert check_lobster(made).sound


def test_only_the_last_place_may_come_from_the_book_file(tmp_path: Path) -> None:
    made = pair(tmp_path, ("34201.5,3,9,7,1000000,1", "1000200,5,999950,1,1000300,6,999900,8"))
    checked = check_lobster(made)
    assert checked.first_difference is not None
    assert checked.first_difference.what == "bid 1 of row 1"
    assert (checked.first_difference.ours, checked.first_difference.venue) == (
        ("99.99", "8"),
        ("99.995", "1"),
    )


def test_hidden_executions_crosses_and_halts_leave_the_book_alone(tmp_path: Path) -> None:
    said = ("5,0,10,1000150,1", "6,-1,99,1000100,-1", "7,0,0,-1,-1", "7,0,0,0,-1", "7,0,0,1,-1")
    made = pair(tmp_path, *((f"34201.{at},{what}", ROW_0) for at, what in enumerate(said)))
    _, hidden, cross, *phases = facts(made)
    assert (hidden.px, hidden.qty, hidden.side, cross.qty) == (1_000_150, 10, Side.SELL, 99)
    assert all(isinstance(phase, MarketPhase) for phase in phases)
    assert [phase.phase for phase in phases] == [
        TradingPhase.HALTED,
        TradingPhase.PRE_OPEN,
        TradingPhase.CONTINUOUS,
    ]
    assert check_lobster(made).sound


def test_dummy_prices_are_no_levels(tmp_path: Path) -> None:
    made = pair(tmp_path, ("34201.5,3,9,8,999900,1", "1000200,5,1000000,7,1000300,6,-9999999999,0"))
    assert check_lobster(made).sound


@pytest.mark.parametrize(
    ("message", "what"),
    [
        ("34201.5,2,9,9,1000000,1", "BOOK_UNKNOWN_ORDER"),
        ("34201.5,3,9,1,1000100,1", "BOOK_UNKNOWN_ORDER"),
    ],
)
def test_an_order_that_cannot_be_there_is_the_first_difference(
    tmp_path: Path, message: str, what: str
) -> None:
    first = check_lobster(pair(tmp_path, (message, ROW_0))).first_difference
    assert first is not None
    assert first.what.startswith(what)


def test_more_than_rests_of_an_order_is_the_first_difference(tmp_path: Path) -> None:
    added = "1000200,5,1000000,10,1000300,6,999900,8"
    made = pair(tmp_path, ("34201.5,1,9,3,1000000,1", added), ("34201.6,2,9,4,1000000,1", added))
    first = check_lobster(made).first_difference
    assert first is not None
    assert first.what.startswith("BOOK_ORDER_UNDERFLOW")


@pytest.mark.parametrize(
    ("message", "row", "what"),
    [
        ("34201.x,1,9,3,1000000,1", ROW_0, "row 1: is not time"),
        ("34201.5,1,9,3,1000000,0", ROW_0, "row 1: is not time"),
        ("34201.5,8,9,3,1000000,1", ROW_0, "row 1: type 8"),
        ("34201.5,7,0,0,5,-1", ROW_0, "row 1: a halt message"),
        ("34201.5,5,0,3,1000000,1", "1,2,3", "row 1: is not ask price"),
        ("34201.5,5,0,3,1000000,1", "", "has no row 1"),
        ("", ROW_0, "has no row 1"),
    ],
)
def test_a_row_that_is_none_names_itself(tmp_path: Path, message: str, row: str, what: str) -> None:
    with pytest.raises(CaptureError, match=what):
        facts(pair(tmp_path, (message, row)))


@pytest.mark.parametrize(
    ("symbol", "day", "what"),
    [("", "", "--symbol S --date"), ("X", "yesterday", "is no day"), ("X", "2006-01-03", "first year")],
)
def test_a_pair_without_a_name_or_day_says_what_to_add(
    tmp_path: Path, symbol: str, day: str, what: str
) -> None:
    messages, book = given.write(tmp_path, [OPENED], [ROW_0], 2)
    plain = messages.rename(tmp_path / "messages.csv")
    with pytest.raises(CaptureError) as raised:
        lobster.inspect(plain, book, symbol, day)
    assert what in f"{raised.value} {raised.value.hint}"


async def test_a_ledger_with_other_scales_gets_the_same_prices_or_a_refusal(tmp_path: Path) -> None:
    made = lobster.recordings(pair(tmp_path))
    shelf = Shelf(scales=(6, 2))
    await feed(made, shelf)
    assert shelf.sent[0].bids[0] == (100_000_000, 700)
    await feed(made, coarse := Shelf(scales=(2, 0)))
    assert coarse.sent[0].bids[0] == (10_000, 7)
    with pytest.raises(CaptureError, match="more than 0 digits"):
        await feed(made, Shelf(scales=(0, 0)))
