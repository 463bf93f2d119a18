"""LOBSTER pairs made up from a seed: a whole book by single orders, of which the files show the best levels only."""

from __future__ import annotations

import random
from collections import defaultdict
from pathlib import Path

DUMMY = 9_999_999_999
TICK = 100
NAME = "AAPL_2012-06-21_34200000_57600000_{}_{}.csv"
BUY, SELL = 1, -1


class Venue:
    """A book with all its orders; what of it is seen becomes rows."""

    def __init__(self, seed: int, depth: int) -> None:
        self.random = random.Random(seed)
        self.depth = depth
        self.orders: dict[int, list[int]] = {}
        """[side, px, qty] by number."""
        self.made = 0
        self.at_ns = 34_200 * 10**9
        self.messages: list[str] = []
        self.rows: list[str] = []

    def levels(self, side: int) -> list[tuple[int, int]]:
        sizes: defaultdict[int, int] = defaultdict(int)
        for its, px, qty in self.orders.values():
            if its == side:
                sizes[px] += qty
        return sorted(sizes.items(), key=lambda level: -level[0] * side)[: self.depth]

    def row(self) -> str:
        asks, bids = self.levels(SELL), self.levels(BUY)
        parts: list[int] = []
        for place in range(self.depth):
            parts += asks[place] if place < len(asks) else (DUMMY, 0)
            parts += bids[place] if place < len(bids) else (-DUMMY, 0)
        return ",".join(map(str, parts))

    def sees(self, side: int, px: int) -> bool:
        levels = self.levels(side)
        return len(levels) < self.depth or px * side >= levels[-1][0] * side

    def say(self, kind: int, order: int, qty: int, px: int, side: int) -> None:
        self.at_ns += self.random.randrange(1, 10**8)
        seconds, ns = divmod(self.at_ns, 10**9)
        self.messages.append(f"{seconds}.{ns:09d},{kind},{order},{qty},{px},{side}")
        self.rows.append(self.row())

    def add(self, *, quiet: bool = False) -> None:
        side = self.random.choice((BUY, SELL))
        other = self.levels(-side)
        best = other[0][0] if other else 1_000_000 + side * TICK
        px = best - side * TICK * self.random.randrange(1, 4 * self.depth)
        qty = self.random.randrange(1, 500)
        self.made += 1
        self.orders[self.made] = [side, px, qty]
        if not quiet and self.sees(side, px):
            self.say(1, self.made, qty, px, side)

    def take(self, kind: int) -> None:
        number = self.random.choice(sorted(self.orders))
        side, px, qty = self.orders[number]
        if kind == 4:
            best = self.levels(side)[0][0]
            number = min(n for n, (its, at, _) in self.orders.items() if (its, at) == (side, best))
            side, px, qty = self.orders[number]
        seen = self.sees(side, px)
        part = qty if kind == 3 or self.random.random() < 0.5 else self.random.randrange(1, qty + 1)
        if kind == 2 and part == qty:
            return
        self.orders[number][2] -= part
        if not self.orders[number][2]:
            del self.orders[number]
        if seen:
            self.say(kind, number, part, px, side)

    def step(self) -> None:
        kind = self.random.choices((1, 2, 3, 4, 5, 6, 7), (40, 15, 25, 15, 3, 1, 1))[0]
        side = self.random.choice((BUY, SELL))
        if kind == 1 or len(self.orders) < 4:
            self.add()
        elif kind <= 4:
            self.take(kind)
        elif kind == 5:
            self.say(5, 0, 10, 1_000_050, side)
        elif kind == 6:
            self.say(6, -1, 1000, 1_000_000, side)
        else:
            for resumed in (-1, 0, 1):
                self.say(7, 0, 0, resumed, -1)


def pair(folder: Path, *, seed: int = 1, depth: int = 3, count: int = 400) -> tuple[Path, Path]:
    """Write a message file and its book file; the book is half full before the first row."""
    venue = Venue(seed, depth)
    for _ in range(6 * depth):
        venue.add(quiet=True)
    while len(venue.rows) < count:
        venue.step()
    return write(folder, venue.messages, venue.rows, depth)


def write(folder: Path, messages: list[str], rows: list[str], depth: int) -> tuple[Path, Path]:
    folder.mkdir(parents=True, exist_ok=True)
    made = folder / NAME.format("message", depth), folder / NAME.format("orderbook", depth)
    for path, text in zip(made, (messages, rows), strict=True):
        path.write_text("".join(f"{line}\n" for line in text))
    return made
