"""While a sink writes one batch the next is made ready; order, exactness and the end of it are as without."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, final

import pytest

from ledger.projections import Batch, Builders, Fenced, Offset, Poison, Row, Runner, SinkDown
from ledger.projections.parking import read_parked
from ledger.projections.status import parked_path, read_status
from ledger.testing.made_journal import MadeJournal

WAIT_S = 30.0


def rows_of_order(key: Any, state: Any, _fold: Any) -> list[Row]:
    return [Row("orders", key, state.version, (state.cum,))]


@final
class Kept:
    """Keeps batches in memory, and fails as it is told: by the number of the call of `apply`, from 1."""

    name = "kept"
    journals = ("trading",)

    def __init__(self, failing: dict[int, Exception] | None = None, loses_at: int = 0) -> None:
        self.failing = failing or {}
        self.loses_at = loses_at
        self.calls = 0
        self.prepared: list[int] = []
        self.taken: list[Batch] = []
        self.threads: set[int] = set()
        self.second_is_ready = threading.Event()

    def builders(self, journal: str) -> Builders:
        return Builders(states={"order": rows_of_order})

    def offset(self, journal: str) -> Offset | None:
        return self.taken[-1].to if self.taken else None

    def prepare(self, batch: Batch) -> list[Row]:
        self.prepared.append(batch.to.seq)
        if len(self.prepared) == 2:
            self.second_is_ready.set()
        return list(batch.rows)

    def apply(self, batch: Batch) -> None:
        self.calls += 1
        self.threads.add(threading.get_ident())
        if self.calls == self.loses_at:
            self.taken.clear()
        if self.calls in self.failing:
            raise self.failing[self.calls]
        found = self.offset("trading")
        if (found.seq if found else 0) != batch.before.seq:
            raise SinkDown("another offset")
        assert batch.ready is None or batch.ready == list(batch.rows)
        self.taken.append(batch)

    def close(self) -> None:
        pass


def followed(tmp_path: Path, sink: Any, frames: int = 12) -> int:
    """The head that the sink was brought to."""
    with MadeJournal(tmp_path) as made:
        made.trade(frames)
        Runner(tmp_path, sink, events_max=1, backoff_max_s=0.01).run(until_head=True)
        return made.head()


def places(sink: Kept) -> list[tuple[int, int]]:
    return [(batch.before.seq, batch.to.seq) for batch in sink.taken]


def must_be_whole(sink: Kept, head: int) -> None:
    found = places(sink)
    assert [begin for begin, _ in found] == [0, *(end for _, end in found[:-1])]
    assert found[-1][1] == head


@final
class Waiting:
    """Does not take its first batch before the second is ready: without writing beside it would wait for ever."""

    def __init__(self) -> None:
        self.kept = Kept()
        self.name, self.journals = self.kept.name, self.kept.journals
        self.builders, self.offset, self.close = self.kept.builders, self.kept.offset, self.kept.close
        self.prepare = self.kept.prepare

    def apply(self, batch: Batch) -> None:
        assert self.kept.second_is_ready.wait(WAIT_S), "the next batch was not made meanwhile"
        self.kept.apply(batch)


def test_the_next_batch_is_made_while_one_is_written(tmp_path: Path) -> None:
    sink = Waiting()
    must_be_whole(sink.kept, followed(tmp_path, sink))
    assert threading.get_ident() not in sink.kept.threads


def test_a_batch_that_failed_is_given_again_before_the_next(tmp_path: Path) -> None:
    sink = Kept({3: SinkDown("away"), 4: SinkDown("still away")})
    must_be_whole(sink, followed(tmp_path, sink))
    assert len(sink.prepared) == len(set(sink.prepared)), "it was made once"


def test_a_sink_that_lost_everything_is_filled_again_from_the_beginning(tmp_path: Path) -> None:
    sink = Kept(loses_at=5)
    must_be_whole(sink, followed(tmp_path, sink))
    status = read_status(tmp_path, "kept")
    assert status is not None
    assert status.rewinds == 1


def test_a_poisoned_row_is_parked_and_the_rest_of_its_batch_taken(tmp_path: Path) -> None:
    sink = Kept({2: Poison("orders", ("AAPL", "c0"), "too long")})
    must_be_whole(sink, followed(tmp_path, sink))
    assert [each.what for each in read_parked(parked_path(tmp_path, "kept", 0))] == ["orders AAPL/c0"]


def test_who_is_fenced_while_writing_ends_and_says_so(tmp_path: Path) -> None:
    sink = Kept({3: Fenced("another writes")})
    with pytest.raises(Fenced):
        followed(tmp_path, sink)
    status = read_status(tmp_path, "kept")
    assert status is not None
    assert (status.state, status.error) == ("refused", "another writes")
    assert len(sink.taken) == 2


def test_who_is_stopped_while_writing_has_counted_what_was_taken(tmp_path: Path) -> None:
    sink = Kept()
    with MadeJournal(tmp_path) as made:
        made.trade(12)
        runner = Runner(tmp_path, sink, events_max=1, on_batch=lambda _batch: runner.stop())
        runner.run()
    status = read_status(tmp_path, "kept")
    assert status is not None
    assert status.journals[0].seq == sink.taken[-1].to.seq
    assert len(sink.taken) < 12


@final
class LeavesOut:
    """As `Kept`; what it leaves out is made when it is told that it is filled."""

    name = "leaves_out"
    journals = ("trading",)

    def __init__(self, loses_at: int = 0) -> None:
        self.kept = Kept(loses_at=loses_at)
        self.builders, self.offset, self.close = self.kept.builders, self.kept.offset, self.kept.close
        self.prepare, self.apply = self.kept.prepare, self.kept.apply
        self.filled_at: list[int] = []
        self.failing = 0
        self.is_wiped = False

    def filled(self) -> None:
        if self.failing:
            self.failing -= 1
            if self.is_wiped:
                self.kept.taken.clear()
            raise SinkDown("no room for an index")
        self.filled_at.append(self.kept.taken[-1].to.seq)


def test_a_sink_is_told_once_that_everything_is_there(tmp_path: Path) -> None:
    sink = LeavesOut()
    head = followed(tmp_path, sink)
    assert sink.filled_at == [head]
    must_be_whole(sink.kept, head)


def test_what_was_left_out_is_tried_again_while_the_sink_is_down(tmp_path: Path) -> None:
    sink = LeavesOut()
    sink.failing = 2
    head = followed(tmp_path, sink)
    assert sink.filled_at == [head]


def test_a_sink_that_was_wiped_when_it_was_to_make_the_rest_is_filled_again(tmp_path: Path) -> None:
    sink = LeavesOut()
    sink.failing, sink.is_wiped = 1, True
    head = followed(tmp_path, sink)
    assert sink.filled_at == [head]
    must_be_whole(sink.kept, head)


def test_a_sink_that_lost_everything_is_told_when_it_is_filled_again(tmp_path: Path) -> None:
    with MadeJournal(tmp_path) as made:
        made.trade(6)
        sink = LeavesOut()
        runner = Runner(tmp_path, sink, events_max=1, backoff_max_s=0.01)
        thread = threading.Thread(target=runner.run)
        thread.start()
        try:
            _wait(lambda: sink.filled_at == [made.head()])
            sink.kept.loses_at = sink.kept.calls + 1
            made.trade(1)
            _wait(lambda: sink.filled_at[1:] == [made.head()])
        finally:
            runner.stop()
            thread.join()


@final
class Gathers:
    """As `Kept`, and for a long time content with few batches."""

    name = "gathers"
    journals = ("trading",)
    gather_s = 3600.0
    gather_events = 100

    def __init__(self) -> None:
        self.kept = Kept()
        self.builders, self.offset, self.close = self.kept.builders, self.kept.offset, self.kept.close
        self.prepare, self.apply = self.kept.prepare, self.kept.apply


def test_what_comes_after_a_quiet_time_goes_at_once_and_more_is_gathered(tmp_path: Path) -> None:
    with MadeJournal(tmp_path) as made:
        made.trade(1)
        sink = Gathers()
        runner = Runner(tmp_path, sink)
        thread = threading.Thread(target=runner.run)
        thread.start()
        try:
            _wait(lambda: len(places(sink.kept)) == 1)
            first = made.head()
            while made.head() - first < 90:
                made.trade(1)
                assert len(places(sink.kept)) == 1, "it went although more was awaited"
            made.trade(20)
            _wait(lambda: len(places(sink.kept)) == 2)
            assert places(sink.kept)[1][0] == first
            assert places(sink.kept)[1][1] - first >= 100
        finally:
            runner.stop()
            thread.join()


def test_a_sink_that_gathers_is_filled_without_waiting(tmp_path: Path) -> None:
    sink = Gathers()
    head = followed(tmp_path, sink)
    must_be_whole(sink.kept, head)
    assert len(sink.kept.taken) > 2


@pytest.mark.parametrize(("sink", "first"), [(Kept(), 16), (Gathers(), 64)])
def test_the_first_batches_are_small_where_a_batch_costs_little(
    tmp_path: Path, sink: Any, first: int
) -> None:
    with MadeJournal(tmp_path) as made:
        made.trade(80)
        Runner(tmp_path, sink, events_max=64).run(until_head=True)
    taken = sink.taken if isinstance(sink, Kept) else sink.kept.taken
    sizes = [batch.events for batch in taken]
    assert first <= sizes[0] < 2 * first
    assert max(sizes) >= 64
    assert sizes[:-1] == sorted(sizes[:-1]) or first == 64


def _wait(until: Callable[[], bool]) -> None:
    deadline = time.monotonic() + WAIT_S
    while not until():
        assert time.monotonic() < deadline
        time.sleep(0.01)
