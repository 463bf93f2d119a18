"""When each message of the market journal came and through whom: each said once, then held for the rest of its
frame until another is said: a message of many and a sender of many messages cost a byte or two an event.
"""

from __future__ import annotations

from typing import Any, final

from ledger.domain.events import Marketed


@final
class Arrivals:
    """Of the events of one frame, in their order."""

    def __init__(self) -> None:
        self._at = 0
        self._by = ""

    def of(self, event: Any) -> tuple[int, str] | None:
        """(received_at_ns, actor) of a market event, (0, "") where a journal of before does not say; None for others.

        To be asked for every event of the frame from its first on.
        """
        if not isinstance(event, Marketed):
            return None
        told: Any = event
        self._at = told.received_at_ns or self._at
        self._by = told.actor or self._by
        return self._at, self._by


def filled(row: dict[str, Any], arrival: tuple[int, str] | None) -> dict[str, Any]:
    """The JSON form of an event with its arrival in it."""
    if arrival is not None and arrival[1]:
        row["received_at_ns"], row["actor"] = arrival
    return row
