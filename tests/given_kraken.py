"""Captures of Kraken's WebSocket v1 book made up for tests, with checksums made from their text."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable
from pathlib import Path

Text = tuple[str, str]
BEGAN_NS = 1_618_678_132_385_815_100
HEAD = "wss://ws.kraken.com <-> 1618678132.3858151\n"
PAIR, OTHER = "XBT/USD", "ETH/XBT"
DEPTH = 10
STAMP = "1618678133.385102"


class Pair:
    """A pair as Kraken has it: sizes by price, all as text."""

    def __init__(self, name: str = PAIR, depth: int = DEPTH) -> None:
        self.name = name
        self.depth = depth
        self.sides: dict[str, dict[str, str]] = {"a": {}, "b": {}}

    def best(self, side: str, count: int) -> list[Text]:
        ordered = sorted(self.sides[side].items(), key=lambda level: float(level[0]), reverse=side == "b")
        return ordered[:count]

    def snapshot(self, bids: Iterable[Text], asks: Iterable[Text]) -> list:
        self.sides = {"a": dict(asks), "b": dict(bids)}
        text = {f"{side}s": _stamped(levels.items()) for side, levels in self.sides.items()}
        return [1360, text, f"book-{self.depth}", self.name]

    def update(self, bids: Iterable[Text] = (), asks: Iterable[Text] = (), checksum: str = "") -> list:
        parts = []
        for side, levels in (("a", list(asks)), ("b", list(bids))):
            for px, qty in levels:
                if float(qty):
                    self.sides[side][px] = qty
                else:
                    self.sides[side].pop(px, None)
            self.sides[side] = dict(self.best(side, self.depth))
            if levels:
                parts.append({side: _stamped(levels)})
        parts[-1]["c"] = checksum or str(self.checksum())
        return [1360, *parts, f"book-{self.depth}", self.name]

    def checksum(self) -> int:
        levels = self.best("a", 10) + self.best("b", 10)
        return zlib.crc32(
            "".join(text.replace(".", "").lstrip("0") for level in levels for text in level).encode()
        )


def _stamped(levels: Iterable[Text]) -> list[list[str]]:
    return [[px, qty, STAMP] for px, qty in levels]


def sound(pair: Pair | None = None) -> list:
    """A snapshot, then levels set, removed and set twice in one message, on one side and on both."""
    pair = pair or Pair()
    bids = [(f"0.0{9950 - at}0", f"{at + 1}.50000000") for at in range(10)]
    asks = [(f"0.0{9951 + at}0", f"0.{at}1000000") for at in range(10)]
    return [
        pair.snapshot(bids, asks),
        pair.update(bids=[("0.099500", "0.00000001")]),
        pair.update(asks=[("0.099510", "0.00000000"), ("0.099610", "2.00000000")]),
        pair.update(
            bids=[("0.099510", "1.00000000"), ("0.099510", "3.00000000")], asks=[("0.099530", "7.00000000")]
        ),
        pair.update(asks=[("0.099520", "12.00000000")]),
    ]


def write(path: Path, messages: Iterable, head: str = HEAD) -> Path:
    lines = [head, '1618678132.3858151: {"event":"heartbeat"}\n', "\n"]
    lines += [f"16186781{33 + at}.5: {json.dumps(message)}\n" for at, message in enumerate(messages)]
    path.write_text("".join(lines))
    return path
