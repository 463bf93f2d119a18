"""`ledger feed` and `ledger simulate`, as far as they need no ledger."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import given_capture as given
from ledger.cli import main


def said(capsys: pytest.CaptureFixture[str]) -> tuple[str, str]:
    captured = capsys.readouterr()
    return captured.out, captured.err


def test_check_says_how_much_was_compared_and_ends_with_0(tmp_path: Path, capsys) -> None:
    assert main(["feed", "binance", str(given.write(tmp_path / "a.gz")), "--check"]) == 0
    out, err = said(capsys)
    assert out == "binance/BTCUSDT: 7 messages; best prices compared at 2 update numbers, equal at 2\n"
    assert err == ""


def test_check_of_a_changed_digit_ends_with_1_and_shows_both_sides(tmp_path: Path, capsys) -> None:
    path = tmp_path / "a"
    path.write_text(given.text().replace('"A": "0.12345678"', '"A": "0.12345679"', 1))
    assert main(["feed", "binance", str(path), "--check"]) == 1
    out, _ = said(capsys)
    assert "first difference: a message 4: best prices at update 12" in out
    assert "0.12345678" in out
    assert "0.12345679" in out


def test_check_as_json_has_the_contract_s_keys(tmp_path: Path, capsys) -> None:
    wrong = given.ticker(12, ("99.00000000", "2.50000000"), ("100.50000000", "0.2"))
    path = given.write(tmp_path / "a", (*given.SOUND[:3], wrong))
    assert main(["feed", "binance", str(path), "--check", "--json"]) == 1
    found = json.loads(said(capsys)[0])
    assert (found["source"], found["messages"], found["compared"], found["equal"]) == (
        "binance/BTCUSDT",
        4,
        1,
        0,
    )
    assert found["first_difference"]["update"] == 12


def test_check_that_can_compare_nothing_ends_with_1(tmp_path: Path, capsys) -> None:
    assert main(["feed", "binance", str(given.write(tmp_path / "a", given.SOUND[:3])), "--check"]) == 1
    assert "nothing could be compared" in said(capsys)[0]


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["feed", "kraken"], "no capture is named"),
        (["feed", "kraken", "x.gz"], "x.gz: no such file"),
        (["feed", "lobster", "--messages", "x.csv"], "--book"),
        (["feed", "lobster", "--messages", "x.csv", "--book", "y.csv"], "x.csv: no such file"),
        (["feed", "lobster", "--messages", "x", "--book", "y", "--speed", "-2"], "--speed -2 is negative"),
        (["feed", "binance"], "no capture is named"),
        (["feed", "binance", "nothing.gz"], "nothing.gz: no such file"),
        (["feed", "binance", "nothing.gz", "--speed", "-1"], "--speed -1 is negative"),
        (["feed", "binance", "nothing.gz", "--sped", "1"], "--sped"),
        (["simulate", "--orders", "-1"], "cannot be negative"),
        (["simulate", "--orders", "many"], "many"),
    ],
)
def test_what_cannot_be_done_is_refused_in_one_line_with_2(words: list[str], line: str, capsys) -> None:
    assert main(words) == 2
    out, err = said(capsys)
    assert out == ""
    assert line in err
    assert err.count("\n") == 1


@pytest.mark.parametrize("words", [["feed", "binance", "CAPTURE"], ["simulate"]])
def test_without_a_ledger_the_answer_is_3_and_names_the_cure(
    words: list[str], tmp_path: Path, capsys
) -> None:
    capture = str(given.write(tmp_path / "a"))
    words = [capture if word == "CAPTURE" else word for word in words]
    assert main([*words, "--data", str(tmp_path / "nowhere")]) == 3
    out, err = said(capsys)
    assert out == ""
    assert "ledger serve" in err
    assert err.count("\n") == 1
