"""Seed keys that set an engine key: the value moves, with the place where it was written.

The higher layer wins; on one layer both may stand only if they say the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, final

import msgspec

from ledger.config.errors import Problem
from ledger.config.reading import Given
from ledger.config.schema import described, leaves

SOCKETS = "message_queues.zeromq.sockets."


@final
class Endpoint(msgspec.Struct, frozen=True):
    """A ZeroMQ endpoint, taken apart."""

    host: str
    port: int


def endpoint(text: str) -> Endpoint:
    """`tcp://host:port` taken apart; localhost is 127.0.0.1, since a door binds an address."""
    host, _, port = text.removeprefix("tcp://").rpartition(":")
    return Endpoint("127.0.0.1" if host == "localhost" else host, int(port))


@final
class Move(msgspec.Struct, frozen=True):
    """One seed key and the engine key that it sets."""

    seed_path: str
    own_path: str
    convert: Callable[[Any], object]
    seed: str


def _same(value: object) -> object:
    return value


def _host(text: str) -> object:
    return endpoint(text).host


def _port(text: str) -> object:
    return endpoint(text).port


def _port_less_one(text: str) -> object:
    return endpoint(text).port - 1


MOVES = (
    Move(SOCKETS + "market_data_pub.endpoint", "doors.host", _host, "S-43"),
    Move(SOCKETS + "market_data_pub.endpoint", "doors.base_port", _port, "S-43"),
    Move(SOCKETS + "order_events_pub.endpoint", "doors.host", _host, "S-43"),
    Move(SOCKETS + "order_events_pub.endpoint", "doors.base_port", _port_less_one, "S-43"),
    Move(SOCKETS + "market_data_pub.hwm", "doors.market_data_hwm", _same, "S-42"),
    Move(SOCKETS + "order_events_pub.hwm", "doors.order_events_hwm", _same, "S-42"),
    Move("redis.data_structures.sessions.ttl_seconds", "session.ttl_s", _same, "S-29"),
)


def moved(given: dict[str, Given]) -> tuple[dict[str, Given], list[Problem]]:
    """The given values with the seed's keys carried over, and a problem for each contradiction on one layer."""
    result = dict(given)
    problems = list(_move_all(given, result))
    return result, problems


def _move_all(given: dict[str, Given], result: dict[str, Given]) -> Iterator[Problem]:
    for move in MOVES:
        source = given.get(move.seed_path)
        if source is None:
            continue
        value = move.convert(source.value)
        known, own = result.get(move.own_path), leaves()[move.own_path]
        if isinstance(value, int) and not (own.note.least or 0) <= value <= (own.note.most or value):
            text = f"sets {move.own_path} to {value}: expected {described(own.type, own.note)}"
            yield Problem(source.origin, move.seed_path, text, move.seed)
        elif known is None or known.origin.layer < source.origin.layer:
            result[move.own_path] = Given(value, source.origin)
        elif known.origin.layer == source.origin.layer and known.value != value:
            text = f"sets {move.own_path} to {value}, but {known.origin} says {known.value}; give one of them"
            yield Problem(source.origin, move.seed_path, text, move.seed)
