"""Definition files: what is read, and what is refused with which words."""

from __future__ import annotations

from pathlib import Path

import pytest

from ledger.cli.definitions import read_definitions
from ledger.errors import Rejected


def written(tmp_path: Path, text: str, name: str = "desk.yaml") -> Path:
    path = tmp_path / name
    path.write_text(text)
    return path


def test_decimal_text_in_yaml_never_becomes_a_float(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        "instruments:\n- {symbol: B, exchange: X, price_scale: 17, tick: 0.10000000000000001}\n".replace(
            "17", "12"
        ),
    )
    (found,) = read_definitions(path)
    assert found.fields["tick"] == "0.10000000000000001"


def test_a_symbol_that_yaml_reads_as_a_boolean_stays_text(tmp_path: Path) -> None:
    (found,) = read_definitions(written(tmp_path, "instruments:\n- {symbol: ON, exchange: NYSE}\n"))
    assert found.name == "ON"


def test_tick_and_lot_are_one_unit_of_the_last_digit_unless_given(tmp_path: Path) -> None:
    text = "instruments:\n- {symbol: A, exchange: X, price_scale: 2, qty_scale: 0}\n"
    (found,) = read_definitions(written(tmp_path, text))
    assert (found.fields["tick"], found.fields["lot"]) == ("0.01", "1")


def test_csv_holds_the_kind_that_its_header_names(tmp_path: Path) -> None:
    text = "strategy_id,account\nS1,A1\nS2,A1\n"
    found = read_definitions(written(tmp_path, text, "s.csv"))
    assert [(each.kind, each.name) for each in found] == [("DefineStrategy", "S1"), ("DefineStrategy", "S2")]


def test_yaml_and_csv_of_the_same_content_are_the_same(tmp_path: Path) -> None:
    as_csv = written(tmp_path, "symbol,exchange,price_scale,tick,calendar\nA,X,2,0.05,\n", "i.csv")
    as_yaml = written(tmp_path, "instruments:\n- {symbol: A, exchange: X, price_scale: 2, tick: 0.05}\n")
    assert read_definitions(as_csv) == read_definitions(as_yaml)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("limits: []\n", "limits"),
        ("limits: []\n", "not built yet"),
        ("opening_balances: []\n", "not built yet"),
        ("instrument: []\n", "instruments"),
        ("instruments: 3\n", "list"),
        ("instruments:\n- {symbol: A}\n", "exchange is missing"),
        ("instruments:\n- {symbol: A, exchange: X, tik: 1}\n", "did you mean tick"),
        ("instruments:\n- {symbol: A, exchange: X, price_scale: 2.0}\n", "whole number"),
        ("instruments:\n- {symbol: A, exchange: X, price_scale: 13}\n", "whole number"),
        ("instruments:\n- {symbol: A, exchange: X, allow_negative_px: maybe}\n", "neither true nor false"),
        ("strategies:\n- {strategy_id: S, account: [1]}\n", "plain value"),
        ("- a\n", "mapping"),
        ("a: [\n", "not YAML"),
        ("instruments:\n- {symbol: A, symbol: B, exchange: X}\n", "twice"),
    ],
)
def test_what_cannot_be_defined_is_refused_by_name(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(Rejected, match=words) as caught:
        read_definitions(written(tmp_path, text))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "words"),
    [("a,b\n1,2\n", "names neither"), ("symbol,exchange\nA,X,3\n", "line 2"), ("", "names neither")],
)
def test_a_csv_without_its_columns_is_refused(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(Rejected, match=words):
        read_definitions(written(tmp_path, text, "x.csv"))


def test_a_calendar_may_list_its_sessions_as_moments_with_their_zone(tmp_path: Path) -> None:
    text = "calendars:\n- calendar: DESK\n  source: by hand\n  sessions:\n  - [2026-11-20, 2026-11-20T09:30:00-05:00, 2026-11-20T21:00:00Z]\n"
    (found,) = read_definitions(written(tmp_path, text))
    opens = 1_795_185_000 * 10**9
    assert (found.kind, found.name) == ("DefineCalendar", "DESK")
    assert found.fields["sessions"] == [["2026-11-20", opens, opens + 6 * 3600 * 10**9 + 1800 * 10**9]]


def test_a_calendar_may_come_from_the_library_with_its_holidays_and_short_days(tmp_path: Path) -> None:
    pytest.importorskip("exchange_calendars")
    text = "calendars:\n- {calendar: NYSE, library: XNYS, from: 2026-11-25, to: 2026-11-30}\n"
    (found,) = read_definitions(written(tmp_path, text))
    days = [(date, (closes - opens) // (1800 * 10**9)) for date, opens, closes in found.fields["sessions"]]
    assert days == [("2026-11-25", 13), ("2026-11-27", 7), ("2026-11-30", 13)]
    assert "exchange-calendars" in found.fields["source"]


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ("{calendar: A}", "library is missing"),
        ("{sessions: []}", "calendar is missing"),
        ("{calendar: A, sessions: [], library: XNYS}", "exclude each other"),
        ("{calendar: A, sessions: [[2026-11-31, x, y]]}", "is no date"),
        ("{calendar: A, sessions: [[2026-11-20, 2026-11-20T01:00:00, y]]}", "names no time zone"),
        ("{calendar: A, sessions: [[2026-11-20, noon, y]]}", "is no moment"),
        ("{calendar: A, sessions: [2026-11-20]}", "is not [trade_date, opens, closes]"),
        ("{calendar: A, when: now}", "unknown key when"),
        ("{calendar: A, library: XNYS, from: 2026-12-01, to: 2026-11-01}", "is after"),
        ("{calendar: A, library: NOWHERE, from: 2026-11-01, to: 2026-12-01}", "NOWHERE"),
    ],
)
def test_a_calendar_that_cannot_be_read_is_refused_in_one_line(
    tmp_path: Path, entry: str, words: str
) -> None:
    pytest.importorskip("exchange_calendars")
    with pytest.raises(Rejected) as refused:
        read_definitions(written(tmp_path, f"calendars:\n- {entry}\n"))
    assert words in str(refused.value)
    assert "\n" not in str(refused.value)
