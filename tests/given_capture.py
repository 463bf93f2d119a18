"""Captures made up for tests, as the lines of Binance's combined streams with their local times."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

BEGAN_NS = 1_723_161_253_937_085_768
STEP_NS = 100_000_000


def depth(first: int, last: int, bids=(), asks=(), **more) -> dict:
    data = {"e": "depthUpdate", "E": 1_723_161_255_208, "s": "BTCUSDT", "U": first, "u": last}
    return {"stream": "btcusdt@depth@100ms", "data": data | {"b": list(bids), "a": list(asks)} | more}


def ticker(update: int, bid: tuple[str, str], ask: tuple[str, str]) -> dict:
    data = {"u": update, "s": "BTCUSDT", "b": bid[0], "B": bid[1], "a": ask[0], "A": ask[1]}
    return {"stream": "btcusdt@bookTicker", "data": data}


def trade(px: str, qty: str, number: int = 1, *, buyer_is_maker: bool = False) -> dict:
    data = {"e": "trade", "E": 1_723_161_255_300, "s": "BTCUSDT", "t": number, "p": px, "q": qty}
    return {"stream": "btcusdt@trade", "data": data | {"T": 1_723_161_255_299, "m": buyer_is_maker}}


def snapshot(last: int, bids=(), asks=()) -> dict:
    return {"lastUpdateId": last, "bids": list(bids), "asks": list(asks)}


SOUND = (
    depth(1, 5, [("99.00000000", "1.00000000")]),
    snapshot(
        10,
        [("100.00000000", "1.00000000"), ("99.00000000", "2.50000000")],
        [("101.00000000", "3.00000000")],
    ),
    depth(11, 12, [("100.00000000", "0.00000000")], [("100.50000000", "0.12345678")]),
    ticker(12, ("99.00000000", "2.50000000"), ("100.50000000", "0.12345678")),
    trade("100.50000000", "0.10000000", 7),
    ticker(13, ("99.50000000", "1.00000000"), ("100.50000000", "0.12345678")),
    depth(13, 13, [("99.50000000", "1.00000000")]),
)
"""A book that begins without a snapshot, and two of the venue's best prices that it must show."""


def text(messages=SOUND, began_ns: int = BEGAN_NS) -> str:
    lines = (f"{began_ns + at * STEP_NS} {json.dumps(message)}\n" for at, message in enumerate(messages))
    return "".join(lines)


def write(path: Path, messages=SOUND, began_ns: int = BEGAN_NS) -> Path:
    """Write a capture; packed if the name ends with .gz."""
    body = text(messages, began_ns).encode()
    path.write_bytes(gzip.compress(body, mtime=0) if path.suffix == ".gz" else body)
    return path
