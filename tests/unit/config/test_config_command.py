"""`ledger config`: data goes to standard output, the rest to standard error, and the exit code tells."""

import json
from pathlib import Path

import pytest

from ledger.cli.config import app

SEED = Path(__file__).resolve().parents[2] / "data" / "seed"


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as ended:
        app(list(arguments))
    return int(ended.value.code or 0)


def test_check_prints_ok_and_notices(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("check", "--set", "redis.memory.maxmemory_policy=allkeys-lru") == 0
    said = capsys.readouterr()
    assert said.out == "ok\n"
    assert "notice: --set redis.memory.maxmemory_policy: allkeys-lru" in said.err


def test_check_prints_every_problem_one_a_line_and_exits_2(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    path = tmp_path / "f.yaml"
    path.write_text("clock:\n  max_step_ms: x\n  nope: 1\n")
    assert run("check", "--config", str(path), "--set", "engine.partitions=0") == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert [line.split(": ")[0] for line in said.err.splitlines()] == [
        f"{path}:2",
        f"{path}:3",
        "--set engine.partitions",
    ]


def test_check_speaks_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("check", "--json") == 0
    assert json.loads(capsys.readouterr().out)["ok"] is True
    assert run("check", "--json", "--set", "doors.host=0.0.0.0") == 2
    answer = json.loads(capsys.readouterr().out)
    assert (answer["ok"], answer["problems"][0]["path"], answer["problems"][0]["seed"]) == (
        False,
        "doors.host",
        "S-43",
    )


def test_explain_speaks_text_and_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("explain", "clock") == 0
    assert capsys.readouterr().out.startswith("clock.max_step_ms = 5000 ms  [acts, config/ledger.yaml:")
    assert run("explain", "clock", "--json") == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["settings"][0]["value"] == 5000
    assert [row["data"] for row in answer["retention"]] == ["tick_data", "order_data", "trade_data", "audit"]
    assert run("explain", "nope") == 2


def test_adopt_writes_a_file_that_passes_check(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    out = tmp_path / "out.yaml"
    blocks = [str(path) for path in sorted(SEED.glob("*.yaml"))]
    assert run("adopt", *blocks, "-o", str(out)) == 0
    said = capsys.readouterr()
    assert said.out == ""
    assert 'changed S-22: redis.memory.maxmemory_policy: "allkeys-lru" -> "noeviction"' in said.err
    assert run("check", "--config", str(out)) == 0
    assert run("adopt", *blocks, "-o", str(out)) == 2
    assert "exists" in capsys.readouterr().err
    assert run("adopt", *blocks, "-o", str(out), "--force") == 0
    assert run("adopt", *blocks) == 0
    assert capsys.readouterr().out == out.read_text()


def test_adopt_without_a_file_or_into_nowhere_is_refused(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert run("adopt") == 2
    assert "needs a file" in capsys.readouterr().err
    block = str(next(SEED.glob("*_redis.yaml")))
    assert run("adopt", block, "-o", str(tmp_path / "absent" / "out.yaml")) == 2
    assert "cannot write" in capsys.readouterr().err


def test_reference_is_printed_or_compared(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert run("reference") == 0
    page = tmp_path / "REFERENCE.md"
    page.write_text(capsys.readouterr().out)
    assert run("reference", "--check", str(page)) == 0
    page.write_text("old")
    assert run("reference", "--check", str(page)) == 1
    assert "out of date" in capsys.readouterr().err
