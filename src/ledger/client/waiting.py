"""Reading one's own write: when the ledger, or a projection, shows what was committed at a place."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final, final

from ledger.client.errors import NotReachable
from ledger.wire import Committed, parse_place

POLL_S: Final = 0.02


@final
class Wanted:
    """A place that the journal, or a projection, must reach before a deadline."""

    def __init__(
        self, place: str | Committed, projection: str, timeout: float, clock: Callable[[], float]
    ) -> None:
        """Raises ValueError where the place cannot be read."""
        if isinstance(place, str):
            self._journal, self._partition, self._seq = parse_place(place)
        else:
            self._journal, self._partition, self._seq = "trading", place.partition, place.seq
        self._projection = projection
        self._timeout = timeout
        self._clock = clock
        self._end = clock() + timeout
        self._why = "it does not run beside this ledger" if projection else "it is not durable yet"
        self.question = "projections" if projection else "head"
        """What to ask for."""

    def reached(self, rows: Iterable[dict[str, Any]]) -> bool:
        """Whether the rows that answer `question` say so. Raises NotReachable at the deadline."""
        if not self._projection:
            return self._is_durable(rows) or self._not_yet()
        for row in rows:
            if (row["projection"], row["partition"], row["journal"]) != (
                self._projection,
                self._partition,
                self._journal,
            ):
                continue
            if row["seq"] >= self._seq:
                return True
            self._why = f"it is at {row['seq']} ({row['state']}{': ' + row['error'] if row['error'] else ''})"
        return self._not_yet()

    def _is_durable(self, rows: Iterable[dict[str, Any]]) -> bool:
        heads = [each for row in rows for each in row["journals"][self._journal]]
        return any(
            each["partition"] == self._partition and parse_place(each["head"])[2] >= self._seq
            for each in heads
        )

    def _not_yet(self) -> bool:
        if self._clock() >= self._end:
            raise NotReachable(
                f"{self._projection or 'the journal'} did not reach {self._journal}/{self._partition}:{self._seq}"
                f" in {self._timeout:g} s: {self._why}",
                "ledger projections status" if self._projection else "ledger status",
            )
        return False

    def pause(self) -> float:
        """How long to wait before the next look, in seconds."""
        return max(0.0, min(POLL_S, self._end - self._clock()))
