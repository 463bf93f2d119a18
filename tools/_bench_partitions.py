"""The door `commands` of a ledger of two partitions: one client process, each command to the partition of its symbol.

Beside the same with one partition (the part `doors` of the same run). Checked: every command was answered Committed and
stands in the journal of its partition once.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Final

import zmq

from _bench_client import STOP_S, Context, Lane, add_percentiles, ask, converse, paced
from _bench_doors import HALF_LOADS, ROOM, Shape, check_orders
from _bench_load import definitions, routed_submits
from _bench_result import Figures, check
from ledger.endpoints import read_endpoints
from ledger.testing import Child
from ledger.wire import Committed, encode_messages

PARTITIONS: Final = 2
SHAPES: Final[tuple[Shape, ...]] = (
    (1, 1, 60),
    (16, 1, 400),
    (256, 1, 1_500),
    (4096, 1, 4_096),
    (16, 64, 100),
    (64, 64, 200),
)
PACED: Final = {1: 1_000, 64: 120}
"""Messages at half load in a quick round, by commands a message."""


class PartitionBench:
    """Measures every shape against a new server; one call of `round` each."""

    def __init__(self, figures: Figures, root: Path, seed: int, scale: int) -> None:
        self._figures = figures
        self._root = root
        self._definitions = encode_messages(definitions(seed))
        self._orders = [0] * PARTITIONS
        self._loads: list[tuple[int, int, list[list[bytes]]]] = []
        for flight, each, count in SHAPES:
            count *= 1 if count >= 4096 else scale
            self._loads.append((flight, each, self._routed(seed, count, each, f"p{flight}x{each}-")))
        self._paced = {
            each: self._routed(seed, count * scale, each, f"paced{each}-") for each, count in PACED.items()
        }

    def _routed(self, seed: int, count: int, each: int, prefix: str) -> list[list[bytes]]:
        """The messages of each partition."""
        made = routed_submits(seed, count * each, each, prefix, PARTITIONS)
        for partition, load in enumerate(made):
            self._orders[partition] += load.inputs
        return [[payload for _, payload in load.messages] for load in made]

    def round(self) -> None:
        """One round."""
        context: Context = zmq.Context()
        with tempfile.TemporaryDirectory(dir=self._root) as directory:
            data = Path(directory) / "data"
            try:
                with Child(data, sets=(*ROOM, f"engine.partitions={PARTITIONS}")) as child:
                    child.start()
                    doors = [
                        read_endpoints(data, number).endpoints["commands"] for number in range(PARTITIONS)
                    ]
                    answers = ask(context, doors[0], self._definitions)
                    check(all(type(it) is Committed for it in answers), "a definition was refused")
                    for flight, each, routed in self._loads:
                        self._shape(context, list(zip(doors, routed, strict=True)), flight, each)
                    check(child.stop(STOP_S) == 0, "serve did not end cleanly")
            finally:
                context.destroy(linger=0)
            for partition, wanted in enumerate(self._orders):
                check_orders(data, partition, wanted)
            self._figures.count("orders found in the journals of two partitions", sum(self._orders))

    def _shape(self, context: Context, lanes: list[Lane], flight: int, each: int) -> None:
        talk = converse(context, lanes, flight)
        name, of_one = f"partitions {flight} x {each}", f"door {flight} x {each}"
        commands = self._checked(talk.of(Committed), lanes, each)
        self._figures.add(name, "commands/s", commands / talk.seconds, of_one)
        add_percentiles(self._figures, name, talk.latencies, of_one)
        if (flight, each) in HALF_LOADS:
            paced_lanes = [(door, load) for (door, _), load in zip(lanes, self._paced[each], strict=True)]
            rate = sum(len(payloads) for _, payloads in lanes) / talk.seconds / 2
            at_half = paced(context, paced_lanes, rate)
            self._checked(at_half.of(Committed), paced_lanes, each)
            half = f"half load x {each}"
            name = f"partitions {half}"
            add_percentiles(self._figures, name, at_half.latencies, f"door {half}")

    def _checked(self, good: int, lanes: list[Lane], each: int) -> int:
        wanted = each * sum(len(payloads) for _, payloads in lanes)
        check(good == wanted, f"{wanted} commands to {PARTITIONS} partitions, {good} committed")
        self._figures.count("answers at the doors of two partitions", good)
        return good
