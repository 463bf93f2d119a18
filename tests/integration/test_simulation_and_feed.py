"""The simulation and the feed against a real engine and journal in this process."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import uuid_utils

import given_capture as given
from engine_door import EngineDoor, running_engine
from ledger.feeds import feed
from ledger.feeds.binance import recordings
from ledger.testing import Simulated, simulate


async def run(
    door: Any, *, seed: int = 7, orders: int = 300, name: str = "a", nasty: bool = False
) -> Simulated:
    return await simulate(
        door, seed=seed, orders=orders, run=name, new_id=lambda: uuid_utils.uuid7().bytes, nasty=nasty
    )


async def test_a_ledger_agrees_with_the_plain_books_run_after_run(tmp_path: Path) -> None:
    async with running_engine(tmp_path / "data") as door:
        first = await run(door)
        again = await run(door, name="b")
    assert first.mismatches == again.mismatches == []
    assert (first.commands, first.fills, first.rejected) == (again.commands, again.fills, again.rejected)
    assert min(first.fills, first.rejected, first.resent) > 0
    assert first.acknowledged + first.rejected == first.commands


async def test_a_ledger_that_started_again_agrees_with_a_run_across_the_stop(tmp_path: Path) -> None:
    async with running_engine(tmp_path / "data") as door:
        await run(door, orders=100)
        before = await door.rows("orders")
    async with running_engine(tmp_path / "data") as door:
        assert await door.rows("orders") == before
        assert (await run(door, name="b", orders=100)).mismatches == []


@pytest.mark.parametrize("seed", range(4))
async def test_a_nasty_venue_leaves_positions_orders_and_anomalies_exact(tmp_path: Path, seed: int) -> None:
    """I-29: also the positions that all runs share are the sums of the fills that the venue reported."""
    async with running_engine(tmp_path / "data") as door:
        first = await run(door, seed=seed, orders=400, nasty=True)
        again = await run(door, seed=seed, orders=400, name="b", nasty=True)
    assert first.mismatches == again.mismatches == []
    assert first.anomalies == again.anomalies
    assert sum(first.anomalies.values()) > 100


async def test_a_nasty_run_of_many_orders_shows_every_anomaly_of_the_reports_that_it_sends(
    tmp_path: Path,
) -> None:
    async with running_engine(tmp_path / "data") as door:
        done = [await run(door, seed=seed, orders=700, name=f"n{seed}", nasty=True) for seed in (3, 6, 8)]
    assert [each.mismatches for each in done] == [[]] * 3
    assert {kind for each in done for kind in each.anomalies} >= {
        "ACK_AFTER_CLOSE",
        "ACK_AFTER_FILL",
        "BUST_BEFORE_FILL",
        "CORRECT_BEFORE_FILL",
        "CUM_MISMATCH",
        "DOUBLE_BUST",
        "EXEC_ID_CONFLICT",
        "FILL_AFTER_REJECT",
        "FILL_BEFORE_ACK",
        "LATE_FILL",
        "MISSED_FILL_SUSPECTED",
        "OVERFILL",
        "REJECT_AFTER_ACK",
        "REJECT_WITH_FILLS",
        "SOURCE_GAP",
        "SOURCE_SEQ_CONFLICT",
        "UNKNOWN_ORDER",
        "UNSOLICITED_CANCEL",
        "UNSOLICITED_REPLACE",
    }


class Silent(EngineDoor):
    """Keeps one kind of anomaly to itself."""

    async def rows(self, what: str, **filters: str) -> list[dict[str, Any]]:
        rows = await super().rows(what, **filters)
        return [row for row in rows if row.get("kind") != "UNKNOWN_ORDER"]


async def test_a_ledger_that_records_no_anomaly_is_found_out(tmp_path: Path) -> None:
    async with running_engine(tmp_path / "data") as door:
        found = (await run(Silent(door.engine), orders=200, nasty=True)).mismatches
    assert any(sentence.startswith("anomaly UNKNOWN_ORDER: recorded 0 times") for sentence in found)


class Forgetful(EngineDoor):
    """Loses the last fill of each batch, and says that it was taken."""

    async def send_facts(self, facts: Sequence[Any]) -> list[Any]:
        kept = [fact for fact in facts if not hasattr(fact, "execution_id")]
        last = [fact for fact in facts if hasattr(fact, "execution_id")][:-1]
        if not kept and not last:  # nothing else to answer with: this one it keeps
            return list(await super().send_facts(facts))
        answers = await super().send_facts(sorted([*kept, *last], key=lambda fact: fact.source_seq))
        return [*answers, *[answers[-1]] * (len(facts) - len(answers))]


async def test_a_ledger_that_loses_fills_is_found_out(tmp_path: Path) -> None:
    async with running_engine(tmp_path / "data") as door:
        found = (await run(Forgetful(door.engine), orders=100)).mismatches
    assert any(sentence.startswith("fill ") and "lacks it" in sentence for sentence in found)
    assert any(sentence.startswith("position ") for sentence in found)


async def test_a_feed_that_was_stopped_goes_on_and_the_book_is_that_of_one_feed(tmp_path: Path) -> None:
    first = given.write(tmp_path / "a.gz", given.SOUND[:4])
    whole = given.write(tmp_path / "b.gz", given.SOUND)
    async with running_engine(tmp_path / "stopped") as door:
        assert (await feed(recordings([first]), door)).sent == 4
    async with running_engine(tmp_path / "stopped") as door:
        fed = await feed(recordings([whole]), door)
        assert (fed.sent, fed.skipped) == (3, 4)
        stopped = await door.rows("book", symbol="BTCUSDT")
        assert (await feed(recordings([whole]), door)).sent == 0
        assert await door.rows("anomalies") == []
    async with running_engine(tmp_path / "whole") as door:
        await feed(recordings([whole]), door)
        straight = await door.rows("book", symbol="BTCUSDT")
    assert {**stopped[0], "version": 0} == {**straight[0], "version": 0}
    assert stopped[0]["best_bid"] == ["99.5", "1"]
    assert stopped[0]["status"] == "LIVE"
