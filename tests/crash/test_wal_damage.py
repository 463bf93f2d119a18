"""What a crash or damage leaves in the wal: acknowledged frames come back, a torn end is one, damage is named."""

from __future__ import annotations

import hashlib
import json
import random
import runpy
import shutil
from collections.abc import Callable
from pathlib import Path

import lmdb
import pytest

from journals import (
    COMMIT_MODES,
    crash_unsettled,
    draft,
    frames_after,
    make_commit,
    segment_paths,
    wal_files,
    write_journal,
)
from ledger.journal import (
    Corrupt,
    Frame,
    FrameDraft,
    Head,
    JournalReader,
    Refused,
    WalCommit,
    chain_frame,
    create_or_open,
    encode_frame,
    key_of,
    verify,
)
from ledger.journal.wal_file import PAGE_BYTES, place_hash

READER: Callable[[list[str]], int] = runpy.run_path(str(Path(__file__).parents[2] / "journal" / "reader.py"))[
    "main"
]


def snapshot(directory: Path) -> dict[str, str]:
    return {
        str(path): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(directory.rglob("*"))
        if path.is_file() and not path.name.endswith("lock")
    }


def opened(directory: Path, mode: str) -> tuple[Head, str]:
    """The head that an owner recovers to, and what it says of a torn end."""
    data = create_or_open(directory, partitions=1)
    commit = make_commit(mode, data.journal("trading", 0))
    try:
        head = commit.open()
        return head, commit.torn_end  # type: ignore[attr-defined]
    finally:
        commit.close()
        data.close()


def readers_see(directory: Path, frames: list[Frame], capsys: pytest.CaptureFixture[str]) -> None:
    """Every reader, without an owner: these frames, no problem, nothing changed."""
    before = snapshot(directory)
    with JournalReader(directory, "trading", 0) as reader:
        assert list(reader.frames()) == frames
        assert reader.head() == (frames[-1].head if frames else reader.directory.origin)
    report = verify(directory)
    assert report.ok, report.problems
    assert report.heads[0].head.seq == (frames[-1].last_seq if frames else 0)
    assert READER([str(directory)]) == 0
    summary = json.loads(capsys.readouterr().out)["journals"]["trading"][0]
    assert (summary["head"], summary["settled"]) == (report.heads[0].head.seq, report.heads[0].settled.seq)
    assert snapshot(directory) == before


def everyone_refuses(directory: Path, place: str, what: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Owners in both modes, readers, verify and the independent reader name the damage and change nothing."""
    before = snapshot(directory)
    for mode in COMMIT_MODES:
        with pytest.raises(Corrupt) as caught:
            opened(directory, mode)
        assert (caught.value.place, what in caught.value.what) == (place, True), str(caught.value)
        assert ".wal" in caught.value.file
        assert "ledger verify" in caught.value.hint
    report = verify(directory)
    assert [problem.place for problem in report.problems] == [place], report.problems
    assert READER([str(directory)]) == 1
    assert "damaged" in capsys.readouterr().err
    assert snapshot(directory) == before


def found_at(directory: Path, frame: Frame) -> tuple[Path, int]:
    """Where a frame stands in the wal."""
    value = encode_frame(frame)
    for path in wal_files(directory):
        at = path.read_bytes().find(value)
        if at >= 0:
            assert at % PAGE_BYTES == 0
            return path, at
    raise AssertionError(f"no frame {frame.first_seq} in the wal")


def change(path: Path, at: int, content: bytes) -> None:
    with path.open("r+b") as file:
        file.seek(at)
        file.write(content)


def flip(path: Path, at: int) -> None:
    change(path, at, bytes([path.read_bytes()[at] ^ 0x10]))


@pytest.mark.parametrize("mode", COMMIT_MODES)
@pytest.mark.parametrize("settled", [0, 3])
def test_unsettled_frames_are_read_and_recovered(
    tmp_path: Path, mode: str, settled: int, capsys: pytest.CaptureFixture[str]
) -> None:
    data = tmp_path / "data"
    frames = write_journal(data, [2] * settled) if settled else []
    frames += crash_unsettled(data, [1, 7, 40, 3], size=300)
    with JournalReader(data, "trading", 0) as reader:
        assert reader.settled().seq == 2 * settled
        for frame in frames:
            assert reader.frame_at(frame.first_seq) == reader.frame_at(frame.last_seq) == frame
        assert list(reader.frames(frames[-2].last_seq)) == frames[-2:]
        assert list(reader.frames(1, frames[-2].first_seq)) == frames[:-1]
    readers_see(data, frames, capsys)
    assert "events to settle" in verify(data).notices[0]
    assert opened(data, mode) == (frames[-1].head, "")
    assert bool(wal_files(data)) == (mode == "wal")
    frames += write_journal(data, [3], mode=mode)
    readers_see(data, frames, capsys)


@pytest.mark.parametrize("sector", [512, 4096])
@pytest.mark.parametrize("reused", [False, True])
def test_a_torn_last_frame_is_whole_or_gone(
    tmp_path: Path, sector: int, reused: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    """A power loss keeps any of the sectors whose sync had not returned."""
    data = tmp_path / "data"
    frames = write_journal(data, [4] * 40, size=2500, mode="wal") if reused else []
    frames += crash_unsettled(data, [1, 5, 20], size=600, image_before=tmp_path / "before")
    path, start = found_at(data, frames[-1])
    after = path.read_bytes()
    before = (tmp_path / "before" / path.relative_to(data)).read_bytes()
    changed = [
        at for at in range(0, len(after), sector) if after[at : at + sector] != before[at : at + sector]
    ]
    assert changed[0] == start
    assert len(changed) > 2
    seeded = random.Random(sector)
    subsets = [
        [],
        changed[:-1],
        changed[1:],
        *([at for at in changed if seeded.random() < 0.6] for _ in range(5)),
    ]
    for kept in subsets:
        image = bytearray(before)
        for at in kept:
            image[at : at + sector] = after[at : at + sector]
        torn = tmp_path / "torn"
        shutil.copytree(data, torn)
        change(torn / path.relative_to(data), 0, bytes(image))
        expected = frames if len(kept) == len(changed) else frames[:-1]
        readers_see(torn, expected, capsys)
        head, said = opened(torn, seeded.choice(COMMIT_MODES))
        assert head == expected[-1].head
        assert bool(said) == (start in kept and expected is not frames)
        expected = [*expected, *write_journal(torn, [2, 2], mode="wal")]
        readers_see(torn, expected, capsys)
        shutil.rmtree(torn)


def test_a_flipped_byte_with_something_intact_above_is_damage(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = tmp_path / "data"
    frames = crash_unsettled(data, [1, 3, 2], size=1500)
    path, start = found_at(data, frames[1])
    length = len(encode_frame(frames[1])) + 16
    for at in (0, 1, 5, 20, 60, 100, length // 2, length - 40, length - 17, length - 16, length - 1):
        flip(path, start + at)
        everyone_refuses(data, "trading/0:5", "seq 2 to 4 missing", capsys)
        flip(path, start + at)
    readers_see(data, frames, capsys)


@pytest.mark.parametrize("mode", COMMIT_MODES)
def test_a_flipped_byte_with_nothing_above_is_a_torn_end_that_is_reported(
    tmp_path: Path, mode: str, capsys: pytest.CaptureFixture[str]
) -> None:
    data = tmp_path / "data"
    frames = crash_unsettled(data, [1, 3, 2], size=1500)
    path, start = found_at(data, frames[-1])
    flip(path, start + 200)
    readers_see(data, frames[:-1], capsys)
    assert "ended in a damaged frame after 4" in verify(data).notices[-1]
    head, said = opened(data, mode)
    assert head == frames[-2].head
    assert "ended in a damaged frame after 4" in said
    assert path.name in said


def test_a_damaged_end_below_a_clean_stop_is_damage(tmp_path: Path) -> None:
    data = tmp_path / "data"
    frames = crash_unsettled(data, [1, 3, 2], size=1500)
    manifest = data / "trading/0/manifest.json"
    last = frames[-1].head
    stopped = {
        "epoch": last.epoch,
        "seq": last.seq,
        "chain": last.chain_hash.hex(),
        "recorded_at_ns": last.recorded_at_ns,
    }
    manifest.write_text(json.dumps({**json.loads(manifest.read_text()), "stopped": stopped}))
    assert verify(data).ok
    path, start = found_at(data, frames[-1])
    flip(path, start + 200)
    assert not verify(data).ok
    with pytest.raises(Corrupt, match="last clean stop"):
        opened(data, "wal")


def test_a_frame_missing_in_the_middle_is_damage(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = tmp_path / "data"
    write_journal(data, [2])
    frames = crash_unsettled(data, [1, 3, 2], size=1500)
    path, start = found_at(data, frames[0])
    change(path, start, bytes(PAGE_BYTES))
    everyone_refuses(data, "trading/0:4", "seq 3 to 3 missing", capsys)


def test_a_wal_whose_other_file_is_gone_is_damage(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = tmp_path / "data"
    frames = crash_unsettled(data, [3] * 8, size=1000, wal_bytes=8 * 4096)
    first, _ = found_at(data, frames[-1])
    other = next(path for path in wal_files(data) if path != first)
    other.unlink()
    with pytest.raises(Corrupt, match="missing"):
        opened(data, "wal")


def test_stale_frames_of_earlier_uses_are_left_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = tmp_path / "data"
    frames: list[Frame] = []
    for count in (1, 2, 5, 9, 30):
        frames += write_journal(data, [count] * 20, size=120, mode="wal", wal_bytes=16 * 4096, clean=False)
        frames += crash_unsettled(data, [1, 2], size=120, wal_bytes=16 * 4096)
        readers_see(data, frames, capsys)
    stale = sum(
        path.read_bytes().count(frame.chain_hash) for path in wal_files(data) for frame in frames[:-2]
    )
    assert stale > 10
    assert opened(data, "lmdb")[0] == frames[-1].head


@pytest.mark.parametrize("stale", [False, True])
def test_a_wal_and_segments_that_disagree_are_damage(
    tmp_path: Path, stale: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    data, other = tmp_path / "data", tmp_path / "other"
    crash_unsettled(data, [2, 2])
    shutil.copytree(data, other)
    mine = write_journal(data, [1], mode="wal", clean=False)  # seq 5
    write_journal(other, [3], mode="wal", clean=False)  # another seq 5 to 7
    if stale:
        write_journal(data, [4], mode="lmdb", clean=False)
        (data / "trading/0/wal").mkdir()
    for path in wal_files(other):
        shutil.copy(path, data / "trading/0/wal" / path.name)
    everyone_refuses(data, f"trading/0:{mine[0].first_seq}", "different frames", capsys)


@pytest.mark.parametrize("count", range(6))
@pytest.mark.parametrize("mode", COMMIT_MODES)
def test_a_settle_cut_short_is_finished(
    tmp_path: Path, count: int, mode: str, capsys: pytest.CaptureFixture[str]
) -> None:
    data = tmp_path / "data"
    frames = write_journal(data, [1])
    frames += crash_unsettled(data, [2, 3, 1, 1, 4])
    with (
        lmdb.open(str(segment_paths(data)[0]), subdir=False, lib_version=0) as environment,
        environment.begin(write=True) as write,
    ):
        for frame in frames[1 : 1 + count]:
            write.put(key_of(frame.first_seq), encode_frame(frame))
    readers_see(data, frames, capsys)
    assert opened(data, mode)[0] == frames[-1].head
    readers_see(data, frames, capsys)


def test_a_damaged_header_or_length_is_named(tmp_path: Path) -> None:
    data = tmp_path / "data"
    crash_unsettled(data, [1, 3])
    path = wal_files(data)[0]
    whole = path.read_bytes()
    for content in (
        whole[:100],
        whole[: 3 * 4096],
        b"",
        bytes([whole[0] ^ 1]) + whole[1:],
        whole[:4090] + whole[4091:],
    ):
        path.write_bytes(content)
        for mode in COMMIT_MODES:
            with pytest.raises(Corrupt, match=path.name):
                opened(data, mode)
        assert {problem.file for problem in verify(data).problems} == {str(path)}
        assert READER([str(data)]) == 1
    path.write_bytes(whole)
    assert verify(data).ok


def test_the_wal_of_another_journal_is_refused(tmp_path: Path) -> None:
    for name in ("data", "other"):
        crash_unsettled(tmp_path / name, [1, 3])
    source = wal_files(tmp_path / "other")[0]
    shutil.copy(source, wal_files(tmp_path / "data")[0])
    with pytest.raises(Refused, match="lineage"):
        opened(tmp_path / "data", "wal")
    assert "lineage" in verify(tmp_path / "data").problems[0].what
    assert READER([str(tmp_path / "data")]) == 1


def test_bytes_inside_an_event_never_pass_for_a_frame(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Somebody sends an event that holds, page by page, a whole frame with the right chain; its own frame is torn."""
    data_path = tmp_path / "data"
    data = create_or_open(tmp_path / "living", partitions=1)
    commit = WalCommit(data.journal("trading", 0), wal_bytes=64 * 4096, settle_wait_s=3600)
    [first] = frames_after(commit.open(), [1])
    commit.commit([first])
    forged = encode_frame(chain_frame(first.chain_hash, draft(2, 1)))
    offset = 2 * PAGE_BYTES  # the first frame takes one page, the header another
    carrier = bytearray(3 * PAGE_BYTES)
    at = PAGE_BYTES - 88
    carrier[at : at + len(forged)] = forged
    guess = place_hash(b"", offset + PAGE_BYTES, forged[-32:])
    carrier[at + len(forged) : at + len(forged) + 16] = guess
    hostile = chain_frame(first.chain_hash, FrameDraft(1, 2, 1, first.recorded_at_ns, bytes(carrier)))
    commit.commit([hostile])
    shutil.copytree(tmp_path / "living", data_path)
    commit.close()
    data.close()
    path, start = found_at(data_path, hostile)
    assert start == offset
    assert path.read_bytes()[start + PAGE_BYTES :].startswith(forged)
    change(path, start, bytes(PAGE_BYTES))
    readers_see(data_path, [first], capsys)
    assert opened(data_path, "wal")[0] == first.head
