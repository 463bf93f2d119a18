"""Overload: three times what a ledger can do is offered, and a subscriber is deaf: what it keeps, how long that takes.

First 4,096 commands are kept in flight, which is its load; then three times that pace is sent whatever comes back, with
a cancel by somebody else after every few messages; then its load again with a subscriber to everything, for whom all
is published: first one that takes it all in, then one that takes nothing. Checked: every command was answered Committed
or OVERLOADED, every cancel was taken or found pending, none was turned away, and the journal has exactly the orders
that were taken.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import zmq

from _bench_client import PATIENT, STOP_S, Context, Talk, add_percentiles, ask, converse, paced
from _bench_doors import check_orders
from _bench_load import cancels, definitions, submits
from _bench_result import Figures, check
from ledger.domain.codes import Code
from ledger.testing import Child
from ledger.wire import Committed, Refused, decode_answers, encode_messages

A_MESSAGE: Final = 64
IN_FLIGHT: Final = 64
TIMES: Final = 3
QUEUE_MAX: Final = 8_192
MESSAGES: Final = 150
"""Of the load in a quick round; of three times the load three times as many."""
CANCEL_EVERY: Final = 8
"""Messages to a cancel."""
SETS: Final = (f"engine.queue_max={QUEUE_MAX}", "doors.order_events_hwm=100", PATIENT)


class OverloadBench:
    """Measures one ledger of its own; one call of `round` each."""

    def __init__(self, figures: Figures, root: Path, seed: int, scale: int) -> None:
        self._figures = figures
        self._root = root
        self._definitions = encode_messages(definitions(seed))
        self._loads = {
            name: [it[1] for it in submits(seed, count * scale * A_MESSAGE, A_MESSAGE, f"{name}-").messages]
            for name, count in (
                ("load", MESSAGES),
                ("offered", TIMES * MESSAGES),
                ("swift", MESSAGES),
                ("deaf", MESSAGES),
            )
        }
        order, requests = cancels(seed, len(self._loads["offered"]) // CANCEL_EVERY)
        self._order = encode_messages([order])
        self._cancels = [encode_messages([it]) for it in requests]

    def round(self) -> None:
        """One round."""
        context: Context = zmq.Context()
        try:
            with (
                tempfile.TemporaryDirectory(dir=self._root) as directory,
                Child(Path(directory) / "data", sets=SETS) as child,
            ):
                endpoints = child.start()["endpoints"]
                door = endpoints["commands"]
                ask(context, door, self._definitions)
                check(
                    type(ask(context, door, self._order)[0]) is Committed, "the order to cancel was refused"
                )
                load = self._at_load(context, door, "load", "overload none", "")
                peak_kib = _peak_kib(child.pid)
                taken = self._offer(context, door, TIMES * load)
                grown = (_peak_kib(child.pid) - peak_kib) / 1024
                self._figures.add(
                    "overload peak of memory grew by", "MiB", grown, note=f"{taken:,} orders with it"
                )
                for name, room in (("swift", 0), ("deaf", 1)):
                    floor = "overload none" if name == "swift" else "overload swift subscriber"
                    subscriber = _subscriber(context, endpoints["order_events_pub"], room)
                    self._at_load(context, door, name, f"overload {name} subscriber", floor)
                    subscriber.close()
                check(child.stop(STOP_S) == 0, "serve did not end cleanly")
                at_load = sum(len(self._loads[name]) for name in ("load", "swift", "deaf"))
                check_orders(Path(directory) / "data", 0, at_load * A_MESSAGE + taken + 1)
        finally:
            context.destroy(linger=0)

    def _at_load(self, context: Context, door: str, load: str, name: str, floor: str) -> float:
        """Messages a second."""
        payloads = self._loads[load]
        talk = converse(context, [(door, payloads)], IN_FLIGHT)
        taken = self._taken(talk.answers)
        check(taken == len(payloads) * A_MESSAGE, f"{len(payloads) * A_MESSAGE} fit, {taken} were taken")
        self._figures.add(name, "commands/s", taken / talk.seconds, floor)
        return len(payloads) / talk.seconds

    def _offer(self, context: Context, door: str, rate: float) -> int:
        """How many orders were taken while so many messages a second were sent."""
        payloads = self._loads["offered"]
        talk = paced(context, [(door, payloads), (door, self._cancels)], rate)
        orders, asked = ([it for it in _answered(talk) if it[0] == lane] for lane in (0, 1))
        taken = self._taken([answer for _, _, answer in orders])
        name = f"overload {TIMES} times"
        self._figures.add(name, "commands/s", taken / talk.seconds, "overload none", "those taken")
        refused = 100 * (1 - taken / (len(payloads) * A_MESSAGE))
        self._figures.add(f"{name}, refused", "%", refused, note="OVERLOADED")
        kept = [s for _, s, answer in orders if any(type(it) is Committed for it in decode_answers(answer))]
        add_percentiles(self._figures, f"{name}, taken", kept)
        for _, _, answer in asked:
            (told,) = decode_answers(answer)
            fine = type(told) is Committed or told.code == Code.ALREADY_PENDING_CANCEL
            check(fine, f"a cancel was answered {told}")
        add_percentiles(self._figures, f"{name}, cancels", [seconds for _, seconds, _ in asked])
        self._figures.count("cancels taken under overload", len(asked))
        return taken

    def _taken(self, parts: Sequence[bytes]) -> int:
        answers = [answer for part in parts for answer in decode_answers(part)]
        taken = sum(type(it) is Committed and not it.repeated for it in answers)
        told = sum(type(it) is Refused and it.code == Code.OVERLOADED for it in answers)
        check(taken + told == len(answers), f"{len(answers) - taken - told} neither taken nor OVERLOADED")
        self._figures.count("commands taken or OVERLOADED", len(answers))
        return taken


def _answered(talk: Talk) -> list[tuple[int, float, bytes]]:
    return list(zip(talk.lanes, talk.latencies, talk.answers, strict=True))


def _subscriber(context: Context, endpoint: str, room: int) -> Any:
    """Subscribed to everything; `room`: messages that are taken in for it before it reads, which it never does; 0: all."""
    socket = context.socket(zmq.SUB)
    socket.setsockopt(zmq.RCVHWM, room)
    socket.setsockopt(zmq.SUBSCRIBE, b"")
    socket.connect(endpoint)
    return socket


def _peak_kib(pid: int) -> int:
    (line,) = [it for it in Path(f"/proc/{pid}/status").read_text().splitlines() if it.startswith("VmHWM")]
    return int(line.split()[1])
