"""A reader gives every frame once, in order, from any place, also while the writer writes."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from journals import frames_after, segment_paths, write_journal
from ledger.journal import Corrupt, Frame, JournalReader, LmdbCommit, Refused, create_or_open

SMALL = 64 * 1024


@pytest.fixture(scope="module")
def journal(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Frame]]:
    """Several segments, frames of 1 to 7 events."""
    directory = tmp_path_factory.mktemp("journal")
    counts = [1 + index * 5 % 7 for index in range(80)]
    return directory, write_journal(directory, counts, segment_bytes_max=SMALL, size=800)


def test_the_sample_has_several_segments(journal: tuple[Path, list[Frame]]) -> None:
    assert len(segment_paths(journal[0])) > 3


@given(data=st.data())
def test_any_range_gives_the_frames_that_overlap_it(
    journal: tuple[Path, list[Frame]], data: st.DataObject
) -> None:
    directory, frames = journal
    last = frames[-1].last_seq
    low = data.draw(st.integers(1, last + 2))
    high = data.draw(st.none() | st.integers(low, last + 2))
    with JournalReader(directory, "trading", 0) as reader:
        found = list(reader.frames(low, high))
    assert found == [f for f in frames if f.last_seq >= low and (high is None or f.first_seq <= high)]


def test_every_event_is_found_in_its_frame(journal: tuple[Path, list[Frame]]) -> None:
    directory, frames = journal
    with JournalReader(directory, "trading", 0) as reader:
        for frame in frames:
            assert reader.frame_at(frame.first_seq) == reader.frame_at(frame.last_seq) == frame
        assert reader.frame_at(frames[-1].last_seq + 1) is None
        assert reader.head() == frames[-1].head


def test_an_empty_journal_has_its_genesis_as_head_and_no_frame(tmp_path: Path) -> None:
    create_or_open(tmp_path, partitions=1).close()
    with JournalReader(tmp_path, "market", 0) as reader:
        assert reader.head() == reader.directory.origin
        assert list(reader.frames()) == []


def test_following_sees_each_frame_once_over_segments(tmp_path: Path) -> None:
    data = create_or_open(tmp_path, partitions=1)
    commit = LmdbCommit(data.journal("trading", 0), segment_bytes_max=SMALL)
    frames = frames_after(commit.open(), [3] * 60, size=1000)
    seen: list[Frame] = []
    with JournalReader(tmp_path, "trading", 0) as reader:
        for index, frame in enumerate(frames):
            commit.commit([frame])
            if index % 7 == 0:
                seen += reader.frames(seen[-1].last_seq + 1 if seen else 1)
                assert seen[-1] == frame
        seen += reader.frames(seen[-1].last_seq + 1)
    assert seen == frames
    assert len(segment_paths(tmp_path)) > 3
    commit.close()
    data.close()


def test_readers_of_the_same_process_read_beside_a_writing_thread(tmp_path: Path) -> None:
    data = create_or_open(tmp_path, partitions=1)
    commit = LmdbCommit(data.journal("trading", 0), segment_bytes_max=SMALL)
    frames = frames_after(commit.open(), [3] * 60, size=1000)

    def write() -> None:
        for frame in frames:
            commit.commit([frame])

    seen: list[list[Frame]] = [[], []]

    def follow(mine: list[Frame]) -> None:
        with JournalReader(tmp_path, "trading", 0) as reader:
            while len(mine) < len(frames):
                mine += reader.frames(mine[-1].last_seq + 1 if mine else 1)

    threads = [
        threading.Thread(target=write),
        *(threading.Thread(target=follow, args=(mine,)) for mine in seen),
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert seen == [frames, frames]
    commit.close()
    data.close()


def test_a_reader_that_was_there_first_gives_way_to_the_writer_and_goes_on(tmp_path: Path) -> None:
    frames = write_journal(tmp_path, [1, 1])
    with JournalReader(tmp_path, "trading", 0) as reader:
        reading = reader.frames()
        assert next(reading) == frames[0]
        frames += write_journal(tmp_path, [4])
        assert list(reading) == frames[1:]
        assert reader.head() == frames[-1].head


def test_a_damaged_frame_stops_the_reader_after_the_whole_ones(tmp_path: Path) -> None:
    frames = write_journal(tmp_path, [1] * 5, size=3000)
    path = segment_paths(tmp_path)[0]
    path.write_bytes(path.read_bytes().replace(frames[2].payload, frames[2].payload[:-1] + b"y"))
    seen: list[Frame] = []
    with JournalReader(tmp_path, "trading", 0) as reader:
        with pytest.raises(Corrupt, match="trading/0:3") as caught:
            seen.extend(reader.frames())
        assert caught.value.file == str(path)
        with pytest.raises(Corrupt):
            list(reader.frames(4))  # its predecessor, from which it must chain, is the damaged one
        assert list(reader.frames(5)) == frames[4:]
    assert seen == frames[:2]


def test_a_truncated_segment_is_an_error_and_not_a_dead_process(tmp_path: Path) -> None:
    write_journal(tmp_path, [50] * 20, size=500)
    path = segment_paths(tmp_path)[0]
    whole = path.read_bytes()
    for length in (0, 1, 4096, 8192, 12288, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:length])
        with JournalReader(tmp_path, "trading", 0) as reader, pytest.raises(Corrupt, match="truncated"):
            list(reader.frames())


def test_a_cut_journal_refuses_what_lies_before_the_cut(tmp_path: Path) -> None:
    import json

    frames = write_journal(tmp_path, [3] * 60, segment_bytes_max=SMALL, size=1000)
    first, second = segment_paths(tmp_path)[:2]
    before = json.loads(first.with_suffix(".json").read_text())["last"]
    manifest = tmp_path / "trading/0/manifest.json"
    manifest.write_text(json.dumps({**json.loads(manifest.read_text()), "origin": before}))
    first.unlink()
    first.with_suffix(".json").unlink()
    with JournalReader(tmp_path, "trading", 0) as reader:
        with pytest.raises(Refused, match="before the oldest kept event"):
            list(reader.frames(1))
        assert list(reader.frames(int(second.stem))) == [f for f in frames if f.first_seq >= int(second.stem)]
    write_journal(tmp_path, [1])
