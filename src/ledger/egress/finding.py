"""What partition 0 asks the others: which orders a report without a symbol can mean.

A report is assigned only once every partition has answered, so that none is given to one order where two could be meant;
a partition that does not run is asked again until it does, and the report stays kept meanwhile, also over a start.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Final, final

import trio
import zmq

from ledger.egress.neighbour import ask_neighbour
from ledger.keys import DialKeys
from ledger.wire import Page, Query

LOOK_EVERY_S: Final = 0.05
AGAIN_S: Final = 0.2
BATCH_MAX: Final = 64
Ids = Mapping[str, str]
Rows = Iterable[Mapping[str, Any]]


@final
class Finding:
    """The service of partition 0 of several. Belongs to the trio thread."""

    def __init__(
        self,
        data: Path,
        context: zmq.Context[Any],
        partitions: int,
        waiting: Callable[[], Mapping[int, Ids]],
        own: Callable[[Ids], Rows],
        found: Callable[[int, tuple[str, ...]], None],
        *,
        keys: DialKeys | None = None,
    ) -> None:
        """`waiting`: the ids of each report that is kept; `own`: the orders here that they can mean; `found` takes the
        symbols of those in all partitions. `keys` are shown at the others' doors."""
        self._data = data
        self._context = context
        self._others = range(1, partitions)
        self._waiting = waiting
        self._own = own
        self._found = found
        self._keys = keys
        self._numbers = itertools.count(1)

    async def run(self) -> None:
        """Ask for whatever is kept, until it is cancelled."""
        while True:
            kept = dict(itertools.islice(self._waiting().items(), BATCH_MAX))
            if not kept:
                await trio.sleep(LOOK_EVERY_S)
                continue
            rows: dict[int, list[Mapping[str, Any]]] = {seq: [] for seq in kept}
            if all([await self._ask(partition, kept, rows) for partition in self._others]):
                for seq, ids in kept.items():
                    self._found(seq, symbols_of([*self._own(ids), *rows[seq]]))
            await trio.sleep(AGAIN_S)  # it takes a turn until what was found is kept no more

    async def _ask(
        self, partition: int, kept: Mapping[int, Ids], rows: dict[int, list[Mapping[str, Any]]]
    ) -> bool:
        """Put the questions to one partition and add what it answers; False if it has not answered all of them."""
        asked = {f"m{next(self._numbers)}": seq for seq in kept}
        queries = [
            Query(name, "orders_meant", {key: text for key, text in kept[seq].items() if text})
            for name, seq in asked.items()
        ]
        answers = await ask_neighbour(self._context, self._data, partition, "query", queries, self._keys)
        pages = [answer for answer in answers if isinstance(answer, Page)]
        for page in pages:
            rows[asked[page.id]] += page.rows
        return len(pages) == len(asked)


def symbols_of(rows: Rows) -> tuple[str, ...]:
    """The symbol of each order that is meant: a venue's own id counts before a client's, whoever has it."""
    found = list(rows)
    by_venue = [row for row in found if row["by_venue_order_id"]]
    return tuple(str(row["symbol"]) for row in by_venue or found)
