"""How events and states become rows: what a sink declares; the feed calls it, for runners, audits and rebuilds."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, cast, final

from msgspec import Struct

from ledger.fold import Part, whole
from ledger.projections.contract import Row, Step

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
    part: Callable[[Any], Part] = whole
    """What of the fold these functions read: a projector folds no more than that (`ledger.fold.parts`)."""


def entity_name(kind: str, key: Any) -> str:
    """An entity, or a row of a table, as people read it: `order AAPL/c1`."""
    parts = cast("tuple[object, ...]", key) if isinstance(key, tuple) else (key,)
    return f"{kind} " + "/".join(map(str, parts))
