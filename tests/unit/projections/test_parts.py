"""A projector folds and decodes only what its rows are made of, and gives the rows that the whole fold gives."""

from __future__ import annotations

import shutil
from pathlib import Path

import msgspec
import pytest

from ledger.codec import decode_events, decoder_of, encode_events
from ledger.config import load
from ledger.domain.events import InstrumentDefined, OrderFilled, StrategyDefined
from ledger.domain.old_events import StrategyNamed
from ledger.errors import Corrupt
from ledger.fold import TradingFold
from ledger.projections import Batch, Feed, Parking, Projection, registry
from ledger.testing.made_journal import MadeJournal

GOLDEN = sorted((Path(__file__).resolve().parents[3] / "journal" / "golden").iterdir())
DEFINED = InstrumentDefined("AAPL", "XNAS", 4, 0, 100, 1, 10**8, "USD", False, False, "24/7")


def sink_of(name: str) -> Projection:
    return registry.make(load().settings, name, 0)


def batches(data: Path, sink: Projection, journal: str, *, whole: bool) -> list[Batch]:
    feed = Feed(data, journal, 0, sink.builders(journal), Parking(), events_max=17, folds_whole=whole)
    found: list[Batch] = []
    while (batch := feed.batch()) is not None:
        found.append(batch)
    feed.close()
    return found


@pytest.mark.parametrize(
    ("name", "journal"),
    [
        ("postgres", "trading"),
        ("redis", "trading"),
        ("redis", "market"),
        ("questdb", "trading"),
        ("questdb", "market"),
    ],
)
def test_the_rows_of_a_part_are_those_of_the_whole(tmp_path: Path, name: str, journal: str) -> None:
    with MadeJournal(tmp_path) as made:
        made.trade(60, in_a_frame=3)
        made.anomaly()
        made.adjust()
        made.quote(90, in_a_frame=4)
        sink = sink_of(name)
        part, whole = (batches(tmp_path, sink, journal, whole=it) for it in (False, True))
    assert [(batch.to, batch.events, batch.rows) for batch in part] == [
        (batch.to, batch.events, batch.rows) for batch in whole
    ]
    assert len({row.key for batch in part for row in batch.rows}) > 1


@pytest.mark.parametrize("golden", GOLDEN, ids=[path.name for path in GOLDEN])
@pytest.mark.parametrize("name", ["postgres", "redis", "questdb"])
def test_they_are_so_for_every_type_of_event(tmp_path: Path, golden: Path, name: str) -> None:
    data = tmp_path / "golden"
    shutil.copytree(golden, data)
    sink = sink_of(name)
    for journal in sink.journals:
        part, whole = (batches(data, sink, journal, whole=it) for it in (False, True))
        assert [batch.rows for batch in part] == [batch.rows for batch in whole]
        assert part[-1].to.seq > 1


def test_what_nobody_reads_is_forgotten_and_what_is_read_stays(tmp_path: Path) -> None:
    with MadeJournal(tmp_path) as made:
        made.trade(40, in_a_frame=5)
        *_, last = batches(tmp_path, sink_of("postgres"), "trading", whole=False)
    assert not last.fold.outcomes.states
    assert not last.fold.order_of_venue_id.states
    assert len(last.fold.orders.states) == 40


def test_an_event_that_is_not_needed_keeps_its_place_and_is_not_read() -> None:
    decode, unread = decoder_of([InstrumentDefined], [InstrumentDefined, StrategyDefined, OrderFilled])
    found = decode(encode_events([StrategyDefined("S1", "ACC"), DEFINED]))
    assert found[1] == DEFINED
    assert type(found[0]) in unread
    assert len(unread) == 2


def test_where_everything_is_needed_nothing_stands_for_anything() -> None:
    assert decoder_of([InstrumentDefined], [InstrumentDefined]) == (decode_events, set())


def test_a_frame_with_an_old_event_is_decoded_whole_and_upcast() -> None:
    decode, _ = decoder_of([InstrumentDefined, StrategyDefined], TradingFold().steps)
    payload = msgspec.msgpack.encode([StrategyNamed("ACC", "S1"), DEFINED])
    assert decode(payload) == [StrategyDefined("S1", "ACC"), DEFINED]


def test_an_event_of_the_other_journal_is_damage_also_for_whoever_reads_a_part(tmp_path: Path) -> None:
    with MadeJournal(tmp_path) as made:
        made.trade(1)
        made.write("market", made.order(made.head("market") + 1))
        with pytest.raises(Corrupt, match="applied"):
            batches(tmp_path, sink_of("questdb"), "market", whole=False)
