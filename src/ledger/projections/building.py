"""From events and states to rows, with what cannot be built parked; the runner, audits and rebuilds share it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, cast, final

from msgspec import Struct

from ledger.projections.beginning import Outrun
from ledger.projections.contract import Row, Step
from ledger.projections.parking import Parking

OfEvent = Callable[[Step, Any], Iterable[Row]]
"""(step, fold with the event applied) -> rows."""
OfState = Callable[[Any, Any, Any], Iterable[Row]]
"""(key, state, fold) -> rows."""


@final
class Builders(Struct, frozen=True):
    """Pure functions that make rows; what is in neither table makes none."""

    events: Mapping[type, OfEvent] = {}
    """By event type: called for each event, right after the fold has applied it."""
    states: Mapping[str, OfState] = {}
    """By kind of entity (`order`, `fill`, `position`, `book`, ...: the names of the fold's stores): called once a
    batch for each entity that changed, with its state at the end of the batch."""


def rows_of_event(build: OfEvent, step: Step, fold: Any, parking: Parking) -> list[Row]:
    """The event's rows; [] and a parked event if they cannot be built."""
    try:
        return list(build(step, fold))
    except Outrun:
        raise
    except Exception as error:  # a row that cannot be built must not stop those that can
        parking.park(f"{type(step.event).__name__} {step.seq}", step.seq, repr(error))
        return []


def rows_of_state(kind: str, build: OfState, key: Any, state: Any, fold: Any, parking: Parking) -> list[Row]:
    """The entity's rows; [] and a parked entity if they cannot be built. A later state may be built again."""
    try:
        rows = list(build(key, state, fold))
    except Outrun:
        raise
    except Exception as error:
        parking.park(entity_name(kind, key), getattr(state, "version", 0), repr(error))
        return []
    if len(parking):
        parking.release(entity_name(kind, key))
    return rows


def entity_name(kind: str, key: Any) -> str:
    """An entity, or a row of a table, as people read it: `order AAPL/c1`."""
    parts = cast("tuple[object, ...]", key) if isinstance(key, tuple) else (key,)
    return f"{kind} " + "/".join(map(str, parts))
