"""Real captures through the market door, against a fold that shares no code with the ledger."""

from __future__ import annotations

import gzip
import json
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from ledger.cli.options import Where
from ledger.cli.talk import Talk
from ledger.codec import decode_events
from ledger.domain.events import MarketTraded
from ledger.journal import JournalReader
from ledger.testing import Child

FIRST = "spot_btcusdt_20240808.gz"
SECOND = "spot_btcusdt_20240809.gz"
SYMBOL = "BTCUSDT"
Sides = tuple[dict[Decimal, Decimal], dict[Decimal, Decimal]]


def messages(path: Path) -> Iterator[dict[str, Any]]:
    opened = gzip.open if path.suffix == ".gz" else open
    with opened(path, "rt") as lines:
        for line in lines:
            yield json.loads(line.partition(" ")[2])


def naive_book(paths: Iterable[Path]) -> Sides:
    """Levels by price: the snapshot, then every change that it does not include, also of those that came before it."""
    bids: dict[Decimal, Decimal] = {}
    asks: dict[Decimal, Decimal] = {}
    changes: list[dict[str, Any]] = []
    included = 0
    for path in paths:
        for message in messages(path):
            if "lastUpdateId" in message:
                included = message["lastUpdateId"]
                bids, asks = _levels(message["bids"]), _levels(message["asks"])
            elif "@depth" in message["stream"]:
                changes.append(message["data"])
    for change in changes:
        if change["u"] > included:
            bids |= _levels(change["b"])
            asks |= _levels(change["a"])
    return _present(bids), _present(asks)


def _levels(pairs: list[list[str]]) -> dict[Decimal, Decimal]:
    return {Decimal(px): Decimal(qty) for px, qty in pairs}


def _present(side: dict[Decimal, Decimal]) -> dict[Decimal, Decimal]:
    return {px: qty for px, qty in side.items() if qty}


def ledger_book(typed: Any, data: Path) -> Sides:
    book = typed.json("show", "book", SYMBOL, "--depth", 10_000, "--data", data)
    assert book["status"] == "LIVE"
    assert [Decimal(px) for px, _ in book["bids"]] == sorted(
        (Decimal(px) for px, _ in book["bids"]), reverse=True
    )
    return _levels(book["bids"]), _levels(book["asks"])


def trades_in_journal(data: Path) -> Counter[str]:
    """How often each trade of the venue stands in the market journal."""
    counted: Counter[str] = Counter()
    with JournalReader(data, "market", 0) as reader:
        for frame in reader.frames():
            events = decode_events(frame.payload)
            counted.update(event.trade_id for event in events if type(event) is MarketTraded)
    return counted


def trades_in(paths: Iterable[Path]) -> Counter[str]:
    return Counter(
        str(message["data"]["t"])
        for path in paths
        for message in messages(path)
        if message.get("stream", "").endswith("@trade")
    )


@pytest.fixture
def beginning(captures: Path, tmp_path: Path) -> Path:
    """The first 3,000 messages of the first capture, unpacked."""
    path = tmp_path / "beginning.txt"
    with gzip.open(captures / "binance" / FIRST, "rb") as lines, path.open("wb") as out:
        for _ in range(3000):
            out.write(next(lines))
    return path


def test_a_capture_gives_the_book_of_an_independent_fold(ledger: Child, typed: Any, beginning: Path) -> None:
    fed = typed.json("feed", "binance", beginning, "--data", ledger.data)
    assert (fed["messages"], fed["sent"], fed["skipped"]) == (3000, 3000, 0)
    assert ledger_book(typed, ledger.data) == naive_book([beginning])
    (row,) = typed.json("show", "instruments", "--symbol", SYMBOL, "--data", ledger.data)
    assert (row["exchange"], row["price_scale"], row["qty_scale"]) == ("BINANCE", 8, 8)


def test_a_capture_fed_again_changes_nothing(ledger: Child, typed: Any, beginning: Path) -> None:
    typed.good("feed", "binance", beginning, "--data", ledger.data)
    before = typed.json("show", "head", "--data", ledger.data)["journals"]["market"]
    again = typed.json("feed", "binance", beginning, "--data", ledger.data)
    assert (again["messages"], again["sent"], again["skipped"]) == (3000, 0, 3000)
    assert typed.json("show", "head", "--data", ledger.data)["journals"]["market"] == before


def test_a_longer_capture_goes_on_where_the_shorter_one_ended(
    ledger: Child, typed: Any, beginning: Path, tmp_path: Path
) -> None:
    shorter = tmp_path / "shorter.txt"
    shorter.write_bytes(b"".join(beginning.read_bytes().splitlines(keepends=True)[:1234]))
    typed.good("feed", "binance", shorter, "--data", ledger.data)
    rest = typed.json("feed", "binance", beginning, "--data", ledger.data)
    assert (rest["sent"], rest["skipped"]) == (1766, 1234)
    assert ledger_book(typed, ledger.data) == naive_book([beginning])
    assert trades_in_journal(ledger.data) == trades_in([beginning])


@pytest.mark.slow
def test_both_captures_through_a_kill_give_the_book_of_an_independent_fold(
    ledger: Child, typed: Any, captures: Path, spawned: Callable[..., subprocess.Popen[str]]
) -> None:
    paths = [captures / "binance" / name for name in (FIRST, SECOND)]
    feeding = spawned("feed", "binance", *paths, "--data", ledger.data)
    _wait_for_market(ledger.data, 20_000)
    ledger.kill()
    ledger.start()
    out, err = feeding.communicate(timeout=100)
    assert feeding.returncode == 0, (out, err)
    assert ledger_book(typed, ledger.data) == naive_book(paths)
    assert trades_in_journal(ledger.data) == trades_in(paths)
    assert typed.json("show", "anomalies", "--open", "--data", ledger.data) == []


@pytest.mark.slow
def test_a_feed_that_is_killed_itself_is_finished_by_the_next_one(
    ledger: Child, typed: Any, captures: Path, spawned: Callable[..., subprocess.Popen[str]]
) -> None:
    path = captures / "binance" / FIRST
    feeding = spawned("feed", "binance", path, "--data", ledger.data)
    _wait_for_market(ledger.data, 10_000)
    feeding.kill()
    feeding.wait()
    rest = typed.json("feed", "binance", path, "--data", ledger.data)
    assert rest["skipped"] > 0
    assert rest["sent"] > 0
    assert ledger_book(typed, ledger.data) == naive_book([path])
    assert trades_in_journal(ledger.data) == trades_in([path])


def _wait_for_market(data: Path, events: int) -> None:
    """Until the market journal is that long."""
    deadline = time.monotonic() + 60
    with Talk(Where(data=data)) as talk:
        while True:
            (market,) = next(iter(talk.rows("head")))["journals"]["market"]
            if int(market["head"].rpartition(":")[2]) >= events:
                return
            assert time.monotonic() < deadline, "the feed does not go on"
