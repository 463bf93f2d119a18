"""The index forgets the outcome of a command once the engine would refuse its id; nothing else is ever forgotten."""

from __future__ import annotations

from pathlib import Path

import pytest

from followed import PASSIVATING, digests_of, follow, following, recovered, replay
from ledger.domain.codes import Code
from ledger.fold import outcome_range
from ledger.journal import IndexFile
from ledger.testing.made_journal import START_NS, STEP_NS, MadeJournal
from ledger.wire import Committed, FactCommitted, Refused
from running_engine import Clock, Ids, accepted, fill, running

DAY_NS = 86_400 * 10**9
WINDOW_NS = 7 * DAY_NS


def held(directory: Path) -> dict[str, int]:
    """Entries by the first letter of their key, and what the offset says of them."""
    index = IndexFile(directory, 0)
    try:
        offset = index.offset()
        assert offset is not None
        kinds = {"order": b"o", "fill": b"f", "outcome": b"c", "order-of-number": b"n"}
        found = {kind: sum(1 for _ in index.scan(prefix)) for kind, prefix in kinds.items()}
        assert found == {kind: offset.counts[kind] for kind in kinds}
        return found
    finally:
        index.close()


def test_outcomes_older_than_the_window_leave_the_index_and_all_else_stays(tmp_path: Path) -> None:
    with MadeJournal(tmp_path) as made:
        made.trade(50)
        follow(tmp_path, idempotence_window_ns=30 * STEP_NS)
        before = held(tmp_path)
        made.trade(50)
        follow(tmp_path, idempotence_window_ns=30 * STEP_NS)
    after = held(tmp_path)
    assert before["outcome"] == 50  # a checkpoint looks at what the one before it has left
    assert after["outcome"] < 85
    assert after["order"] > before["order"]
    assert after["order-of-number"] == 100
    assert digests_of(recovered(tmp_path))["trading"] == replay(tmp_path, "trading", 0).fold.digest()


def test_the_index_does_not_grow_by_outcomes_when_checkpoints_come_often(tmp_path: Path) -> None:
    with MadeJournal(tmp_path) as made:
        with following(tmp_path, idempotence_window_ns=20 * STEP_NS) as follower:
            for _ in range(10):
                made.trade(20)
                while follower.step():
                    pass
                follower.checkpoint()
        assert held(tmp_path)["outcome"] <= 41  # of the window, and of the newest checkpoint


def test_by_default_nothing_is_forgotten(tmp_path: Path) -> None:
    with MadeJournal(tmp_path) as made:
        made.trade(50)
        follow(tmp_path)
        made.trade(50)
        follow(tmp_path)
    assert held(tmp_path)["outcome"] == 100


async def test_a_forgotten_command_is_refused_and_never_applied_again(tmp_path: Path) -> None:
    clock, ids = Clock(), Ids()
    async with running(tmp_path, settings=PASSIVATING, clock=clock, new_id=ids) as one:
        await one.define("AAPL")
        old = one.order("old")
        await one.ask("commands", old)
        await one.ask("reports", accepted(1, "old"), fill(2, "old", 100))
        await one.settle()
        follow(tmp_path, idempotence_window_ns=WINDOW_NS)
        clock.now_ns += WINDOW_NS - DAY_NS
        ids.at_ns = clock.now_ns
        young = one.order("young")
        await one.ask("commands", young)
        await one.settle()
        assert one.engine.passivation is not None
        while one.engine.passivation.look():
            pass
        assert (await one.ask("commands", old))[0].repeated  # within the window: its first answer
        clock.now_ns += 2 * DAY_NS
        ids.at_ns = clock.now_ns
        await one.ask("commands", one.order("new"))
        await one.settle()
        follow(tmp_path, idempotence_window_ns=WINDOW_NS)
    async with running(tmp_path, settings=PASSIVATING, clock=clock, new_id=ids) as one:
        again, repeated = await one.ask("commands", old, young)
        assert (type(again), again.code) == (Refused, Code.COMMAND_ID_EXPIRED)
        assert (type(repeated), repeated.repeated) == (Committed, True)
        # The execution holds for the lineage: told again, it is known.
        (known,) = await one.ask("reports", fill(3, "old", 100, execution_id="x2"))
        assert (type(known), known.repeated) == (FactCommitted, True)
        assert (await one.rows("positions"))[0]["qty"] == "100"


async def test_a_window_made_longer_does_not_take_a_forgotten_command_again(tmp_path: Path) -> None:
    clock, ids = Clock(), Ids()
    async with running(tmp_path, settings=PASSIVATING, clock=clock, new_id=ids) as one:
        await one.define("AAPL")
        old = one.order("old")
        await one.ask("commands", old)
        await one.settle()
        follow(tmp_path, idempotence_window_ns=DAY_NS)
        clock.now_ns += 2 * DAY_NS
        ids.at_ns = clock.now_ns
        await one.ask("commands", one.order("new"))
        await one.settle()
        follow(tmp_path, idempotence_window_ns=DAY_NS)
    async with running(tmp_path, settings=PASSIVATING, clock=clock, new_id=ids) as one:
        assert PASSIVATING.idempotence_window_ns > 2 * DAY_NS
        (again,) = await one.ask("commands", old)
        assert (type(again), again.code) == (Refused, Code.COMMAND_ID_EXPIRED)


@pytest.mark.parametrize("time_ns", [0, START_NS])
def test_the_range_of_old_outcomes_ends_before_the_ids_of_its_time(time_ns: int) -> None:
    first, end = outcome_range(time_ns)
    made = b"c" + (time_ns // 10**6).to_bytes(6, "big") + b"\x70" + bytes(9)
    assert first <= end <= made
