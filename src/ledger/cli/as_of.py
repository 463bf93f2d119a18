"""The state of all partitions at one consistent cut, from the nearest base before it."""

from __future__ import annotations

from pathlib import Path
from typing import Any, final

from ledger.cli.replay import progress, time_ns
from ledger.engine import Replayed, Views, replay
from ledger.engine.queries import BadQuery
from ledger.errors import Rejected
from ledger.fold import MarketFold, TradingFold
from ledger.journal import JOURNALS, JournalReader, open_readonly
from ledger.wire import parse_place, show_place


@final
class AsOf:
    """Every partition's folds at a cut."""

    def __init__(self, at_ns: int, folded: list[dict[str, Replayed]]) -> None:
        self.at_ns = at_ns
        """The time of the cut."""
        self.places = [
            show_place(journal, partition, each[journal].head.seq)
            for partition, each in enumerate(folded)
            for journal in JOURNALS
        ]
        self._views = [_views(each) for each in folded]

    def rows(self, what: str, filters: dict[str, str]) -> list[dict[str, Any]]:
        """The rows of a question over all partitions. Raises Rejected."""
        try:
            return [row for views in self._views for row in views.rows(what, filters)]
        except BadQuery as error:
            raise Rejected(str(error)) from None


def as_of(data: Path, when: str) -> AsOf:
    """The state at a place or an ISO time. Raises Rejected where it lies outside the journal, Corrupt."""
    partitions = open_readonly(data).partitions
    place = _place(when)
    if place is None:
        at_ns = time_ns(when, "WHEN")
    else:
        if place[1] >= partitions:
            raise Rejected(f"there is no {place[0]}/{place[1]}: the journal has {partitions} partition(s)")
        at_ns = _recorded_at(data, place)
    folded: list[dict[str, Replayed]] = []
    for partition in range(partitions):
        folded.append({})
        for journal in JOURNALS:
            own = place is not None and place[:2] == (journal, partition)
            folded[-1][journal] = replay(
                data,
                journal,
                partition,
                to_seq=place[2] if own and place is not None else None,
                to_time_ns=None if own else at_ns,
                on_progress=progress(f"folding {journal}/{partition}"),
            )
    return AsOf(at_ns, folded)


def _place(when: str) -> tuple[str, int, int] | None:
    if not when.startswith(JOURNALS):
        return None
    try:
        return parse_place(when)
    except ValueError as error:
        raise Rejected(str(error)) from None


def _recorded_at(data: Path, place: tuple[str, int, int]) -> int:
    journal, partition, seq = place
    with JournalReader(data, journal, partition) as reader:
        origin = reader.directory.origin
        if seq == origin.seq:
            return origin.recorded_at_ns
        frame = reader.frame_at(seq) if seq > 0 else None
        if frame is None:
            end = show_place(journal, partition, reader.head().seq)
            raise Rejected(
                f"there is no {show_place(*place)}: the journal ends at {end}", "name an earlier place"
            )
    return frame.recorded_at_ns


def _views(folded: dict[str, Replayed]) -> Views:
    trading, market = folded["trading"].fold, folded["market"].fold
    assert isinstance(trading, TradingFold)
    assert isinstance(market, MarketFold)
    return Views(trading, market, list, list)
