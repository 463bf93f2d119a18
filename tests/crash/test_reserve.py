"""A filling disk is noticed in time, the reserve is given up once, and comes back when asked."""

from __future__ import annotations

from pathlib import Path

import pytest

from full_disk import mounted
from journals import frames_after, make_commit, write_journal
from ledger.journal import JournalReader, Reserve, StorageError, create_or_open

KIB = 1024


@pytest.fixture
def told() -> list[int]:
    return []


def test_space_is_kept_given_up_once_and_restored_when_asked(tmp_path: Path, told: list[int]) -> None:
    with mounted(tmp_path / "disk", KIB * KIB) as disk:
        reserve = Reserve(disk, 512 * KIB, on_space_low=told.append, low_bytes=128 * KIB)
        reserve.open()
        assert (disk / "reserve").stat().st_blocks * 512 == 512 * KIB
        assert (reserve.check(), told) == (False, [])
        ballast = disk / "ballast"
        ballast.write_bytes(bytes(450 * KIB))
        assert reserve.check()
        assert reserve.check()
        assert len(told) == 1
        assert told[0] < 128 * KIB
        assert not (disk / "reserve").exists()
        with pytest.raises(StorageError, match=r"lacks \d+ bytes for journal\.reserve_bytes"):
            reserve.restore()
        assert reserve.low
        ballast.unlink()
        reserve.restore()
        assert (reserve.low, (disk / "reserve").exists()) == (False, True)


def test_a_start_without_room_for_the_reserve_is_low_from_the_start(tmp_path: Path, told: list[int]) -> None:
    with mounted(tmp_path / "disk", KIB * KIB) as disk:
        (disk / "ballast").write_bytes(bytes(450 * KIB))
        reserve = Reserve(disk, 512 * KIB, on_space_low=told.append, low_bytes=128 * KIB)
        reserve.open()
        assert (reserve.low, len(told), (disk / "reserve").exists()) == (True, 1, False)


def test_another_size_is_allocated_anew_and_none_gives_it_up(tmp_path: Path, told: list[int]) -> None:
    for size in (64 * KIB, 256 * KIB, 128 * KIB, 0):
        reserve = Reserve(tmp_path, size, on_space_low=told.append, low_bytes=1)
        reserve.open()
        assert reserve.path.exists() == bool(size)
        assert not size or reserve.path.stat().st_size == size
    assert (reserve.check(), told) == (False, [])


def test_a_recovery_that_finds_no_room_goes_through_with_the_reserve(tmp_path: Path, told: list[int]) -> None:
    with mounted(tmp_path / "disk", KIB * KIB) as disk:
        frames = write_journal(disk, [1, 2])
        reserve = Reserve(disk, 640 * KIB, on_space_low=told.append, low_bytes=16 * KIB)
        reserve.open()
        (disk / "ballast").write_bytes(bytes(200 * KIB))
        data = create_or_open(disk, partitions=1)
        with pytest.raises(StorageError) as caught:
            make_commit("wal", data.journal("trading", 0), wal_bytes=128 * KIB).open()
        assert caught.value.full
        reserve.release()
        commit = make_commit("wal", data.journal("trading", 0), wal_bytes=128 * KIB)
        more = frames_after(commit.open(), [3])
        commit.commit(more)
        commit.close()
        data.close()
        with JournalReader(disk, "trading", 0) as reader:
            assert list(reader.frames()) == [*frames, *more]
    assert len(told) == 1
