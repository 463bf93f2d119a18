"""Runs book cases through the real book: a snapshot, then deltas, each with what must become of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from _vector_case import Case, Difference, expect, journaled, named
from ledger.domain.book import Book, evolve, mark
from ledger.domain.book_decide import decide
from ledger.domain.book_view import is_locked, levels
from ledger.domain.context import Context, Instrument
from ledger.domain.enums import BookSource, BookStatus
from ledger.domain.events import AnomalyRecorded
from ledger.domain.facts import BookDelta, BookSnapshot, MarketData

HEAD = ("vectors", 1)
NAMES = ("SYMBOL", "EXCHANGE")
INSTRUMENT = Instrument(*NAMES, 4, 0, 1, 1, 100_000_000, "USD", True, False, "24/7")
IMPLIED = {"gap": ["BOOK_GAP"], "quarantine": ["BOOK_NEGATIVE_SIZE"]}
ALL_LEVELS = 1_000_000


def cases(group: object) -> list[tuple[str, Callable[[], None]]]:
    """The runs of `book_cases`."""
    return [(name, lambda case=case: _run(case)) for name, case in named(group)]


class _Feed:
    """A book and what was journaled for it."""

    def __init__(self) -> None:
        self.book: Book | None = None
        self.seq = 0

    def take(self, fact: MarketData) -> tuple[bool, list[str]]:
        """Decides, journals and applies; (whether an event came, the anomalies beside it)."""
        context = Context(now_ns=self.seq + 1, next_seq=self.seq + 1, instrument=INSTRUMENT)
        anomalies: list[str] = []
        applied = False
        for event in decide(self.book, fact, context):
            self.seq += 1
            read = journaled(event)
            if type(read) is AnomalyRecorded:
                anomalies.append(read.kind)
            else:
                self.book = evolve(self.book, read, self.seq, self.seq)  # type: ignore[arg-type]
                applied = True
        return applied, anomalies


def _run(case: Case) -> None:
    futures = any("pu" in step for step in case["deltas"])
    continuity = BookSource.FUTURES if futures else BookSource.SPOT
    feed = _Feed()
    bids, asks = _pairs(case.get("bids", [])), _pairs(case.get("asks", []))
    feed.take(BookSnapshot(*HEAD, 1, *NAMES, case["snapshot_id"], bids, asks, continuity=continuity))
    for number, step in enumerate(case["deltas"], 2):
        _step(feed, step, number, continuity)
    book = feed.book
    assert book is not None
    wanted = case["state_after"]
    status = wanted.split(",")[0].strip()
    expect("state_after", status, book.status.name)
    if "withheld" in wanted or status == "STALE":
        expect("mark", None, mark(book))
    expect("locked gauge", "locked" in wanted, is_locked(book) and book.status is BookStatus.LIVE)


def _step(feed: _Feed, step: Case, number: int, continuity: BookSource) -> None:
    where = f"delta {step['U']}..{step['u']}"
    before = None if feed.book is None else levels(feed.book, ALL_LEVELS)
    got, anomalies = feed.take(_delta(step, number, continuity))
    book = feed.book
    assert book is not None
    did = _what_became(book, step["u"], got, anomalies)
    does = step["do"]
    expect(f"{where}, do", "drop" if does == "duplicate" else does, did)
    recorded = [step["anomaly"]] if step.get("anomaly") else []
    expect(f"{where}, anomalies", sorted({*recorded, *IMPLIED.get(does, [])}), sorted(anomalies))
    if does != "apply":
        expect(f"{where}, levels", before, levels(book, ALL_LEVELS))


def _what_became(book: Book, last: int, journaled_event: bool, anomalies: list[str]) -> str:
    if not journaled_event:
        return "drop"
    if book.status is BookStatus.LIVE:
        expect("last update of the book", last, book.last_update)
        return "apply"
    if "BOOK_NEGATIVE_SIZE" in anomalies:
        return "quarantine"
    if last not in book.buffer:
        raise Difference(f"update {last} is neither applied nor kept")
    return "gap" if "BOOK_GAP" in anomalies else "buffer"


def _delta(step: Case, number: int, continuity: BookSource) -> BookDelta:
    bids, asks = list(step.get("bids", [])), list(step.get("asks", []))
    if "px" in step:
        side = {"bid": bids, "buy": bids, "b": bids}.get(str(step.get("side", "bid")).lower(), asks)
        side.append([step["px"], step["qty"]])
    return BookDelta(
        *HEAD,
        number,
        *NAMES,
        step["U"],
        step["u"],
        _pairs(bids),
        _pairs(asks),
        prev_update=step.get("pu", 0),
        continuity=continuity,
    )


def _pairs(side: list[Any]) -> tuple[tuple[int, int], ...]:
    return tuple((px, qty) for px, qty in side)
