"""One side of an order book: the size at each price, with the best price and the top levels always at hand.

A dict holds the sizes; beside it stands a sorted list of the prices with the best at its end, because nearly all
changes are near the best: then an insertion or removal moves few entries, however deep the book is.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Container, Iterable, Iterator
from typing import Final, final

from ledger.domain.units import Levels

BID: Final = 1
ASK: Final = -1


@final
class Ladder:
    """Changed in place, by the book's evolve only."""

    __slots__ = ("order", "ranks", "sizes")

    def __init__(self, order: int, levels: Levels = ()) -> None:
        self.order = order
        """BID or ASK: which end is the best."""
        self.sizes: dict[int, int] = {px: qty for px, qty in levels if qty > 0}
        """Size at each price, all > 0."""
        self.ranks: list[int] = sorted(px * order for px in self.sizes)
        """`px * order`, ascending: the best price is the last."""

    def apply(self, levels: Levels) -> None:
        """Set absolute sizes; 0 removes a level, also one that is not there (which is normal)."""
        sizes, ranks, order = self.sizes, self.ranks, self.order
        for px, qty in levels:
            if qty:
                if px not in sizes:
                    insort(ranks, px * order)
                sizes[px] = qty
            elif px in sizes:
                del sizes[px]
                del ranks[bisect_left(ranks, px * order)]

    @property
    def best(self) -> int | None:
        """The best price; None when the side is empty."""
        return self.ranks[-1] * self.order if self.ranks else None

    def best_outside(self, excluded: Container[int]) -> int | None:
        """The best price that is not one of `excluded`."""
        for rank in reversed(self.ranks):
            if rank * self.order not in excluded:
                return rank * self.order
        return None

    def best_after(self, levels: Levels) -> int | None:
        """What the best price will be once `levels` are applied; the ladder stays as it is."""
        changes = dict(levels)
        kept = self.best_outside({px for px, qty in changes.items() if not qty})
        added = [px * self.order for px, qty in changes.items() if qty]
        if kept is not None:
            added.append(kept * self.order)
        return max(added) * self.order if added else None

    def top(self, count: int) -> Iterator[tuple[int, int]]:
        """The best `count` levels as (px, qty), best first."""
        for rank in self.ranks[: -count - 1 : -1]:
            px = rank * self.order
            yield px, self.sizes[px]

    def top_after(self, levels: Levels, count: int) -> list[tuple[int, int]]:
        """The best `count` levels as they will be once `levels` are applied."""
        changes = dict(levels)
        kept = [level for level in self.top(count + len(changes)) if level[0] not in changes]
        kept += [(px, qty) for px, qty in changes.items() if qty]
        return sorted(kept, key=lambda level: -level[0] * self.order)[:count]

    def beyond(self, count: int) -> list[int]:
        """The prices of the levels that are not among the best `count`, worst first."""
        return [rank * self.order for rank in self.ranks[: max(0, len(self.ranks) - count)]]

    def items(self) -> Iterable[tuple[int, int]]:
        """Every level, in no particular order."""
        return self.sizes.items()

    def __len__(self) -> int:
        return len(self.sizes)
