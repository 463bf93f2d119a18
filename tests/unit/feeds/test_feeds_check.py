"""The check folds a capture with the engine's own book and compares it with the venue's best prices."""

from __future__ import annotations

import gzip
import os
import re
from pathlib import Path

import pytest

import given_capture as given
from ledger.feeds import check_binance as check

HERE = Path(__file__).resolve()
DATA = Path(os.environ.get("LEDGER_DATA") or HERE.parents[3].parent / "shared" / "data") / "binance"
SPOT = ("spot_btcusdt_20240808.gz", "spot_btcusdt_20240809.gz")


def captured(*names: str) -> list[Path]:
    missing = [name for name in names if not (DATA / name).exists()]
    if missing:
        pytest.skip(f"no capture {', '.join(missing)} (LEDGER_DATA names their folder)")
    return [DATA / name for name in names]


def test_a_sound_capture_is_equal_wherever_both_streams_name_an_update(tmp_path: Path) -> None:
    checked = check([given.write(tmp_path / "a.gz")])
    assert (checked.messages, checked.compared, checked.equal, checked.anomalies) == (7, 2, 2, 0)
    assert checked.sound


def test_a_book_goes_on_over_a_file_boundary(tmp_path: Path) -> None:
    first = given.write(tmp_path / "a", given.SOUND[:3])
    second = given.write(tmp_path / "b", given.SOUND[3:], given.BEGAN_NS + 10**12)
    assert (check([first, second]).compared, check([first, second]).sound) == (2, True)


@pytest.mark.parametrize(
    ("number", "old", "new", "what"),
    [
        (3, '"2.50000000"', '"2.50000001"', "best prices at update 12"),
        (2, '"0.12345678"', '"0.12345679"', "best prices at update 12"),
        (6, '"99.50000000"', '"99.60000000"', "best prices at update 13"),
        (2, '"U": 11', '"U": 12', "BOOK_GAP"),
    ],
)
def test_one_changed_digit_is_the_first_difference(tmp_path: Path, number, old, new, what) -> None:
    lines = given.text().splitlines(keepends=True)
    assert old in lines[number]
    lines[number] = lines[number].replace(old, new)
    path = tmp_path / "a"
    path.write_text("".join(lines))
    checked = check([path])
    assert not checked.sound
    assert checked.first_difference is not None
    assert what in checked.first_difference.what


def test_a_difference_shows_both_sides_as_decimal_text(tmp_path: Path) -> None:
    wrong = given.ticker(12, ("99.00000000", "2.50000000"), ("100.50000000", "0.2"))
    first = check([given.write(tmp_path / "a", (*given.SOUND[:3], wrong))]).first_difference
    assert first is not None
    assert first.ours == {"bid_px": "99", "bid_qty": "2.5", "ask_px": "100.5", "ask_qty": "0.12345678"}
    assert first.venue == {"bid_px": "99", "bid_qty": "2.5", "ask_px": "100.5", "ask_qty": "0.2"}
    assert (first.file, first.message, first.update) == ("a", 4, 12)


def test_a_capture_in_which_nothing_can_be_compared_is_not_sound(tmp_path: Path) -> None:
    checked = check([given.write(tmp_path / "a", given.SOUND[:3])])
    assert (checked.compared, checked.first_difference, checked.sound) == (0, None, False)


@pytest.mark.slow
def test_the_spot_captures_are_sound_over_their_roll_and_one_digit_is_found(tmp_path: Path) -> None:
    paths = captured(*SPOT)
    checked = check(paths)
    assert checked.sound
    assert checked.compared > 1000
    copy = tmp_path / "copy.gz"
    copy.write_bytes(gzip.compress(with_one_digit_changed(gzip.decompress(paths[0].read_bytes())), 1))
    changed = check([copy])
    assert changed.equal == changed.compared - 1
    assert changed.first_difference is not None


def with_one_digit_changed(capture: bytes) -> bytes:
    """Another digit in the best ask's size of a quote whose update number the depth stream names as well."""
    named = {int(found[1]) for found in re.finditer(rb'"u":(\d+),"b":\[', capture)}
    quotes = re.finditer(rb'@bookTicker","data":\{"u":(\d+),.*?"A":"(\d)', capture)
    quote = [found for found in quotes if int(found[1]) in named][100]
    digit = b"1" if quote[2] != b"1" else b"2"
    return capture[: quote.start(2)] + digit + capture[quote.end(2) :]
