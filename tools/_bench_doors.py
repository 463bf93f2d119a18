"""Commands over the door of a `ledger serve` of its own, acknowledged durable, beside a server that only syncs.

A shape is how many messages are in flight and how many commands stand in each. Checked: every command was answered
Committed, and stands in the journal once.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import zmq

from _bench_load import acks, definitions, market, submits
from _bench_result import Figures, check
from ledger.codec import decode_events
from ledger.domain.events import OrderSubmitted
from ledger.journal import JournalReader
from ledger.testing import Child
from ledger.wire import Committed, FactCommitted, decode_answers, encode_messages

SHAPES: Final = (
    (1, 1, 80),
    (16, 1, 400),
    (256, 1, 1_500),
    (4096, 1, 4_096),
    (1, 64, 40),
    (16, 64, 100),
    (64, 64, 200),
    (256, 64, 300),
)
"""(messages in flight, commands a message, messages in a quick round)."""
FACTS: Final = (16, 64, 60)
"""The same for reports and for market data."""
HALF_LOAD_OF: Final = (256, 1)
"""Latency is measured at half of what this shape reaches."""
PACED: Final = 1_000
"""Commands sent at that pace in a quick round."""
ROOM: Final = ("engine.queue_max=65536",)
ANSWER_MS: Final = 30_000


class DoorBench:
    """Measures every shape against a new server; one call of `round` each."""

    def __init__(self, figures: Figures, root: Path, seed: int, scale: int) -> None:
        self._figures = figures
        self._root = root
        self._definitions = encode_messages(definitions(seed))
        self._loads = [
            (
                flight,
                each,
                [it[1] for it in submits(seed, each * count * scale, each, f"{flight}x{each}-").messages],
            )
            for flight, each, count in SHAPES
        ]
        self._paced = [it[1] for it in submits(seed, PACED * scale, 1, "paced-").messages]
        _, each, count = FACTS
        sent, accepted = acks(seed, each * count * scale, each, "acked-")
        self._acked = [it[1] for it in sent.messages]
        self._facts = {
            "reports": [it[1] for it in accepted.messages],
            "market": [it[1] for it in market(seed, each * count * scale, each).messages],
        }

    def round(self) -> None:
        """One round: each shape at the floor's server, then at the ledger's."""
        context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        with tempfile.TemporaryDirectory(dir=self._root) as directory:
            path = Path(directory)
            echo = Echo(path / "echo")
            try:
                with Child(path / "data", sets=ROOM) as child:
                    endpoints = child.start()["endpoints"]
                    door = endpoints["commands"]
                    self._define(context, door)
                    for flight, each, payloads in self._loads:
                        self._shape(context, echo.endpoint, "sync only", flight, each, payloads)
                        rate = self._shape(context, door, "door", flight, each, payloads)
                        if (flight, each) == HALF_LOAD_OF:
                            self._half_load(context, echo.endpoint, door, rate / 2)
                    self._report(context, echo.endpoint, endpoints)
                    check(child.stop() == 0, "serve did not end cleanly")
            finally:
                echo.end()
                context.term()
            self._check_journal(path / "data")

    def _define(self, context: zmq.Context[zmq.Socket[bytes]], door: str) -> None:
        _, _, (answer,) = converse(context, door, [self._definitions], 1)
        check(all(type(it) is Committed for it in decode_answers(answer)), "a definition was refused")

    def _shape(
        self,
        context: zmq.Context[zmq.Socket[bytes]],
        endpoint: str,
        who: str,
        flight: int,
        each: int,
        payloads: list[bytes],
    ) -> float:
        seconds, latencies, answers = converse(context, endpoint, payloads, flight)
        shape = f"{flight} x {each}"
        commands = each * len(payloads)
        is_door = who == "door"
        floor = f"sync only {shape}" if is_door else ""
        self._figures.add(f"{who} {shape}", "commands/s", commands / seconds, floor)
        if is_door:
            given = [answer for part in answers for answer in decode_answers(part)]
            bad = [it for it in given if type(it) is not Committed or it.repeated]
            good = len(given) - len(bad)
            check(good == commands, f"{commands} commands at {shape}, {good} committed; else {bad[:1]}")
            self._figures.count("answers over the door", good)
        else:
            check(answers == payloads, "the floor's server did not give back what it got")
        latencies.sort()
        for percent in (50, 99):
            value = 1e6 * latencies[min(len(latencies) - 1, len(latencies) * percent // 100)]
            floor = f"sync only {shape} p{percent}" if is_door else ""
            self._figures.add(f"{who} {shape} p{percent}", "us", value, floor)
        return commands / seconds

    def _half_load(self, context: zmq.Context[zmq.Socket[bytes]], floor: str, door: str, rate: float) -> None:
        """Commands at a fixed pace whatever comes back: their time counts from when they were due."""
        of_floor, _ = paced(context, floor, self._paced, rate)
        add_percentiles(self._figures, "sync only half load", of_floor)
        latencies, answers = paced(context, door, self._paced, rate)
        good = sum(type(decode_answers(answer)[0]) is Committed for answer in answers)
        check(good == len(self._paced), f"{len(self._paced)} paced commands, {good} committed")
        add_percentiles(self._figures, "door half load", latencies, "sync only half load")

    def _report(self, context: zmq.Context[zmq.Socket[bytes]], floor: str, endpoints: dict[str, str]) -> None:
        """Reports of orders that are there, and market data."""
        flight, each, _ = FACTS
        converse(context, endpoints["commands"], self._acked, flight)
        for name, payloads in self._facts.items():
            facts = each * len(payloads)
            seconds, _, _ = converse(context, floor, payloads, flight)
            self._figures.add(f"sync only {name} {flight} x {each}", "facts/s", facts / seconds)
            seconds, _, answers = converse(context, endpoints[name], payloads, flight)
            given = [answer for part in answers for answer in decode_answers(part)]
            good = sum(type(it) is FactCommitted and not it.repeated for it in given)
            check(good == facts, f"{facts} {name}, {good} committed")
            of = f"sync only {name} {flight} x {each}"
            self._figures.add(f"door {name} {flight} x {each}", "facts/s", facts / seconds, of)
            self._figures.count("facts over the doors", good)

    def _check_journal(self, data: Path) -> None:
        seen: set[tuple[str, str]] = set()
        count = 0
        with JournalReader(data, "trading", 0) as reader:
            for frame in reader.frames():
                for event in decode_events(frame.payload):
                    if type(event) is OrderSubmitted:
                        seen.add((event.symbol, event.client_order_id))
                        count += 1
        wanted = sum(each * len(payloads) for _, each, payloads in self._loads)
        wanted += len(self._paced) + FACTS[1] * len(self._acked)
        check(count == len(seen) == wanted, f"{wanted} orders were sent, {count} are journaled")
        self._figures.count("orders sent over the door and found in the journal", count)


class Echo:
    """The floor's server."""

    def __init__(self, file: Path) -> None:
        program = Path(__file__).with_name("_bench_echo.py")
        self._process = subprocess.Popen(
            [sys.executable, str(program), str(file)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None
        self.endpoint = self._process.stdout.readline().strip()
        check(bool(self.endpoint), "the floor's server did not start")

    def end(self) -> None:
        """Let it end by itself, which it does when its input closes."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(10)
        self._process.stdout.close()


def converse(
    context: zmq.Context[zmq.Socket[bytes]], endpoint: str, payloads: Sequence[bytes], in_flight: int
) -> tuple[float, list[float], list[bytes]]:
    """(seconds, seconds of each message, answers) of sending all with so many unanswered at a time."""
    socket = context.socket(zmq.DEALER)
    socket.setsockopt(zmq.RCVTIMEO, ANSWER_MS)
    socket.setsockopt(zmq.LINGER, 0)
    socket.setsockopt(zmq.RCVHWM, 0)  # no answer is dropped however many are in flight
    socket.connect(endpoint)
    sent_at: deque[float] = deque()
    latencies: list[float] = []
    answers: list[bytes] = []
    sent = 0
    begun = time.perf_counter()
    try:
        while len(answers) < len(payloads):
            while sent < len(payloads) and len(sent_at) < in_flight:
                sent_at.append(time.perf_counter())
                socket.send(payloads[sent])
                sent += 1
            answers.append(socket.recv())
            latencies.append(time.perf_counter() - sent_at.popleft())
        return time.perf_counter() - begun, latencies, answers
    finally:
        socket.close()


def add_percentiles(
    figures: Figures, name: str, latencies: list[float], floor: str = "", goal: str = ""
) -> None:
    """p50, p99 and p99.9 of these seconds."""
    latencies.sort()
    for percent in (50, 99, 99.9):
        value = 1e6 * latencies[min(len(latencies) - 1, int(len(latencies) * percent / 100))]
        against = f"{floor} p{percent}" if floor else ""
        figures.add(f"{name} p{percent}", "us", value, against, goal if percent == 99 else "")


def paced(
    context: zmq.Context[zmq.Socket[bytes]], endpoint: str, payloads: Sequence[bytes], rate: float
) -> tuple[list[float], list[bytes]]:
    """(seconds of each message from when it was due, answers)."""
    socket = context.socket(zmq.DEALER)
    socket.setsockopt(zmq.LINGER, 0)
    socket.connect(endpoint)
    latencies: list[float] = []
    answers: list[bytes] = []
    sent = 0
    begun = time.perf_counter()
    deadline = begun + len(payloads) / rate + ANSWER_MS / 1000
    try:
        while len(answers) < len(payloads):
            now = time.perf_counter()
            check(now < deadline, f"{len(payloads) - len(answers)} paced commands have no answer")
            if sent < len(payloads) and now >= begun + sent / rate:
                socket.send(payloads[sent])
                sent += 1
            elif socket.poll(0):
                answers.append(socket.recv())
                latencies.append(time.perf_counter() - (begun + (len(answers) - 1) / rate))
        return latencies, answers
    finally:
        socket.close()
