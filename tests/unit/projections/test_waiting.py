"""Waiting for one's own write: what the rows of a query for `projections` mean."""

from __future__ import annotations

import pytest

from ledger.client import NotReachable
from ledger.client.waiting import Wanted


def row(seq: int, **more):
    return {
        "projection": "postgres",
        "partition": 0,
        "journal": "trading",
        "seq": seq,
        "state": "following",
        "error": "",
        **more,
    }


def wanted(now: list[float]) -> Wanted:
    return Wanted("trading/0:10", "postgres", 2.0, lambda: now[0])


def test_a_place_is_reached_when_the_projection_has_it_and_not_before() -> None:
    waiting = wanted([0.0])
    assert not waiting.reached([row(9)])
    assert waiting.reached([row(10)])


@pytest.mark.parametrize("other", [{"projection": "redis"}, {"partition": 1}, {"journal": "market"}])
def test_what_another_projection_partition_or_journal_has_does_not_count(other) -> None:
    assert not wanted([0.0]).reached([row(99, **other)])


def test_at_the_deadline_it_says_how_far_the_projection_is_and_why() -> None:
    now = [0.0]
    waiting = wanted(now)
    assert not waiting.reached([row(3, state="waiting", error="refused")])
    assert waiting.pause() == pytest.approx(0.02)
    now[0] = 2.0
    with pytest.raises(NotReachable, match=r"in 2 s: it is at 3 \(waiting: refused\)"):
        waiting.reached([row(3, state="waiting", error="refused")])


def test_a_projection_that_does_not_run_is_told_as_such() -> None:
    now = [0.0]
    waiting = wanted(now)
    now[0] = 5.0
    with pytest.raises(NotReachable, match="does not run beside this ledger"):
        waiting.reached([])
