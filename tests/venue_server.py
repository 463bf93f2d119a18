"""A venue behind a socket: remembers every instruction that reaches it, and how often."""

from __future__ import annotations

import json
import threading
from collections import Counter
from types import TracebackType
from typing import Any, Self

import zmq
from msgspec.structs import replace

from ledger.domain.facts import ReportFill
from ledger.testing.honest_venue import HonestVenue
from ledger.testing.instructions import instruction_of
from ledger.wire import show

MARKETS = {"SIM.SHARE": (1, 1_812_500)}
SCALES = {"SIM.SHARE": (4, 0)}
POLL_MS = 20
FACTS_MAX = 64


class VenueServer:
    """Answers in a thread of its own while the block runs."""

    def __init__(self) -> None:
        self._context: zmq.Context[Any] = zmq.Context()
        self._socket = self._context.socket(zmq.ROUTER)
        port = self._socket.bind_to_random_port("tcp://127.0.0.1")
        self.address = f"tcp://127.0.0.1:{port}"
        self.taken: Counter[str] = Counter()
        """How often each command_id was sent here."""
        self.asked: Counter[str] = Counter()
        self.shown: Counter[str] = Counter()
        """How often the status of each order was asked for."""
        self.loses_a_fill = False
        """Whether the next partial fill is never told by itself."""
        self.lost: list[str] = []
        """client_order_id of each order of which one was lost."""
        self._venue = HonestVenue(7, "v", MARKETS)
        self._facts: list[Any] = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join(10)
        self._context.destroy(linger=0)

    def _run(self) -> None:
        while not self._stop.is_set():
            if self._socket.poll(POLL_MS):
                sender, empty, body = self._socket.recv_multipart()
                answer = self._answer(json.loads(body))
                self._socket.send_multipart([sender, empty, json.dumps(answer).encode()])
            self._happen()

    def _happen(self) -> None:
        """Everything that rests trades sooner or later."""
        self._venue.trade(4)
        told = self._venue.told()
        lost = next((at for at, fact in enumerate(told) if self.loses_a_fill and _is_partial(fact)), None)
        if lost is not None:
            self.lost.append(told.pop(lost).client_order_id)
            self.loses_a_fill = False
        self._facts += told

    def _answer(self, question: dict[str, Any]) -> Any:
        if "take" in question:
            row = question["take"]
            self.taken[row["command_id"]] += 1
            instruction = instruction_of(row, SCALES)
            assert instruction is not None
            if self.taken[row["command_id"]] == 1:
                self._venue.take(instruction)
            return True
        if "knows" in question:
            self.asked[question["knows"]] += 1
            return self.taken[question["knows"]] > 0
        if "status" in question:
            self.shown[question["status"]] += 1
            self._venue.asked(question["symbol"], question["status"])
            return True
        if "facts" in question:
            wanted = self._facts[question["facts"] : question["facts"] + FACTS_MAX]
            return [self._numbered(fact, question, at) for at, fact in enumerate(wanted)]
        return None

    def _numbered(self, fact: Any, question: dict[str, Any], at: int) -> dict[str, Any]:
        number = question["facts"] + at + 1
        told = replace(fact, source=question["source"], source_epoch=1, source_seq=number)
        return show(told, SCALES[fact.symbol])


def _is_partial(fact: Any) -> bool:
    """A fill after which the order rests on: the next one will tell that the venue counts more."""
    return type(fact) is ReportFill and bool(fact.venue_leaves)
