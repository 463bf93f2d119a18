"""Following the stream door page by page: what to ask next, and the rows of what was answered."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final, final

from ledger.client.rows import decimal_row
from ledger.wire import Page, parse_place

EVENTS: Final = 500
"""In one page at most, unless asked otherwise."""
WAIT_MS: Final = 400
"""How long a page may be kept back until there is something for it; below the client's patience for an answer."""


@final
class Subscription:
    """One reader of the stream; no I/O. The next question begins where the last answer ended, so nothing is lost or
    repeated."""

    def __init__(
        self,
        from_place: str = "",
        *,
        name: str = "",
        journal: str = "trading",
        strategy: str = "",
        symbol: str = "",
        exchange: str = "",
        types: Iterable[str] = (),
        outward: bool = False,
        batch: int = EVENTS,
    ) -> None:
        """Without `from_place`: from what the consumer `name` acknowledged last, else from the first event. `outward`
        is what a gateway of `exchange` has to send."""
        given = {
            "from": from_place,
            "consumer": name,
            "journal": journal,
            "strategy": strategy,
            "symbol": symbol,
            "exchange": exchange,
            "types": ",".join(types),
        }
        self._filters = {key: value for key, value in given.items() if value}
        self._filters["wait_ms"] = str(WAIT_MS)
        self._what = "outward" if outward else "events"
        self._batch = batch
        self.cursor = from_place
        """Where the next page begins; "" before the first page of a named consumer."""

    @property
    def next_seq(self) -> int:
        """The seq where the next page begins; 0 if that is not known yet."""
        return parse_place(self.cursor)[2] if self.cursor else 0

    @property
    def partition(self) -> int:
        """The partition whose stream it is: that of its place."""
        place = self.cursor or self._filters.get("from", "")
        return parse_place(place)[1] if place else 0

    def question(self) -> tuple[str, dict[str, Any], str, int]:
        """(what, filters, cursor, limit) of the next query."""
        return self._what, self._filters, self.cursor, self._batch

    def took(self, page: Page) -> Iterator[dict[str, Any]]:
        """The page's rows; the cursor moves when the last one was taken."""
        for row in page.rows:
            yield decimal_row(row)
        self.cursor = page.cursor
