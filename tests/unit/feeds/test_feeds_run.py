"""A feed sends each message once, in order, whatever the ledger has already, in the capture's time if asked."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import trio

import given_capture as given
from ledger.feeds import CaptureError, binance, feed
from ledger.feeds.binance import inspect

SOURCE = "binance/BTCUSDT"
LATER_NS = given.BEGAN_NS + 10**12


class Shelf:
    """A market door that keeps what it is sent, and says so when asked, as a ledger does."""

    def __init__(self, scales: tuple[int, int] | None = (8, 8), rows: Sequence[dict[str, Any]] = ()) -> None:
        self.known = scales
        self.rows = list(rows)
        self.defined: list[dict[str, Any]] = []
        self.sent: list[Any] = []
        self.sent_at: list[float] = []
        self.asking: list[dict[str, Any]] = []

    async def sources(self, source: str) -> list[dict[str, Any]]:
        return [row for row in self.rows if row["source"] == source]

    async def scales(self, symbol: str) -> tuple[int, int] | None:
        return self.known

    async def define(self, terms: dict[str, Any]) -> None:
        self.defined.append(terms)

    async def requested(self) -> list[dict[str, Any]]:
        return self.asking

    async def send(self, facts: Sequence[Any]) -> None:
        await trio.lowlevel.checkpoint()
        self.sent += facts
        self.sent_at += [trio.current_time()] * len(facts)

    @property
    def numbers(self) -> list[int]:
        return [fact.source_seq for fact in self.sent]


def taken(seq: int, *gaps: list[int], epoch: int = given.BEGAN_NS, journal: str = "market") -> dict[str, Any]:
    return {
        "journal": journal,
        "source": SOURCE,
        "source_epoch": epoch,
        "source_seq": seq,
        "gaps": list(gaps),
    }


async def test_everything_is_sent_in_order_to_a_ledger_that_has_nothing(tmp_path: Path) -> None:
    shelf = Shelf()
    fed = await feed(binance.recordings([given.write(tmp_path / "a.gz")]), shelf)
    assert shelf.numbers == [1, 2, 3, 4, 5, 6, 7]
    assert (fed.source, fed.messages, fed.sent, fed.skipped) == (SOURCE, 7, 7, 0)


async def test_what_the_ledger_has_is_skipped_and_what_it_misses_is_sent(tmp_path: Path) -> None:
    shelf = Shelf(rows=[taken(5, [2, 3])])
    fed = await feed(binance.recordings([given.write(tmp_path / "a")]), shelf)
    assert shelf.numbers == [2, 3, 6, 7]
    assert (fed.sent, fed.skipped) == (4, 3)


async def test_a_file_before_the_one_that_the_ledger_is_in_is_skipped_whole(tmp_path: Path) -> None:
    first, second = given.write(tmp_path / "a"), given.write(tmp_path / "b", given.SOUND, LATER_NS)
    shelf = Shelf(rows=[taken(2, epoch=LATER_NS)])
    fed = await feed(binance.recordings([first, second]), shelf)
    assert [(fact.source_epoch, fact.source_seq) for fact in shelf.sent] == [
        (LATER_NS, seq) for seq in range(3, 8)
    ]
    assert (fed.messages, fed.sent, fed.skipped) == (14, 5, 9)


async def test_what_another_journal_says_of_the_source_does_not_count(tmp_path: Path) -> None:
    shelf = Shelf(rows=[taken(7, journal="trading")])
    assert (await feed(binance.recordings([given.write(tmp_path / "a")]), shelf)).sent == 7


async def test_an_unknown_instrument_is_defined_first_with_the_capture_s_digits(tmp_path: Path) -> None:
    shelf = Shelf(scales=None)
    await feed(binance.recordings([given.write(tmp_path / "a")]), shelf)
    assert shelf.defined == [
        {
            "symbol": "BTCUSDT",
            "exchange": "BINANCE",
            "price_scale": 8,
            "qty_scale": 8,
            "tick": "0.00000001",
            "lot": "0.00000001",
            "quote_ccy": "USDT",
        }
    ]


async def test_a_known_instrument_keeps_its_scales(tmp_path: Path) -> None:
    shelf = Shelf(scales=(2, 8))
    await feed(binance.recordings([given.write(tmp_path / "a")]), shelf)
    assert shelf.defined == []
    assert shelf.sent[3].bid_px == 9900


async def test_digits_that_the_ledger_s_scale_cannot_hold_stop_the_feed(tmp_path: Path) -> None:
    with pytest.raises(CaptureError, match="more than 2 digits"):
        await feed(binance.recordings([given.write(tmp_path / "a")]), Shelf(scales=(2, 2)))


async def test_in_the_capture_s_own_time_nothing_is_sent_before_it_is_due(
    tmp_path: Path, autojump_clock: trio.testing.MockClock
) -> None:
    shelf, began = Shelf(), trio.current_time()
    await feed(binance.recordings([given.write(tmp_path / "a")]), shelf, speed=2.0)
    due = [number * given.STEP_NS / 1e9 / 2 for number in range(7)]
    assert shelf.numbers == [1, 2, 3, 4, 5, 6, 7]
    late = [at - began - when for at, when in zip(shelf.sent_at, due, strict=True)]
    assert all(-1e-6 <= each <= 0.06 for each in late), late


async def test_progress_ends_with_everything_read(tmp_path: Path) -> None:
    told: list[tuple[int, float]] = []
    paths = [given.write(tmp_path / "a"), given.write(tmp_path / "b", given.SOUND, LATER_NS)]
    await feed(
        binance.recordings(paths), Shelf(), progress=lambda messages, share: told.append((messages, share))
    )
    assert [messages for messages, _ in told] == [7, 14]
    assert all(0 <= share <= 1 for _, share in told)


def test_the_terms_of_the_next_day_are_another_run_of_the_same_source(tmp_path: Path) -> None:
    first, second = given.write(tmp_path / "a"), given.write(tmp_path / "b", given.SOUND, LATER_NS)
    assert inspect(first).source == inspect(second).source
    assert inspect(first).source_epoch < inspect(second).source_epoch
