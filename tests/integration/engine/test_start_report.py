"""What a start says to a tired person: all that the state is and how long each step took, clean or after a crash."""

from __future__ import annotations

import re
from pathlib import Path

from msgspec.structs import replace

from followed import PASSIVATING, follow
from ledger.domain.timers import TimeRules
from ledger.journal import list_snapshots
from running_engine import Clock, Ids, Running, accepted, fill, running


async def desk(one: Running) -> None:
    """Two open orders, of which the venue said nothing about one; a closed one; a position; a gap, which is a case."""
    await one.define("AAPL")
    await one.ask("commands", one.order("open"), one.order("silent"), one.order("closed"))
    await one.ask("reports", accepted(1, "open"), accepted(2, "closed"), fill(3, "closed", 100))
    await one.ask("reports", fill(6, "open", 10))  # 4 and 5 are missing
    one.clock.now_ns += 2 * 10**9
    one.engine.timers.fire()
    await one.settle()


async def test_a_start_after_a_clean_stop_says_all_that_there_is(tmp_path: Path) -> None:
    clock = Clock()
    with_timer = replace(PASSIVATING, times=TimeRules(ack_timeout_ns=10**9))
    async with running(tmp_path, settings=with_timer, clock=clock, new_id=Ids()) as one:
        await desk(one)
    follow(tmp_path)
    clock.now_ns += 3 * 3600 * 10**9
    async with running(tmp_path, settings=with_timer, clock=clock, new_id=Ids()) as one:
        report = "\n".join(one.engine.start_report)
    head = list_snapshots(tmp_path, "trading", 0)[0].seq
    assert f"trading/0:{head} and market/0:" in report
    assert re.search(
        r"last recorded 20\d\d-\d\d-\d\d \d\d:\d\d:\d\d UTC, 3 h ago; the last run stopped cleanly", report
    )
    assert (
        "2 open orders, 1 of them unconfirmed, 1 position (1 not flat), 1 open case, 1 source gap" in report
    )
    assert f"after the snapshot trading/0:{head} in " in report
    assert re.search(r"recovered 0 trading events in \d+\.\d\d s", report)
    assert re.search(r"recovered \d+ market events in \d+\.\d\d s", report)


async def test_a_start_after_a_crash_says_so_and_what_it_folded(tmp_path: Path) -> None:
    clock, ids = Clock(), Ids()
    async with running(tmp_path, settings=PASSIVATING, clock=clock, new_id=ids) as one:
        await one.define("AAPL")
        await one.ask("commands", one.order("a"))
        await one.settle()
        one.crash()
    async with running(tmp_path, settings=PASSIVATING, clock=clock, new_id=ids) as one:
        report = "\n".join(one.engine.start_report)
    assert "the last run ended without a clean stop" in report
    assert (
        "1 open order, 0 of them unconfirmed, 0 positions (0 not flat), 0 open cases, 0 source gaps" in report
    )
    assert "from the beginning: no snapshot" in report
    assert "the index is not used: there is none" in report


async def test_a_first_start_has_nothing_to_say(tmp_path: Path) -> None:
    async with running(tmp_path, settings=PASSIVATING) as one:
        assert one.engine.start_report[0] == "a new journal"
