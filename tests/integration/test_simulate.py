"""The simulation and the demo against running ledgers, also through a kill."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable
from typing import Any

import pytest

from ledger.testing import Child


def test_the_same_seed_twice_on_one_ledger_agrees_both_times(shared: Child, typed: Any) -> None:
    first = typed.json("simulate", "--seed", 3, "--orders", 200, "--data", shared.data)
    second = typed.json("simulate", "--seed", 3, "--orders", 200, "--data", shared.data)
    assert first["mismatches"] == second["mismatches"] == []
    counts = ("seed", "orders", "commands", "acknowledged", "rejected", "fills", "resent")
    assert [first[name] for name in counts] == [second[name] for name in counts]
    assert first["fills"] > 50
    assert first["rejected"] > 0
    assert first["resent"] > 0
    strategies = {row["strategy_id"] for row in typed.json("show", "strategies", "--data", shared.data)}
    assert len(strategies) == 8


def test_other_seeds_trade_otherwise(shared: Child, typed: Any) -> None:
    first = typed.json("simulate", "--seed", 1, "--orders", 100, "--data", shared.data)
    second = typed.json("simulate", "--seed", 2, "--orders", 100, "--data", shared.data)
    assert (first["fills"], first["commands"]) != (second["fills"], second["commands"])


def test_a_nasty_venue_leaves_the_books_exact(shared: Child, typed: Any) -> None:
    found = typed.json("simulate", "--nasty", "--orders", 200, "--data", shared.data)
    assert found["mismatches"] == []
    assert set(found["anomalies"]) >= {"FILL_BEFORE_ACK", "SOURCE_GAP", "UNKNOWN_ORDER", "EXEC_ID_CONFLICT"}


@pytest.mark.slow
def test_a_simulation_goes_through_kills_without_a_mismatch(
    ledger: Child, spawned: Callable[..., subprocess.Popen[str]]
) -> None:
    running = spawned("simulate", "--orders", 2500, "--data", ledger.data, "--json")
    for _ in range(2):
        _wait_for_growth(ledger)
        ledger.kill()
        ledger.start()
    out, err = running.communicate(timeout=100)
    assert running.returncode == 0, (out, err)
    assert json.loads(out)["mismatches"] == []


def _wait_for_growth(ledger: Child) -> None:
    """Until some more orders are in; asked with the command line, as an onlooker would."""
    from ledger.cli.options import Where
    from ledger.cli.talk import Talk

    with Talk(Where(data=ledger.data)) as talk:
        before = next(iter(talk.rows("head")))["orders"]
        deadline = time.monotonic() + 60
        while next(iter(talk.rows("head")))["orders"] < before + 300:
            assert time.monotonic() < deadline, "the simulation does not go on"


@pytest.mark.slow
def test_the_demo_proves_that_nothing_is_lost_or_doubled(typed: Any) -> None:
    proof = typed.json("demo", "--orders", 1000)
    assert (proof["lost"], proof["doubled"], proof["mismatches"]) == (0, 0, [])
    assert proof["digest_before"] == proof["digest_after"]
    assert proof["acknowledged"] > 2000
