"""Followers killed anywhere, files of theirs damaged anywhere: whatever starts next has the state of the journal."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from followed import digests_of, flip, follow, following, recovered, snapshot_all
from ledger.engine import replay
from ledger.journal import IndexFile, index_path, list_snapshots, mark_damaged
from ledger.testing.made_journal import MadeJournal

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = """
import signal, sys
from pathlib import Path
from ledger.projections.follower import Follower
follower = Follower(
    Path(sys.argv[1]), 0, snapshot_events=150, snapshots_kept=3, say=lambda _: None, checkpoint_events=40
)
follower.take()
signal.setitimer(signal.ITIMER_REAL, float(sys.argv[2]))  # its signal ends the process at once, whatever it does
follower.open()
while follower.step():
    pass
follower.close()
"""
"""A follower that writes often, and dies after so many seconds."""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A journal of some thousand events, and what a follower has made of the first half and of the whole."""
    path = tmp_path_factory.mktemp("made") / "data"
    with MadeJournal(path) as journal:
        journal.trade(60)
        journal.quote(20)
        with following(path) as follower:
            snapshot_all(follower)
            journal.trade(40)
            journal.adjust()
            journal.quote(20)
            while follower.step():
                pass
            follower.checkpoint()  # the index has gone on, and keeps what stood at the snapshot
            journal.trade(20)
    return path


@pytest.fixture
def data(made: Path, tmp_path: Path) -> Path:
    """A copy of it to be damaged."""
    return Path(shutil.copytree(made, tmp_path / "data"))


def state_of(directory: Path) -> dict[str, int]:
    """What the journal alone says."""
    return {name: replay(directory, name, 0).fold.digest() for name in ("trading", "market")}


def killed_follower(directory: Path, after_s: float) -> int:
    """Its exit code: minus the signal's number, or 0 where it was quicker."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    command = [sys.executable, "-c", PROGRAM, str(directory), str(after_s)]
    return subprocess.run(command, env=environment, check=False).returncode


def check_kills(directory: Path, kills: int, seed: int) -> None:
    random_ = random.Random(seed)
    with MadeJournal(directory) as journal:
        died = 0
        for number in range(kills):
            journal.trade(100)
            journal.quote(40)
            died += killed_follower(directory, random_.uniform(0.002, 0.08)) != 0
            assert digests_of(recovered(directory)) == state_of(directory)
            if number % 2:  # the index alone
                shutil.rmtree(directory / "snapshots", ignore_errors=True)
                assert digests_of(recovered(directory)) == state_of(directory)
        assert died, "none was killed in its work"
    follow(directory)
    found = recovered(directory)
    assert (found.trading.events, found.market.events) == (0, 0)
    assert digests_of(found) == state_of(directory)


def test_whenever_a_follower_dies_the_next_start_has_the_state_of_the_journal(tmp_path: Path) -> None:
    """I-2, I-3."""
    check_kills(tmp_path, 3, 1)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [2, 3])
def test_whenever_a_follower_dies_the_next_start_has_the_state_of_the_journal_many_times(
    tmp_path: Path, seed: int
) -> None:
    """I-2, I-3."""
    check_kills(tmp_path, 25, seed)


def test_a_snapshot_is_continued_from_an_index_that_has_gone_on(data: Path) -> None:
    """I-3, with busts of what was closed in both."""
    found = recovered(data)
    assert 0 < found.trading.from_seq < found.trading.head.seq
    assert found.trading.notes == ()
    assert digests_of(found) == state_of(data)


@pytest.mark.parametrize("journal", ["trading", "market"])
def test_a_flipped_bit_anywhere_in_a_snapshot_is_noticed(data: Path, journal: str) -> None:
    (newest,) = list_snapshots(data, journal, 0)
    whole, expected = newest.path.read_bytes(), state_of(data)
    for at in range(0, len(whole), max(1, len(whole) // 40)):
        flip(newest.path, at)
        found = recovered(data)
        notes = (found.trading if journal == "trading" else found.market).notes
        assert len(notes) == 1, at
        assert f"snapshot {journal}/0:{newest.seq} is not used: " in notes[0]
        assert digests_of(found) == expected
        newest.path.write_bytes(whole)


def test_a_snapshot_that_is_cut_short_is_noticed(data: Path) -> None:
    (newest,) = list_snapshots(data, "trading", 0)
    whole, expected = newest.path.read_bytes(), state_of(data)
    for length in (0, 7, 50, len(whole) // 2, len(whole) - 1):
        newest.path.write_bytes(whole[:length])
        found = recovered(data)
        assert len(found.trading.notes) == 1
        assert digests_of(found) == expected


def test_a_snapshot_ahead_of_the_journal_is_not_used(data: Path, tmp_path: Path) -> None:
    """A journal put back from an older copy, with the snapshots and the index of the newer one."""
    older = tmp_path / "older"
    with MadeJournal(older) as journal:
        journal.trade(5)
    follow(data)
    for what in ("snapshots", "index"):
        shutil.copytree(data / what, older / what)
    found = recovered(older)
    assert "it is of another lineage" in found.why_no_index
    assert all("it is of another lineage" in note for note in found.trading.notes)
    assert len(found.trading.notes) == 2
    assert digests_of(found) == state_of(older)
    said = follow(older)
    assert any("the index is built again: it is of another lineage" in line for line in said)
    assert recovered(older).trading.events == 0


def test_what_is_ahead_of_the_journal_is_not_used(tmp_path: Path) -> None:
    """The same journal as it was before the snapshot was made."""
    path, before = tmp_path / "data", tmp_path / "before"
    with MadeJournal(path) as journal:
        journal.trade(20)
        shutil.copytree(path, before)
        journal.trade(20)
    follow(path)
    for what in ("snapshots", "index"):
        shutil.copytree(path / what, before / what)
    found = recovered(before)
    assert "it is ahead of the journal" in found.why_no_index
    assert "it is ahead of the journal" in found.trading.notes[0]
    assert digests_of(found) == state_of(before)
    follow(before)
    assert digests_of(recovered(before)) == state_of(before)
    assert recovered(before).trading.notes == (), "what was ahead has been removed"


def test_a_snapshot_that_names_more_than_the_index_has_is_not_used(tmp_path: Path) -> None:
    path = tmp_path / "data"
    with MadeJournal(path) as journal:
        journal.trade(20)
        follow(path)
        old_index = Path(shutil.copytree(path / "index", tmp_path / "index"))
        journal.trade(20)
    follow(path)
    shutil.rmtree(path / "index")
    shutil.copytree(old_index, path / "index")
    found = recovered(path)
    assert "it names index offset" in found.trading.notes[0]
    assert found.trading.from_seq > 0, "the older one is"
    assert digests_of(found) == state_of(path)


def test_snapshots_and_indexes_of_other_code_are_not_used(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.modules["ledger.fold.restart"], "fingerprint", lambda: "a newer one")
    found = recovered(data)
    assert found.why_no_index == "other code made it"
    assert found.trading.from_seq == 0
    assert digests_of(found) == state_of(data)


def test_a_damaged_entry_that_a_start_needs_only_makes_it_take_longer(data: Path) -> None:
    """Damage that nothing shows until the fold of what follows the snapshot looks for that execution."""
    path, expected = index_path(data, 0), state_of(data)
    index = IndexFile(data, 0)
    values = {key: index.value(key) for key, _ in index.scan(b"f")}
    index.close()
    content = bytearray(path.read_bytes())
    for value in values.values():
        assert value is not None
        while (at := content.find(value)) >= 0:
            content[at + len(value) - 1] ^= 1
    path.write_bytes(content)
    found = recovered(data)
    assert "its checksum does not hold" in found.damaged_index
    assert found.index is None
    assert digests_of(found) == expected
    mark_damaged(data, 0, found.damaged_index)  # as the engine does
    assert any("the index is built again: index key" in line for line in follow(data))
    again = recovered(data)
    assert again.damaged_index == ""
    assert digests_of(again) == expected


@pytest.mark.parametrize("at", [0, 40, 4096 + 16, 8192, -4096, -1])
def test_an_index_file_that_is_damaged_or_cut_never_makes_another_state(data: Path, at: int) -> None:
    path, expected = index_path(data, 0), state_of(data)
    size = path.stat().st_size
    flip(path, at % size)
    assert digests_of(recovered(data)) == expected
    os.truncate(path, at % size)
    found = recovered(data)
    assert digests_of(found) == expected
    follow(data)
    assert digests_of(recovered(data)) == expected
