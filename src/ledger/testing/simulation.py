"""One seeded run of strategies and a venue against a ledger, and the comparison at its end.

Each round the strategies send a batch of commands; what the ledger acknowledged reaches the venue by the outward
stream, as it reaches a gateway, and the venue's facts go back through the report door. Some commands and facts are sent a second time on purpose: the answers must be the
first ones. The ledger may be killed and started again meanwhile, as long as the door resends what has no answer.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from random import Random
from typing import Any, Final, Protocol, final, runtime_checkable

import trio
from msgspec import Struct

from ledger.domain.commands import DefineInstrument, DefineStrategy
from ledger.domain.facts import OrderReport
from ledger.testing.anomaly_watch import AnomalyWatch
from ledger.testing.books import Books
from ledger.testing.instructions import Instruction, instruction_of
from ledger.testing.shared_positions import SHARED, compare_shared
from ledger.testing.strategies import EXCHANGE, INSTRUMENTS, Intent, Strategies
from ledger.testing.venue import Venue
from ledger.wire import Committed, FactCommitted, Rejected

ROUND_ORDERS: Final = 128
"""New orders in one round at full speed."""
SHOWN_MAX: Final = 1000
"""Mismatches kept; more say nothing new."""


class TradingDoor(Protocol):
    """What a simulation needs of a ledger; answers come in the order of the batch, resends are the door's work."""

    async def send_commands(self, commands: Sequence[Any]) -> list[Any]: ...

    async def send_facts(self, facts: Sequence[Any]) -> list[Any]: ...

    async def rows(self, what: str, **filters: str) -> list[dict[str, Any]]: ...


@runtime_checkable
class OutwardDoor(Protocol):
    """A ledger whose outward stream can be read, as a venue's gateway reads it."""

    async def outward(self, exchange: str, through: Mapping[int, int]) -> list[dict[str, Any]]:
        """Rows of the outward streams since the last call, up to event `through[partition]` at least."""
        ...


@final
class Simulated(Struct, frozen=True):
    """What a simulation did; `mismatches` are sentences."""

    seed: int
    run: str
    orders: int
    commands: int
    acknowledged: int
    """Commands that the ledger committed."""
    rejected: int
    fills: int
    resent: int
    """Commands and facts sent a second time on purpose."""
    seconds: float
    mismatches: list[str]
    anomalies: dict[str, int] = {}
    """Disagreements of a nasty venue that had to be recorded, by kind."""


Progress = Callable[[int, int], None]
"""Called after each round with (orders sent so far, commands acknowledged so far)."""


async def simulate(
    door: TradingDoor,
    *,
    seed: int,
    orders: int,
    run: str,
    new_id: Callable[[], bytes],
    rate: float = 0.0,
    nasty: bool = False,
    partitions: int = 1,
    progress: Progress = lambda _orders, _acknowledged: None,
) -> Simulated:
    """Drive `orders` new orders at `rate` a second (0: as fast as it goes) and compare at the end.

    A `nasty` venue repeats, reorders, holds back, takes back and contradicts itself (see `Venue`); the end must be
    exact all the same, with every anomaly that was due. `run` makes the ids of this run its own; `new_id` gives command ids.
    """
    simulation = _Simulation(door, seed, run, new_id, nasty, partitions)
    began = trio.current_time()
    await simulation.define()
    await simulation.trade(orders, rate, progress)
    await simulation.compare()
    return simulation.result(orders, trio.current_time() - began)


@final
class _Simulation:
    def __init__(
        self,
        door: TradingDoor,
        seed: int,
        run: str,
        new_id: Callable[[], bytes],
        nasty: bool,
        partitions: int,
    ) -> None:
        self._door = door
        self._seed = seed
        self._run = run
        self._new_id = new_id
        self._random = Random(f"repeats {seed}")
        self._scales = {each.symbol: (each.price_scale, each.qty_scale) for each in INSTRUMENTS}
        self._books = Books(self._scales)
        self._strategies = Strategies(seed, run, self._books, new_id)
        self._venue = Venue(
            seed,
            run,
            {each.symbol: (each.lot, each.around) for each in INSTRUMENTS},
            nasty=nasty,
            claimants=self._strategies.names,
            partitions=partitions,
        )
        self._watch = AnomalyWatch(door, run) if nasty else None
        self._due: dict[bytes, Instruction] = {}
        """Acknowledged, not yet seen in the outward stream."""
        self._commands = self._acknowledged = self._rejected = self._resent = 0
        self._mismatches: list[str] = []

    async def define(self) -> None:
        """Define what the run needs and the ledger lacks."""
        if self._watch is not None:
            await self._watch.begin()
        if isinstance(self._door, OutwardDoor):
            await self._door.outward(EXCHANGE, {})
        known = {row["symbol"] for row in await self._door.rows("instruments")}
        commands: list[Any] = [
            DefineInstrument(
                self._new_id(),
                each.symbol,
                EXCHANGE,
                each.price_scale,
                each.qty_scale,
                each.tick,
                each.lot,
                quote_ccy="USD",
            )
            for each in INSTRUMENTS
            if each.symbol not in known
        ]
        commands += [DefineStrategy(self._new_id(), name, "SIM") for name in self._strategies.names]
        for command, answer in zip(commands, await self._door.send_commands(commands), strict=True):
            if type(answer) is not Committed:
                self._differs(f"{type(command).__name__} was not acknowledged: {answer}")

    async def trade(self, orders: int, rate: float, progress: Progress) -> None:
        sent, began = 0, trio.current_time()
        size = max(1, min(ROUND_ORDERS, int(rate / 20))) if rate else ROUND_ORDERS
        while sent < orders:
            if rate:
                await trio.sleep_until(began + sent / rate)
            count = min(size, orders - sent)
            await self._round(count)
            sent += count
            progress(sent, self._acknowledged)
        if held_back := self._venue.rest():
            await self._report(held_back)

    async def _round(self, orders: int) -> None:
        intents = self._strategies.intents(orders)
        answers = await self._door.send_commands([intent.command for intent in intents])
        self._commands += len(intents)
        for intent, answer in zip(intents, answers, strict=True):
            self._answered(intent, answer)
        await self._instruct(answers)
        await self._repeat_commands(intents, answers)
        facts = self._venue.facts(trades=orders // 2)
        await self._report(facts)
        await self._repeat_facts(facts)

    async def _instruct(self, answers: list[Any]) -> None:
        """Give the venue what the outward stream tells its gateway; every acknowledged command must be there once."""
        if not isinstance(self._door, OutwardDoor):
            return
        through: dict[int, int] = {}
        for answer in answers:
            if type(answer) is Committed:
                through[answer.partition] = max(answer.seq, through.get(answer.partition, 0))
        for row in await self._door.outward(EXCHANGE, through):
            instruction = instruction_of(row, self._scales)
            if instruction is None or not instruction.client_order_id.startswith(f"{self._run}-"):
                continue  # another run's, or a question about an order
            if self._due.pop(instruction.command_id, None) is None:
                self._differs(
                    f"{type(instruction).__name__} {instruction.client_order_id} went out unasked or twice"
                )
            else:
                self._venue.take(instruction)
        for command in self._due.values():
            self._differs(
                f"{type(command).__name__} {command.client_order_id} was acknowledged and never went out"
            )
        self._due.clear()

    async def _report(self, facts: list[OrderReport]) -> None:
        for batch in _without_repeats(facts):
            for fact, answer in zip(batch, await self._door.send_facts(batch), strict=True):
                self._fact_answered(fact, answer)
        if self._watch is not None:
            await self._watch.look(self._books.anomalies)

    def _answered(self, intent: Intent, answer: Any) -> None:
        command = intent.command
        name = f"{type(command).__name__} {command.client_order_id} of {command.symbol}"
        if type(answer) is Committed:
            self._acknowledged += 1
            if intent.expected:
                self._differs(f"{name}: acknowledged, should have been refused with {intent.expected}")
            else:
                self._books.commanded(command)
                if isinstance(self._door, OutwardDoor):
                    self._due[command.command_id] = command
                else:
                    self._venue.take(command)
        else:
            code = getattr(answer, "code", 0)
            self._rejected += type(answer) is Rejected
            if code != intent.expected or not intent.expected:
                detail = getattr(answer, "detail", "")
                self._differs(f"{name}: refused with {code} {detail}, expected {intent.expected}")

    def _fact_answered(self, fact: OrderReport, answer: Any) -> None:
        if type(answer) is not FactCommitted:
            self._differs(f"{type(fact).__name__} {fact.source_seq}: not taken: {answer}")
            return
        told = self._books.reported(fact)
        if told.repeated and not answer.repeated:
            self._differs(f"{type(fact).__name__} {fact.source_seq} changed something; it says what is known")

    async def _repeat_commands(self, intents: list[Intent], answers: list[Any]) -> None:
        """A few again, with the same ids: the ledger must say what it said."""
        chosen = [index for index in range(len(intents)) if self._random.random() < 0.03]
        if not chosen:
            return
        self._resent += len(chosen)
        again = await self._door.send_commands([intents[index].command for index in chosen])
        for index, answer in zip(chosen, again, strict=True):
            first = answers[index]
            same = type(answer) is type(first) and (answer.command_id, answer.seq) == (
                first.command_id,
                first.seq,
            )
            if not same or not answer.repeated:
                name = intents[index].command.client_order_id
                self._differs(f"command of {name} sent again: {answer}, first it was {first}")

    async def _repeat_facts(self, facts: list[OrderReport]) -> None:
        again = [fact for fact in facts if self._random.random() < 0.02]
        if not again:
            return
        self._resent += len(again)
        for batch in _without_repeats(again):
            for fact, answer in zip(batch, await self._door.send_facts(batch), strict=True):
                self._repeat_answered(fact, answer)

    def _repeat_answered(self, fact: OrderReport, answer: Any) -> None:
        if type(answer) is FactCommitted and not self._books.reported(fact).repeated:
            return  # a nasty venue's: of a run before, or under a number that another fact had
        if type(answer) is not FactCommitted or not answer.repeated:
            self._differs(f"{type(fact).__name__} {fact.source_seq} sent again: {answer}")

    async def compare(self) -> None:
        """Ask for everything and hold it against the books."""
        rows: dict[str, list[dict[str, Any]]] = {"orders": [], "fills": [], "positions": []}
        for name in (*self._strategies.names, *(SHARED if self._watch is not None else ())):
            for what, found in rows.items():
                found += await self._door.rows(what, strategy=name)
        found = self._books.differences(**rows, of=self._strategies.names)
        if self._watch is not None:
            found += compare_shared(self._books, rows, self._run, self._scales)
            found += await self._watch.differences(self._books.anomalies)
        for difference in found:
            self._differs(difference)

    def _differs(self, sentence: str) -> None:
        if len(self._mismatches) < SHOWN_MAX:
            self._mismatches.append(sentence)

    def result(self, orders: int, seconds: float) -> Simulated:
        return Simulated(
            self._seed,
            self._run,
            orders,
            self._commands,
            self._acknowledged,
            self._rejected,
            self._books.fill_count,
            self._resent,
            seconds,
            self._mismatches,
            dict(sorted(self._books.anomalies.items())),
        )


def _without_repeats(facts: list[OrderReport]) -> list[list[OrderReport]]:
    """In order, cut where a number comes again: a sender waits for an answer before it says the same once more."""
    batches: list[list[OrderReport]] = []
    said: set[tuple[str, int, int]] = set()
    for fact in facts:
        number = (fact.source, fact.source_epoch, fact.source_seq)
        if not batches or number in said:
            batches.append([])
            said.clear()
        said.add(number)
        batches[-1].append(fact)
    return batches


def run_name(now_ns: int | None = None) -> str:
    """A name for a run that no other run has: microseconds since 2020 in base 36."""
    microseconds = ((time.time_ns() if now_ns is None else now_ns) - 1_577_836_800_000_000_000) // 1000
    digits = "0123456789abcdefghijklmnopqrstuvwxyz"
    name = ""
    while microseconds > 0:
        microseconds, digit = divmod(microseconds, 36)
        name = digits[digit] + name
    return name or "0"
