"""`ledger demo`: the proof that what a ledger has answered survives a kill -9, once and not twice.

A ledger of its own takes the load of a simulation, is killed in the middle, started again, and finishes. Then every
answer is looked for in the journal, and the state that the dead journal held is compared with what the journal says
of the same place afterwards.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Annotated, Any, Final, final

import msgspec
import trio
import uuid_utils
from cyclopts import App, Parameter
from msgspec import Struct

from ledger.cli.client_door import open_door
from ledger.cli.options import ConfigFile, Json, Sets, Where
from ledger.cli.output import print_json
from ledger.errors import Rejected, Unavailable
from ledger.testing import Child, Found, Recorder, Simulated, look_up, run_name, simulate

app = App(name="ledger demo", version_flags=[])

ORDERS: Final = 3000
SEED: Final = 7
KILL_AT: Final = 0.45
"""Which part of the expected answers is given when the kill comes."""
ANSWERS_PER_ORDER: Final = 3
UNDER_WAY_MIN: Final = 32
"""So many messages must be without an answer when the kill comes."""
LOOK_S: Final = 0.0005


@final
class Proof(Struct, frozen=True):
    """What the demo found."""

    acknowledged: int
    lost: int
    doubled: int
    digest_before: str
    """Of the dead journal, folded before anything else touched it."""
    digest_after: str
    """Of the same place, folded from the journal as it was at the end."""
    place: str
    """The dead journal's last."""
    mismatches: list[str]
    seconds: float

    @property
    def holds(self) -> bool:
        """Whether nothing was lost, doubled or changed."""
        return not (self.lost or self.doubled or self.mismatches) and self.digest_before == self.digest_after


@app.default
def demo(
    *,
    partitions: Annotated[int, Parameter(help="Partitions of the ledger, each a process.")] = 1,
    orders: Annotated[int, Parameter(help="Orders to trade.")] = ORDERS,
    seed: Annotated[int, Parameter(help="The same seed trades the same.")] = SEED,
    config: ConfigFile = None,
    sets: Sets = None,
    as_json: Json = False,
) -> int:
    """Start a ledger, trade, kill it in the middle, start it again, and prove that nothing was lost or doubled.

    Works in a temporary directory, which it removes if the proof holds. Exit code 1 if it does not.
    """
    if orders < 100:
        raise Rejected(f"{orders} orders are too few to be interrupted", "give 100 or more")
    root = Path(tempfile.mkdtemp(prefix="ledger-demo-"))
    say = Transcript(quiet=as_json).say
    try:
        options = [*(sets or ()), *([f"engine.partitions={partitions}"] if partitions != 1 else ())]
        with Child(root / "data", options, config) as child:
            proof = trio.run(_Demo(child, orders, seed, say).prove)
    except Exception:
        print(f"ledger: the demo broke off; everything is kept in {root}", file=sys.stderr)
        raise
    if as_json:
        print_json(proof)
    else:
        _conclude(proof, say)
    if proof.holds:
        shutil.rmtree(root)
        return 0
    print(f"ledger: the proof does not hold; everything is kept in {root}", file=sys.stderr)
    return 1


@final
class Transcript:
    """The lines that a person reads; silent where a program reads the JSON."""

    def __init__(self, quiet: bool) -> None:
        self._quiet = quiet

    def say(self, step: str, text: str) -> None:
        """One line: what is done, and what came of it."""
        if not self._quiet:
            print(f"{step:<10}{text}", flush=True)


@final
class _Demo:
    def __init__(self, child: Child, orders: int, seed: int, say: Any) -> None:
        self._child = child
        self._orders = orders
        self._seed = seed
        self._say = say
        self._enough = trio.Event()
        self._kill_at = int(orders * ANSWERS_PER_ORDER * KILL_AT)
        self._place = ""
        self._digest = ""

    async def prove(self) -> Proof:
        """The whole demonstration; raises Unavailable if the ledger does not start or does not come back."""
        began = time.monotonic()
        await self._start()
        simulated, recorder = await self._trade()
        await trio.to_thread.run_sync(self._child.stop)
        found = await trio.to_thread.run_sync(look_up, self._child.data, recorder.acknowledged)
        _, digest_after = await self._folded(
            *(word for place in self._place.split() for word in ("--to-seq", place))
        )
        return self._proof(simulated, recorder, found, digest_after, time.monotonic() - began)

    def _proof(
        self, simulated: Simulated, recorder: Recorder, found: Found, digest_after: str, seconds: float
    ) -> Proof:
        count = f"{simulated.orders:,} orders, {simulated.fills:,} fills"
        agree = (
            "agree with the venue's own books"
            if not simulated.mismatches
            else "differ from the venue's books"
        )
        self._say("compare", f"{count} {agree}")
        return Proof(
            len(recorder.acknowledged),
            found.lost,
            found.doubled,
            self._digest,
            digest_after,
            self._place,
            simulated.mismatches,
            seconds,
        )

    async def _start(self) -> None:
        began = time.monotonic()
        await trio.to_thread.run_sync(self._child.start)
        took = time.monotonic() - began
        self._say(
            "serve", f"process {self._child.pid} is ready after {took:.1f} s, journal in {self._child.data}"
        )

    async def _trade(self) -> tuple[Simulated, Recorder]:
        async with open_door(Where(data=self._child.data)) as door, trio.open_nursery() as nursery:
            recorder = Recorder(door, self._answered)
            nursery.start_soon(self._kill_and_restart, recorder)
            self._say(
                "simulate", f"{self._orders:,} orders of 4 strategies at a venue with seed {self._seed}"
            )
            simulated = await simulate(
                recorder,
                seed=self._seed,
                orders=self._orders,
                run=run_name(),
                new_id=lambda: uuid_utils.uuid7().bytes,
                partitions=door.partitions,
            )
            if not self._enough.is_set():
                raise Unavailable("the load ended before the kill", "run the demo with more --orders")
        return simulated, recorder

    def _answered(self, count: int) -> None:
        if count >= self._kill_at:
            self._enough.set()

    async def _kill_and_restart(self, recorder: Recorder) -> None:
        await self._enough.wait()
        while recorder.under_way < UNDER_WAY_MIN:
            await trio.sleep(LOOK_S)
        acknowledged, under_way = len(recorder.acknowledged), recorder.under_way
        await trio.to_thread.run_sync(self._child.kill)
        self._say(
            "kill -9", f"{acknowledged:,} messages acknowledged, {under_way} under way without an answer"
        )
        self._place, self._digest = await self._folded()
        self._say("replay", f"the dead journal ends at {self._place}, its state has digest {self._digest}")
        await self._start()
        self._say("simulate", "what had no answer is sent again, then the rest")

    async def _folded(self, *options: str) -> tuple[str, str]:
        """(last place, digest) of each trading journal, by `ledger replay` in a process of its own."""
        command = [sys.executable, "-m", "ledger.cli", "replay", "--json", "--data", str(self._child.data)]
        done = await trio.run_process(
            [*command, *options], capture_stdout=True, capture_stderr=True, check=False
        )
        if done.returncode:
            raise Unavailable(f"replay ended with {done.returncode}: {_last_line(done)}")
        trading = msgspec.json.decode(done.stdout)["journals"]["trading"]
        return " ".join(each["head"] for each in trading), " ".join(each["digest"] for each in trading)


def _last_line(done: subprocess.CompletedProcess[bytes]) -> str:
    lines = done.stderr.decode(errors="replace").strip().splitlines()
    return lines[-1] if lines else "it said nothing"


def _conclude(proof: Proof, say: Any) -> None:
    for mismatch in proof.mismatches[:10]:
        say("", mismatch)
    same = "equal" if proof.digest_before == proof.digest_after else f"DIFFERENT, now {proof.digest_after}"
    say("verdict", f"acknowledged {proof.acknowledged:,}   lost {proof.lost}   doubled {proof.doubled}")
    say("", f"digest at {proof.place} before the kill and after the restart: {same}")
    say("", f"{proof.seconds:.1f} s")
