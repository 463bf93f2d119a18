"""Snapshots and the index, under random plays: whatever is used of them, the state is the one that the journal makes."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import pytest
import trio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine_play import PLAY, Desk, Step, play
from followed import PASSIVATING, digests_of, follow, following, recovered, replay, snapshot_all
from ledger.domain.order import is_open
from ledger.fold import ControlFold, TradingFold
from ledger.journal import list_snapshots
from running_engine import SETTINGS, Clock, Ids, Running, replayed, running

FEW = settings(deadline=None, max_examples=10, suppress_health_check=[HealthCheck.too_slow])
MANY = settings(FEW, max_examples=150)


async def _play_each(one: Running, directory: Path, steps: list[Step]) -> None:
    """Every step in a frame of its own, a snapshot after each."""
    desk = Desk(one)
    with following(directory) as follower:
        for step in steps:
            snapshot_all(follower)
            made = desk.input_of(step)
            if made is not None:
                await one.ask(*made)
                await one.settle()
        snapshot_all(follower)


def _same_everywhere(found: TradingFold, genesis: TradingFold) -> None:
    """Each entity of the whole fold is found in the other one, loaded where it has left memory."""
    for name in ("orders", "fills", "order_of_id", "order_of_venue_id", "order_of_number", "outcomes"):
        for key, state in getattr(genesis, name).states.items():
            assert getattr(found, name).get(key) == state, (name, key)
    for name, mine in vars(genesis.control).items():
        if name in ("kept", "guarded", "limited", "duplicate_window_ns", "twins"):
            assert getattr(found.control, name) == mine
    assert isinstance(found.control, ControlFold)
    assert found.facts.anomalies == genesis.facts.anomalies
    assert found.facts.counts == genesis.facts.counts
    assert found.started == genesis.started


def _every_snapshot_is_as_good_as_none(directory: Path) -> None:
    whole = replayed(directory)
    genesis = replay(directory, "trading", 0).fold
    taken = {name: list_snapshots(directory, name, 0) for name in ("trading", "market")}
    while any(taken.values()):
        found = recovered(directory)
        for name, each in (("trading", found.trading), ("market", found.market)):
            newest = taken[name][0].seq if taken[name] else 0
            assert (each.from_seq, each.notes) == (newest, ()), name
        assert isinstance(found.trading.fold, TradingFold)
        assert isinstance(genesis, TradingFold)
        assert found.trading.fold.digest() == whole["trading"], found.trading.from_seq
        assert found.market.fold.digest() == whole["market"]
        _same_everywhere(found.trading.fold, genesis)
        assert digests_of(found) == whole
        for snapshots in taken.values():
            if snapshots:
                snapshots.pop(0).path.unlink()
    _the_index_alone_is_as_good_as_none(directory, genesis)


def _the_index_alone_is_as_good_as_none(directory: Path, genesis: TradingFold) -> None:
    whole = replayed(directory)
    found = recovered(directory)
    assert found.index is not None
    assert isinstance(found.trading.fold, TradingFold)
    assert all(is_open(order) for order in found.trading.fold.orders)
    assert found.trading.fold.digest() == whole["trading"]
    _same_everywhere(found.trading.fold, genesis)
    assert digests_of(found) == whole


@FEW
@given(PLAY)
def test_every_snapshot_and_what_follows_make_the_state_of_the_whole_journal(steps: list[Step]) -> None:
    """I-3, for every k: the index has gone on meanwhile, and shows what stood at k."""

    async def act(one: Running, directory: Path) -> None:
        await _play_each(one, directory, steps)
        _every_snapshot_is_as_good_as_none(directory)

    play(act)


@pytest.mark.slow
@MANY
@given(PLAY)
def test_every_snapshot_and_what_follows_make_the_state_of_the_whole_journal_at_length(
    steps: list[Step],
) -> None:
    """I-3."""

    async def act(one: Running, directory: Path) -> None:
        await _play_each(one, directory, steps)
        _every_snapshot_is_as_good_as_none(directory)

    play(act)


@FEW
@given(PLAY, st.integers(1, 4))
def test_the_follower_has_the_engines_digest_at_every_place(steps: list[Step], every: int) -> None:
    """I-2, for a fold whose closed entities leave memory at every checkpoint."""

    async def act(one: Running, directory: Path) -> None:
        desk = Desk(one)
        with following(directory) as follower:
            for number, step in enumerate(steps):
                made = desk.input_of(step)
                if made is None:
                    continue
                await one.ask(*made)
                await one.settle()
                while follower.step():
                    pass
                if number % every == 0:
                    follower.checkpoint()
                if follower.heads["trading"].seq == one.engine.open_trading.durable_seq:
                    assert follower.trading.digest() == one.digests()["trading"]
                    assert follower.market.digest() == one.digests()["market"]

    play(act)


def _timeless(row: dict[str, Any]) -> dict[str, Any]:
    """A row without its times, and without what follows from them or from the place on disk."""
    left = ("data", "lineage", "journals")
    return {key: value for key, value in row.items() if not key.endswith("_ns") and key not in left}


def _told(steps: list[Step], directory: Path, *, passivates: bool) -> list[Any]:
    """The answers of two runs with a restart between; everything closed leaves memory after every step."""
    told: list[Any] = []

    async def whole() -> None:
        clock, new_id = Clock(), Ids()
        half = len(steps) // 2
        for part, some in enumerate((steps[:half], steps[half:])):
            kind = PASSIVATING if passivates else SETTINGS
            async with running(directory, settings=kind, clock=clock, new_id=new_id) as one:
                if part == 0:
                    await one.define("AAPL", "MSFT")
                desk = desks.setdefault("desk", Desk(one))
                desk._one = one
                for step in some:
                    made = desk.input_of(step)
                    if made is None:
                        continue
                    told.append(await one.ask(*made))
                    await one.settle()
                    if passivates:
                        follow(directory)
                        while one.engine.passivation.look():
                            pass
                assert one.digests() == replayed(directory)
                for what in ("orders", "fills", "positions", "head"):
                    told.append([_timeless(row) for row in await one.rows(what)])

    desks: dict[str, Desk] = {}
    trio.run(whole)
    return told


@pytest.mark.slow
@settings(FEW, max_examples=25)
@given(PLAY)
def test_an_engine_that_forgets_everything_closed_answers_like_one_that_keeps_it(steps: list[Step]) -> None:
    """I-2, I-10: late fills, busts, corrections, repeats and questions find what has left memory."""
    with tempfile.TemporaryDirectory() as temporary:
        kept = _told(steps, Path(temporary) / "kept", passivates=False)
        forgotten = _told(steps, Path(temporary) / "forgotten", passivates=True)
        assert forgotten == kept
