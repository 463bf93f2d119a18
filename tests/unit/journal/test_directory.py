"""A data directory has one birth and one owner at a time, and refuses what is not its own."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from journals import crash_unsettled, segment_paths, write_journal
from ledger.journal import Corrupt, Refused, StorageError, create_or_open, open_readonly, owner_of


def rewrite(path: Path, **changes: object) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def test_a_second_start_finds_the_same_lineage(tmp_path: Path) -> None:
    first = create_or_open(tmp_path, partitions=2)
    first.close()
    second = create_or_open(tmp_path, partitions=2)
    second.close()
    assert first.lineage == second.lineage == open_readonly(tmp_path).lineage


def test_two_journals_have_two_lineages(tmp_path: Path) -> None:
    one, other = (create_or_open(tmp_path / name, partitions=1) for name in ("a", "b"))
    assert one.lineage != other.lineage
    one.close()
    other.close()


def test_a_second_owner_is_refused_and_told_who_owns_it(tmp_path: Path) -> None:
    data = create_or_open(tmp_path, partitions=1, command="serve")
    data.announce("tcp://127.0.0.1:5557")
    with pytest.raises(
        Refused, match=rf"owned by serve with pid {os.getpid()} .* at tcp://127.0.0.1:5557; stop that"
    ):
        create_or_open(tmp_path, partitions=1)
    owner = owner_of(tmp_path)
    assert owner is not None
    assert (owner.pid, owner.endpoint) == (os.getpid(), "tcp://127.0.0.1:5557")
    data.close()
    assert owner_of(tmp_path) is None


def test_a_dead_owner_is_taken_over(tmp_path: Path) -> None:
    program = (
        "import os, sys; from ledger.journal import create_or_open;"
        "data = create_or_open(sys.argv[1], partitions=1); print('owned', flush=True); sys.stdin.read()"
    )
    child = subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    with child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"owned\n"
        with pytest.raises(Refused, match=f"pid {child.pid}"):
            create_or_open(tmp_path, partitions=1)
        child.kill()
    assert owner_of(tmp_path) is None
    create_or_open(tmp_path, partitions=1).close()


def test_asking_for_the_owner_does_not_disturb_a_start(tmp_path: Path) -> None:
    for _ in range(20):
        data = create_or_open(tmp_path, partitions=1)
        assert owner_of(tmp_path) is not None
        data.close()
        assert owner_of(tmp_path) is None


def test_another_number_of_partitions_is_refused_with_the_cure(tmp_path: Path) -> None:
    create_or_open(tmp_path, partitions=3).close()
    with pytest.raises(Refused, match=r"set engine\.partitions: 3"):
        create_or_open(tmp_path, partitions=1)
    create_or_open(tmp_path, partitions=3).close()


@pytest.mark.parametrize("part", ["manifest.json", "trading/0/manifest.json"])
def test_another_format_is_refused(tmp_path: Path, part: str) -> None:
    create_or_open(tmp_path, partitions=1).close()
    rewrite(tmp_path / part, format=2)
    with pytest.raises(Refused, match="format 2, this ledger reads format 1"):
        create_or_open(tmp_path, partitions=1)


def test_a_partition_of_another_lineage_is_refused(tmp_path: Path) -> None:
    for name in ("a", "b"):
        create_or_open(tmp_path / name, partitions=1).close()
    stranger = (tmp_path / "b/trading/0/manifest.json").read_text()
    (tmp_path / "a/trading/0/manifest.json").write_text(stranger)
    with pytest.raises(Refused, match="of lineage"):
        create_or_open(tmp_path / "a", partitions=1)


@pytest.mark.parametrize("text", ["", "{", '{"format":1}', "[]", '{"format":1,"lineage":7,"partitions":1}'])
def test_a_damaged_manifest_is_named(tmp_path: Path, text: str) -> None:
    create_or_open(tmp_path, partitions=1).close()
    (tmp_path / "manifest.json").write_text(text)
    with pytest.raises(Corrupt, match=r"manifest\.json"):
        create_or_open(tmp_path, partitions=1)


def test_a_lost_manifest_beside_segments_is_never_taken_for_a_birth(tmp_path: Path) -> None:
    write_journal(tmp_path, [1])
    (tmp_path / "manifest.json").unlink()
    with pytest.raises(Corrupt, match="missing beside segments"):
        create_or_open(tmp_path, partitions=1)
    assert len(segment_paths(tmp_path)) == 1


def test_a_lost_manifest_beside_a_wal_is_never_taken_for_a_birth(tmp_path: Path) -> None:
    crash_unsettled(tmp_path / "data", [1])
    assert not segment_paths(tmp_path / "data")
    (tmp_path / "data" / "manifest.json").unlink()
    with pytest.raises(Corrupt, match="missing beside a wal"):
        create_or_open(tmp_path / "data", partitions=1)


def test_a_birth_cut_short_is_begun_anew(tmp_path: Path) -> None:
    create_or_open(tmp_path, partitions=1).close()
    (tmp_path / "manifest.json").unlink()
    data = create_or_open(tmp_path, partitions=1)
    assert data.journal("trading", 0).lineage == data.lineage
    data.close()


def test_reading_where_nothing_is_says_how_to_start(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="ledger serve --data"):
        open_readonly(tmp_path / "nowhere")
    assert not (tmp_path / "nowhere").exists()


def test_a_file_in_place_of_the_directory_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for path in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(Refused, match="cannot be written"):
            create_or_open(path, partitions=1)


def test_a_refused_start_leaves_the_directory_free(tmp_path: Path) -> None:
    create_or_open(tmp_path, partitions=2).close()
    with pytest.raises(Refused):
        create_or_open(tmp_path, partitions=1)
    assert owner_of(tmp_path) is None


def test_heads_that_cannot_be_written_at_the_stop_still_release_the_lock(tmp_path: Path) -> None:
    data = create_or_open(tmp_path, partitions=1)
    head = data.journal("trading", 0).origin
    (tmp_path / "trading/0/.manifest.json.new").mkdir()  # where the new manifest would be written
    with pytest.raises(StorageError, match="clean stop"):
        data.close({("trading", 0): head})
    assert owner_of(tmp_path) is None


def test_a_directory_without_the_right_to_write_is_refused(tmp_path: Path) -> None:
    if os.geteuid() == 0:
        pytest.skip("root may write anywhere; the read-only mount of tests/crash covers it")
    tmp_path.chmod(0o555)
    with pytest.raises(Refused, match="cannot be written"):
        create_or_open(tmp_path, partitions=1)
    tmp_path.chmod(0o755)
