"""What every projection must keep, as tests for pytest: the core, for any sink.

Subclass `ProjectionContract`, or `ServerContract` (`server_contract.py`), and say how a sink is made and read back:

    class TestTurnover(ProjectionContract):
        def store(self, directory): return TurnoverStore(directory / "turnover.sqlite")

The journals are small and made here; the judge is a pure fold of the same journal. Nothing is a mock: a kill is a
SIGKILL of a process.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, Protocol

import msgspec

from ledger.fold import TradingFold
from ledger.projections import (
    Batch,
    Feed,
    Fenced,
    Fencing,
    Misplaced,
    Offset,
    Parking,
    Projection,
    Runner,
    Sampled,
    SinkDown,
)
from ledger.projections.audit import Place, folded
from ledger.projections.status import parked_path, read_status
from ledger.testing.made_journal import MadeJournal
from ledger.testing.poisoned import Poisoned, claim

ORDERS: Final = 60
QUOTES: Final = 60
KILLS: Final = 16
Values = tuple[Any, ...]


class Store(Protocol):
    """The store under test: one for a test, empty at first."""

    def sink(self) -> Projection:
        """A new sink on this store, as a new process would make it."""
        ...

    def contents(self) -> Mapping[Place, Values]:
        """Every row, by table and key, in the builders' own form of values; read without the sink."""
        ...


class ProjectionContract:
    """The core: any sink."""

    batch_events = 7
    """Small, so that a small journal is many batches."""

    def store(self, directory: Path) -> Store:
        """A new, empty store; `directory` is the test's own."""
        raise NotImplementedError

    # ---- what the tests share ------------------------------------------------------------------------------

    def journal(self, directory: Path) -> MadeJournal:
        """A journal with something of everything."""
        made = MadeJournal(directory / "data")
        made.trade(ORDERS)
        made.anomaly()
        made.adjust()
        made.quote(QUOTES)
        return made

    def runner(
        self, made: MadeJournal, sink: Projection, on_batch: Callable[[Batch], None] | None = None
    ) -> Runner:
        return Runner(made.path, sink, events_max=self.batch_events, backoff_max_s=0.2, on_batch=on_batch)

    def catch_up(self, made: MadeJournal, store: Store) -> None:
        self.runner(made, store.sink()).run(until_head=True)

    def must_equal_fold(self, made: MadeJournal, store: Store) -> None:
        """Parity: rows, values, and nothing more; and each offset at its journal's end."""
        sink = store.sink()
        wanted: dict[Place, Values] = {}
        try:
            for journal in sink.journals:
                rows = folded(made.path, sink, journal, 0)
                wanted |= {place: row.values for place, row in rows.items()}
                offset = sink.offset(journal)
                assert offset is not None, f"no offset of {journal}"
                assert (offset.lineage, offset.partition, offset.journal) == (made.lineage, 0, journal)
                assert offset.seq == made.head(journal), "the offset is not the journal's end"
        finally:
            sink.close()
        found = dict(store.contents())
        assert wanted, "a projection that makes no rows of this journal cannot be judged"
        assert found.keys() == wanted.keys()
        assert {
            place: (values, found[place]) for place, values in wanted.items() if found[place] != values
        } == {}

    # ---- offset and apply ----------------------------------------------------------------------------------

    def test_an_empty_store_has_no_offset(self, tmp_path: Path) -> None:
        sink = self.store(tmp_path).sink()
        try:
            assert [sink.offset(journal) for journal in sink.journals] == [None] * len(sink.journals)
        finally:
            sink.close()

    def test_what_is_followed_equals_the_fold(self, tmp_path: Path) -> None:
        with self.journal(tmp_path) as made:
            store = self.store(tmp_path)
            self.catch_up(made, store)
            self.must_equal_fold(made, store)

    def test_it_goes_on_where_it_stood(self, tmp_path: Path) -> None:
        with self.journal(tmp_path) as made:
            store = self.store(tmp_path)
            self.catch_up(made, store)
            made.trade(13)
            made.quote(13)
            self.catch_up(made, store)
            self.must_equal_fold(made, store)
            status = read_status(made.path, store.sink().name)
            assert status is not None
            assert 0 < status.events <= 13 * 6 + 13, "it took again what it had"

    def test_a_batch_that_comes_twice_has_its_effect_once(self, tmp_path: Path) -> None:
        with self.journal(tmp_path) as made:
            store = self.store(tmp_path)
            for journal in store.sink().journals:
                self._apply_each_twice(made, store, journal)
            self.must_equal_fold(made, store)

    def _apply_each_twice(self, made: MadeJournal, store: Store, journal: str) -> None:
        """As after a lost answer: the second time the sink may say that it has moved, and must not count twice."""
        sink = store.sink()
        claim(sink, made.lineage)
        for batch in self._batches(made, sink, journal):
            sink.apply(batch)
            try:
                sink.apply(batch)
            except SinkDown:
                sink.close()
                sink = store.sink()
                claim(sink, made.lineage)
            assert sink.offset(journal) == batch.to
        sink.close()

    def _batches(self, made: MadeJournal, sink: Projection, journal: str) -> list[Batch]:
        feed = Feed(made.path, journal, 0, sink.builders(journal), Parking(), events_max=self.batch_events)
        batches: list[Batch] = []
        while (batch := feed.batch()) is not None:
            batches.append(batch)
        feed.close()
        return batches

    def test_rows_shown_a_few_at_a_time_are_those_of_the_whole(self, tmp_path: Path) -> None:
        with self.journal(tmp_path) as made:
            store = self.store(tmp_path)
            self.catch_up(made, store)
            sink = store.sink()
            if not isinstance(sink, Sampled):
                sink.close()
                return  # not a part of every contract
            for journal in sink.journals:
                wanted = {place: row.values for place, row in folded(made.path, sink, journal, 0).items()}
                found: dict[Place, Values] = {}
                cursor: Any = None
                for _ in range(1000):
                    picked, cursor = sink.scan(journal, cursor, 10)
                    found |= {(row.table, row.key): row.values for row in picked.rows}
                    assert picked.offset.seq == made.head(journal)
                    if cursor is None:
                        break
                assert found == wanted
                some = sorted(wanted, key=str)[::3]
                picked = sink.pick(journal, some)
                assert {(row.table, row.key): row.values for row in picked.rows} == {
                    place: wanted[place] for place in some
                }
            sink.close()

    # ---- kills ---------------------------------------------------------------------------------------------

    def test_killed_at_any_point_it_resumes_with_the_same_effect(self, tmp_path: Path) -> None:
        with self.journal(tmp_path) as made:
            pass  # closed: a fork must not inherit open files of LMDB
        store = self.store(tmp_path)
        # The shortest first: a sink that is quick may have everything in the ten milliseconds of the longer ones.
        amid = [(0.0009 * turn, True) for turn in range(1, KILLS)]
        moments = [*amid[:3], *((0.01 * 2.5**turn, False) for turn in range(5)), *amid[3:]]
        killed = sum(self._killed_after(made, store, seconds, amid=at) for seconds, at in moments)
        assert killed >= 2, "hardly any run was killed: the journal is too short for this machine"
        self.catch_up(made, store)
        self.must_equal_fold(made, store)

    def _killed_after(self, made: MadeJournal, store: Store, seconds: float, *, amid: bool) -> bool:
        """Follow in a process that the kernel ends so long after its start, or its first batch; whether it was."""

        def begin(_batch: Batch | None) -> None:
            if signal.getitimer(signal.ITIMER_REAL)[0] == 0:
                signal.setitimer(signal.ITIMER_REAL, seconds)

        child = os.fork()
        if child == 0:
            try:
                signal.signal(signal.SIGALRM, signal.SIG_DFL)
                if not amid:
                    begin(None)
                self.runner(made, store.sink(), on_batch=begin if amid else None).run(until_head=True)
                os._exit(0)
            except BaseException as error:
                print(f"the child failed: {error!r}", file=sys.stderr)
                os._exit(1)
        _, status = os.waitpid(child, 0)
        assert not os.WIFEXITED(status) or os.WEXITSTATUS(status) == 0, "see what the child said"
        return os.WIFSIGNALED(status)

    # ---- refusals ------------------------------------------------------------------------------------------

    def test_a_sink_of_another_lineage_is_refused_and_left_alone(self, tmp_path: Path) -> None:
        store = self.store(tmp_path)
        with self.journal(tmp_path / "one") as made:
            self.catch_up(made, store)
            before = dict(store.contents())
        with self.journal(tmp_path / "two") as other:
            _refused(lambda: self.catch_up(other, store), (Misplaced, Fenced), "lineage")
        assert dict(store.contents()) == before

    def test_an_offset_ahead_of_the_journal_is_refused(self, tmp_path: Path) -> None:
        """A journal that was put back from an older copy: the sink knows more than the truth does."""
        with self.journal(tmp_path) as made:
            store = self.store(tmp_path)
            self.catch_up(made, store)
            sink = store.sink()
            claim(sink, made.lineage)
            journal = sink.journals[0]
            at = sink.offset(journal)
            assert at is not None
            ahead = msgspec.structs.replace(at, seq=at.seq + 1000)
            sink.apply(Batch(at, ahead, (), 1000, 0, TradingFold(0)))
            sink.close()
            before = dict(store.contents())
            _refused(lambda: self.catch_up(made, store), (Misplaced,), "ahead")
            assert dict(store.contents()) == before

    def test_a_history_that_differs_is_refused(self, tmp_path: Path) -> None:
        """The same lineage and seq, another chain: a copy of the journal that went on differently."""
        with self.journal(tmp_path) as made:
            store = self.store(tmp_path)
            sink = store.sink()
            claim(sink, made.lineage)
            (batch, *_rest) = self._batches(made, sink, sink.journals[0])
            sink.apply(msgspec.structs.replace(batch, to=msgspec.structs.replace(batch.to, chain="ab" * 32)))
            sink.close()
            _refused(lambda: self.catch_up(made, store), (Misplaced,), "differ")

    def test_of_two_projectors_on_one_data_directory_the_second_is_refused(self, tmp_path: Path) -> None:
        with self.journal(tmp_path) as made:
            store = self.store(tmp_path)
            first = self.runner(made, store.sink())
            _refused(lambda: self.runner(made, store.sink()), (Fenced,), str(os.getpid()))
            first.run(until_head=True)
            self.must_equal_fold(made, store)

    def test_of_two_writers_anywhere_only_one_is_heard(self, tmp_path: Path) -> None:
        with self.journal(tmp_path) as made:
            store = self.store(tmp_path)
            first, second = store.sink(), store.sink()
            if not isinstance(first, Fencing):
                return  # not a part of every contract
            claim(first, made.lineage)
            journal = first.journals[0]
            one, two, *_rest = self._batches(made, first, journal)
            first.apply(one)
            heard = [_is_heard(lambda: claim(second, made.lineage))]
            if heard == [True]:  # the second took over: the first must find out before it writes
                heard = [_is_heard(lambda: second.apply(two)), _is_heard(lambda: first.apply(two))]
                assert heard == [True, False]
            else:
                first.apply(two)
            first.close()
            second.close()
            sink = store.sink()
            at = sink.offset(journal)
            sink.close()
            assert at == two.to
            self.catch_up(made, store)
            self.must_equal_fold(made, store)

    # ---- poison --------------------------------------------------------------------------------------------

    def test_a_row_that_cannot_be_built_is_parked_and_the_rest_goes_on(self, tmp_path: Path) -> None:
        with self.journal(tmp_path) as made:
            store = self.store(tmp_path)
            self.runner(made, poisoned := Poisoned(store.sink())).run(until_head=True)
            name = poisoned.name
            parked = Parking(parked_path(made.path, name, 0)).all()
            assert len(parked) == 1, parked
            assert "this one is poison" in parked[0].reason
            status = read_status(made.path, name)
            assert status is not None
            assert status.parked == 1
            sink = store.sink()
            assert [_seq(sink.offset(each)) for each in sink.journals] == [
                made.head(each) for each in sink.journals
            ]
            sink.close()
            assert len(store.contents()) >= 1, "the rest did not go on"


def _is_heard(act: Callable[[], None]) -> bool:
    try:
        act()
    except Fenced:
        return False
    return True


def _seq(offset: Offset | None) -> int:
    return 0 if offset is None else offset.seq


def _refused(act: Callable[[], object], kinds: tuple[type[Exception], ...], says: str) -> None:
    """It must be refused, in words that say why."""
    said = ""
    try:
        act()
    except kinds as error:
        said = str(error)
    assert says in said, f"it should be refused and say {says!r}; it said {said!r}"
