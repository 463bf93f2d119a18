"""`ledger feed`: a capture of a venue through the market door of a running ledger, or checked without one."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import msgspec
from cyclopts import App, Parameter

from ledger.cli.exits import DIFFERENCE, GOOD, refused
from ledger.cli.options import ConfigFile, Connect, Data, Json, Sets, Where, where
from ledger.cli.output import print_json
from ledger.cli.progress import Progress
from ledger.feeds import Checked, Fed, check, feed, files

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
    Parameter(help="No ledger: fold the capture and compare it with the venue's best prices.", negative=()),
]


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

    What the ledger has already is skipped, so a feed that was stopped goes on. With --check: exit 1 on a difference.
    """
    if not paths:
        return refused("no capture is named", "ledger feed binance FILE...")
    if speed < 0:
        return refused(f"--speed {speed:g} is negative", "1 is the capture's own time, 0 as fast as it goes")
    captures = files(paths)
    if check:
        return _checked(captures, symbol, as_json)
    return _fed(captures, symbol, speed, where(connect, data, config, sets), as_json)


@app.command
def kraken(*_paths: Path) -> int:
    """Not built yet."""
    return refused("feed kraken is not built yet", "CHANGELOG.md says what is")


@app.command
def lobster(*_paths: Path) -> int:
    """Not built yet."""
    return refused("feed lobster is not built yet", "CHANGELOG.md says what is")


def _fed(captures: list[Path], symbol: str, speed: float, place: Where, as_json: bool) -> int:
    import trio

    from ledger.cli.client_door import open_door

    async def run() -> Fed:
        progress = Progress("feeding")
        try:
            async with open_door(place) as door:
                return await feed(captures, door, symbol=symbol, speed=speed, progress=progress.at)
        finally:
            progress.end()

    began = trio.run(_timed, run)
    fed, seconds = began
    if as_json:
        print_json(msgspec.to_builtins(fed))
    else:
        print(f"{fed.source}: {fed.messages:,} messages, {fed.sent:,} sent, {fed.skipped:,} skipped")
        if fed.sent:
            print(f"{seconds:.2f} s, {fed.sent / seconds:,.0f}/s", file=sys.stderr)
    return GOOD


async def _timed(run: Any) -> tuple[Fed, float]:
    import trio

    began = trio.current_time()
    return await run(), trio.current_time() - began


def _checked(captures: list[Path], symbol: str, as_json: bool) -> int:
    checked = check(captures, symbol)
    if as_json:
        print_json({**msgspec.to_builtins(checked), "ok": checked.sound})
    else:
        _tell(checked)
    return GOOD if checked.sound else DIFFERENCE


def _tell(checked: Checked) -> None:
    print(
        f"{checked.source}: {checked.messages:,} messages; best prices compared at {checked.compared:,} "
        f"update numbers, equal at {checked.equal:,}"
    )
    first = checked.first_difference
    if first is not None:
        print(f"first difference: {first.file} message {first.message}: {first.what}")
        if first.ours is not None:
            print(f"  ours  {first.ours}\n  venue {first.venue}")
    elif not checked.compared:
        print(
            "nothing could be compared: the capture has no bookTicker at an update number of its depth stream"
        )
