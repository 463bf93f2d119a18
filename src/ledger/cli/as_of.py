"""The state of all partitions at one consistent cut, each from its nearest snapshot, or base, before it."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, final

from ledger.cli.replay import progress, time_ns
from ledger.engine import Views
from ledger.engine.queries import BadQuery
from ledger.errors import Rejected
from ledger.fold import MarketFold, Restarted, TradingFold, before_base, open_index, restart
from ledger.journal import JOURNALS, JournalReader, open_readonly
from ledger.wire import parse_place, show_place

_Place = tuple[str, int, int]


@final
class AsOf:
    """Every partition's folds at a cut."""

    def __init__(self, at_ns: int, folded: list[dict[str, Restarted]]) -> None:
        self.at_ns = at_ns
        """The time of the cut."""
        each = [(name, number, it[name]) for number, it in enumerate(folded) for name in JOURNALS]
        self.places = [show_place(name, number, found.head.seq) for name, number, found in each]
        self.snapshots = [
            show_place(name, number, found.from_seq) for name, number, found in each if found.from_seq
        ]
        """Those that were begun with; the others were folded from the beginning or their base."""
        self.events = sum(found.events for _, _, found in each)
        """Folded after those."""
        self.notes = [note for _, _, found in each for note in found.notes]
        """Why a snapshot was not used, one sentence each."""
        self._views = [_views(it) for it in folded]

    def rows(self, what: str, filters: dict[str, str]) -> list[dict[str, Any]]:
        """The rows of a question over all partitions. Raises Rejected."""
        try:
            return [row for views in self._views for row in views.rows(what, filters)]
        except BadQuery as error:
            raise Rejected(str(error)) from None


@contextmanager
def as_of(data: Path, when: str, *, snapshots: bool = True) -> Generator[AsOf]:
    """The state at a place or an ISO time, while the block lasts; without `snapshots` from the base.

    Raises Rejected where it lies outside the journal, Corrupt.
    """
    partitions = open_readonly(data).partitions
    place = _place(when)
    if place is None:
        at_ns = time_ns(when, "WHEN")
    else:
        if place[1] >= partitions:
            raise Rejected(f"there is no {place[0]}/{place[1]}: the journal has {partitions} partition(s)")
        at_ns = _recorded_at(data, place)
    with ExitStack() as opened:
        folded = [
            {
                name: _fold(data, name, number, at_ns, place, snapshots=snapshots, opened=opened)
                for name in JOURNALS
            }
            for number in range(partitions)
        ]
        yield AsOf(at_ns, folded)


def _fold(
    data: Path,
    journal: str,
    partition: int,
    at_ns: int,
    place: _Place | None,
    *,
    snapshots: bool,
    opened: ExitStack,
) -> Restarted:
    index = None
    with JournalReader(data, journal, partition) as reader:
        if place is not None and place[:2] == (journal, partition):
            to_seq = place[2]
        else:
            to_seq = reader.last_before(at_ns).seq
            origin = reader.directory.origin
            if at_ns < origin.recorded_at_ns:
                raise before_base(reader.directory, origin.seq - 1)
        if snapshots and journal == "trading":
            index, _, _ = open_index(data, partition, reader, reader.head())
    if index is not None:
        opened.callback(index.close)
    return restart(
        data,
        journal,
        partition,
        index=index,
        to_seq=to_seq,
        as_of=True,
        uses_snapshots=snapshots,
        on_progress=progress(f"folding {journal}/{partition}"),
    )


def _place(when: str) -> _Place | None:
    if not when.startswith(JOURNALS):
        return None
    try:
        return parse_place(when)
    except ValueError as error:
        raise Rejected(str(error)) from None


def _recorded_at(data: Path, place: _Place) -> int:
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


def _views(folded: dict[str, Restarted]) -> Views:
    trading, market = folded["trading"].fold, folded["market"].fold
    assert isinstance(trading, TradingFold)
    assert isinstance(market, MarketFold)
    return Views(trading, market, list, list)
