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

from _bench_load import definitions, submits
from _bench_result import Figures, check
from ledger.codec import decode_events
from ledger.domain.events import OrderSubmitted
from ledger.journal import JournalReader
from ledger.testing import Child
from ledger.wire import Committed, decode_answers, encode_messages

SHAPES: Final = ((1, 1, 80), (16, 1, 400), (256, 1, 1_500), (1, 64, 40), (16, 64, 100), (256, 64, 300))
"""(messages in flight, commands a message, messages in a quick round)."""
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

    def round(self) -> None:
        """One round: each shape at the floor's server, then at the ledger's."""
        context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        with tempfile.TemporaryDirectory(dir=self._root) as directory:
            path = Path(directory)
            echo = _Echo(path / "echo")
            try:
                with Child(path / "data") as child:
                    door = child.start()["endpoints"]["commands"]
                    self._define(context, door)
                    for flight, each, payloads in self._loads:
                        self._shape(context, echo.endpoint, "sync only", flight, each, payloads)
                        self._shape(context, door, "door", flight, each, payloads)
                    check(child.stop() == 0, "serve did not end cleanly")
            finally:
                echo.end()
                context.term()
            self._check_journal(path / "data")

    def _define(self, context: zmq.Context[zmq.Socket[bytes]], door: str) -> None:
        _, _, (answer,) = _converse(context, door, [self._definitions], 1)
        check(all(type(it) is Committed for it in decode_answers(answer)), "a definition was refused")

    def _shape(
        self,
        context: zmq.Context[zmq.Socket[bytes]],
        endpoint: str,
        who: str,
        flight: int,
        each: int,
        payloads: list[bytes],
    ) -> None:
        seconds, latencies, answers = _converse(context, endpoint, payloads, flight)
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
        check(count == len(seen) == wanted, f"{wanted} orders were sent, {count} are journaled")
        self._figures.count("orders sent over the door and found in the journal", count)


class _Echo:
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


def _converse(
    context: zmq.Context[zmq.Socket[bytes]], endpoint: str, payloads: Sequence[bytes], in_flight: int
) -> tuple[float, list[float], list[bytes]]:
    """(seconds, seconds of each message, answers) of sending all with so many unanswered at a time."""
    socket = context.socket(zmq.DEALER)
    socket.setsockopt(zmq.RCVTIMEO, ANSWER_MS)
    socket.setsockopt(zmq.LINGER, 0)
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
