"""A ledger under a nasty venue, stopped and crashed at will, against lists of fills and fractions.

The real engine over a real journal in this process; every answer and, after every start, the whole state are compared
with books that know nothing of it.
"""

from __future__ import annotations

import os
import tempfile
import threading
from collections import Counter
from fractions import Fraction
from itertools import count
from pathlib import Path
from typing import Any

import trio
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule
from msgspec.structs import replace

from ledger.domain.commands import DefineInstrument, DefineStrategy
from ledger.journal.routing import partition_of
from ledger.testing import INSTRUMENTS, Books, Market, Strategies, Venue
from ledger.testing.shared_positions import compare_shared
from ledger.wire import Committed, FactCommitted, Query, Rejected
from running_engine import Clock, Ids, Running, journaled, replayed, running

RUN = "m"
PARTITIONS = 3
WAIT_S = 30
AT = st.integers(0, PARTITIONS - 1)


class Host:
    """An engine in a trio thread of its own; called from the machine's thread."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.clock, self.new_id = Clock(), Ids()
        self.one: Running | None = None
        self._ready = threading.Event()
        self._thread: threading.Thread | None = None
        self._failed: BaseException | None = None

    def start(self) -> None:
        """Open the journal and run; returns when it runs."""
        self._ready.clear()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        assert self._ready.wait(WAIT_S), "the engine did not start"
        self._raise()

    def _run(self) -> None:
        try:
            trio.run(self._serve)
        except BaseException as error:
            self._failed = error
        finally:
            self._ready.set()

    async def _serve(self) -> None:
        self._token, self._stop = trio.lowlevel.current_trio_token(), trio.Event()
        async with running(self.directory, clock=self.clock, new_id=self.new_id) as self.one:
            self._ready.set()
            await self._stop.wait()

    def _raise(self) -> None:
        if self._failed is not None:
            raise self._failed

    def ask(self, door: str, *inputs: Any) -> list[Any]:
        """The answers to one batch."""
        assert self.one is not None
        return trio.from_thread.run(self.one.ask, door, *inputs, trio_token=self._token)

    def rows(self, what: str, **filters: str) -> list[dict[str, Any]]:
        """One page is enough here."""
        (page,) = self.ask("query", Query("q", what, filters, "", 10_000))
        assert page.cursor == ""
        return page.rows

    def digests(self) -> dict[str, int]:
        """Of the live state, with everything durable."""
        assert self.one is not None
        trio.from_thread.run(self.one.settle, trio_token=self._token)
        return trio.from_thread.run_sync(self.one.digests, trio_token=self._token)

    def end(self, *, crash: bool = False, unanswered: tuple[str, list[Any]] | None = None) -> None:
        """Stop, or crash; a batch that is sent at the moment of the crash gets no answer."""
        trio.from_thread.run_sync(self._end, crash, unanswered, trio_token=self._token)
        assert self._thread is not None
        self._thread.join(WAIT_S)
        assert not self._thread.is_alive(), "the engine did not end"
        self._raise()

    def _end(self, crash: bool, unanswered: tuple[str, list[Any]] | None) -> None:
        assert self.one is not None
        if unanswered is not None:
            self.one.send(*unanswered, lambda _answers: None)
        if crash:
            self.one.crash()
        self._stop.set()


class Desk:
    """A partition with its strategies, its venue, and the books beside it."""

    def __init__(self, seed: int, markets: tuple[Market, ...]) -> None:
        self.scales = {each.symbol: (each.price_scale, each.qty_scale) for each in markets}
        self.place = tempfile.TemporaryDirectory()
        self.host = Host(Path(self.place.name) / "data")
        self.host.start()
        self.books = Books(self.scales)
        self.strategies = Strategies(seed, RUN, self.books, self.host.new_id, markets)
        self.venue = Venue(
            seed,
            RUN,
            {each.symbol: (each.lot, each.around) for each in markets},
            nasty=True,
            claimants=self.strategies.names,
        )
        self.answered: list[tuple[Any, Any]] = []
        self.told: list[Any] = []
        defined = [
            DefineInstrument(
                self.host.new_id(), it.symbol, "SIM", it.price_scale, it.qty_scale, it.tick, it.lot
            )
            for it in markets
        ]
        named = [DefineStrategy(self.host.new_id(), name, "SIM") for name in self.strategies.names]
        assert {type(it) for it in self.host.ask("commands", *defined, *named)} == {Committed}

    # ---- what is sent --------------------------------------------------------------------------------------

    def send_orders(self, orders: int) -> None:
        intents = self.strategies.intents(orders)
        answers = self.host.ask("commands", *[it.command for it in intents])
        self.take_answers(intents, answers)

    def take_answers(self, intents: list[Any], answers: list[Any]) -> None:
        for intent, answer in zip(intents, answers, strict=True):
            self.answered.append((intent.command, answer))
            if intent.expected:
                assert type(answer) is Rejected, (intent, answer)
                assert answer.code == intent.expected
                continue
            assert type(answer) is Committed, (intent, answer)
            self.books.commanded(intent.command)
            self.venue.take(intent.command)

    def report(self, trades: int) -> None:
        self.tell(self.venue.facts(trades))

    def report_what_was_held_back(self) -> None:
        self.tell(self.venue.rest())

    def tell(self, facts: list[Any]) -> None:
        answers = self.host.ask("reports", *facts) if facts else []
        for fact, answer in zip(facts, answers, strict=True):
            assert type(answer) is FactCommitted, (fact, answer)
            expected = self.books.reported(fact)
            assert answer.repeated == expected.repeated, (fact, answer, expected)
        self.told += facts

    def send_commands_again(self, data: st.DataObject) -> None:
        """I-10 and I-23: the first answers once more, and nothing else."""
        chosen = data.draw(st.lists(st.sampled_from(range(len(self.answered))), min_size=1, max_size=4))
        before = self.host.digests()
        again = self.host.ask("commands", *[self.answered[at][0] for at in chosen])
        for at, answer in zip(chosen, again, strict=True):
            first = self.answered[at][1]
            assert answer.repeated
            assert (type(answer), answer.command_id, answer.seq) == (type(first), first.command_id, first.seq)
        assert self.host.digests() == before

    def send_facts_again(self, data: st.DataObject) -> None:
        """I-11, but for the anomalies that a number from a run before is judged by."""
        chosen = data.draw(st.lists(st.sampled_from(range(len(self.told))), min_size=1, max_size=4))
        self.tell([self.told[at] for at in chosen])

    # ---- what happens to it --------------------------------------------------------------------------------

    def start_again(self, crash: bool) -> None:
        """I-2 and I-4: the journal alone gives the same state."""
        before = self.host.digests()
        self.host.end(crash=crash)
        assert replayed(self.host.directory) == before
        self.books.numbers.restarted()
        self.host.start()
        self.compare()

    def crash_while_commands_are_under_way(self, orders: int) -> None:
        """I-4 and I-10: whether or not they were durable, sent again they count once."""
        intents = self.strategies.intents(orders)
        commands = [it.command for it in intents]
        self.host.digests()
        self.host.end(crash=True, unanswered=("commands", commands))
        self.books.numbers.restarted()
        self.host.start()
        self.take_answers(intents, self.host.ask("commands", *commands))

    def crash_while_facts_are_under_way(self, trades: int) -> None:
        """I-4 and I-11, where the sender's numbers leave no doubt what was missing before."""
        facts = self.venue.facts(trades)
        if not self.is_in_order(facts):
            self.tell(facts)
            return
        self.host.digests()
        self.host.end(crash=True, unanswered=("reports", facts))
        self.books.numbers.restarted()
        self.host.start()
        unheard = {fact.source for fact in facts}
        for fact, answer in zip(facts, self.host.ask("reports", *facts), strict=True):
            assert type(answer) is FactCommitted
            expected = self.books.reported(fact)
            if expected.repeated or not answer.repeated:
                unheard.discard(fact.source)
        for source in unheard:  # all of it was durable before the crash: only the answers say so
            self.books.numbers.unheard(source)
        self.told += facts
        self.compare()

    def is_in_order(self, facts: list[Any]) -> bool:
        numbers = self.books.numbers
        for source in {fact.source for fact in facts}:
            mine = [fact for fact in facts if fact.source == source]
            high = numbers.high(source)
            if [it.source_seq for it in mine] != list(range(high + 1, high + 1 + len(mine))):
                return False
            if {it.source_epoch for it in mine} != {numbers.epoch(source)} or not numbers.settled(source):
                return False
        return bool(facts)

    # ---- what must hold ------------------------------------------------------------------------------------

    def compare(self) -> None:
        rows = {what: self.host.rows(what) for what in ("orders", "fills", "positions")}
        assert self.books.differences(**rows, of=self.strategies.names) == []
        assert compare_shared(self.books, rows, RUN, self.scales) == []
        recorded = Counter(row["kind"] for row in self.host.rows("anomalies"))
        assert recorded == self.books.anomalies
        self.conserve(rows)

    def conserve(self, rows: dict[str, list[dict[str, Any]]]) -> None:
        """I-25, I-26, I-29 and I-30, from the ledger's rows alone and against what the venue said."""
        for symbol in self.scales:
            positions = [row for row in rows["positions"] if row["symbol"] == symbol]
            for row in positions:
                bought, sold = Fraction(row["buy_qty"]), Fraction(row["sell_qty"])
                assert Fraction(row["qty"]) == bought - sold
                assert Fraction(row["realized"]) == Fraction(row["cash"]) + Fraction(row["cost"])
                if Fraction(row["qty"]) == 0:
                    assert Fraction(row["cost"]) == 0
            held = sum(Fraction(row["qty"]) for row in positions)
            fills = [
                it for it in self.books.executions.fills.values() if it.symbol == symbol and not it.busted
            ]
            unit = 10 ** self.scales[symbol][1]
            assert held * unit == sum(it.qty if it.side.name == "BUY" else -it.qty for it in fills)
            ordered = sum(_signed(row, "cum_qty") for row in rows["orders"] if row["symbol"] == symbol)
            stray = sum(
                _signed(row, "qty")
                for row in rows["fills"]
                if row["symbol"] == symbol and row["counts"] and not row["client_order_id"]
            )
            assert held == ordered + stray

    def end(self) -> None:
        try:
            self.compare()
            live = self.host.digests()
            self.host.end()
            assert replayed(self.host.directory) == live
            self.defined_before_used()
        finally:
            self.place.cleanup()

    def defined_before_used(self) -> None:
        """I-9."""
        defined: set[str] = set()
        for _seq, event in journaled(self.host.directory):
            if type(event).__name__ == "InstrumentDefined":
                defined.add(event.symbol)
            elif hasattr(event, "order") or hasattr(event, "client_order_id"):
                assert event.symbol in defined


class LedgerMachine(RuleBasedStateMachine):
    """I-2, I-4, I-8, I-9, I-10, I-11, I-13, I-23, I-25, I-26, I-29, I-30 with everything at once, in one partition."""

    markets: tuple[tuple[Market, ...], ...] = (INSTRUMENTS,)
    """Of each partition."""

    @initialize(seed=st.integers(0, 10_000))
    def begin(self, seed: int) -> None:
        self.desks = [Desk(seed + number, markets) for number, markets in enumerate(self.markets)]

    def desk(self, at: int) -> Desk:
        return self.desks[at % len(self.desks)]

    @rule(at=AT, orders=st.integers(1, 12))
    def send_orders(self, at: int, orders: int) -> None:
        self.desk(at).send_orders(orders)

    @rule(at=AT, trades=st.integers(0, 20))
    def report(self, at: int, trades: int) -> None:
        self.desk(at).report(trades)

    @rule(at=AT)
    def report_what_was_held_back(self, at: int) -> None:
        self.desk(at).report_what_was_held_back()

    @rule(at=AT, data=st.data())
    def send_again(self, at: int, data: st.DataObject) -> None:
        """I-10, I-11, I-23."""
        desk = self.desk(at)
        if desk.answered:
            desk.send_commands_again(data)
        if desk.told:
            desk.send_facts_again(data)

    @rule(at=AT, crash=st.booleans())
    def start_again(self, at: int, crash: bool) -> None:
        self.desk(at).start_again(crash)

    @rule(at=AT, orders=st.integers(1, 6))
    def crash_while_commands_are_under_way(self, at: int, orders: int) -> None:
        self.desk(at).crash_while_commands_are_under_way(orders)

    @rule(at=AT, trades=st.integers(1, 12))
    def crash_while_facts_are_under_way(self, at: int, trades: int) -> None:
        self.desk(at).crash_while_facts_are_under_way(trades)

    def teardown(self) -> None:
        for desk in getattr(self, "desks", ()):
            desk.end()


def in_partitions() -> tuple[tuple[Market, ...], ...]:
    """Each market under a symbol that lives in another partition."""
    found: list[tuple[Market, ...]] = []
    for number, market in enumerate(INSTRUMENTS):
        symbol = next(
            name
            for name in (f"{market.symbol}{suffix}" for suffix in count())
            if partition_of(name, PARTITIONS) == number
        )
        found.append((replace(market, symbol=symbol),))
    return tuple(found)


class PartitionedMachine(LedgerMachine):
    """The same over three partitions, each with the symbols that hash to it: what happens in one moves no other."""

    markets = in_partitions()

    @rule()
    def nothing_moved_unseen(self) -> None:
        """I-13 and I-29: each partition is what its own books say, whatever happened to the others."""
        for desk in self.desks:
            desk.compare()


def _signed(row: dict[str, Any], name: str) -> Fraction:
    qty = Fraction(row[name])
    return qty if row["side"] == "BUY" else -qty


DEEP = os.environ.get("HYPOTHESIS_PROFILE") == "deep"
EFFORT = settings(max_examples=400 if DEEP else 12, stateful_step_count=40 if DEEP else 20)
TestLedgerMachine = LedgerMachine.TestCase
TestLedgerMachine.settings = EFFORT
TestPartitionedMachine = PartitionedMachine.TestCase
TestPartitionedMachine.settings = settings(EFFORT, max_examples=EFFORT.max_examples // 2)
