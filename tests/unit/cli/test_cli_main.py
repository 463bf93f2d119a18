"""What `ledger` says before any ledger is asked: help, unknown commands, refusals, exit codes."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path

import pytest

from ledger.cli import COMMANDS, main

ROOT = Path(__file__).resolve().parents[3]


def said(capsys: pytest.CaptureFixture[str]) -> str:
    """The one line on standard error; nothing stands on standard output."""
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1, err
    return err


def test_help_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    out = capsys.readouterr().out
    assert all(name in out for name in COMMANDS)


def test_no_command_shows_the_help_and_is_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    assert "usage" in capsys.readouterr().out


def test_a_mistyped_command_names_the_nearest_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["shwo"]) == 2
    assert "ledger show" in said(capsys)


GROUPS = (
    "completion",
    "keys",
    "anomalies",
    "config",
    "demo",
    "entity",
    "feed",
    "journal",
    "kill",
    "limits",
    "projections",
    "why",
)
"""Their options stand with their own commands."""


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_command_has_help(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([name, "--help"]) == 0
    assert "--config" in capsys.readouterr().out or name in GROUPS


def test_an_unknown_option_is_one_line_with_the_cure(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show", "orders", "--colour", "red"]) == 2
    assert "--help" in said(capsys)


@pytest.mark.parametrize(
    ("arguments", "cure"),
    [
        (["show", "actors"], "not built yet"),
        (["show", "weather"], "orders"),
        (["show", "orders", "--json", "--csv"], "choose one"),
        (["show", "orders", "0-1"], "--symbol"),
        (["show", "orders", "--connect", "nowhere"], "127.0.0.1:5557"),
        (["show", "orders", "--connect", "127.0.0.1:1", "--data", "/nowhere"], "once"),
        (["cancel"], "--open"),
        (["cancel", "0-1", "--open", "--reason", "x"], "--open"),
        (["cancel", "0-1"], "--reason"),
        (["feed", "kraken"], "ledger feed kraken FILE"),
        (["feed", "lobster"], "--messages"),
        (["feed", "binance"], "ledger feed binance FILE"),
        (["feed", "binance", "/nowhere/capture.gz"], "no such file"),
        (["show", "orders", "--set", "doors.bse_port=1"], "doors.base_port"),
    ],
)
def test_a_refusal_is_one_line_that_names_the_cure(
    arguments: list[str], cure: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO())
    assert main(arguments) == 2
    assert cure in said(capsys)


def test_without_a_ledger_the_exit_code_is_3_and_serve_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["show", "orders", "--data", str(tmp_path)]) == 3
    assert "ledger serve" in said(capsys)


def test_show_imports_neither_the_engine_nor_trio() -> None:
    """Importing them would double the time until a person sees something."""
    program = (
        "import sys; from ledger.cli import main; main(['show', 'orders', '--data', '/nowhere']);"
        "print(sorted(set(sys.modules) & {'trio', 'lmdb', 'ledger.engine', 'ledger.client', 'rich.table'}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONPATH": str(ROOT / "src")},
    )
    assert done.stdout.strip() == "[]"
