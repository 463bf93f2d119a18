"""Verify finds damage of every kind, says where, and changes nothing."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import lmdb
import pytest

from journals import frames_after, segment_paths, write_journal
from ledger.journal import LmdbCommit, Refused, Report, create_or_open, encode_frame, genesis, key_of, verify

SMALL = 64 * 1024


def snapshot(directory: Path) -> dict[str, str]:
    return {
        str(path): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(directory.rglob("*"))
        if path.is_file() and not path.name.endswith("-lock")
    }


def whats(report: Report) -> str:
    return "\n".join(f"{problem.file} {problem.place} {problem.what}" for problem in report.problems)


def put(path: Path, *items: tuple[bytes, bytes]) -> None:
    with (
        lmdb.open(str(path), subdir=False, lib_version=0) as environment,
        environment.begin(write=True) as write,
    ):
        for key, value in items:
            write.put(key, value)


def change_manifest(path: Path, **changes: object) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def test_a_whole_journal_has_no_problem_and_is_not_changed(tmp_path: Path) -> None:
    frames = write_journal(tmp_path, [2] * 60, segment_bytes_max=SMALL, size=1000)
    before = snapshot(tmp_path)
    progress: list[tuple[int, int]] = []
    report = verify(tmp_path, lambda done, total: progress.append((done, total)))
    assert (report.problems, report.notices) == ([], [])
    trading, market = report.heads
    assert (trading.head, trading.frames, trading.events) == (frames[-1].head, 60, 120)
    assert (market.head.seq, market.frames) == (0, 0)
    assert snapshot(tmp_path) == before
    size = sum(path.stat().st_size for path in segment_paths(tmp_path))
    assert progress[-1] == (size, size)
    assert progress == sorted(progress)


def test_a_partition_and_a_segment_are_verified_by_themselves(tmp_path: Path) -> None:
    frames = write_journal(tmp_path, [2] * 60, segment_bytes_max=SMALL, size=1000)
    partition = verify(tmp_path / "trading" / "0")
    assert partition.ok
    assert partition.heads[0].head == frames[-1].head
    for path in segment_paths(tmp_path):
        report = verify(path)
        assert report.ok, whats(report)
        assert "by itself" in report.notices[0]


def test_a_sealed_segment_carried_elsewhere_is_verified_by_its_manifest(tmp_path: Path) -> None:
    write_journal(tmp_path / "data", [2] * 60, segment_bytes_max=SMALL, size=1000)
    middle, *_, newest = segment_paths(tmp_path / "data")[1:]
    for path in (middle, middle.with_suffix(".json"), newest):
        shutil.copy(path, tmp_path)
    report = verify(tmp_path / middle.name)
    assert report.ok
    assert report.heads[0].events == report.heads[0].head.seq - int(middle.stem) + 1
    assert "of which journal" in whats(verify(tmp_path / newest.name))


def test_any_changed_byte_of_a_segment_is_found_or_was_of_no_use(tmp_path: Path) -> None:
    frames = write_journal(tmp_path, [3] * 40, size=30)
    path = segment_paths(tmp_path)[0]
    whole = path.read_bytes()
    found = 0
    for index in range(0, len(whole), 149):
        path.write_bytes(whole[:index] + bytes([whole[index] ^ 0x55]) + whole[index + 1 :])
        report = verify(tmp_path)
        found += not report.ok
        if report.ok:
            assert (report.heads[0].head, report.heads[0].frames) == (frames[-1].head, 40)
    assert found > 30


@pytest.mark.parametrize("where", ["nothing", "file.txt"])
def test_what_is_no_journal_is_refused(tmp_path: Path, where: str) -> None:
    (tmp_path / "file.txt").write_text("")
    with pytest.raises(Refused, match="no journal"):
        verify(tmp_path / where)


def test_a_changed_byte_in_each_frame_is_found_and_located(tmp_path: Path) -> None:
    frames = write_journal(tmp_path / "data", [3] * 6, size=20, clean=False)
    path = segment_paths(tmp_path / "data")[0]
    whole = path.read_bytes()
    for index, frame in enumerate(frames):
        value = encode_frame(frame)
        # LMDB leaves older copies of a page behind: the one in force is found by verify failing.
        starts = [at for at in range(len(whole)) if whole.startswith(value, at)]
        found = 0
        for offset in range(0, len(value), 7):
            damaged = bytearray(whole)
            for start in starts:
                damaged[start + offset] ^= 0x10
            path.write_bytes(damaged)
            report = verify(tmp_path / "data")
            places = [problem.place for problem in report.problems]
            assert places == [f"trading/0:{frame.first_seq}"], whats(report)
            assert report.heads[0].head.seq == frame.first_seq - 1
            assert ("ended in a damaged frame after 15" in whats(report)) == (index == 5)
            found += 1
        assert found > 10
    path.write_bytes(whole)
    assert verify(tmp_path / "data").ok


def test_swapped_frames_are_found(tmp_path: Path) -> None:
    frames = write_journal(tmp_path, [1] * 5)
    second, fourth = frames[1], frames[3]
    put(
        segment_paths(tmp_path)[0],
        (key_of(second.first_seq), encode_frame(fourth)),
        (key_of(fourth.first_seq), encode_frame(second)),
    )
    report = verify(tmp_path)
    assert [problem.place for problem in report.problems[:2]] == ["trading/0:2", "trading/0:4"]
    assert "was moved" in report.problems[0].what


def test_a_missing_frame_is_found(tmp_path: Path) -> None:
    write_journal(tmp_path, [2] * 5)
    path = segment_paths(tmp_path)[0]
    with (
        lmdb.open(str(path), subdir=False, lib_version=0) as environment,
        environment.begin(write=True) as write,
    ):
        write.delete(key_of(5))
    report = verify(tmp_path)
    assert [(problem.place, problem.what) for problem in report.problems] == [
        ("trading/0:7", "seq 5 to 6 missing")
    ]


def test_a_frame_of_another_lineage_is_found(tmp_path: Path) -> None:
    frames = write_journal(tmp_path, [1] * 3)
    stranger = frames_after(genesis("0" * 8 + "-0000-4000-8000-" + "0" * 12, "trading", 0), [1] * 3)
    put(segment_paths(tmp_path)[0], (key_of(2), encode_frame(stranger[1])))
    report = verify(tmp_path)
    assert report.problems[0].place == "trading/0:2"
    assert "does not chain" in report.problems[0].what
    assert report.heads[0].head == frames[0].head


def test_damaged_pages_are_found_before_they_can_kill_the_process(tmp_path: Path) -> None:
    write_journal(tmp_path, [4] * 20, size=200)
    path = segment_paths(tmp_path)[0]
    whole = path.read_bytes()
    found = 0
    for start in range(8192, len(whole), 4096):
        path.write_bytes(whole[:start] + bytes(4096) + whole[start + 4096 :])
        report = verify(tmp_path)
        found += not report.ok
        # A page that nobody misses is an older copy: every frame must then be there.
        assert not report.ok or report.heads[0].frames == 20
    assert found > 3


@pytest.mark.parametrize("length", [0, 100, 8192, 20480])
def test_a_truncated_segment_is_found(tmp_path: Path, length: int) -> None:
    write_journal(tmp_path, [50] * 20, size=500)
    path = segment_paths(tmp_path)[0]
    path.write_bytes(path.read_bytes()[:length])
    report = verify(tmp_path)
    assert not report.ok
    assert {problem.file for problem in report.problems} >= {str(path)}


def test_a_journal_shorter_than_its_clean_stop_is_found(tmp_path: Path) -> None:
    write_journal(tmp_path, [2] * 60, segment_bytes_max=SMALL, size=1000)
    segment_paths(tmp_path)[-1].unlink()
    report = verify(tmp_path)
    assert [problem.place for problem in report.problems] == ["trading/0:120"]
    assert "last clean stop was at 120" in report.problems[0].what


def test_a_missing_segment_is_found_by_its_manifest_and_by_the_gap(tmp_path: Path) -> None:
    write_journal(tmp_path, [2] * 60, segment_bytes_max=SMALL, size=1000)
    gone, following = segment_paths(tmp_path)[1:3]
    gone.unlink()
    report = verify(tmp_path)
    places = [(Path(problem.file).name, problem.place) for problem in report.problems]
    assert (following.name, f"trading/0:{int(following.stem)}") in places
    assert (gone.name, "") in places


@pytest.mark.parametrize(
    "change",
    [{"frames": 1}, {"bytes": 9}, {"first_seq": 2}, {"partition": 1}, {"lineage": "x"}, {"format": 3}],
)
def test_a_manifest_that_says_something_else_is_found(tmp_path: Path, change: dict[str, object]) -> None:
    write_journal(tmp_path, [2] * 60, segment_bytes_max=SMALL, size=1000)
    manifest = segment_paths(tmp_path)[0].with_suffix(".json")
    change_manifest(manifest, **change)
    report = verify(tmp_path)
    assert {problem.file for problem in report.problems} == {str(manifest)}


def test_a_partition_of_another_lineage_is_found(tmp_path: Path) -> None:
    write_journal(tmp_path, [2])
    change_manifest(tmp_path / "trading/0/manifest.json", lineage="another")
    assert "of lineage another" in whats(verify(tmp_path))


def test_lost_manifests_are_found(tmp_path: Path) -> None:
    write_journal(tmp_path, [2])
    (tmp_path / "trading/0/manifest.json").unlink()
    assert "missing" in whats(verify(tmp_path))


def test_beside_a_living_owner_it_verifies_and_says_so(tmp_path: Path) -> None:
    data = create_or_open(tmp_path, partitions=1)
    commit = LmdbCommit(data.journal("trading", 0))
    frames = frames_after(commit.open(), [3] * 5)
    commit.commit(frames)
    report = verify(tmp_path)
    assert report.ok
    assert "living owner" in report.notices[0]
    assert report.heads[0].head == frames[-1].head
    commit.close()
    data.close()


def test_a_copy_is_verified_like_the_journal(tmp_path: Path) -> None:
    frames = write_journal(tmp_path / "data", [2] * 10)
    shutil.copytree(tmp_path / "data", tmp_path / "copy")
    report = verify(tmp_path / "copy")
    assert (report.ok, report.heads[0].head) == (True, frames[-1].head)
