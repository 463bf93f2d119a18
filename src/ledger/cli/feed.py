"""`ledger feed`: a capture of a venue through the market door of a running ledger, or checked without one."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Final, final

import msgspec
from cyclopts import App, Parameter
from msgspec import Struct

from ledger import feeds as venues
from ledger.cli.exits import DIFFERENCE, GOOD, refused
from ledger.cli.options import ConfigFile, Connect, Data, Json, Sets, Where, where
from ledger.cli.output import print_json
from ledger.cli.progress import Progress
from ledger.feeds import (
    CaptureError,
    Checked,
    Fed,
    Recording,
    check_binance,
    check_kraken,
    check_lobster,
    feed,
    files,
)

app = App(
    name="ledger feed", help="Send a capture of a venue to a running ledger, or check it.", version_flags=[]
)

Symbol = Annotated[
    str, Parameter(help="Its name here; by default the venue's in upper case (futures: -PERP).")
]
Speed = Annotated[
    float, Parameter(help="1 is the capture's own time, 10 ten times as fast; 0 as fast as it goes.")
]
Check = Annotated[
    bool,
    Parameter(help="No ledger: fold the capture and compare it with what the venue shipped.", negative=()),
]
Pair = Annotated[
    str, Parameter(help="The one pair of the capture that is meant, or a name for the only one; default all.")
]
Messages = Annotated[Path, Parameter(help="The message file.")]
Book = Annotated[Path, Parameter(help="The book file: the book after each message.")]
Day = Annotated[
    str, Parameter(help="The session's day, YYYY-MM-DD; by default from the message file's name.")
]


@final
class _Words(Struct, frozen=True):
    """How a check is told."""

    compared: str
    nothing: str


_QUOTES: Final = _Words(
    "best prices compared at {} update numbers",
    "the capture has no bookTicker at an update number of its depth stream",
)
_SUMS: Final = _Words(
    "checksums compared after {} updates", "the capture has no update with a checksum after a snapshot"
)
_ROWS: Final = _Words("books compared at {} rows", "the capture has no row")


@app.command
def binance(
    *paths: Path,
    symbol: Symbol = "",
    speed: Speed = 0.0,
    check: Check = False,
    as_json: Json = False,
    connect: Connect = "",
    data: Data = None,
    config: ConfigFile = None,
    sets: Sets = None,
) -> int:
    """Captures of Binance's combined streams, spot or USD-M: FILES (.gz, .zip or plain) in order, or a directory.

    What the ledger has already is skipped, so a feed that was stopped goes on. With --check: the book is compared
    with the venue's best prices; exit 1 on a difference.
    """
    fault = _fault(paths, speed, "ledger feed binance FILE...")
    if fault is not None:
        return fault
    captures = files(paths)
    if check:
        return _checked(check_binance(captures, symbol), _QUOTES, as_json)
    recordings = venues.binance.recordings(captures, symbol)
    return _fed(recordings, speed, where(connect, data, config, sets), as_json)


@app.command
def kraken(
    *paths: Path,
    symbol: Pair = "",
    speed: Speed = 0.0,
    check: Check = False,
    as_json: Json = False,
    connect: Connect = "",
    data: Data = None,
    config: ConfigFile = None,
    sets: Sets = None,
) -> int:
    """Captures of Kraken's WebSocket v1 books, one or many pairs: FILES (.gz, .zip or plain) in order, or a directory.

    What the ledger has already is skipped, so a feed that was stopped goes on. With --check: the book is compared
    with the venue's checksum after every update; exit 1 on a difference.
    """
    fault = _fault(paths, speed, "ledger feed kraken FILE...")
    if fault is not None:
        return fault
    captures = files(paths, venues.kraken.began)
    if check:
        return _checked(check_kraken(captures, symbol), _SUMS, as_json)
    recordings = venues.kraken.recordings(captures, symbol)
    return _fed(recordings, speed, where(connect, data, config, sets), as_json)


@app.command
def lobster(
    *,
    messages: Messages,
    book: Book,
    symbol: Symbol = "",
    date: Day = "",
    speed: Speed = 0.0,
    check: Check = False,
    as_json: Json = False,
    connect: Connect = "",
    data: Data = None,
    config: ConfigFile = None,
    sets: Sets = None,
) -> int:
    """A LOBSTER pair, message file and book file (.gz, .zip or plain): a book by single orders.

    What the ledger has already is skipped, so a feed that was stopped goes on. With --check: the book is compared
    with every row of the book file; exit 1 on a difference.
    """
    fault = _fault((messages, book), speed, "")
    if fault is not None:
        return fault
    for path in (messages, book):
        if not path.is_file():
            raise CaptureError(f"{path}: no such file", "name a message file and its book file")
    pair = venues.lobster.inspect(messages, book, symbol, date)
    if check:
        return _checked(check_lobster(pair), _ROWS, as_json)
    return _fed(venues.lobster.recordings(pair), speed, where(connect, data, config, sets), as_json)


def _fault(paths: Sequence[Path], speed: float, usage: str) -> int | None:
    """The exit code of a command that cannot be meant; None for a good one."""
    if not paths:
        return refused("no capture is named", usage)
    if speed < 0:
        return refused(f"--speed {speed:g} is negative", "1 is the capture's own time, 0 as fast as it goes")
    return None


def _fed(recordings: list[Recording], speed: float, place: Where, as_json: bool) -> int:
    import trio

    from ledger.cli.client_door import open_door

    async def run() -> Fed:
        progress = Progress("feeding")
        try:
            async with open_door(place) as door:
                return await feed(recordings, door, speed=speed, progress=progress.at)
        finally:
            progress.end()

    began = trio.run(_timed, run)
    fed, seconds = began
    if as_json:
        print_json(msgspec.to_builtins(fed))
    else:
        asked = f", {fed.snapshots:,} snapshots asked for" if fed.snapshots else ""
        print(f"{fed.source}: {fed.messages:,} messages, {fed.sent:,} sent, {fed.skipped:,} skipped{asked}")
        if fed.sent:
            print(f"{seconds:.2f} s, {fed.sent / seconds:,.0f}/s", file=sys.stderr)
    return GOOD


async def _timed(run: Any) -> tuple[Fed, float]:
    import trio

    began = trio.current_time()
    return await run(), trio.current_time() - began


def _checked(checked: Checked, words: _Words, as_json: bool) -> int:
    if as_json:
        print_json({**msgspec.to_builtins(checked), "ok": checked.sound})
    else:
        _tell(checked, words)
    return GOOD if checked.sound else DIFFERENCE


def _tell(checked: Checked, words: _Words) -> None:
    print(
        f"{checked.source}: {checked.messages:,} messages; {words.compared.format(f'{checked.compared:,}')}, "
        f"equal at {checked.equal:,}"
    )
    first = checked.first_difference
    if first is not None:
        print(f"first difference: {first.file} message {first.message}: {first.what}")
        if first.ours is not None:
            print(f"  ours  {first.ours}\n  venue {first.venue}")
    elif not checked.compared:
        print(f"nothing could be compared: {words.nothing}")
