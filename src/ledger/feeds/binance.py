"""Combined-stream captures of Binance, spot and USD-M futures: lines `<local ns> <json>` to market facts.

Prices and sizes are decimal text in the capture and scaled integers in the fact; nothing between is a float. Each
file is one run of the source: its epoch is the local time of its first line, its numbers count the messages taken,
so the same file always gives the same facts and a second feed of it changes nothing. Source of the formats: Binance,
"Web Socket Streams", spot and USD-M (depthUpdate, bookTicker, trade; the REST depth snapshot as it was fetched).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final

import msgspec
from msgspec import Struct

from ledger.domain.enums import BookSource, Side
from ledger.domain.facts import BookDelta, BookSnapshot, MarketTrade, Quote
from ledger.feeds.capture import CaptureError, lines
from ledger.feeds.terms import At, Recording, Terms, scaled

EXCHANGE: Final = "BINANCE"
SPOT_SCALE: Final = 8
INSPECTED: Final = 2000
"""Lines looked at for the symbol, the kind of market and the digits."""
_MS: Final = 1_000_000
_QUOTES: Final = ("USDT", "USDC", "FDUSD", "BUSD", "TUSD", "BTC", "ETH", "BNB", "EUR", "TRY")

Fact = BookSnapshot | BookDelta | MarketTrade | Quote
_TextLevels = tuple[tuple[str, str], ...]


class _Line(Struct, gc=False):
    stream: str = ""
    data: msgspec.Raw = msgspec.Raw()
    lastUpdateId: int = 0
    E: int = 0
    bids: _TextLevels = ()
    asks: _TextLevels = ()


class _Depth(Struct, gc=False):
    E: int
    U: int
    u: int
    b: _TextLevels
    a: _TextLevels
    pu: int = 0


class _Ticker(Struct, gc=False):
    u: int
    b: str
    B: str
    a: str
    A: str
    E: int = 0


class _Trade(Struct, gc=False):
    E: int
    t: int
    p: str
    q: str
    m: bool
    T: int = 0


_line: Final = msgspec.json.Decoder(_Line)
_depth: Final = msgspec.json.Decoder(_Depth)
_ticker: Final = msgspec.json.Decoder(_Ticker)
_trade: Final = msgspec.json.Decoder(_Trade)


def inspect(path: Path, symbol: str = "") -> Terms:
    """What the capture is of, from its first lines; `symbol` overrides the name. Raises CaptureError."""
    streams: set[str] = set()
    continuity = BookSource.SPOT
    digits = [0, 0]
    epoch = 0
    for number, raw in enumerate(lines(path), 1):
        local_ns, line = _split(path, number, raw)
        epoch = epoch or local_ns
        if number > INSPECTED:
            break
        if not line.stream:
            _widen(digits, line.bids + line.asks)
            continue
        name, _, kind = line.stream.partition("@")
        streams.add(name)
        if kind.startswith("depth"):
            depth = _decoded(_depth, path, number, line.data)
            _widen(digits, depth.b + depth.a)
            if depth.pu:
                continuity = BookSource.FUTURES
    if len(streams) != 1:
        what = (
            f"holds {len(streams)} symbols ({', '.join(sorted(streams))})" if streams else "names no stream"
        )
        raise CaptureError(
            f"{path}: {what}", "a capture is of exactly one symbol of Binance's combined streams"
        )
    name = streams.pop()
    spot = continuity is BookSource.SPOT
    symbol = symbol or (name.upper() if spot else f"{name.upper()}-PERP")
    scales = (SPOT_SCALE, SPOT_SCALE) if spot else (digits[0], digits[1])
    quote = next((each for each in _QUOTES if name.upper().endswith(each)), "USDT")
    return Terms(symbol, name, EXCHANGE, continuity, *scales, f"binance/{symbol}", epoch, quote)


def recordings(paths: Sequence[Path], symbol: str = "") -> list[Recording]:
    """The captures, ready to be fed; raises CaptureError."""
    return [
        Recording(path, (terms,), partial(_facts_of, path))
        for path, terms in zip(paths, inspect_all(paths, symbol), strict=True)
    ]


def _facts_of(path: Path, terms: Sequence[Terms], at: At | None) -> Iterator[tuple[int, Fact]]:
    return facts(path, terms[0], at)


def inspect_all(paths: Sequence[Path], symbol: str = "") -> list[Terms]:
    """What each capture is of, at the finest scales that any capture of its symbol needs; raises CaptureError.

    One name for several instruments, such as spot and its perpetual, would mix their books, and is refused.
    """
    each = [inspect(path, symbol) for path in paths]
    of: dict[str, Terms] = {}
    for path, terms in zip(paths, each, strict=True):
        first = of.setdefault(terms.symbol, terms)
        if (terms.stream_symbol, terms.continuity) != (first.stream_symbol, first.continuity):
            raise CaptureError(
                f"{path} is of another instrument than the files before it that are named {terms.symbol}",
                "feed each instrument by itself, with a --symbol of its own",
            )
        scales = (
            max(first.price_scale, terms.price_scale),
            max(first.qty_scale, terms.qty_scale),
        )
        of[terms.symbol] = msgspec.structs.replace(first, price_scale=scales[0], qty_scale=scales[1])
    return [
        msgspec.structs.replace(
            terms, price_scale=of[terms.symbol].price_scale, qty_scale=of[terms.symbol].qty_scale
        )
        for terms in each
    ]


def _widen(digits: list[int], levels: _TextLevels) -> None:
    for px, qty in levels:
        digits[0] = max(digits[0], len(px.partition(".")[2]))
        digits[1] = max(digits[1], len(qty.partition(".")[2]))


def facts(path: Path, terms: Terms, at: At | None = None) -> Iterator[tuple[int, Fact]]:
    """(local time in ns, fact) of every message that the ledger has a place for, in order; raises CaptureError.

    `at`: as for `capture.lines`.
    """
    seq = 0
    for number, raw in enumerate(lines(path, at), 1):
        local_ns, line = _split(path, number, raw)
        if line.stream:
            name, _, kind = line.stream.partition("@")
            if name != terms.stream_symbol:
                raise CaptureError(
                    f"{path} line {number}: a message of {name}, not of {terms.stream_symbol}",
                    "split the file",
                )
            read = _READERS.get(kind.partition("@")[0])
            if read is None:
                continue
        elif line.lastUpdateId:
            read = _snapshot
        else:
            continue
        seq += 1
        try:
            yield local_ns, read(line, terms, seq, local_ns)
        except (msgspec.MsgspecError, ValueError) as error:
            raise CaptureError(f"{path} line {number}: {error}", "mend or drop the line") from None


def _split(path: Path, number: int, raw: bytes) -> tuple[int, _Line]:
    stamp, _, body = raw.partition(b" ")
    if not stamp.isdigit():
        raise CaptureError(
            f"{path} line {number}: does not begin with a time", "lines are `<local ns> <json>`"
        )
    return int(stamp), _decoded(_line, path, number, body)


def _decoded(decoder: msgspec.json.Decoder[Any], path: Path, number: int, body: Any) -> Any:
    try:
        return decoder.decode(body)
    except msgspec.MsgspecError as error:
        raise CaptureError(f"{path} line {number}: {error}", "mend or drop the line") from None


def _levels(levels: _TextLevels, terms: Terms) -> tuple[tuple[int, int], ...]:
    price_scale, qty_scale = terms.price_scale, terms.qty_scale
    return tuple([(scaled(px, price_scale), scaled(qty, qty_scale)) for px, qty in levels])


def _snapshot(line: _Line, terms: Terms, seq: int, local_ns: int) -> Fact:
    return BookSnapshot(
        terms.source,
        terms.source_epoch,
        seq,
        terms.symbol,
        EXCHANGE,
        line.lastUpdateId,
        _levels(line.bids, terms),
        _levels(line.asks, terms),
        line.E * _MS or local_ns,
        terms.continuity,
    )


def _delta(line: _Line, terms: Terms, seq: int, local_ns: int) -> Fact:
    depth = _depth.decode(line.data)
    return BookDelta(
        terms.source,
        terms.source_epoch,
        seq,
        terms.symbol,
        EXCHANGE,
        depth.U,
        depth.u,
        _levels(depth.b, terms),
        _levels(depth.a, terms),
        depth.E * _MS or local_ns,
        depth.pu,
        terms.continuity,
    )


def _quoted(line: _Line, terms: Terms, seq: int, local_ns: int) -> Fact:
    ticker = _ticker.decode(line.data)
    return Quote(
        terms.source,
        terms.source_epoch,
        seq,
        terms.symbol,
        EXCHANGE,
        scaled(ticker.b, terms.price_scale),
        scaled(ticker.B, terms.qty_scale),
        scaled(ticker.a, terms.price_scale),
        scaled(ticker.A, terms.qty_scale),
        ticker.u,
        ticker.E * _MS or local_ns,
    )


def _traded(line: _Line, terms: Terms, seq: int, local_ns: int) -> Fact:
    trade = _trade.decode(line.data)
    return MarketTrade(
        terms.source,
        terms.source_epoch,
        seq,
        terms.symbol,
        EXCHANGE,
        scaled(trade.p, terms.price_scale),
        scaled(trade.q, terms.qty_scale),
        Side.SELL if trade.m else Side.BUY,
        str(trade.t),
        trade.E * _MS or local_ns,
    )


_READERS: Final[dict[str, Callable[[_Line, Terms, int, int], Fact]]] = {
    "depth": _delta,
    "bookTicker": _quoted,
    "trade": _traded,
}
