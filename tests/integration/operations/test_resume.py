"""Partitions that an operator lets go on after a stop; who and why stands in the journal."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ledger.domain.codes import Code
from ledger.domain.operator_commands import ResumePartition
from ledger.domain.operator_events import PartitionResumed
from ledger.testing import Child
from ledger.wire import Refused
from running_engine import Running, journaled, running


def resume(one: Running, partition: int = 0, why: str = "looked at") -> ResumePartition:
    return ResumePartition(one.new_id(one.clock.now_ns), partition, why)


async def test_a_partition_resumes_only_itself(tmp_path: Path) -> None:
    async with running(tmp_path) as one:
        (answer,) = await one.ask("commands", resume(one, partition=3))
        assert (type(answer), answer.code) == (Refused, Code.WRONG_PARTITION)


async def test_each_start_can_be_resumed_once(tmp_path: Path) -> None:
    for epoch in (1, 2):
        async with running(tmp_path) as one:
            one.new_id.made = 100 * epoch
            answers = [await one.ask("commands", resume(one)) for _ in range(2)]
            assert [answer.repeated for (answer,) in answers] == [False, True]
    assert [event.epoch for _, event in journaled(tmp_path) if type(event) is PartitionResumed] == [1, 2]


def test_resume_writes_into_the_journal_of_a_stopped_ledger_who_let_it_go_on(
    ledger: Child, typed: Any
) -> None:
    code, _, err = typed("resume", "--data", ledger.data)
    assert (code, "needs a reason" in err) == (2, True)
    ledger.kill()
    said = typed.good("resume", "--data", ledger.data, "--reason", "the disk was replaced")
    assert "because: the disk was replaced" in said
    lines = typed.good("journal", "cat", "--type", "PartitionResumed", "--data", ledger.data)
    assert "reason=the disk was replaced" in lines
    assert "actor=resume" in lines
    ledger.start()
    code, _, err = typed("resume", "--data", ledger.data, "--reason", "all is well")
    assert (code, "runs and takes orders" in err) == (2, True)


@pytest.mark.slow
def test_every_partition_of_a_stopped_ledger_is_resumed(tmp_path: Path, typed: Any) -> None:
    with Child(tmp_path / "data", ["engine.partitions=3"]) as child:
        child.start()
        child.stop()
        row = typed.json(
            "resume", "--data", child.data, "--reason", "looked at", "--set", "engine.partitions=3"
        )
        assert [place.partition(":")[0] for place in row["places"]] == ["trading/0", "trading/1", "trading/2"]
