"""A trader, a venue and a feed at the doors of one partition, over all its deaths: what was acknowledged, and its check.

A batch without an answer is sent again to the next start, before anything new. What is acknowledged stays so: sent
again it gets the same answer, and the journal has it once.
"""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import msgspec
import zmq

from _faults_forks import PATIENCE_S, Fork
from ledger.client.answers import answers_of, retry_after_s
from ledger.codec import decode_events
from ledger.domain.codes import Code
from ledger.domain.commands import CancelOrder, DefineInstrument, DefineStrategy, ReplaceOrder, SubmitOrder
from ledger.domain.enums import OrderType, Side
from ledger.domain.events import (
    CancelRequested,
    CommandRejected,
    OrderFilled,
    OrderSubmitted,
    ReplaceRequested,
)
from ledger.domain.facts import BookDelta, BookSnapshot, Quote, ReportCanceled
from ledger.engine import replay
from ledger.engine.recovery import recover
from ledger.errors import Corrupt, Unavailable
from ledger.journal import JournalReader, partition_of, verify
from ledger.wire import Committed, FactCommitted, Query, QueryRefused, Refused, Rejected, encode_messages
from running_engine import Ids, accepted, fill

JOURNALS: Final = ("trading", "market")
DOORS: Final = ("commands", "reports", "market")
ONCE: Final = (OrderSubmitted, CancelRequested, ReplaceRequested, CommandRejected)
"""Of these a command makes one."""
LOOK_MS: Final = 500
"""After so long without an answer it is asked whether it takes anything at all."""
Batch = tuple[str, list[Any]]


class Died(Exception):
    """The ledger has gone before it answered."""


class Failure(Exception):
    """Something is not as it was promised; the first words say what."""


class Desk:
    """Makes batches without end: orders, cancels, replaces, the venue's reports, quotes and books."""

    def __init__(self, partition: int, partitions: int, seed: int) -> None:
        self.partition, self.partitions = partition, partitions
        self._random = random.Random(f"desk {partition} {seed}")
        self._ids = Ids()
        self._ids.made = partition << 32  # so that no two desks give the same
        self._numbers: Counter[str] = Counter()
        self._epoch = time.time_ns() // 1_000_000
        self._orders: list[tuple[str, str, Side]] = []
        names = (f"T{number}" for number in range(1000))
        here = (name for name in names if partition_of(name, partitions) == partition)
        self.symbols = [next(here), next(here)]
        self._later = [next(here) for _ in range(20)]

    def _id(self) -> bytes:
        return self._ids(time.time_ns())

    def definitions(self) -> list[Any]:
        """What all the rest needs; partition 0 decides it."""
        instruments = [DefineInstrument(self._id(), symbol, "XNAS") for symbol in self.symbols]
        return [DefineStrategy(self._id(), f"S{self.partition}", "ACC"), *instruments]

    def batch(self) -> Batch:
        """The next one."""
        roll = self._random.random()
        if not self._orders or roll < 0.4:
            return "commands", [self._command() for _ in range(self._random.randint(1, 5))]
        if roll < 0.45 and self.partition == 0 and self._later:
            return "commands", [DefineInstrument(self._id(), self._later.pop(), "XNAS")]
        if roll < 0.75:
            return "reports", [self._report() for _ in range(self._random.randint(1, 5))]
        return "market", [self._market() for _ in range(self._random.randint(1, 4))]

    def _command(self) -> Any:
        choose = self._random
        roll = choose.random()
        self._numbers["orders"] += 1
        name = f"c{self._numbers['orders']}"
        if self._orders and roll < 0.15:
            order, symbol, _ = choose.choice(self._orders[-20:])
            return CancelOrder(self._id(), symbol, name, order)
        if self._orders and roll < 0.3:
            order, symbol, _ = choose.choice(self._orders[-20:])
            return ReplaceOrder(self._id(), symbol, name, order, choose.randint(1, 90))
        symbol = choose.choice(self.symbols)
        qty, side = choose.randint(1, 90), choose.choice((Side.BUY, Side.SELL))
        self._orders.append((name, symbol, side))
        strategy = f"S{self.partition}"
        return SubmitOrder(
            self._id(), name, strategy, symbol, "XNAS", side, OrderType.LIMIT, qty, choose.randint(900, 1100)
        )

    def _report(self) -> Any:
        name, symbol, side = self._random.choice(self._orders[-10:])
        source = f"gw-{symbol}"
        self._numbers[source] += 1
        number = self._numbers[source]
        more: dict[str, Any] = {"source": source, "epoch": self._epoch}
        roll = self._random.random()
        if roll < 0.3:
            return accepted(number, name, symbol, **more)
        if roll < 0.4:
            return ReportCanceled(source, self._epoch, number, symbol, "XNAS", name)
        more |= {"side": side, "account": "ACC", "execution_id": f"x-{symbol}-{number}"}
        return fill(number, name, self._random.randint(1, 40), 1000, symbol, **more)

    def _market(self) -> Any:
        symbol = self._random.choice(self.symbols)
        source = f"md-{symbol}"
        self._numbers[source] += 1
        number = self._numbers[source]
        head = (source, self._epoch, number, symbol, "XNAS")
        px, qty = self._random.randint(900, 950), self._random.randint(1, 9)
        roll = self._random.random()
        if number == 1 or roll < 0.1:
            return BookSnapshot(*head, number, ((px, qty), (px - 1, qty)), ((px + 100, 5),))
        if roll < 0.5:
            return BookDelta(*head, number, number, ((px, qty),), ((px + 100, qty),))
        return Quote(*head, px, qty, px + 100, qty)


class Stopped(Exception):
    """The ledger takes nothing more: its disk has failed, or is full."""


class Door:
    """One start of a partition, as its clients see it; closed by `close`."""

    def __init__(self, fork: Fork) -> None:
        self._fork = fork
        self._context: zmq.Context[Any] = zmq.Context()
        self._sockets: dict[str, zmq.Socket[bytes]] = {}
        self._endpoints: dict[str, str] = {}

    def wait_ready(self) -> None:
        """Raises Died, Failure."""
        try:
            said = self._fork.said()
        except TimeoutError as error:
            raise Failure(f"not ready: {error}") from None
        if said is None:
            raise Died
        self._endpoints = msgspec.json.decode(said.removeprefix("ready "))["endpoints"]

    def ask(self, door: str, messages: Sequence[Any]) -> list[Any]:
        """The final answers to a batch; what is refused for now is sent again. Raises Died, Failure."""
        answers: dict[Any, Any] = {}
        left = list(messages)
        until = time.monotonic() + PATIENCE_S
        while left:
            pause = 0.0
            for message, answer in zip(left, self._exchange(door, left), strict=True):
                pause = max(pause, retry_after_s(answer))
                if not retry_after_s(answer):
                    answers[_key(message)] = answer
            left = [message for message in left if _key(message) not in answers]
            if left and not self._takes():
                raise Stopped
            if left and time.monotonic() > until:
                raise Failure(f"refused for {PATIENCE_S:g} s: {left[0]}")
            time.sleep(min(pause, 0.05))
        return [answers[_key(message)] for message in messages]

    def _exchange(self, door: str, messages: list[Any]) -> list[Any]:
        socket = self._socket(door)
        socket.send(encode_messages(messages))
        poller = zmq.Poller()
        poller.register(socket, zmq.POLLIN)
        poller.register(self._fork.ending, zmq.POLLIN)
        until = time.monotonic() + PATIENCE_S
        while time.monotonic() < until:
            ready = dict(poller.poll(LOOK_MS))
            if socket in ready:
                return answers_of(socket.recv())
            if ready:
                raise Died
            if door != "query" and not self._takes():
                raise Stopped  # what it had decided when its disk failed gets no answer
        raise Failure(f"no answer from the {door} door within {PATIENCE_S:g} s")

    def _takes(self) -> bool:
        """Whether it says that it takes new orders."""
        head = self.head()
        return bool(head["ready"]) and not head["why"]

    def head(self) -> dict[str, Any]:
        """What it says of itself. Raises Died, Failure."""
        (page,) = self.ask("query", [Query("q", "head")])
        if type(page) is QueryRefused:
            raise Failure(f"it cannot say what it holds: {page.detail}")
        return page.rows[0]

    def _socket(self, door: str) -> zmq.Socket[bytes]:
        if door not in self._sockets:
            self._sockets[door] = socket = self._context.socket(zmq.DEALER)
            socket.linger = 0
            socket.connect(self._endpoints[door])
        return self._sockets[door]

    def close(self) -> None:
        self._context.destroy(linger=0)


class Day:
    """All that one partition was told and has said, over all its starts, and whether its journal holds it."""

    def __init__(self, data: Path, partition: int, partitions: int, seed: int) -> None:
        self.data, self.partition = data, partition
        self.desk = Desk(partition, partitions, seed)
        self.acked: dict[Any, Any] = {}
        self._batches: list[Batch] = []
        """All of them, in order."""
        self._pending: list[Batch] = []
        self._heads: dict[str, list[tuple[int, bytes]]] = {name: [] for name in JOURNALS}
        self._closing: set[Any] = set()
        self._choose = random.Random(f"again {partition} {seed}")

    def trade(self, door: Door, batches: int) -> None:
        """Send what has no answer yet, something again, and so many new batches. Raises Died, Failure."""
        while self._pending:
            self._send(door, self._pending[0])
            self._pending.pop(0)
        if self._batches:
            self._send(door, self._choose.choice(self._batches))
        for _ in range(batches):
            self.give(self.desk.batch())
            self._send(door, self._pending[0])
            self._pending.pop(0)

    def give(self, batch: Batch) -> None:
        """A batch to be sent next."""
        self._batches.append(batch)
        self._pending.append(batch)

    def send_all_again(self, door: Door) -> None:
        """Everything that was ever sent gets the answer that it got. Raises Died, Failure."""
        self.trade(door, 0)
        for batch in self._batches:
            self._send(door, batch)

    def _send(self, door: Door, batch: Batch) -> None:
        for message, answer in zip(batch[1], door.ask(*batch), strict=True):
            key = _key(message)
            first = self.acked.get(key)
            if type(answer) is Refused and answer.code == Code.JOURNAL_READ_ONLY:
                raise Stopped
            if type(answer) not in (Committed, FactCommitted, Rejected):
                raise Failure(f"{type(message).__name__}: {answer}")
            if first is None:
                self.acked[key] = answer
            elif type(answer) is FactCommitted:
                if not answer.repeated:
                    self._closed_again(key, answer, first)
            elif answer != msgspec.structs.replace(first, repeated=True):
                raise Failure(f"answered {answer}, first it was {first}")

    def _closed_again(self, key: Any, answer: FactCommitted, first: FactCommitted) -> None:
        """A fact that says what is known leaves no event, so a later start cannot know its number: when it comes again it
        closes the hole that was noted in doubt, and its content is judged by the state of then. It is no fill."""
        if not first.repeated or key in self._closing:
            raise Failure(f"answered {answer}, first it was {first}")
        self._closing.add(key)

    def ask_digests(self, door: Door) -> dict[str, tuple[int, str]]:
        """(head, digest) of each journal, as the ledger says."""
        found = {name: parts[0] for name, parts in door.head()["journals"].items()}
        return {name: (int(part["head"].rpartition(":")[2]), part["digest"]) for name, part in found.items()}

    def check(self, live: dict[str, tuple[int, str]] | None = None) -> None:
        """What lies on disk now, with nobody writing this partition. `live`: what it said of its state. Raises Failure."""
        try:
            report = verify(self.data)
            if not report.ok:
                raise Failure(f"false damage: {report.problems[0]}")
            self._check_events()
            self.check_states()
            self.check_past(live or {})
        except (Corrupt, Unavailable) as error:
            raise Failure(f"{type(error).__name__}: {error}") from error

    def _check_events(self) -> None:
        at: dict[str, dict[int, Any]] = {}
        for name in JOURNALS:
            heads: list[tuple[int, bytes]] = []
            at[name] = {}
            with JournalReader(self.data, name, self.partition, wal=True) as reader:
                for frame in reader.frames():
                    heads.append((frame.last_seq, frame.chain_hash))
                    at[name].update(enumerate(decode_events(frame.payload), frame.first_seq))
            before, self._heads[name] = self._heads[name], heads
            if heads[: len(before)] != before:
                raise Failure(f"{name}: the journal is no continuation of what it was")
        once = Counter(
            event.command_id for event in at["trading"].values() if type(event) in ONCE and event.command_id
        )
        facts = Counter(
            (type(event), event.source, event.source_epoch, event.source_seq)
            for events in at.values()
            for event in events.values()
            if getattr(event, "source_seq", 0)
        )
        if many := [key for key, number in (once + facts).items() if number > 1]:
            raise Failure(f"in the journal more than once: {many[0]}")
        did = [key for key in facts if key[1:] in self._closing and key[0] is OrderFilled]
        if did:
            raise Failure(f"answered as known, and {did[0]} is in the journal")
        places = {
            name: {_key(event): seq for seq, event in reversed(events.items())} for name, events in at.items()
        }
        for key, answer in self.acked.items():
            journal = answer.journal if type(answer) is FactCommitted else "trading"
            if (
                answer.repeated
            ):  # it was known already: by an event of its own, which is looked at, or by none
                continue
            place = places[journal].get(key, 0)
            if place != answer.seq and (type(answer) is not FactCommitted or not 0 < place < answer.seq):
                raise Failure(f"acknowledged and not there: {answer}; its event is {place}")

    def check_past(self, live: dict[str, tuple[int, str]]) -> None:
        """What it said of its state as of a place, though the journal may have gone on. Raises Failure."""
        for name, (seq, digest) in live.items():
            made = replay(self.data, name, self.partition, wal=True, to_seq=seq)
            if (made.head.seq, f"{made.fold.digest():032x}") != (seq, digest):
                raise Failure(f"{name}: it said {digest} at {seq}, the journal makes another state there")

    def check_states(self, *, beside: bool = False) -> None:
        """Snapshot, index and tail make what the journal makes. `beside`: a living engine, of what is settled."""
        wal = not beside
        found = recover(self.data, self.partition, wal=wal)
        try:
            for name, restarted in (("trading", found.trading), ("market", found.market)):
                seq = restarted.head.seq
                replayed = replay(self.data, name, self.partition, wal=wal, to_seq=seq)
                digest = replayed.fold.digest()
                if restarted.fold.digest() != digest:
                    raise Failure(f"{name}: snapshot and tail make another state than the journal")
        finally:
            if found.index is not None:
                found.index.close()


def _key(message: Any) -> Any:
    if type(message) is Query:
        return message.id
    command_id = getattr(message, "command_id", b"")
    return command_id or (
        getattr(message, "source", ""),
        getattr(message, "source_epoch", 0),
        getattr(message, "source_seq", 0),
    )


__all__ = ["Batch", "Day", "Desk", "Died", "Door", "Failure", "Stopped"]
