"""The doors of a `ledger serve` of its own: what is acknowledged durable, beside a server that only syncs.

A shape is how many messages are in flight and how many inputs stand in each. Commands, reports and market data go
through every shape, then at half of what a shape reached, at a fixed pace. Checked: every input was answered Committed
or FactCommitted, and each order stands in the journal once.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import zmq

from _bench_client import PATIENT, STOP_S, Context, Echo, Talk, add_percentiles, ask, converse, in_turn, paced
from _bench_load import acks, definitions, market, submits
from _bench_result import Figures, check
from ledger.codec import decode_events
from ledger.domain.events import OrderSubmitted
from ledger.journal import JournalReader
from ledger.testing import Child
from ledger.wire import Committed, FactCommitted, encode_messages

Shape = tuple[int, int, int]
"""(messages in flight, inputs a message, messages in a quick round)."""
COMMANDS: Final[tuple[Shape, ...]] = (
    (1, 1, 120),
    (16, 1, 400),
    (256, 1, 1_500),
    (4096, 1, 4_096),
    (1, 64, 40),
    (16, 64, 100),
    (64, 64, 200),
    (256, 64, 256),
)
WIDEST: Final[Shape] = (4096, 64, 4096)
"""A quarter of a million commands without an answer; asked for by --large."""
FACTS: Final[tuple[Shape, ...]] = (
    (1, 1, 12),
    (16, 1, 128),
    (256, 1, 1_024),
    (4096, 1, 4_096),
    (1, 64, 8),
    (16, 64, 32),
    (64, 64, 96),
)
"""The same for reports and for market data; the acknowledgements of market data wait for the sync of its interval."""
HALF_LOADS: Final = ((256, 1), (64, 64))
"""Latency is measured at half of what these shapes reach."""
PACED_S: Final = 0.4
"""For so long in a quick round, at the pace of a machine of PACED_AT."""
PACED_AT: Final = {1: 2_500, 64: 300}
"""Messages a second, by inputs a message: what the number of paced messages is computed from."""
ROOM: Final = ("engine.queue_max=65536", PATIENT)
WIDE: Final = ("engine.queue_max=300000", PATIENT)


class DoorBench:
    """Measures every shape against a new server; one call of `round` each."""

    def __init__(self, figures: Figures, root: Path, seed: int, scale: int, *, widest: bool = False) -> None:
        self._figures = figures
        self._root = root
        self._definitions = encode_messages(definitions(seed))
        shapes = (*COMMANDS, WIDEST) if widest else COMMANDS
        self._sets = WIDE if widest else ROOM
        self._orders = 0
        self._loads: dict[str, list[tuple[int, int, list[bytes]]]] = {"commands": []}
        self._paced: dict[tuple[str, int], list[bytes]] = {}
        for flight, each, count in shapes:
            count *= 1 if count >= 4096 else scale
            self._loads["commands"].append(
                (flight, each, self._submits(seed, f"{flight}x{each}-", count, each))
            )
        for _, each in HALF_LOADS:
            self._paced["commands", each] = self._submits(
                seed, f"paced{each}-", _paced_count(each, scale), each
            )
        self._make_facts(seed, scale)

    def _submits(self, seed: int, prefix: str, count: int, each: int) -> list[bytes]:
        self._orders += count * each
        return [it[1] for it in submits(seed, count * each, each, prefix).messages]

    def _make_facts(self, seed: int, scale: int) -> None:
        """Reports and market data, numbered on from shape to shape; and the orders that the reports are of."""
        parts = [(flight, each, count * (1 if count >= 4096 else scale)) for flight, each, count in FACTS]
        parts += [(0, each, _paced_count(each, scale)) for _, each in HALF_LOADS]
        sizes = [each for _, each, count in parts for _ in range(count)]
        sent, accepted = acks(seed, sum(sizes), sizes, "acked-")
        self._orders += sent.inputs
        self._acked = [it[1] for it in sent.messages]
        for name, load in (("reports", accepted), ("market", market(seed, sum(sizes), sizes))):
            made = iter(it[1] for it in load.messages)
            self._loads[name] = []
            for flight, each, count in parts:
                payloads = [next(made) for _ in range(count)]
                if flight:
                    self._loads[name].append((flight, each, payloads))
                else:
                    self._paced[name, each] = payloads

    def round(self) -> None:
        """One round: each shape at the floor's server, then at the ledger's."""
        context: Context = zmq.Context()
        with tempfile.TemporaryDirectory(dir=self._root) as directory:
            path = Path(directory)
            echo = Echo(path / "echo")
            try:
                with Child(path / "data", sets=self._sets) as child:
                    endpoints = child.start()["endpoints"]
                    answers = ask(context, endpoints["commands"], self._definitions)
                    check(all(type(it) is Committed for it in answers), "a definition was refused")
                    for door in ("commands", "reports", "market"):
                        if door == "reports":
                            converse(context, [(endpoints["commands"], self._acked)], 16)
                        self._door(context, echo.endpoint, endpoints[door], door)
                    check(child.stop(STOP_S) == 0, "serve did not end cleanly")
            finally:
                echo.end()
                context.destroy(linger=0)
            self._check_journal(path / "data")

    def _door(self, context: Context, floor: str, endpoint: str, door: str) -> None:
        for flight, each, payloads in self._loads[door]:
            if (flight, each) == (1, 1):
                of_floor, talk = in_turn(context, (floor, endpoint), payloads)
            else:
                of_floor = converse(context, [(floor, payloads)], flight)
                talk = converse(context, [(endpoint, payloads)], flight)
            rate = self._shape(of_floor, talk, door, flight, each, payloads)
            if (flight, each) in HALF_LOADS:
                self._half_load(context, floor, endpoint, door, each, rate / 2)

    def _shape(
        self, of_floor: Talk, talk: Talk, door: str, flight: int, each: int, payloads: Sequence[bytes]
    ) -> float:
        """Messages a second of the door."""
        name = f"{_named(door)} {flight} x {each}"
        inputs = each * len(payloads)
        self._check(talk, door, inputs, name)
        check(of_floor.answers == list(payloads), "the floor's server did not give back what it got")
        unit = "commands/s" if door == "commands" else "facts/s"
        self._figures.add(f"sync only {name}", unit, inputs / of_floor.seconds)
        self._figures.add(name, unit, inputs / talk.seconds, f"sync only {name}")
        add_percentiles(self._figures, f"sync only {name}", of_floor.latencies)
        add_percentiles(self._figures, name, talk.latencies, f"sync only {name}")
        return len(payloads) / talk.seconds

    def _half_load(
        self, context: Context, floor: str, endpoint: str, door: str, each: int, rate: float
    ) -> None:
        """Inputs at a fixed pace whatever comes back: their time counts from when they were due."""
        payloads = self._paced[door, each]
        name = f"{_named(door)} half load x {each}"
        of_floor = paced(context, [(floor, payloads)], rate)
        talk = paced(context, [(endpoint, payloads)], rate)
        self._check(talk, door, each * len(payloads), name)
        add_percentiles(self._figures, f"sync only {name}", of_floor.latencies)
        add_percentiles(self._figures, name, talk.latencies, f"sync only {name}")

    def _check(self, talk: Talk, door: str, inputs: int, name: str) -> None:
        good = talk.of(Committed if door == "commands" else FactCommitted)
        check(good == inputs, f"{inputs} inputs of {name}, {good} committed")
        self._figures.count(f"answers at the door {door}", good)

    def _check_journal(self, data: Path) -> None:
        check_orders(data, 0, self._orders)
        self._figures.count("orders sent over the door and found in the journal", self._orders)


def _named(door: str) -> str:
    return "door" if door == "commands" else f"door {door}"


def _paced_count(each: int, scale: int) -> int:
    return int(PACED_S * PACED_AT[each]) * scale


def check_orders(data: Path, partition: int, wanted: int) -> None:
    """So many orders stand in a partition's journal, each once."""
    seen: set[tuple[str, str]] = set()
    count = 0
    with JournalReader(data, "trading", partition) as reader:
        for frame in reader.frames():
            for event in decode_events(frame.payload):
                if type(event) is OrderSubmitted:
                    seen.add((event.symbol, event.client_order_id))
                    count += 1
    check(count == len(seen) == wanted, f"{wanted} orders were sent, {count} are journaled")
