"""Invariants of the whole engine under random commands, reports and market data, over a journal on disk."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import msgspec
import pytest
import trio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine_play import PLAY, Desk, Step, ask_all, play
from ledger.domain.events import (
    AnomalyRecorded,
    CommandRejected,
    EngineFault,
    FactSuspended,
    InstrumentDefined,
)
from ledger.engine import replay
from ledger.journal import JournalReader, StorageError, verify
from ledger.wire import Committed, FactCommitted, Rejected
from running_engine import Clock, Ids, Running, journaled, running

ROOT = Path(__file__).resolve().parents[2]
FEW = settings(deadline=None, max_examples=10, suppress_health_check=[HealthCheck.too_slow])


@FEW
@given(PLAY)
def test_replay_gives_the_live_state_at_every_place(steps: list[Step]) -> None:
    """I-2, and I-5: whatever was journaled folds."""

    async def act(one: Running, directory: Path) -> None:
        desk = Desk(one)
        live: dict[tuple[str, int], int] = {}
        for step in steps:
            made = desk.input_of(step)
            if made is not None:
                await one.ask(*made)
                await one.settle()
                digests = one.digests()
                live["trading", one.engine.open_trading.durable_seq] = digests["trading"]
                live["market", one.engine.open_market.durable_seq] = digests["market"]
        assert one.engine.faults == 0
        for (journal, seq), digest in live.items():
            assert replay(directory, journal, 0, to_seq=seq).fold.digest() == digest, f"{journal}/0:{seq}"

    play(act)


@pytest.mark.slow
@settings(FEW, max_examples=12)
@given(PLAY, st.integers(1, 12), st.booleans(), st.sampled_from(["trading", "market"]))
def test_after_a_failure_anywhere_the_journal_is_a_prefix_that_holds_all_that_was_acknowledged(
    steps: list[Step], commits: int, after_write: bool, failing: str
) -> None:
    """I-4."""
    whole: dict[str, list[Any]] = {}

    async def undisturbed(one: Running, directory: Path) -> None:
        await ask_all(one, steps)
        await one.settle()
        whole.update({journal: journaled(directory, journal) for journal in ("trading", "market")})

    play(undisturbed)
    with tempfile.TemporaryDirectory() as temporary:
        directory, clock, new_id = Path(temporary), Clock(), Ids()
        told = trio.run(_until_it_fails, directory, clock, new_id, steps, commits, after_write, failing)
        for journal in ("trading", "market"):
            kept = journaled(directory, journal)
            assert kept == whole[journal][: len(kept)]
        assert verify(directory).problems == []
        trio.run(_nothing_acknowledged_is_lost, directory, clock, new_id, told)


async def _until_it_fails(
    directory: Path,
    clock: Clock,
    new_id: Ids,
    steps: list[Step],
    commits: int,
    after_write: bool,
    failing: str,
) -> list[tuple[str, Any, Any]]:
    """What was acknowledged before the commit with that number failed."""
    told: list[tuple[str, Any, Any]] = []
    async with running(directory, clock=clock, new_id=new_id) as one:
        await one.define("AAPL", "MSFT")
        await one.settle()
        desk, commit, failed = Desk(one), one.commits[failing], trio.Event()
        before = len(commit.frames)
        for step in steps:
            made = desk.input_of(step)
            if made is None:
                continue
            if len(commit.frames) - before >= commits:
                commit.fail_with, commit.fail_after_write = StorageError("no more", ""), after_write
            answered = trio.Event()

            def reply(got: list[Any], made: tuple[str, Any] = made, answered: trio.Event = answered) -> None:
                told.append((*made, got[0]))
                answered.set()

            one.send(made[0], [made[1]], reply)
            async with trio.open_nursery() as nursery:
                nursery.start_soon(_set_after, one, failed, nursery.cancel_scope)
                await answered.wait()
                nursery.cancel_scope.cancel()
            if failed.is_set():
                break
            await one.settle_or_fail()
            if one.engine.failed:
                break
        one.crash()
    return told


async def _set_after(one: Running, failed: trio.Event, scope: trio.CancelScope) -> None:
    await one.engine.wait_failed()
    failed.set()
    scope.cancel()


async def _nothing_acknowledged_is_lost(
    directory: Path, clock: Clock, new_id: Ids, told: list[tuple[str, Any, Any]]
) -> None:
    async with running(directory, clock=clock, new_id=new_id) as one:
        for door, item, answer in told:
            if type(answer) in (Committed, Rejected) and answer.seq:
                (again,) = await one.ask(door, item)
                assert again == msgspec.structs.replace(answer, repeated=True) or answer.repeated
            elif type(answer) is FactCommitted and not answer.repeated:
                (again,) = await one.ask(door, item)
                assert again.repeated


@FEW
@given(PLAY)
def test_the_events_of_one_input_are_adjacent_and_in_one_frame(steps: list[Step]) -> None:
    """I-8: frames end where an input ends. I-9: no record on a symbol before its definition."""

    async def act(one: Running, directory: Path) -> None:
        ends: dict[str, set[int]] = {"trading": set(), "market": set()}
        for journal in (one.engine.open_trading, one.engine.open_market):
            _note_ends(journal, ends[journal.name])
        desk = Desk(one)
        batches: dict[str, list[Any]] = {}
        for step in steps:  # large batches: many inputs share a frame
            made = desk.input_of(step)
            if made is not None:
                batches.setdefault(made[0], []).append(made[1])
        first = {journal: len(one.commits[journal].frames) for journal in ends}
        for door, inputs in batches.items():
            one.send(door, inputs, lambda _got: None)
        await one.settle()
        for journal, its in ends.items():
            for frame in one.commits[journal].frames[first[journal] :]:
                assert frame.last_seq in its
            _defined_before_use(directory, journal)

    play(act)


def _note_ends(journal: Any, ends: set[int]) -> None:
    append = journal.append

    def noted(events: Any, steps: Any) -> None:
        append(events, steps)
        ends.add(journal.next_seq - 1)

    journal.append = noted


def _defined_before_use(directory: Path, journal: str) -> None:
    defined: set[str] = set()
    for _seq, event in journaled(directory, journal):
        if type(event) is InstrumentDefined:
            defined.add(event.symbol)
        elif type(event) not in (CommandRejected, AnomalyRecorded, FactSuspended, EngineFault):
            symbol = getattr(event, "symbol", None)
            assert symbol is None or symbol in defined, event


@FEW
@given(PLAY, st.integers(1, 3))
def test_whatever_is_sent_again_gets_its_first_answer_and_changes_nothing(
    steps: list[Step], times: int
) -> None:
    """I-10, I-11."""

    async def act(one: Running, directory: Path) -> None:
        told = await ask_all(one, steps)
        await one.settle()
        before = one.digests(), journaled(directory), journaled(directory, "market")
        for door, item, answer in told * times:
            (again,) = await one.ask(door, item)
            if type(answer) in (Committed, Rejected):
                assert msgspec.structs.replace(again, repeated=False) == msgspec.structs.replace(
                    answer, repeated=False
                )
                assert again.repeated
            elif type(answer) is FactCommitted:
                assert again.repeated
        await one.settle()
        assert (one.digests(), journaled(directory), journaled(directory, "market")) == before

    play(act)


@pytest.mark.slow
@FEW
@given(PLAY, st.randoms(use_true_random=False))
def test_what_happens_to_one_symbol_does_not_depend_on_the_others(steps: list[Step], random: Any) -> None:
    """I-13: interleaved in any way, each symbol's orders, fills, positions and book come out the same."""
    steps = [step for step in steps if step[1] in ("AAPL", "MSFT")]
    apart = sorted(steps, key=lambda step: step[1])
    first, second = ([step for step in apart if step[1] == symbol] for symbol in ("AAPL", "MSFT"))
    merged: list[Step] = []
    while first or second:
        merged.append((first if first and (not second or random.random() < 0.5) else second).pop(0))
    states: list[Any] = []

    async def act(one: Running, _directory: Path) -> None:
        await ask_all(one, apart if not states else merged)
        rows = [row for what in ("orders", "fills", "positions", "books") for row in await one.rows(what)]
        states.append(sorted((_timeless(row) for row in rows), key=repr))

    play(act)
    play(act)
    assert states[0] == states[1]


def _timeless(row: dict[str, Any]) -> dict[str, Any]:
    """A row without what follows from its place in the journal."""
    placed = ("version", "order_id", "fill_id", "created_at_ns", "updated_at_ns", "opened_at_ns", "pending")
    return {key: value for key, value in row.items() if key not in placed}


@pytest.mark.slow
def test_the_same_inputs_make_the_same_journal_whatever_the_hash_seed() -> None:
    """I-6: the golden journal, replayed and written again by processes with other hash seeds."""
    golden = ROOT / "journal" / "golden" / "format-1"
    program = (
        "import sys; from pathlib import Path; sys.path[:0] = ['src', 'tests', 'tools'];"
        "from _golden import check; print(check(Path(sys.argv[1])))"
    )
    with tempfile.TemporaryDirectory() as temporary:
        copy = Path(temporary) / "golden"
        shutil.copytree(golden, copy)
        for seed in ("0", "1", "4711"):
            done = subprocess.run(
                [sys.executable, "-c", program, str(copy)],
                cwd=ROOT,
                env={**os.environ, "PYTHONHASHSEED": seed},
                capture_output=True,
                text=True,
                check=True,
            )
            assert done.stdout.strip() == ""


@FEW
@given(PLAY, st.integers(1, 7))
def test_a_journal_reads_the_same_in_any_portions(steps: list[Step], portion: int) -> None:
    """I-6: whatever the read batch size."""

    async def act(one: Running, directory: Path) -> None:
        await ask_all(one, steps)
        await one.settle()
        frames = list(JournalReader(directory, "trading", 0).frames())
        with JournalReader(directory, "trading", 0) as reader:
            read, at = [], 1
            while at <= one.engine.open_trading.durable_seq:
                part = list(reader.frames(at, at + portion - 1))
                read += [frame for frame in part if frame not in read]
                at = part[-1].last_seq + 1
        assert read == frames

    play(act)
