"""A page whose numbers lead beyond its file kills whoever reads it through LMDB: the next start looks first, and says where."""

from __future__ import annotations

import signal
import struct
from pathlib import Path

import pytest

from followed import digests_of, follow, recovered
from ledger.errors import Corrupt, Unavailable
from ledger.journal import damage_of, index_path, look_before_reading, marked_reading, open_readonly
from ledger.testing import Child
from ledger.testing.made_journal import MadeJournal

PAGE, LEAF, NODES_AT, BEYOND = 4096, 2, 16, 0xFFFE


@pytest.fixture(autouse=True)
def _these_sources(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).resolve().parents[2] / "src"))


@pytest.fixture
def data(tmp_path: Path) -> Path:
    path = tmp_path / "data"
    with MadeJournal(path) as journal:
        journal.trade(30)
        journal.quote(4)
    follow(path)
    return path


def misdirect(path: Path) -> None:
    """Every node of every leaf page lies far beyond it."""
    content = bytearray(path.read_bytes())
    for page in range(2 * PAGE, len(content), PAGE):
        flags, lower = struct.unpack_from("<HH", content, page + 10)
        if flags == LEAF:
            for at in range(page + NODES_AT, page + lower, 2):
                struct.pack_into("<H", content, at, BEYOND)
    path.write_bytes(content)


def segment_of(data: Path) -> Path:
    (path,) = (data / "trading" / "0" / "segments").glob("[0-9]*.lmdb")
    return path


def test_the_mark_of_a_reader_that_died_is_found_by_the_next_one_only(tmp_path: Path) -> None:
    with marked_reading(tmp_path) as died:
        assert not died
        with marked_reading(tmp_path) as first_died:  # what a killed process leaves is what a living one has
            assert first_died
    with marked_reading(tmp_path) as died:
        assert not died


def test_a_look_finds_a_segment_that_would_kill_its_reader(data: Path) -> None:
    path = segment_of(data)
    misdirect(path)
    with pytest.raises(Corrupt) as found:
        look_before_reading(open_readonly(data), 0)
    assert (found.value.file, found.value.place) == (str(path), "LMDB pages")


def test_a_look_sets_an_index_aside_that_would_kill_its_reader(data: Path) -> None:
    before = digests_of(recovered(data))
    misdirect(index_path(data, 0))
    look_before_reading(open_readonly(data), 0)
    assert "a start died at it" in damage_of(data, 0)
    found = recovered(data)
    assert "a start died at it" in found.why_no_index
    assert digests_of(found) == before
    follow(data)
    assert damage_of(data, 0) == ""
    assert digests_of(recovered(data)) == before


def test_a_look_finds_nothing_in_what_is_whole(data: Path) -> None:
    look_before_reading(open_readonly(data), 0)
    assert damage_of(data, 0) == ""


@pytest.mark.slow
def test_the_start_after_one_that_a_page_has_killed_says_which_file_is_damaged(data: Path) -> None:
    path = segment_of(data)
    misdirect(path)
    with Child(data) as child:
        with pytest.raises(Unavailable, match=f"exit {-signal.SIGBUS}|exit {-signal.SIGSEGV}"):
            child.start()
        with pytest.raises(Unavailable, match="LMDB pages"):
            child.start()
        assert str(path) in child.log.read_text()


@pytest.mark.slow
def test_the_start_after_one_that_the_index_has_killed_serves_without_it(data: Path) -> None:
    misdirect(index_path(data, 0))
    with Child(data) as child:
        with pytest.raises(Unavailable, match=f"exit {-signal.SIGBUS}|exit {-signal.SIGSEGV}"):
            child.start()
        child.start()
        assert "a start died at it" in child.log.read_text()
        assert child.stop() == 0
