"""journal/reader.py, written from FORMAT.md alone, agrees with the ledger's own reader."""

from __future__ import annotations

import json
import runpy
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from journals import COMMIT_MODES, draft, segment_paths, write_journal
from ledger.journal import JournalReader, LmdbCommit, chain_frame, create_or_open, encode_frame

READER = Path(__file__).parents[3] / "journal" / "reader.py"
MAIN: Callable[[list[str]], int] = runpy.run_path(str(READER))["main"]


def read(directory: Path, capsys: pytest.CaptureFixture[str], *options: str) -> tuple[int, list[Any], str]:
    status = MAIN([str(directory), *options])
    printed = capsys.readouterr()
    return status, [json.loads(line) for line in printed.out.splitlines()], printed.err


def test_it_shares_no_code_with_the_ledger() -> None:
    lines = READER.read_text().splitlines()
    imported = {line.split()[1] for line in lines if line.startswith(("import ", "from "))}
    assert imported <= {"fcntl", "hashlib", "json", "re", "struct", "sys", "pathlib", "lmdb", "msgspec"}
    assert len(lines) < 220


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    counts=st.lists(st.integers(1, 40), max_size=12),
    size=st.integers(0, 3000),
    modes=st.lists(st.sampled_from(COMMIT_MODES), min_size=1, max_size=2),
)
def test_it_agrees_with_the_ledgers_reader(
    tmp_path_factory: pytest.TempPathFactory,
    capsys: pytest.CaptureFixture[str],
    counts: list[int],
    size: int,
    modes: list[str],
) -> None:
    directory = tmp_path_factory.mktemp("journal")
    for mode in modes:
        write_journal(directory, counts, segment_bytes_max=64 * 1024, size=size, mode=mode)
    status, [summary], _ = read(directory, capsys)
    assert status == 0
    for journal in ("trading", "market"):
        with JournalReader(directory, journal, 0) as reader:
            head = reader.head()
            events = sum(frame.count for frame in reader.frames())
        expected = {
            "partition": 0,
            "epoch": head.epoch,
            "head": head.seq,
            "settled": head.seq,
            "events": events,
            "chain": head.chain_hash.hex(),
        }
        assert summary["journals"][journal] == [expected]


def test_it_follows_a_leap_of_the_market_journal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = create_or_open(tmp_path, partitions=1)
    commit = LmdbCommit(data.journal("market", 0))
    first = chain_frame(commit.open().chain_hash, draft(1))
    commit.commit([first, chain_frame(first.chain_hash, draft(1000, 2, epoch=2))])
    commit.close()
    data.close()
    status, [summary], _ = read(tmp_path, capsys)
    assert (status, summary["journals"]["market"][0]["head"], summary["journals"]["market"][0]["events"]) == (
        0,
        1001,
        3,
    )


def test_it_prints_every_event_with_its_place(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_journal(tmp_path, [2, 3])
    _, lines, _ = read(tmp_path, capsys, "--events")
    assert lines[:-1] == [{"place": f"trading/0:{seq}", "event": [seq, ""]} for seq in range(1, 6)]


def test_it_names_the_damaged_frame(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    frames = write_journal(tmp_path, [2, 3, 4])
    path = segment_paths(tmp_path)[0]
    value = encode_frame(frames[1])
    path.write_bytes(path.read_bytes().replace(value, value[:-1] + bytes([value[-1] ^ 1])))
    status, lines, said = read(tmp_path, capsys)
    assert (status, lines) == (1, [])
    assert f"{path} at trading/0:3: hash does not match" in said


def test_it_misses_what_a_clean_stop_had(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_journal(tmp_path, [2])
    segment_paths(tmp_path)[0].unlink()
    status, _, said = read(tmp_path, capsys)
    assert status == 1
    assert "shorter than at its last clean stop" in said


def test_it_is_a_program(tmp_path: Path) -> None:
    write_journal(tmp_path, [2])
    done = subprocess.run(
        [sys.executable, str(READER), str(tmp_path)], capture_output=True, text=True, check=True
    )
    assert json.loads(done.stdout)["journals"]["trading"][0]["head"] == 2
