"""A real sink with one entity, or event, whose row cannot be built."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, final

from ledger.projections import Batch, Builders, Fencing, Offset, Projection, Row, Step


def claim(sink: Projection, lineage: str) -> None:
    """Make it the writer, if it has writers."""
    if isinstance(sink, Fencing):
        sink.claim(lineage)


@final
class Poisoned:
    """A sink whose builders cannot make the row of one entity, and of one event where it makes rows of events alone."""

    def __init__(self, sink: Projection) -> None:
        self._sink = sink
        self._poison: object = None
        self.name, self.journals = sink.name, sink.journals

    def builders(self, journal: str) -> Builders:
        """Those of the sink, but the first entity, or else the first event, of the first journal cannot be built."""
        own = self._sink.builders(journal)
        if journal != self.journals[0]:
            return own
        if own.states:
            kind = next(iter(own.states))
            return Builders(own.events, {**own.states, kind: self._bad_state(own.states[kind])})
        kind = next(iter(own.events))
        return Builders({**own.events, kind: self._bad_event(own.events[kind])}, own.states)

    def claim(self, lineage: str) -> None:
        """As the sink does."""
        claim(self._sink, lineage)

    def offset(self, journal: str) -> Offset | None:
        """As the sink does."""
        return self._sink.offset(journal)

    def apply(self, batch: Batch) -> None:
        """As the sink does."""
        self._sink.apply(batch)

    def close(self) -> None:
        """As the sink does."""
        self._sink.close()

    def _bad_state(self, build: Callable[..., Any]) -> Callable[..., Any]:
        def built(key: Any, state: Any, fold: Any) -> list[Row]:
            self._check(key)
            return list(build(key, state, fold))

        return built

    def _bad_event(self, build: Callable[..., Any]) -> Callable[..., Any]:
        def built(step: Step, fold: Any) -> list[Row]:
            self._check(step.seq)
            return list(build(step, fold))

        return built

    def _check(self, name: object) -> None:
        if self._poison is None:
            self._poison = name
        if name == self._poison:
            raise ValueError("this one is poison")
