"""Ten kills at seeded moments of a feed and a simulation: no answer is taken back, and each dead state is kept."""

from __future__ import annotations

import json
import random
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from test_feed import FIRST, SECOND, ledger_book, naive_book, trades_in, trades_in_journal

from ledger.cli.options import Where
from ledger.cli.talk import Talk
from ledger.errors import Unavailable
from ledger.testing import Child

KILLS = 10
Heads = dict[str, tuple[int, str]]


@pytest.mark.slow
def test_ten_kills_of_a_feed_and_a_simulation_take_nothing_back(
    ledger: Child, typed: Any, captures: Path, spawned: Callable[..., subprocess.Popen[str]]
) -> None:
    moments = random.Random(11)
    paths = [captures / "binance" / name for name in (FIRST, SECOND)]
    feeding = spawned("feed", "binance", *paths, "--data", ledger.data)
    trading = spawned("simulate", "--orders", 8000, "--data", ledger.data, "--json")
    dead: list[Heads] = []
    for _ in range(KILLS):
        shown = _shown_after(ledger.data, moments.randint(300, 2500))
        ledger.kill()
        dead.append(_folded(typed, ledger.data))
        for journal, (seq, _) in shown.items():
            assert dead[-1][journal][0] >= seq, f"{journal}: {seq} was shown as settled and is gone"
        ledger.start()
    assert feeding.poll() is None or trading.poll() is None, "the load ended before the last kill"
    out, err = trading.communicate(timeout=200)
    assert trading.returncode == 0, (out, err)
    assert json.loads(out)["mismatches"] == []
    out, err = feeding.communicate(timeout=200)
    assert feeding.returncode == 0, (out, err)
    assert ledger_book(typed, ledger.data) == naive_book(paths)
    assert trades_in_journal(ledger.data) == trades_in(paths)
    for heads in dead:
        assert _folded(typed, ledger.data, heads) == heads


def _folded(typed: Any, data: Path, at: Heads | None = None) -> Heads:
    """(seq, digest) of each journal, folded offline; at the places given."""
    places = [part for name, (seq, _) in (at or {}).items() for part in ("--to-seq", f"{name}/0:{seq}")]
    journals = typed.json("replay", "--data", data, *places)["journals"]
    return {name: _head(part) for name, (part,) in journals.items()}


def _head(part: dict[str, Any]) -> tuple[int, str]:
    return int(part["head"].rpartition(":")[2]), part["digest"]


def _shown_after(data: Path, events: int) -> Heads:
    """The settled heads as the running ledger shows them, once so many more trading events are settled."""
    deadline = time.monotonic() + 60
    begun: int | None = None
    while time.monotonic() < deadline:
        try:
            with Talk(Where(data=data)) as talk:
                row = next(iter(talk.rows("head")))
        except Unavailable:
            continue
        settled = {
            name: (int(part["settled"].rpartition(":")[2]), part["digest"])
            for name, (part,) in row["journals"].items()
        }
        begun = settled["trading"][0] if begun is None else begun
        if settled["trading"][0] >= begun + events:
            return settled
    raise AssertionError("the simulation does not go on")
