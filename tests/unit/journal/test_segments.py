"""Segments roll by size and day, are sealed before the next is named, and recovery finishes what a crash left."""

import json
from pathlib import Path

import pytest

from journals import DAY_NS, START_NS, draft, frames_after, segment_paths, write_journal
from ledger.journal import (
    Corrupt,
    Frame,
    JournalReader,
    LmdbCommit,
    Refused,
    chain_frame,
    create_or_open,
    verify,
)

SMALL = 64 * 1024


def read_all(directory: Path, journal: str = "trading") -> list[Frame]:
    with JournalReader(directory, journal, 0) as reader:
        return list(reader.frames())


def reopen(directory: Path) -> None:
    data = create_or_open(directory, partitions=1)
    commit = LmdbCommit(data.journal("trading", 0))
    try:
        commit.open()
    finally:
        commit.close()
        data.close()


def test_a_full_segment_is_sealed_and_the_next_begins(tmp_path: Path) -> None:
    frames = write_journal(tmp_path, [10] * 60, segment_bytes_max=SMALL, size=300)
    paths = segment_paths(tmp_path)
    assert len(paths) >= 3
    assert [path.with_suffix(".json").exists() for path in paths] == [True] * (len(paths) - 1) + [False]
    assert all(path.stat().st_size <= SMALL + 16384 for path in paths)
    assert read_all(tmp_path) == frames
    assert verify(tmp_path).problems == []


def test_the_manifest_of_a_segment_says_what_it_holds(tmp_path: Path) -> None:
    frames = write_journal(tmp_path, [10] * 60, segment_bytes_max=SMALL, size=300)
    first, second = segment_paths(tmp_path)[:2]
    manifest = json.loads(first.with_suffix(".json").read_text())
    inside = [frame for frame in frames if frame.first_seq < int(second.stem)]
    assert manifest["frames"] == len(inside)
    assert manifest["last"]["seq"] == inside[-1].last_seq
    assert manifest["last"]["chain"] == inside[-1].chain_hash.hex()
    assert manifest["before"]["chain"] == inside[0].previous_hash.hex()
    assert manifest["bytes"] == first.stat().st_size


def test_the_utc_day_begins_a_segment_even_inside_one_commit(tmp_path: Path) -> None:
    midnight = START_NS - START_NS % DAY_NS + DAY_NS
    data = create_or_open(tmp_path, partitions=1)
    commit = LmdbCommit(data.journal("trading", 0))
    head = commit.open()
    frames: list[Frame] = []
    for seq, at_ns in enumerate((midnight - 2, midnight - 1, midnight, midnight + 1, midnight + DAY_NS), 1):
        frames.append(chain_frame(head.chain_hash, draft(seq, at_ns=at_ns)))
        head = frames[-1].head
    commit.commit(frames)
    assert commit.head == head
    commit.close()
    data.close()
    assert [int(path.stem) for path in segment_paths(tmp_path)] == [1, 3, 5]
    assert read_all(tmp_path) == frames


def test_a_batch_larger_than_a_segment_is_cut_at_frames(tmp_path: Path) -> None:
    data = create_or_open(tmp_path, partitions=1)
    commit = LmdbCommit(data.journal("trading", 0), segment_bytes_max=SMALL)
    frames = frames_after(commit.open(), [100] * 30, size=100)
    commit.commit(frames)
    commit.close()
    data.close()
    assert len(segment_paths(tmp_path)) > 3
    assert read_all(tmp_path) == frames


def test_a_start_after_a_sealed_newest_segment_begins_another(tmp_path: Path) -> None:
    frames = write_journal(tmp_path, [10] * 60, segment_bytes_max=SMALL, size=300, clean=False)
    newest = segment_paths(tmp_path)[-1]
    for later in (newest, newest.with_name(newest.name + "-lock")):
        later.unlink()  # a crash between sealing and naming the next one
    kept = [frame for frame in frames if frame.first_seq < int(newest.stem)]
    before = {path: path.read_bytes() for path in segment_paths(tmp_path)}
    more = write_journal(tmp_path, [5])
    assert more[0].first_seq == kept[-1].last_seq + 1
    assert read_all(tmp_path) == kept + more
    assert {path: path.read_bytes() for path in before} == before


def test_an_unnamed_segment_is_thrown_away(tmp_path: Path) -> None:
    frames = write_journal(tmp_path, [1, 2])
    unfinished = tmp_path / "trading/0/segments/.new.lmdb"
    unfinished.write_bytes(b"half a segment")
    assert read_all(tmp_path) == frames
    frames += write_journal(tmp_path, [3])
    assert not unfinished.exists()
    assert read_all(tmp_path) == frames


def test_recovery_makes_a_lost_manifest_anew(tmp_path: Path) -> None:
    write_journal(tmp_path, [10] * 60, segment_bytes_max=SMALL, size=300)
    manifest = segment_paths(tmp_path)[0].with_suffix(".json")
    text = manifest.read_text()
    manifest.unlink()
    reopen(tmp_path)
    assert manifest.read_text() == text


def test_a_missing_segment_stops_the_start(tmp_path: Path) -> None:
    write_journal(tmp_path, [10] * 60, segment_bytes_max=SMALL, size=300)
    for index in (1, 0):
        segment_paths(tmp_path)[index].unlink()
        with pytest.raises(Corrupt, match="one is missing or damaged"):
            reopen(tmp_path)


def test_a_journal_shorter_than_at_its_clean_stop_stops_the_start(tmp_path: Path) -> None:
    write_journal(tmp_path, [10] * 60, segment_bytes_max=SMALL, size=300)
    segment_paths(tmp_path)[-1].unlink()
    with pytest.raises(Corrupt, match="the last clean stop was at trading/0:600"):
        reopen(tmp_path)


def test_a_journal_rewritten_since_its_clean_stop_stops_the_start(tmp_path: Path) -> None:
    write_journal(tmp_path, [1, 2, 3])
    kept = (tmp_path / "trading/0/manifest.json").read_text()
    for path in (tmp_path / "trading/0/segments").iterdir():
        path.unlink()
    (tmp_path / "trading/0/manifest.json").write_text(json.dumps({**json.loads(kept), "stopped": None}))
    write_journal(tmp_path, [2, 2, 2, 2], size=5, clean=False)
    (tmp_path / "trading/0/manifest.json").write_text(kept)
    with pytest.raises(Corrupt, match="another frame there"):
        reopen(tmp_path)


def test_a_segment_without_frames_is_damage(tmp_path: Path) -> None:
    import lmdb

    write_journal(tmp_path, [1], clean=False)
    path = segment_paths(tmp_path)[0]
    with (
        lmdb.open(str(path), subdir=False, lib_version=0) as environment,
        environment.begin(write=True) as write,
    ):
        write.delete(bytes(7) + b"\x01")
    with pytest.raises(Corrupt, match="without a frame"):
        reopen(tmp_path)


def test_a_map_too_small_for_a_segment_is_refused(tmp_path: Path) -> None:
    data = create_or_open(tmp_path, partitions=1)
    with pytest.raises(Refused, match="map_size_bytes"):
        LmdbCommit(data.journal("market", 0), map_size_bytes=1 << 30)
    data.close()


def test_a_market_journal_may_leap_with_a_new_epoch(tmp_path: Path) -> None:
    data = create_or_open(tmp_path, partitions=1)
    commit = LmdbCommit(data.journal("market", 0))
    first = frames_after(commit.open(), [3, 3])
    leap = chain_frame(first[-1].chain_hash, draft(1 << 24, 2, epoch=2))
    commit.commit([*first, leap])
    commit.close()
    data.close()
    assert read_all(tmp_path, "market") == [*first, leap]
    with JournalReader(tmp_path, "market", 0) as reader:
        assert next(reader.frames(7)) == leap
        assert reader.frame_at(7) is None
    assert verify(tmp_path).ok
