"""Captures of Kraken's WebSocket v1 `book` channel: lines `<local seconds>: <json>` to market facts.

A capture may hold many pairs; each is a source of its own. Kraken numbers nothing: the number of an update is its
place among the pair's messages in the file, so that the ledger sees a hole between the capture and itself, and the
checksum that comes with every update vouches for what lies between Kraken and the capture. The checksum is made of
decimal text, so the scales of a pair are the digits that its text has, which Kraken ships in full. Kraken never says
that a level fell out of the depth subscribed to: such a level is removed by the fact that pushes it out. Source:
Kraken, "Spot WebSockets v1", book and book checksum. Other channels have no place here and take no number.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final, cast, final

import msgspec

from ledger.domain.enums import BookSource
from ledger.domain.facts import BookDelta, BookSnapshot
from ledger.domain.ladder import ASK, BID, Ladder
from ledger.domain.units import Levels
from ledger.feeds.capture import CaptureError, lines
from ledger.feeds.terms import At, Recording, Terms, nanoseconds, scaled

EXCHANGE: Final = "KRAKEN"
CHANNEL: Final = "book-"
_SESSION: Final = b"wss://"
"""Begins a line about the connection, or one that was sent to the venue."""
_FORM: Final = "lines are `<local seconds>: <json>`"

_TextLevels = list[list[str]]


def began(path: Path) -> int:
    """Local time of the capture's first message, ns; 0 if the file is no capture."""
    try:
        return next((local_ns for _, local_ns, _ in _messages(path)), 0)
    except CaptureError:
        return 0


def inspect(path: Path, symbol: str = "") -> tuple[Terms, ...]:
    """What the capture is of, by pair; `symbol` is the one pair wanted, or the name of the only one.

    Reads the whole capture, since a pair may begin anywhere in it. Raises CaptureError.
    """
    digits: dict[str, list[int]] = {}
    for _, _, pair, _, sides in _books(path):
        widest = digits.setdefault(pair, [0, 0])
        for side in ("as", "bs", "a", "b"):
            for level in sides.get(side, ()):
                widest[0] = max(widest[0], len(level[0].partition(".")[2]))
                widest[1] = max(widest[1], len(level[1].partition(".")[2]))
    if not digits:
        raise CaptureError(
            f"{path}: holds no book of Kraken's", "a capture is of the channel book, version 1"
        )
    names = {pair: pair for pair in digits}
    if symbol in digits:
        names = {symbol: symbol}
    elif symbol:
        if len(digits) != 1:
            raise CaptureError(f"{path}: holds no {symbol}", f"it holds {', '.join(sorted(digits))}")
        names = dict.fromkeys(digits, symbol)
    epoch = began(path)
    return tuple(
        Terms(
            name,
            pair,
            EXCHANGE,
            BookSource.COUNTED,
            digits[pair][0],
            digits[pair][1],
            f"kraken/{name}",
            epoch,
            pair.rpartition("/")[2],
            exact=True,
        )
        for pair, name in names.items()
    )


def recordings(paths: Sequence[Path], symbol: str = "") -> list[Recording]:
    """The captures, ready to be fed; raises CaptureError."""
    return [Recording(path, inspect(path, symbol), partial(facts, path)) for path in paths]


def facts(
    path: Path, terms: Sequence[Terms], at: At | None = None
) -> Iterator[tuple[int, BookSnapshot | BookDelta]]:
    """(local time in ns, fact) of every book message of the pairs in `terms`, in order; raises CaptureError."""
    pairs = {each.stream_symbol: _Pair(each) for each in terms}
    for number, local_ns, name, channel, sides in _books(path, at):
        pair = pairs.get(name)
        if pair is None:
            continue
        try:
            fact = pair.snapshot(sides) if "as" in sides or "bs" in sides else pair.delta(sides, channel)
        except (ValueError, IndexError, TypeError, AttributeError) as error:
            raise CaptureError(f"{path} line {number}: {error}", "mend or drop the line") from None
        yield local_ns, fact


@final
class _Pair:
    """One pair as it goes: its numbers, and the levels that are in the depth subscribed to."""

    def __init__(self, terms: Terms) -> None:
        self._terms = terms
        self._seq = 0
        self._bids, self._asks = Ladder(BID), Ladder(ASK)

    def snapshot(self, sides: dict[str, Any]) -> BookSnapshot:
        bids, asks = self._levels(sides.get("bs", [])), self._levels(sides.get("as", []))
        self._bids, self._asks = Ladder(BID, bids), Ladder(ASK, asks)
        self._seq += 1
        event_ns = _newest(sides, "as", "bs")
        return BookSnapshot(*self._head(), self._seq, bids, asks, event_ns, self._terms.continuity)

    def delta(self, sides: dict[str, Any], channel: str) -> BookDelta:
        depth = int(channel.removeprefix(CHANNEL))
        bids = _within(self._bids, self._levels(sides.get("b", [])), depth)
        asks = _within(self._asks, self._levels(sides.get("a", [])), depth)
        self._seq += 1
        checksum = sides.get("c")
        return BookDelta(
            *self._head(),
            self._seq,
            self._seq,
            bids,
            asks,
            _newest(sides, "a", "b"),
            0,
            self._terms.continuity,
            None if checksum is None else int(checksum),
        )

    def _head(self) -> tuple[str, int, int, str, str]:
        terms = self._terms
        return terms.source, terms.source_epoch, self._seq, terms.symbol, terms.exchange

    def _levels(self, levels: _TextLevels) -> Levels:
        price_scale, qty_scale = self._terms.price_scale, self._terms.qty_scale
        return tuple([(scaled(level[0], price_scale), scaled(level[1], qty_scale)) for level in levels])


def _within(ladder: Ladder, levels: Levels, depth: int) -> Levels:
    """The change, and with it the removal of the levels that it pushes beyond the depth."""
    ladder.apply(levels)
    gone = tuple([(px, 0) for px in ladder.beyond(depth)])
    ladder.apply(gone)
    return levels + gone


def _newest(sides: dict[str, Any], *names: str) -> int:
    """The latest of the venue's times of the levels, ns; 0 for none."""
    return max((nanoseconds(level[2]) for name in names for level in sides.get(name, ())), default=0)


def _books(path: Path, at: At | None = None) -> Iterator[tuple[int, int, str, str, dict[str, Any]]]:
    """(line, local time, pair, channel, sides) of every message of a book."""
    for number, local_ns, message in _messages(path, at):
        if not isinstance(message, list):
            continue
        parts = cast("list[Any]", message)
        if len(parts) < 4 or not str(parts[-2]).startswith(CHANNEL):
            continue
        sides: dict[str, Any] = {}
        for part in parts[1:-2]:
            if not isinstance(part, dict):
                raise CaptureError(f"{path} line {number}: no book message of version 1", "drop the line")
            sides |= part
        yield number, local_ns, str(parts[-1]), str(parts[-2]), sides


def _messages(path: Path, at: At | None = None) -> Iterator[tuple[int, int, Any]]:
    """(line, local time in ns, decoded message) of everything that the venue said."""
    for number, raw in enumerate(lines(path, at), 1):
        if raw.startswith(_SESSION) or not raw.strip():
            continue
        stamp, colon, body = raw.partition(b": ")
        try:
            yield number, nanoseconds(stamp.decode()), msgspec.json.decode(body)
        except (ValueError, msgspec.MsgspecError) as error:
            raise CaptureError(f"{path} line {number}: {error if colon else 'no message'}", _FORM) from None
