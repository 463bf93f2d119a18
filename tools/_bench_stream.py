"""A ledger at half load and at none: market data in to publication out, and the processor's time of an idle `serve`.

Quotes go in one a message at a fixed pace, whatever comes back, so that waiting is counted (no coordinated omission);
one subscriber takes them all. Checked: every quote was published and acknowledged.
"""

from __future__ import annotations

import os
import tempfile
import time
from pathlib import Path
from typing import Any, Final

import zmq

from _bench_doors import Echo, add_percentiles, paced
from _bench_load import definitions, market
from _bench_result import Figures, check
from ledger.testing import Child
from ledger.wire import FactCommitted, decode_answers, encode_messages

PACE_HZ: Final = 2_000
"""Quotes a second, one a message: about half of what one door takes in single messages on two cores."""
WAIT_MS: Final = 10_000
GOAL_US: Final = 1_000
SETTLE_S: Final = 0.3


class StreamBench:
    """Measures one ledger of its own; one call of `round` each."""

    def __init__(self, figures: Figures, root: Path, seed: int, quotes: int, idle_s: float) -> None:
        self._figures = figures
        self._root = root
        self._definitions = encode_messages(definitions(seed))
        self._payloads = [payload for _, payload in market(seed, quotes, 1).messages]
        self._idle_s = idle_s

    def round(self) -> None:
        """One round: idle, then half load."""
        context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        try:
            with (
                tempfile.TemporaryDirectory(dir=self._root) as directory,
                Child(Path(directory) / "data") as child,
            ):
                endpoints = child.start()["endpoints"]
                self._idle(child)
                self._floor(context, Path(directory) / "echo")
                self._define(context, endpoints["commands"])
                self._stream(context, endpoints)
                check(child.stop() == 0, "serve did not end cleanly")
        finally:
            context.destroy(linger=0)

    def _idle(self, child: Child) -> None:
        time.sleep(SETTLE_S)
        before = _cpu_s(child.pid)
        time.sleep(self._idle_s)
        used = _cpu_s(child.pid) - before
        self._figures.add("stream idle serve", "% of a core", 100 * used / self._idle_s, note="goal: under 1")

    def _floor(self, context: zmq.Context[Any], file: Path) -> None:
        """The same messages at the same pace to a server that syncs them and gives them back."""
        echo = Echo(file)
        try:
            latencies, _ = paced(context, echo.endpoint, self._payloads, PACE_HZ)
        finally:
            echo.end()
        add_percentiles(self._figures, "sync only stream", latencies)

    def _define(self, context: zmq.Context[Any], endpoint: str) -> None:
        door = _dealer(context, endpoint)
        door.send(self._definitions)
        check(len(decode_answers(door.recv())) > 0, "the definitions were not answered")
        door.close()

    def _stream(self, context: zmq.Context[Any], endpoints: dict[str, str]) -> None:
        out = context.socket(zmq.SUB)
        out.setsockopt(zmq.RCVHWM, 0)
        out.setsockopt(zmq.SUBSCRIBE, b"")
        out.connect(endpoints["market_data_pub"])
        time.sleep(SETTLE_S)  # until the subscription has arrived
        door = _dealer(context, endpoints["market"])
        poller = zmq.Poller()
        poller.register(out, zmq.POLLIN)
        poller.register(door, zmq.POLLIN)
        sent_at: list[float] = []
        published: list[float] = []
        answers: list[Any] = []
        begun = time.perf_counter()
        deadline = begun + WAIT_MS / 1000 + len(self._payloads) / PACE_HZ
        while (len(published) < len(self._payloads) or len(answers) < len(self._payloads)) and (
            time.perf_counter() < deadline
        ):
            due = begun + len(sent_at) / PACE_HZ
            if len(sent_at) < len(self._payloads) and time.perf_counter() >= due:
                sent_at.append(due)
                door.send(self._payloads[len(sent_at) - 1])
            for socket, _ in poller.poll(0):
                if socket is door:
                    answers += decode_answers(door.recv())
                elif out.recv_multipart()[-1]:  # an empty payload only repeats a header
                    published.append(time.perf_counter())
        out.close()
        door.close()
        count = len(self._payloads)
        good = sum(type(it) is FactCommitted for it in answers)
        check(
            len(published) == good == count, f"{count} sent, {len(published)} published, {good} acknowledged"
        )
        self._figures.count("market data published", count)
        latencies = [then - at for at, then in zip(sent_at, published, strict=True)]
        goal = f"goal: under {GOAL_US}"
        add_percentiles(self._figures, "stream market in to out", latencies, "sync only stream", goal)


def _dealer(context: zmq.Context[Any], endpoint: str) -> zmq.Socket[bytes]:
    socket: zmq.Socket[bytes] = context.socket(zmq.DEALER)
    socket.setsockopt(zmq.RCVTIMEO, WAIT_MS)
    socket.connect(endpoint)
    return socket


def _cpu_s(pid: int) -> float:
    """User and system time of a process."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
