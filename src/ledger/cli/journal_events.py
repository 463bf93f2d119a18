"""Events of a journal as rows: over all partitions, chosen by place, type and content, scaled by their instruments."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, final

from msgspec import Struct

from ledger.codec import TAGS, decode_events
from ledger.domain.arrivals import Arrivals, filled
from ledger.domain.context import Instrument
from ledger.domain.events import InstrumentDefined
from ledger.domain.flags import flags_of, judged_in
from ledger.engine.event_text import shown_event
from ledger.errors import Rejected
from ledger.fold import MarketFold, TradingFold, instrument_of, load_base
from ledger.journal import JOURNALS, JournalReader, open_readonly
from ledger.wire import show_place

Place = tuple[str, int, int]
_STRATEGIES: Final = ("strategy_id", "from_strategy", "to_strategy")


@final
class Chosen(Struct, frozen=True):
    """Which events: every part that is given must hold."""

    from_place: Place | None = None
    to_place: Place | None = None
    journal: str = ""
    types: frozenset[str] = frozenset()
    symbol: str = ""
    strategy: str = ""
    text: str = ""

    def takes(self, event: Any) -> bool:
        """Whether the event is one of them, its place and its text apart."""
        if self.types and type(event).__name__ not in self.types:
            return False
        if self.symbol and getattr(event, "symbol", "") != self.symbol:
            return False
        return not self.strategy or any(getattr(event, name, "") == self.strategy for name in _STRATEGIES)


def event_rows(data: Path, chosen: Chosen) -> Iterator[dict[str, Any]]:
    """One row an event, partition by partition, in order. Raises Rejected, Corrupt at the first damage."""
    known = {kind.__name__ for kind in TAGS.values()}
    for name in sorted(chosen.types - known):
        raise Rejected(f"--type {name} is no event", "journal/schema lists them")
    opened = open_readonly(data)
    places = [place for place in (chosen.from_place, chosen.to_place) if place is not None]
    for journal, partition, _ in places:
        if partition >= opened.partitions:
            raise Rejected(
                f"there is no {journal}/{partition}: the journal has {opened.partitions} partition(s)"
            )
    for journal in JOURNALS:
        if chosen.journal not in ("", journal):
            continue
        for partition in range(opened.partitions):
            if all(place[:2] == (journal, partition) for place in places):
                yield from _rows_of(data, journal, partition, chosen)


def _rows_of(data: Path, journal: str, partition: int, chosen: Chosen) -> Iterator[dict[str, Any]]:
    first = chosen.from_place[2] if chosen.from_place else 1
    last = chosen.to_place[2] if chosen.to_place else 2**63 - 1
    with JournalReader(data, journal, partition) as reader:
        instruments = _instruments_at_origin(reader, journal, partition)
        # From the oldest kept event, whatever is asked for: an instrument's scales stand where it was defined.
        for frame in reader.frames(to_seq=last):
            events = decode_events(frame.payload)
            arrivals, judged = Arrivals(), judged_in(events)
            for seq, event in enumerate(events, frame.first_seq):
                arrival = arrivals.of(event)
                if type(event) is InstrumentDefined:
                    instruments[event.symbol] = instrument_of(event, seq)
                if not first <= seq <= last or not chosen.takes(event):
                    continue
                shown = filled(shown_event(event, instruments), arrival)
                flags = flags_of(seq, event, judged)
                kind = shown.pop("type")
                if chosen.text and not any(chosen.text in str(value) for value in shown.values()):
                    continue
                yield {
                    "place": show_place(journal, partition, seq),
                    "recorded_at_ns": frame.recorded_at_ns,
                    "epoch": frame.epoch,
                    "type": kind,
                    "symbol": getattr(event, "symbol", ""),
                    **({"flags": flags} if flags else {}),
                    "event": shown,
                }


def _instruments_at_origin(reader: JournalReader, journal: str, partition: int) -> dict[str, Instrument]:
    """Those that a base knows."""
    fold = TradingFold(partition) if journal == "trading" else MarketFold(partition)
    return dict(fold.instruments.states) if load_base(reader.directory, fold) else {}
