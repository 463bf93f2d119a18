"""The client's side of the doors, in the bench's own process: so many in flight, or so many a second, and what it took.

A lane is a door and the messages for it: several partitions are several lanes, each with its share of what is in
flight. Latency of a pace counts from when a message was due, so that waiting is counted (no coordinated omission).
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections import deque
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import zmq

from _bench_result import Figures, check
from ledger.wire import decode_answers

ANSWER_MS: Final = 30_000
STOP_S: Final = 60.0
"""For a stop with very many open orders, of all of which a snapshot is taken."""
PATIENT: Final = "order.ack_timeout_ms=3600000"
"""No order becomes unconfirmed for want of a venue: that would be work that no command asked for."""
PERCENTS: Final = (50, 99, 99.9)
Context = zmq.Context[zmq.Socket[bytes]]
Lane = tuple[str, Sequence[bytes]]
"""(endpoint, messages)."""


@dataclass
class Talk:
    """What became of all messages."""

    seconds: float
    """From the first message to the last answer."""
    latencies: list[float]
    answers: list[bytes]
    lanes: list[int] = field(default_factory=list[int])
    """The lane of each answer of a pace; else empty."""

    def of(self, kind: type) -> int:
        """How many answers are of this type and not repeated."""
        given = [answer for part in self.answers for answer in decode_answers(part)]
        return sum(type(it) is kind and not it.repeated for it in given)


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


def dealer(context: Context, endpoint: str) -> zmq.Socket[bytes]:
    """A connected socket that drops nothing."""
    socket = context.socket(zmq.DEALER)
    socket.setsockopt(zmq.RCVTIMEO, ANSWER_MS)
    socket.setsockopt(zmq.LINGER, 0)
    socket.setsockopt(zmq.RCVHWM, 0)
    socket.setsockopt(zmq.SNDHWM, 0)
    socket.connect(endpoint)
    return socket


def ask(context: Context, endpoint: str, payload: bytes) -> list[Any]:
    """The answers to one message."""
    socket = dealer(context, endpoint)
    socket.send(payload)
    answers = decode_answers(socket.recv())
    socket.close()
    return answers


def converse(context: Context, lanes: Sequence[Lane], in_flight: int) -> Talk:
    """Send all with so many unanswered at a time, over all lanes together."""
    if in_flight < len(lanes):  # one after the other
        talks = [converse(context, [lane], in_flight) for lane in lanes]
        latencies = [it for talk in talks for it in talk.latencies]
        return Talk(
            sum(talk.seconds for talk in talks), latencies, [it for talk in talks for it in talk.answers]
        )
    with ExitStack() as stack:
        room = in_flight // len(lanes)
        poller = zmq.Poller()
        under_way: dict[Any, tuple[deque[bytes], deque[float]]] = {}
        for endpoint, payloads in lanes:
            socket = stack.enter_context(dealer(context, endpoint))
            poller.register(socket, zmq.POLLIN)
            under_way[socket] = (deque(payloads), deque())
        wanted = sum(len(payloads) for _, payloads in lanes)
        latencies, answers = [], []
        begun = time.perf_counter()
        for socket, (left, sent_at) in under_way.items():
            for _ in range(min(room, len(left))):
                sent_at.append(time.perf_counter())
                socket.send(left.popleft())
        while len(answers) < wanted:
            # With one lane recv waits by itself, which costs less than asking a poller first.
            ready = [it for it, _ in poller.poll(ANSWER_MS)] if len(lanes) > 1 else list(under_way)
            check(bool(ready), f"{wanted - len(answers)} messages have no answer")
            for socket in ready:
                left, sent_at = under_way[socket]
                answers.append(socket.recv())
                latencies.append(time.perf_counter() - sent_at.popleft())
                if left:
                    sent_at.append(time.perf_counter())
                    socket.send(left.popleft())
        return Talk(time.perf_counter() - begun, latencies, answers)


def in_turn(context: Context, endpoints: Sequence[str], payloads: Sequence[bytes]) -> list[Talk]:
    """One in flight, each message at each endpoint in turn: what else the machine does falls on all alike."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(dealer(context, endpoint)) for endpoint in endpoints]
        talks = [Talk(0.0, [], []) for _ in endpoints]
        for payload in payloads:
            for socket, talk in zip(sockets, talks, strict=True):
                begun = time.perf_counter()
                socket.send(payload)
                talk.answers.append(socket.recv())
                talk.latencies.append(time.perf_counter() - begun)
    for talk in talks:
        talk.seconds = sum(talk.latencies)
    return talks


def paced(context: Context, lanes: Sequence[Lane], rate: float) -> Talk:
    """Send all at so many messages a second, whatever comes back, the lanes in turn."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(dealer(context, endpoint)) for endpoint, _ in lanes]
        order = _in_turn_over([payloads for _, payloads in lanes])
        due: list[deque[float]] = [deque() for _ in lanes]
        talk = Talk(0.0, [], [])
        sent = 0
        begun = time.perf_counter()
        deadline = begun + len(order) / rate + ANSWER_MS / 1000
        while len(talk.answers) < len(order):
            now = time.perf_counter()
            check(now < deadline, f"{len(order) - len(talk.answers)} paced messages have no answer")
            at = begun + sent / rate
            if sent < len(order) and now >= at:
                lane, payload = order[sent]
                due[lane].append(at)
                sockets[lane].send(payload)
                sent += 1
                continue
            for lane, socket in enumerate(sockets):
                if due[lane] and socket.poll(0):
                    talk.answers.append(socket.recv())
                    talk.latencies.append(time.perf_counter() - due[lane].popleft())
                    talk.lanes.append(lane)
        talk.seconds = time.perf_counter() - begun
        return talk


def _in_turn_over(lanes: Sequence[Sequence[bytes]]) -> list[tuple[int, bytes]]:
    """(lane, message), the lanes spread evenly over the whole."""
    places = [
        ((number + 1) / (len(payloads) + 1), lane, payload)
        for lane, payloads in enumerate(lanes)
        for number, payload in enumerate(payloads)
    ]
    return [(lane, payload) for _, lane, payload in sorted(places, key=lambda it: it[:2])]


def add_percentiles(
    figures: Figures, name: str, latencies: Sequence[float], floor: str = "", goal: str = ""
) -> None:
    """p50, p99 and p99.9 of these seconds; `floor`: the figures of the same kind that they stand beside."""
    ordered = sorted(latencies)
    for percent in PERCENTS:
        value = 1e6 * ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))]
        against = f"{floor} p{percent}" if floor else ""
        figures.add(f"{name} p{percent}", "us", value, against, goal if percent == 99 else "")
