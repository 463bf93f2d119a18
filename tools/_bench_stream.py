"""A ledger at half load and at none: market data in to publication out, and the processor's time of an idle `serve`.

Quotes go in one a message and one subscriber takes them all: first with 64 on their way, which is the load, then at
half that pace whatever comes back, so that waiting is counted (no coordinated omission). Idle are `serve` and its
children, the follower, together. Checked: every quote was published and acknowledged.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Any, Final

import zmq

from _bench_client import STOP_S, Context, Echo, add_percentiles, ask, dealer, paced
from _bench_load import definitions, market
from _bench_result import Figures, check
from ledger.testing import Child
from ledger.wire import FactCommitted, decode_answers, encode_messages

ON_THEIR_WAY: Final = 64
"""Quotes sent and not published yet while the load is measured."""
WAIT_S: Final = 10.0
GOAL_US: Final = 1_000
SETTLE_S: Final = 0.3
IDLE_AFTER_S: Final = 3.0
"""A start is over by then."""


class StreamBench:
    """Measures one ledger of its own; one call of `round` each."""

    def __init__(self, figures: Figures, root: Path, seed: int, quotes: int, idle_s: float) -> None:
        """`quotes`: at half load; a third of them besides for the load."""
        self._figures = figures
        self._root = root
        self._definitions = encode_messages(definitions(seed))
        payloads = [payload for _, payload in market(seed, quotes + quotes // 3, 1).messages]
        self._to_load, self._to_pace = payloads[: quotes // 3], payloads[quotes // 3 :]
        self._idle_s = idle_s

    def round(self) -> None:
        """One round: idle, then the load, then half of it."""
        context: Context = zmq.Context()
        try:
            with (
                tempfile.TemporaryDirectory(dir=self._root) as directory,
                Child(Path(directory) / "data") as child,
            ):
                endpoints = child.start()["endpoints"]
                self._idle(child)
                check(len(ask(context, endpoints["commands"], self._definitions)) > 0, "no definitions")
                self._published(context, endpoints, Path(directory) / "echo")
                check(child.stop(STOP_S) == 0, "serve did not end cleanly")
        finally:
            context.destroy(linger=0)

    def _idle(self, child: Child) -> None:
        time.sleep(IDLE_AFTER_S)
        of_all = [child.pid, *_children(child.pid)]
        before = sum(map(_cpu_s, of_all))
        time.sleep(self._idle_s)
        used = sum(map(_cpu_s, of_all)) - before
        note = "goal: under 1; with its follower"
        self._figures.add("stream idle serve", "% of a core", 100 * used / self._idle_s, note=note)

    def _published(self, context: Context, endpoints: dict[str, str], file: Path) -> None:
        out = context.socket(zmq.SUB)
        out.setsockopt(zmq.RCVHWM, 0)
        out.setsockopt(zmq.SUBSCRIBE, b"")
        out.connect(endpoints["market_data_pub"])
        time.sleep(SETTLE_S)  # until the subscription has arrived
        door = dealer(context, endpoints["market"])
        seconds, _ = _through(door, out, self._to_load, None)
        rate = len(self._to_load) / seconds
        self._figures.add("stream market published", "quotes/s", rate, note=f"{ON_THEIR_WAY} on their way")
        echo = Echo(file)
        try:
            of_floor = paced(context, [(echo.endpoint, self._to_pace)], rate / 2)
        finally:
            echo.end()
        add_percentiles(self._figures, "sync only stream", of_floor.latencies)
        _, latencies = _through(door, out, self._to_pace, rate / 2)
        goal = f"goal: under {GOAL_US}"
        add_percentiles(self._figures, "stream market in to out", latencies, "sync only stream", goal)
        self._figures.count("market data published", len(self._to_load) + len(self._to_pace))
        out.close()
        door.close()


def _through(
    door: zmq.Socket[bytes], out: zmq.Socket[bytes], payloads: list[bytes], rate: float | None
) -> tuple[float, list[float]]:
    """(seconds until all are published, seconds of each from when it was due): at this rate, or as fast as they come."""
    poller = zmq.Poller()
    poller.register(out, zmq.POLLIN)
    poller.register(door, zmq.POLLIN)
    count = len(payloads)
    sent_at: list[float] = []
    published: list[float] = []
    answers: list[Any] = []
    begun = time.perf_counter()
    deadline = begun + WAIT_S + (count / rate if rate else 0.0)
    while (len(published) < count or len(answers) < count) and (now := time.perf_counter()) < deadline:
        due = now if rate is None else begun + len(sent_at) / rate
        room = rate is not None or len(sent_at) - len(published) < ON_THEIR_WAY
        if len(sent_at) < count and room and now >= due:
            sent_at.append(due)
            door.send(payloads[len(sent_at) - 1])
        for socket, _ in poller.poll(0):
            if socket is door:
                answers += decode_answers(door.recv())
            elif out.recv_multipart()[-1]:  # an empty payload only repeats a header
                published.append(time.perf_counter())
    good = sum(type(it) is FactCommitted for it in answers)
    check(len(published) == good == count, f"{count} sent, {len(published)} published, {good} acknowledged")
    return published[-1] - begun, [then - at for at, then in zip(sent_at, published, strict=True)]


def _children(pid: int) -> list[int]:
    """The processes below it."""
    below: list[int] = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:  # it has ended meanwhile
            continue
        if int(fields[1]) == pid:
            child = int(stat.parent.name)
            below += [child, *_children(child)]
    return below


def _cpu_s(pid: int) -> float:
    """What all threads of a process have run, to the nanosecond; its ticks are too coarse for an idle one."""
    tasks = Path(f"/proc/{pid}/task").glob("*/schedstat")
    return sum(int(task.read_text().split()[0]) for task in tasks) / 1e9
