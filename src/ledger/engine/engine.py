"""The engine of one partition: recovery, the dispatcher of its turns, the two writers, and the gate of its answers.

Doors hand in batches; the dispatcher runs their turns; whenever the writer's thread is free the open frame goes to
it. When a frame is durable its answers leave and its events are published. On the first storage error the partition
stops taking anything (fail-stop) and serves reads from what is durable.

Longer than the house's 400 lines, since it is one life from open to close; what can stand alone stands beside it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, Final, final

import trio

import actors
from ledger.domain import limit
from ledger.domain.book_outcome import asked_after_loss
from ledger.domain.events import MarketTailLost
from ledger.domain.position import PositionState
from ledger.domain.timers import ENGINE
from ledger.engine.describe import VERSION, head_row
from ledger.engine.fail_stop import refold
from ledger.engine.following import Following
from ledger.engine.holding import Holding
from ledger.engine.open_frame import OpenJournal
from ledger.engine.operator_turns import ClockSet, events_of_step
from ledger.engine.partition import Arrival, Limits, Partition, wall_clock
from ledger.engine.passivation import EnginePassivation
from ledger.engine.queries import Views
from ledger.engine.reception import Reception, Reply
from ledger.engine.recovery import first_seq_of_start, recover
from ledger.engine.routing import Routing
from ledger.engine.settings import CommitOf, EngineSettings, Publisher, commit_as_set
from ledger.engine.space import open_commit, watch_space
from ledger.engine.start_report import Found, last_run, sentences
from ledger.engine.timers import CHUNK, TimerDue, Timers
from ledger.engine.unnamed import FactFound
from ledger.engine.watched_clock import WatchedClock
from ledger.errors import Corrupt, Unavailable
from ledger.fold import MarketFold, Restarted, TradingFold
from ledger.journal import (
    Commit,
    DataDirectory,
    Frame,
    Head,
    JournalFull,
    Reserve,
    StorageError,
    WriterThread,
    look_before_reading,
    marked_reading,
)
from ledger.views import Row
from ledger.wire import Answer, Refused

READERS_CHECKED_EVERY_S: Final = 10.0
ANSWERS_AT_ONCE: Final = 16
"""Of market data, before the loop does what else there is: about 0.2 ms."""
FULL_AT: Final = 0.4
"""Share of frame_bytes_max at which an open frame counts as full: it can still grow by the turn that runs, and the
size of its newest events is an estimate."""


@final
class Engine:
    """One partition, from `open` to `close`. All methods belong to the trio thread."""

    def __init__(
        self,
        directory: DataDirectory,
        partition: int,
        settings: EngineSettings,
        *,
        publisher: Publisher | None = None,
        clock: Callable[[], int] = wall_clock,
        steady: Callable[[], int] | None = None,
        commit_of: CommitOf = commit_as_set,
        reserve: Reserve | None = None,
    ) -> None:
        """`steady`: a clock that cannot be set, against which steps of `clock` are seen; None: they are not."""
        self.directory = directory
        self.number = partition
        self.settings = settings
        self.endpoints: dict[str, str] = {}
        self.projections: Callable[[], list[Row]] = list
        """What the projections beside this engine say of themselves; given by whoever runs them."""
        """The doors, by name; set by the owner before `run`, told to whoever asks."""
        self.neighbours: Callable[[], list[Row]] = list
        """The doors of the other partitions; given by the owner."""
        self.recovered: dict[str, Restarted] = {}
        self._publisher = publisher
        self._clock = WatchedClock(clock, steady, settings.clock_step_max_ns, self._clock_stepped)
        self._commit_of = commit_of
        self._reserve = reserve
        self._commits: dict[str, Commit] = {}
        self._writers: dict[str, WriterThread] = {}
        self.stream: Callable[[int, int, Sequence[Any]], None] | None = None
        """Told each trading frame once it is durable: (first seq, recorded_at_ns, events)."""
        self._sent: dict[str, deque[tuple[int, int, list[Any], list[tuple[int, PositionState]]]]] = {}
        self.passivation: EnginePassivation | None = None
        self._failed: Exception | None = None
        self._stopped = trio.Event()
        self._ended = trio.Event()
        self._closed = False
        self.faults = 0

    # ---- start ---------------------------------------------------------------------------------------------

    def open(self, token: trio.lowlevel.TrioToken) -> None:
        """Recover both journals, begin a new epoch in both; returns when that is durable. Blocks: call it in a thread
        only if nothing else of this engine is used meanwhile.

        Raises Corrupt, StorageError.
        """
        with marked_reading(self.directory.journal("trading", self.number).path) as died:
            if died:
                look_before_reading(self.directory, self.number)
            self._open(token)

    def _open(self, token: trio.lowlevel.TrioToken) -> None:
        self._token = token
        heads = {name: self._open_commit(name) for name in ("trading", "market")}
        uses = self.settings.passivates
        directories = {name: self.directory.journal(name, self.number) for name in heads}
        how = Found(last_run(directories, heads), self._clock())
        found = recover(self.directory.path, self.number, passivates=uses, use_index=uses)
        self._entities = found.entities
        self.recovered = {"trading": found.trading, "market": found.market}
        self._start_report = list(sentences(self.recovered, how, found.why_no_index, uses_snapshots=uses))
        trading, market = found.trading.fold, found.market.fold
        assert isinstance(trading, TradingFold)
        assert isinstance(market, MarketFold)
        epoch = max(head.epoch for head in heads.values()) + 1
        self.epoch = epoch
        opened = {name: self._open_journal(name, head, epoch) for name, head in heads.items()}
        self.open_trading, self.open_market = opened["trading"], opened["market"]
        trading.keeps_changes = self._publisher is not None
        self.partition = Partition(
            trading,
            market,
            self.open_trading,
            self.open_market,
            self._limits(),
            Views(trading, market, self._describe, self._doors, self._projected),
        )
        if self.directory.partitions > 1:
            self.partition.routing = Routing(self.number, self.directory.partitions, self._door_of)
        self._open_turns()
        for name, commit in self._commits.items():
            writer = self._start_writer(name, commit, token)
            self._writers[name] = writer
            opened[name].attach(writer, on_full=self.dispatcher.pause)
        if uses:
            self.passivation = EnginePassivation(
                self.directory.path,
                self.partition,
                self.open_trading,
                found,
                self.settings.index_lag_max,
                self._fail,
            )
        self._begin_epoch(heads["market"], max(head.recorded_at_ns for head in heads.values()))
        if self.partition.operator.awaits_confirmation:
            self._start_report.append(f"no new orders: {self.partition.why_no_orders()}")

    def _limits(self) -> Limits:
        settings = self.settings
        return Limits(
            idempotence_window_ns=settings.idempotence_window_ns,
            clock_step_max_ns=settings.clock_step_max_ns,
            rules=settings.rules,
            times=settings.times,
            crossed_max_ns=settings.crossed_max_ns,
        )

    def _open_turns(self) -> None:
        """The dispatcher of the partition's turns, its timers, and what hands inputs in."""
        operator = self.partition.operator
        chunk = max(1, min(CHUNK, self.settings.queue_max // 2))
        self.timers = Timers(
            self.partition.timers, self.partition, operator, self._clock, self._hand_in, chunk
        )
        self.dispatcher = actors.Dispatcher(
            self._entities,
            self.partition.behaviours(),
            limit=self.settings.queue_max,
            reserved=self.settings.queue_reserved,
            turns_max=self.settings.turns_max,
            on_fault=self._on_fault,
            after_batch=self._after_batch,
        )
        self._holding = self._hold()
        self._reception = Reception(
            self.dispatcher, self.partition, self.open_trading, self.open_market, self._holding
        )

    def _open_commit(self, name: str) -> Head:
        directory = self.directory.journal(name, self.number)
        commit = open_commit(lambda: self._commit_of(directory, self.settings), self._reserve)
        self._commits[name] = commit
        return commit.head

    def _open_journal(self, name: str, head: Head, epoch: int) -> OpenJournal:
        self._sent[name] = deque()
        return OpenJournal(
            name,
            epoch=epoch,
            head=head,
            first_seq=first_seq_of_start(name, head),
            clock=self._clock,
            frame_bytes_max=int(self.settings.frame_bytes_max * FULL_AT),
            one_at_a_time=name == "trading",
        )

    def _start_writer(self, name: str, commit: Commit, token: trio.lowlevel.TrioToken) -> WriterThread:
        journal = self.open_trading if name == "trading" else self.open_market

        def on_durable(head: Head, frames: Sequence[Frame]) -> None:
            token.run_sync_soon(self._became_durable, journal, head, len(frames))

        def on_failed(error: Exception) -> None:
            token.run_sync_soon(self._fail, error)

        wait = 0.0 if name == "trading" else self.settings.market_sync_s
        return WriterThread(
            commit,
            on_durable=on_durable,
            on_failed=on_failed,
            group_wait_s=wait,
            quick_s=self.settings.loop_sync_s,
        )

    def _begin_epoch(self, market_head: Head, newest_ns: int) -> None:
        started = self.settings.started(self.epoch, VERSION)
        born = self.settings.risk if not self.open_trading.durable_seq else None
        self._clock.watch()
        first = [started] if born is None else [started, limit.born(born)]
        step_ns = self._clock.behind(newest_ns)
        if step_ns:
            step = ClockSet(step_ns, newest_ns + step_ns)
            self.partition.operator.clock_stepped(step)
            first += events_of_step(step)
        self.partition.commit_trading(first)
        lost = [MarketTailLost(market_head.seq + 1, self.open_market.next_seq - 1)] if market_head.seq else []
        books = self.partition.market.books.states.values() if lost else ()
        asked = asked_after_loss(books, self.open_market.next_seq + 1)
        self.partition.commit_market([started, *lost, *asked])
        self._entities.install()
        self.partition.control.resume()
        self.partition.operator.started()
        self.timers.derive()
        self._after_batch()

    # ---- inputs --------------------------------------------------------------------------------------------

    def submit_nowait(
        self, door: str, inputs: list[Any], *, actor: str, received_at_ns: int, reply: Reply
    ) -> None:
        """Take one message's inputs; `reply` is called once, with an answer for each, when they may be seen.

        Never raises: what finds no room is answered OVERLOADED or Unavailable at once, cancels may use the reserved
        room. `reply` is called in this thread and must not raise.
        """
        self._reception.submit(door, inputs, Arrival(actor, received_at_ns), reply)

    def run_now(self) -> None:
        """Run turns of what was taken without waiting for a turn of the loop; never raises."""
        self.dispatcher.run_now()

    def _hand_in(self, firings: list[TimerDue], not_taken: Callable[[list[TimerDue]], None]) -> None:
        """Due times are inputs like any other; those that find no room come again."""

        def replied(answers: list[Answer]) -> None:
            late = [due for due, answer in zip(firings, answers, strict=True) if type(answer) is Refused]
            if late and self._failed is None:
                not_taken(late)

        self.submit_nowait("commands", firings, actor=ENGINE, received_at_ns=self._clock(), reply=replied)

    def found_orders(self, seq: int, symbols: tuple[str, ...]) -> None:
        """Every partition has said whose orders the report kept at `seq` can mean; what finds no room is found again."""
        message = FactFound(seq, symbols)
        self.submit_nowait(
            "reports", [message], actor=ENGINE, received_at_ns=self._clock(), reply=lambda _answers: None
        )

    def _clock_stepped(self, step_ns: int, now_ns: int) -> None:
        """The turn that read the clock sees it already; it is journaled by a turn of its own."""
        step = ClockSet(step_ns, now_ns)
        self.partition.operator.clock_stepped(step)
        self.partition.posted.append(step)
        self._queue_posted()

    def _on_fault(self, message: object, error: Exception) -> object:
        self.faults += 1
        if self.passivation is not None and isinstance(error, (Corrupt, Unavailable)):
            self.passivation.failed(error)  # only the index is read within a turn
        return self.partition.fault(message, error)

    # ---- frames --------------------------------------------------------------------------------------------

    def _after_batch(self) -> None:
        if self.passivation is not None:
            self.passivation.release()
        if self._failed is not None:
            return
        resumption = self.partition.facts.resumption
        if resumption.symbols and not self.dispatcher.statistics().paused:
            resumption.run(self._entities, self.settings.turns_max)
        try:
            self._send(self.open_trading)
            # No market frame is durable before the definition of an instrument in it.
            if self.open_trading.durable_seq >= self.partition.facts.market_needs:
                self._send(self.open_market)
        except StorageError as error:
            self._fail(error)
            return
        if self.partition.posted:
            self._queue_posted()
        if self.open_trading.full or self.open_market.full:
            self.dispatcher.pause()

    def _queue_posted(self) -> None:
        """Queue what the partition tells itself; what finds no room is tried again after the next batch."""
        posted, self.partition.posted = self.partition.posted, []
        for message in posted:
            try:
                self.dispatcher.submit_nowait([message], urgent=True)
            except actors.Overloaded:
                self.partition.posted.append(message)
            except actors.Stopped:  # the next start goes on with it
                return

    def _send(self, journal: OpenJournal) -> None:
        is_trading = journal is self.open_trading
        market = self.open_market
        taken = (
            journal.take_frame(market.epoch, market.next_seq - 1) if is_trading else journal.take_frame(0, 0)
        )
        if taken is None:
            return
        draft, events = taken
        if is_trading:
            self.timers.saw(events, draft.recorded_at_ns)
        fold = self.partition.trading
        positions: list[tuple[int, PositionState]] = []
        if is_trading and fold.changed_positions:
            positions, fold.changed_positions = fold.changed_positions, []
        in_line = is_trading and self._is_alone
        head: Head | None = None
        try:
            if in_line:
                head = journal.write(draft)
            else:
                journal.submit(draft)
        except (
            JournalFull
        ):  # the disk is behind: keep the frame open, take no more turns until it has caught up
            journal.untake(events)
            self.dispatcher.pause()
            return
        if self._publisher is not None:
            if is_trading:
                self._sent["trading"].append((draft.first_seq, draft.recorded_at_ns, events, positions))
            else:  # market data leaves at once
                self._publish(journal, draft.first_seq, events, [])
        if head is not None:
            self._became_durable(journal, head, 1)

    @property
    def _is_alone(self) -> bool:
        """Whether nothing waits but the frame at hand, and the disk is quick.

        Then this thread syncs it: two changes of thread cost one command in flight as much as a sync (PERFORMANCE.md).
        """
        return (
            self.open_trading.quick
            and self.dispatcher.idle
            and not self.open_market.events
            and not self.open_market.in_flight
            and not self.partition.facts.resumption.symbols
        )

    def _became_durable(self, journal: OpenJournal, head: Head, frames: int) -> None:
        if self._closed:
            return
        journal.became_durable(head, frames)
        self._release(journal)
        if self._publisher is not None and journal is self.open_trading:
            sent = self._sent["trading"]
            while sent and sent[0][0] <= head.seq:
                first_seq, recorded_at_ns, events, positions = sent.popleft()
                self._publish(journal, first_seq, events, positions)
                if self.stream is not None:
                    self.stream(first_seq, recorded_at_ns, events)
        if self._failed is None:
            self._after_batch()
            if not (self.open_trading.full or self.open_market.full):
                self.dispatcher.resume()

    def _release(self, journal: OpenJournal) -> None:
        """Let the answers out: those of a frame of trading together, of the many messages that one sync of market makes
        durable a few at a time, since quotes that come meanwhile are not to wait for them."""
        most = None if journal is self.open_trading else ANSWERS_AT_ONCE
        if journal.release(most):
            self._token.run_sync_soon(self._release, journal)

    def _publish(
        self,
        journal: OpenJournal,
        first_seq: int,
        events: list[Any],
        positions: list[tuple[int, PositionState]],
    ) -> None:
        assert self._publisher is not None
        instruments = self.partition.trading.instruments.states
        self._publisher.publish(
            journal.name, journal.epoch, first_seq, events, positions, journal.durable_seq, instruments
        )

    def _fail(self, error: Exception) -> None:
        """Fail-stop: no more writing; what was decided and is not durable is forgotten, reads go on from the rest."""
        if self._failed is not None or self._closed:
            return
        self._failed = error
        self._stopped.set()
        self.partition.read_only = f"the journal has stopped: {error}"
        for journal in (self.open_market, self.open_trading):  # answers of market pass both gates
            journal.stop()
        try:
            sound = self.passivation is not None and not self.passivation.damaged
            trading, market = refold(
                self.directory.path, self.open_trading, self.open_market, self.number, use_index=sound
            )
        except Exception as unreadable:
            self.partition.unreadable = f"the journal has stopped and cannot be read: {unreadable}"
        else:
            self.partition.trading, self.partition.market = trading, market
            self.partition.views = Views(trading, market, self._describe, self._doors, self._projected)
        self.dispatcher.resume()

    # ---- life ----------------------------------------------------------------------------------------------

    @property
    def torn_ends(self) -> list[str]:
        """What recovery saw of last frames that were not whole: torn by a crash, or damaged; one sentence each."""
        return [commit.torn_end for commit in self._commits.values() if commit.torn_end]

    @property
    def start_report(self) -> list[str]:
        """What this start found, in sentences for people."""
        return self._start_report

    @property
    def failed(self) -> Exception | None:
        """The error that ended the writing, or None."""
        return self._failed

    async def run(self, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Run turns until `stop`; ready once the new epoch is durable. Raises what a fault of ours escalates."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._check_readers)
            if self._reserve is not None:
                nursery.start_soon(watch_space, self._reserve, self.partition, self._fail)
            if self.passivation is not None:
                nursery.start_soon(self.passivation.run)
            nursery.start_soon(self.timers.run)
            await self.wait_durable()
            if self._holding is not None:
                nursery.start_soon(self._holding.run)
            task_status.started()
            try:
                await self.dispatcher.run()
            finally:
                self._ended.set()
            if self._failed is None:
                await self._wait_durable()
            nursery.cancel_scope.cancel()

    async def wait_durable(self) -> None:
        """Return once all that exists now is durable in both journals; raises what ended the writing."""
        if self._failed is None:
            await self._wait_durable()
        if self._failed is not None:
            raise self._failed

    async def _wait_durable(self) -> None:
        """Return then, or at fail-stop."""
        for journal in (self.open_trading, self.open_market):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(_cancel_after, self._stopped, nursery.cancel_scope)
                done = trio.Event()
                journal.when_durable(done.set)
                await done.wait()
                nursery.cancel_scope.cancel()

    async def wait_ended(self) -> None:
        """Return when `run` has run its last turn."""
        await self._ended.wait()

    async def wait_failed(self) -> None:
        """Return after fail-stop; `failed` says why."""
        await self._stopped.wait()

    async def _check_readers(self) -> None:
        while True:
            await trio.sleep(READERS_CHECKED_EVERY_S)
            self._clock()
            for commit in self._commits.values():
                await trio.to_thread.run_sync(commit.check_readers)

    def stop(self) -> None:
        """Take nothing more; `run` returns once what was taken is decided."""
        self.dispatcher.stop()

    def close(self) -> dict[tuple[str, int], Head] | None:
        """Make everything durable and let the files go; the heads of a clean stop, None after fail-stop. Blocks."""
        clean = self._failed is None
        self._closed = True
        try:
            for writer in self._writers.values():
                writer.close()
        except StorageError:
            clean = False
        heads = (
            {(name, self.number): commit.head for name, commit in self._commits.items()} if clean else None
        )
        for commit in self._commits.values():
            commit.close()
        if self.passivation is not None:
            self.passivation.close()
        return heads

    def _hold(self) -> Holding | None:
        if self.number or self.directory.partitions == 1:
            return None
        commit = self._commits["trading"]
        return Holding(self.directory.path, self.directory.partitions, lambda: commit.settled.seq)

    def following(self) -> Following:
        """The service that takes partition 0's control facts; for a partition other than 0, once it is open."""
        assert self.number, "partition 0 follows nobody"
        return Following(self)

    def announce(self) -> None:
        """Say in the lock that this partition lives."""
        self.directory.announce(self.endpoints["commands"])

    def _doors(self) -> list[Row]:
        rows: list[Row] = [{"partition": self.number, **self.endpoints}, *self.neighbours()]
        return sorted(rows, key=lambda row: row["partition"])

    def _door_of(self, partition: int, door: str) -> str:
        return next((row.get(door, "") for row in self._doors() if row["partition"] == partition), "")

    def _projected(self) -> list[Row]:
        return self.projections()

    # ---- what it says of itself ----------------------------------------------------------------------------

    def _describe(self) -> list[Row]:
        partition = self.partition
        trading, market = partition.trading, partition.market
        return [
            head_row(
                lineage=self.directory.lineage,
                data=self.directory.path,
                trading=trading,
                market=market,
                places={
                    journal.name: (journal.epoch, journal.next_seq - 1, journal.now_ns)
                    for journal in (self.open_trading, self.open_market)
                },
                settled={name: commit.settled.seq for name, commit in self._commits.items()},
                ready=self._failed is None,
                why=partition.why_no_orders(),
            )
        ]


async def _cancel_after(event: trio.Event, scope: trio.CancelScope) -> None:
    await event.wait()
    scope.cancel()


__all__ = ["Engine", "EngineSettings", "Publisher", "head_row"]
