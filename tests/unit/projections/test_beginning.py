"""A feed that begins with a snapshot makes the same rows as one that folds from the first event, wherever it stands."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from random import Random
from typing import Any

import pytest

from ledger.engine.lineage import begin_lineage
from ledger.journal import copy_journal, index_path, list_snapshots
from ledger.projections import Feed, Misplaced, Offset, Parking, Row
from ledger.projections.follower import Follower
from ledger.projections.postgres.sink import BUILDERS
from ledger.testing.made_journal import MadeJournal


@contextmanager
def follower_of(made: MadeJournal, kept: int = 2) -> Iterator[Follower]:
    follower = Follower(
        made.path,
        0,
        snapshot_events=60,
        snapshots_kept=kept,
        say=lambda _sentence: None,
        checkpoint_events=20,
    )
    follower.take()
    follower.open()
    try:
        yield follower
    finally:
        follower.drop()


def follow(follower: Follower) -> None:
    while follower.step():
        pass
    follower.checkpoint()


def feed_of(made: MadeJournal, events_max: int = 15) -> Feed:
    return Feed(made.path, "trading", 0, BUILDERS, Parking(), events_max=events_max)


def whole(made: MadeJournal) -> list[tuple[Offset, tuple[Row, ...]]]:
    """Every batch of a feed from the first event."""
    feed = feed_of(made)
    found = []
    while (batch := feed.batch()) is not None:
        found.append((batch.to, batch.rows))
    feed.close()
    return found


def rest(feed: Feed) -> list[tuple[Offset, tuple[Row, ...]]]:
    found = []
    while (batch := feed.batch()) is not None:
        found.append((batch.to, batch.rows))
    return found


def newest(batches: list[tuple[Offset, tuple[Row, ...]]]) -> dict[Any, Row]:
    rows = {}
    for _, some in batches:
        for row in some:
            rows[row.table, row.key] = row
    return rows


def busy(made: MadeJournal, random: Random, turns: int) -> None:
    for _ in range(turns):
        made.trade(random.randint(1, 9))
        if random.random() < 0.5:
            made.bust_late()


def test_wherever_the_sink_stands_the_rows_that_follow_are_the_same(tmp_path: Path) -> None:
    with MadeJournal(tmp_path) as made:
        with follower_of(made) as follower:
            for _ in range(6):
                busy(made, Random(made.head()), 4)
                follow(follower)
        batches = whole(made)
        began = set()
        for at in range(len(batches)):
            feed = feed_of(made)
            feed.seek(batches[at][0])
            began.add(feed.began_at)
            assert rest(feed) == batches[at + 1 :], f"from {batches[at][0].seq}"
            feed.close()
        assert 0 in began, "no place lies before the oldest snapshot"
        assert len(began) > 2, "no snapshot was used"


def test_beside_a_follower_that_is_ahead_or_behind_the_rows_are_the_same(tmp_path: Path) -> None:
    random = Random(7)
    with MadeJournal(tmp_path) as made, ExitStack() as stack:
        follower = stack.enter_context(follower_of(made, kept=3))
        busy(made, random, 8)
        follow(follower)
        feed = feed_of(made)
        stack.callback(feed.close)
        feed.seek(whole(made)[-1][0])
        assert feed.began_at > 0
        taken = []
        for turn in range(30):
            busy(made, random, 2)
            if turn % 3:
                follow(follower)  # ahead of the feed, which looks at what it replaced
            taken.append(feed.batch())
        taken_rows = [(batch.to, batch.rows) for batch in taken if batch is not None] + rest(feed)
        fresh = feed_of(made)
        stack.callback(fresh.close)
        wanted = newest(rest(fresh))
        for place, row in newest(taken_rows).items():
            assert wanted[place] == row


def test_a_feed_that_fell_behind_the_oldest_snapshot_begins_anew(tmp_path: Path) -> None:
    with MadeJournal(tmp_path) as made, ExitStack() as stack:
        follower = stack.enter_context(follower_of(made, kept=1))
        busy(made, Random(1), 10)
        follow(follower)
        feed = feed_of(made)
        stack.callback(feed.close)
        here = whole(made)[-1][0]
        feed.seek(here)
        assert feed.began_at > 0
        for turn in range(10):
            busy(made, Random(turn), 4)
            follow(follower)
        assert list_snapshots(made.path, "trading", 0)[-1].seq > here.seq
        assert newest(rest(feed)).items() <= newest(whole(made)).items()
        assert feed.began_at == 0, "it could not go on from what it had"


def test_an_index_that_cannot_be_read_any_more_only_costs_time(tmp_path: Path) -> None:
    with MadeJournal(tmp_path) as made, ExitStack() as stack:
        with follower_of(made) as follower:
            busy(made, Random(3), 20)
            follow(follower)
        feed = feed_of(made)
        stack.callback(feed.close)
        feed.seek(whole(made)[-1][0])
        assert feed.began_at > 0
        for _ in range(6):
            made.bust_late()
        path = index_path(tmp_path, 0)
        content = bytearray(path.read_bytes())
        for at in range(8192, len(content), 61):  # all but the meta pages
            content[at] ^= 0xFF
        path.write_bytes(content)
        rows = newest(rest(feed))
        assert feed.began_at == 0
        fresh = newest(whole(made))
        assert rows
        assert all(fresh[place] == row for place, row in rows.items())


def test_without_snapshot_or_index_everything_is_folded(tmp_path: Path) -> None:
    with MadeJournal(tmp_path) as made:
        made.trade(20)
        batches = whole(made)
        feed = feed_of(made)
        feed.seek(batches[3][0])
        assert (feed.began_at, rest(feed)) == (0, batches[4:])
        feed.close()


def test_a_journal_that_begins_with_a_base_gives_its_entities_to_an_empty_sink(tmp_path: Path) -> None:
    with MadeJournal(tmp_path / "one") as made:
        made.trade(20)
        before = newest(whole(made))
    copy_journal(tmp_path / "one", tmp_path / "two")
    begin_lineage(tmp_path / "two")
    with MadeJournal(tmp_path / "two") as made:
        made.anomaly()
        after = newest(whole(made))
        for table in ("orders", "fills", "positions"):
            rows = {place: row for place, row in before.items() if place[0] == table}
            assert rows
            assert rows.items() <= after.items()
        feed = feed_of(made)
        with pytest.raises(Misplaced, match="nothing before"):
            feed.seek(Offset(made.lineage, 0, "trading", 1, 3))
        feed.close()
