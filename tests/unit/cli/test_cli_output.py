"""Tables and CSV as people and spreadsheets get them."""

from __future__ import annotations

import csv
import io

import pytest

from ledger.cli.output import coloured, print_csv, shown, table, utc


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_numbers_stand_right_and_words_left() -> None:
    rows = [{"symbol": "AAPL", "qty": "5"}, {"symbol": "F", "qty": "-12.5"}]
    assert table(rows, ("symbol", "qty")) == ["symbol    qty", "AAPL        5", "F       -12.5"]


def test_a_column_that_no_row_has_shows_nothing_in_each() -> None:
    assert table([{"a": "1"}], ("a", "b")) == ["a  b", "1  -"]


def test_a_table_without_rows_is_its_header() -> None:
    assert table([], ("a", "b")) == ["a  b"]


def test_colours_leave_the_text_and_its_width_alone() -> None:
    rows = [{"status": "REJECTED", "qty": "1"}, {"status": "NEW", "qty": "20"}]
    plain, tinted = table(rows, ("status", "qty")), table(rows, ("status", "qty"), colour=True)
    assert "\x1b[" in "".join(tinted)
    assert [_without_escapes(line) for line in tinted] == plain


def _without_escapes(line: str) -> str:
    for code in ("\x1b[0m", "\x1b[1m", "\x1b[2m", "\x1b[31m"):
        line = line.replace(code, "")
    return line


def test_colours_are_for_terminals_without_no_color(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert coloured(Terminal())
    assert not coloured(io.StringIO())
    monkeypatch.setenv("NO_COLOR", "1")
    assert not coloured(Terminal())
    monkeypatch.delenv("NO_COLOR")
    monkeypatch.setenv("TERM", "dumb")
    assert not coloured(Terminal())


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("px", None, "-"),
        ("fees", {"USD": "0.02"}, "USD=0.02"),
        ("best_bid", ["10.05", "3"], "10.05 3"),
        ("open", True, "yes"),
        ("version", 0, "0"),
        ("created_at_ns", 1_763_650_000_123_456_789, "2025-11-20 14:46:40.123456"),
        ("created_at_ns", 0, "-"),
    ],
)
def test_a_value_is_shown_as_a_person_reads_it(name: str, value: object, text: str) -> None:
    assert shown(name, value) == text


def test_the_time_before_1970_is_not_broken() -> None:
    assert utc(-1).startswith("1969-12-31 23:59:59.999999")


def test_csv_keeps_commas_quotes_and_nested_values(capsys: pytest.CaptureFixture[str]) -> None:
    rows = [{"a": 'x,"y"', "b": {"USD": "1"}, "c": None, "d": True}]
    print_csv(rows, ("a", "b", "c", "d"))
    read = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert read == [{"a": 'x,"y"', "b": '{"USD":"1"}', "c": "", "d": "true"}]
