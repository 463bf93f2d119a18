"""`ledger simulate`: a seeded venue and strategies against a running ledger, compared with books kept beside it."""

from __future__ import annotations

import sys
from typing import Annotated

import msgspec
import trio
import uuid_utils
from cyclopts import App, Parameter

from ledger.cli.client_door import open_door
from ledger.cli.exits import DIFFERENCE, GOOD, refused
from ledger.cli.options import ConfigFile, Connect, Data, Json, Sets, Where, where
from ledger.cli.output import print_json
from ledger.cli.progress import Progress
from ledger.errors import Rejected
from ledger.testing import Simulated, run_name, simulate

app = App(
    name="ledger simulate", help="Trade against a seeded venue and compare the books.", version_flags=[]
)

SHOWN: int = 20
"""Mismatches printed for a person; --json has them all."""


@app.default
def simulate_command(
    *,
    seed: Annotated[int, Parameter(help="The same seed gives the same orders and the same venue.")] = 1,
    orders: Annotated[int, Parameter(help="New orders; cancels and replaces come on top.")] = 2000,
    rate: Annotated[float, Parameter(help="New orders a second; 0 as fast as it goes.")] = 0.0,
    nasty: Annotated[
        bool,
        Parameter(help="A venue that repeats, reorders, is late, busts and contradicts itself.", negative=()),
    ] = False,
    as_json: Json = False,
    connect: Connect = "",
    data: Data = None,
    config: ConfigFile = None,
    sets: Sets = None,
) -> int:
    """Drive orders through the command and report doors; exit 1 if the ledger and the plain books differ.

    The ledger may be killed and started again meanwhile: what has no answer is sent again with the same ids.
    """
    if orders < 0 or rate < 0:
        return refused("--orders and --rate cannot be negative")
    done = trio.run(_simulated, where(connect, data, config, sets), seed, orders, rate, nasty)
    if as_json:
        print_json(msgspec.to_builtins(done))
    else:
        _tell(done)
    return DIFFERENCE if done.mismatches else GOOD


async def _simulated(place: Where, seed: int, orders: int, rate: float, nasty: bool) -> Simulated:
    progress = Progress("orders")
    try:
        async with open_door(place) as door:
            if nasty and door.partitions > 1:
                raise Rejected("--nasty needs engine.partitions: 1", "leave it out, or use a ledger with one")
            return await simulate(
                door,
                seed=seed,
                orders=orders,
                run=run_name(),
                new_id=lambda: uuid_utils.uuid7().bytes,
                rate=rate,
                nasty=nasty,
                partitions=door.partitions,
                progress=lambda sent, _acknowledged: progress.at(sent, sent / orders),
            )
    finally:
        progress.end()


def _tell(done: Simulated) -> None:
    print(
        f"seed {done.seed}, run {done.run}: {done.orders:,} orders in {done.commands:,} commands, "
        f"{done.acknowledged:,} acknowledged, {done.rejected:,} rejected as they should be, "
        f"{done.fills:,} fills, {done.resent:,} sent twice"
    )
    if done.anomalies:
        due = ", ".join(f"{count:,} {kind}" for kind, count in done.anomalies.items())
        print(f"anomalies due: {due}")
    for mismatch in done.mismatches[:SHOWN]:
        print(f"mismatch: {mismatch}")
    if len(done.mismatches) > SHOWN:
        print(f"... and {len(done.mismatches) - SHOWN} more")
    print("the ledger and the books agree" if not done.mismatches else f"{len(done.mismatches)} mismatches")
    print(f"{done.seconds:.2f} s, {done.commands / max(done.seconds, 1e-9):,.0f} commands/s", file=sys.stderr)
