"""Real captures of a venue folded through decide and evolve, compared with the venue's own second stream."""

from __future__ import annotations

import gzip
import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from ledger.domain.book_view import best
from ledger.domain.enums import BookSource, BookStatus
from ledger.domain.facts import BookDelta, BookSnapshot, Quote
from ledger.testing.made_market import Feed

HEAD = ("capture", 1, 1, "BTCUSDT", "BINANCE")
HERE = Path(__file__).resolve()
DATA = Path(os.environ.get("LEDGER_DATA") or HERE.parents[3].parent / "shared" / "data") / "binance"


def integer(text: str, scale: int) -> int:
    whole, _, digits = text.partition(".")
    assert not digits[scale:].strip("0")
    return int(whole + digits[:scale].ljust(scale, "0"))


def pairs(levels: list[list[str]]) -> tuple[tuple[int, int], ...]:
    return tuple((integer(px, 2), integer(qty, 8)) for px, qty in levels)


def facts(path: Path, continuity: BookSource) -> Iterator[BookSnapshot | BookDelta | Quote]:
    with gzip.open(path, "rt") as lines:
        for line in lines:
            message = json.loads(line.partition(" ")[2])
            if "lastUpdateId" in message:
                bids, asks = pairs(message["bids"]), pairs(message["asks"])
                yield BookSnapshot(*HEAD, message["lastUpdateId"], bids, asks, continuity=continuity)
                continue
            data = message["data"]
            if "@depth" in message["stream"]:
                bids, asks, prev = pairs(data["b"]), pairs(data["a"]), data.get("pu", 0)
                at = data["E"] * 1_000_000
                yield BookDelta(*HEAD, data["U"], data["u"], bids, asks, at, prev, continuity)
            elif "@bookTicker" in message["stream"]:
                bid, ask = (
                    (integer(data["b"], 2), integer(data["B"], 8)),
                    (
                        integer(data["a"], 2),
                        integer(data["A"], 8),
                    ),
                )
                yield Quote(*HEAD, *bid, *ask, update=data["u"])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("names", "continuity"),
    [
        (["spot_btcusdt_20240808.gz", "spot_btcusdt_20240809.gz"], BookSource.SPOT),
        (["usdm_btcusdt_20240808.gz"], BookSource.FUTURES),
    ],
    ids=["spot", "futures"],
)
def test_the_book_of_a_capture_has_the_best_prices_that_the_venue_says(names, continuity) -> None:
    """Equal at every update number that both streams name, through the start without a snapshot and a file roll."""
    paths = [DATA / name for name in names]
    missing = [path.name for path in paths if not path.exists()]
    if missing:
        pytest.skip(f"no capture {', '.join(missing)} (LEDGER_DATA names their folder)")
    feed = Feed()
    ours, theirs = {}, {}
    for path in paths:
        for fact in facts(path, continuity):
            if type(fact) is Quote:
                theirs[fact.update] = ((fact.bid_px, fact.bid_qty), (fact.ask_px, fact.ask_qty))
                continue
            feed.take(fact)
            if feed.live.status is BookStatus.LIVE:
                ours[feed.live.last_update] = best(feed.live)
    both = ours.keys() & theirs.keys()
    assert len(both) > 500
    assert {number: ours[number] for number in both} == {number: theirs[number] for number in both}
    assert feed.anomalies == []
    assert feed.live.statistics.buffered > 0
