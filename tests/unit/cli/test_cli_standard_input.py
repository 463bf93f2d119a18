"""`ledger send -` reads standard input."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import pytest

from ledger.cli import main


def given_input(monkeypatch: pytest.MonkeyPatch, text: bytes) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text)))


def test_nothing_to_send_is_sent_well(monkeypatch, tmp_path: Path, capsys) -> None:
    given_input(monkeypatch, b"\n")
    assert main(["send", "-", "--data", str(tmp_path)]) == 0
    assert capsys.readouterr().out == ""


def test_what_is_not_json_is_refused_by_its_line(monkeypatch, tmp_path: Path, capsys) -> None:
    given_input(monkeypatch, b'{"type":"SubmitOrder"}\nnot json\n')
    assert main(["send", "-", "--data", str(tmp_path)]) == 2
    assert "line 2 is not JSON" in capsys.readouterr().err
