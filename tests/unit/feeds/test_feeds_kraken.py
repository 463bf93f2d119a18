"""Lines of Kraken's book channel to market facts, and the checksum that vouches for the book after each."""

from __future__ import annotations

import os
from pathlib import Path
from zlib import crc32

import pytest
from test_feeds_run import Shelf

import given_kraken as given
from ledger.domain.book_view import best
from ledger.domain.checksums import CHECKSUMS, kraken_checksum
from ledger.domain.enums import BookSource, BookStatus
from ledger.domain.facts import BookDelta, BookSnapshot
from ledger.feeds import CaptureError, check_kraken, feed, files, kraken
from ledger.testing.made_market import Feed

HERE = Path(__file__).resolve()
DATA = Path(os.environ.get("LEDGER_DATA") or HERE.parents[3].parent / "shared" / "data") / "kraken"


def read(path: Path, symbol: str = "") -> list:
    return [fact for _, fact in kraken.facts(path, kraken.inspect(path, symbol))]


def test_the_checksum_is_of_asks_then_bids_as_text_without_point_and_leading_zeros() -> None:
    bids, asks = ((5000, 500), (4995, 10_000_000)), ((5005, 7), (5010, 500))
    assert kraken_checksum(bids, asks) == crc32(b"5005750105005000500499510000000")


def test_a_snapshot_and_an_update_become_their_facts_at_the_digits_of_the_text(tmp_path: Path) -> None:
    path = given.write(tmp_path / "a", given.sound())
    [terms] = kraken.inspect(path)
    assert (terms.symbol, terms.quote_ccy, terms.price_scale, terms.qty_scale) == (given.PAIR, "USD", 6, 8)
    snapshot, delta, *_ = read(path)
    head = ("kraken/XBT/USD", given.BEGAN_NS)
    assert isinstance(snapshot, BookSnapshot)
    assert (snapshot.source, snapshot.source_epoch, snapshot.source_seq, snapshot.last_update) == (
        *head,
        1,
        1,
    )
    assert snapshot.bids[0] == (99_500, 150_000_000)
    assert snapshot.event_time_ns == 1_618_678_133_385_102_000
    assert isinstance(delta, BookDelta)
    assert (delta.first_update, delta.last_update, delta.continuity) == (2, 2, BookSource.COUNTED)
    assert (delta.bids, delta.asks) == (((99_500, 1),), ())
    assert delta.checksum is not None


def test_both_sides_of_a_message_are_one_fact(tmp_path: Path) -> None:
    both = read(given.write(tmp_path / "a", given.sound()))[3]
    assert both.bids[:2] == ((99_510, 100_000_000), (99_510, 300_000_000))
    assert both.asks[0] == (99_530, 700_000_000)


def test_a_level_that_falls_out_of_the_depth_is_removed_by_what_pushes_it_out(tmp_path: Path) -> None:
    pushed = read(given.write(tmp_path / "a", given.sound()))[3]
    assert (99_410, 0) in pushed.bids


def test_each_pair_is_a_source_with_numbers_of_its_own(tmp_path: Path) -> None:
    both = [
        message
        for pair in zip(given.sound(), given.sound(given.Pair(given.OTHER)), strict=True)
        for message in pair
    ]
    path = given.write(tmp_path / "a", both)
    numbers: dict[str, list[int]] = {}
    for fact in read(path):
        numbers.setdefault(fact.source, []).append(fact.source_seq)
    assert numbers == {"kraken/XBT/USD": [1, 2, 3, 4, 5], "kraken/ETH/XBT": [1, 2, 3, 4, 5]}
    assert {fact.symbol for fact in read(path, given.OTHER)} == {given.OTHER}
    with pytest.raises(CaptureError, match="holds no DOGE/USD"):
        kraken.inspect(path, "DOGE/USD")


def test_the_only_pair_can_have_another_name(tmp_path: Path) -> None:
    path = given.write(tmp_path / "a", given.sound())
    assert {(fact.symbol, fact.source) for fact in read(path, "BTCUSD")} == {("BTCUSD", "kraken/BTCUSD")}


@pytest.mark.parametrize(
    ("old", "new", "what"),
    [
        ('"book-10"', '"trade"', "holds no book"),
        ('["0.099500", "0.00000001"', '["0.0995x0", "0.00000001"', "line 5"),
        ("1618678134.5: ", "then: ", "line 5"),
        ('"c": "', '"c": "x', "line 5"),
    ],
)
def test_a_line_that_is_no_message_names_itself(tmp_path: Path, old: str, new: str, what: str) -> None:
    path = given.write(tmp_path / "a", given.sound())
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(CaptureError, match=what):
        read(path)


def test_a_folder_gives_its_captures_by_their_first_time(tmp_path: Path) -> None:
    later = given.write(tmp_path / "a", given.sound(), "1618678999.5: {}\n")
    later.write_text(later.read_text().replace("1618678132.3858151: ", "1618679000.5: "))
    first = given.write(tmp_path / "b", given.sound())
    (tmp_path / "LICENSE").write_text("no capture\n")
    assert files([tmp_path], kraken.began) == [first, later]


def test_a_sound_capture_has_every_checksum(tmp_path: Path) -> None:
    checked = check_kraken([given.write(tmp_path / "a", given.sound())])
    assert (checked.messages, checked.compared, checked.equal) == (5, 4, 4)
    assert checked.sound


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"0.00000001"', '"0.00000002"'),
        ('"12.00000000"', '"12.00000001"'),
        ('"3.00000000"', '"3.10000000"'),
        ('["0.099490"', '["0.099489"'),
    ],
)
def test_one_changed_digit_is_found_by_the_checksum(tmp_path: Path, old: str, new: str) -> None:
    path = given.write(tmp_path / "a", given.sound())
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    checked = check_kraken([path])
    assert not checked.sound
    assert checked.equal == checked.compared - 1
    assert checked.first_difference is not None
    assert checked.first_difference.what.startswith("BOOK_CHECKSUM: KRAKEN/XBT/USD: update ")


def test_after_a_wrong_checksum_the_book_is_stale_until_the_next_snapshot(tmp_path: Path) -> None:
    pair = given.Pair()
    messages = given.sound(pair)
    messages.insert(2, pair.update(bids=[("0.099400", "9.00000000")], checksum="1"))
    facts = read(given.write(tmp_path / "a", [*messages, *given.sound(pair)]))
    book = Feed(checksums=CHECKSUMS)
    seen = [(book.take(fact), book.live.status) for fact in facts]
    assert seen[2] == (["BookDeltaApplied", "BOOK_CHECKSUM", "SnapshotRequested"], BookStatus.STALE)
    assert {status for _, status in seen[2:6]} == {BookStatus.STALE}
    assert {status for _, status in seen[6:]} == {BookStatus.LIVE}
    assert best(book.live)[1] == (99_520, 1_200_000_000)


async def test_a_ledger_whose_scales_are_not_the_text_s_is_refused_with_the_reason(tmp_path: Path) -> None:
    recordings = kraken.recordings([given.write(tmp_path / "a", given.sound())])
    with pytest.raises(CaptureError, match="checksums need"):
        await feed(recordings, Shelf(scales=(8, 8)))
    shelf = Shelf(scales=None)
    assert (await feed(recordings, shelf)).sent == 5
    assert (shelf.defined[0]["tick"], shelf.defined[0]["exchange"]) == ("0.000001", "KRAKEN")


def test_the_real_capture_has_every_checksum_and_one_digit_is_found(tmp_path: Path) -> None:
    path = DATA / "KRAKEN.ws.50.0"
    if not path.exists():
        pytest.skip("no capture KRAKEN.ws.50.0 (LEDGER_DATA names its folder)")
    checked = check_kraken([path])
    assert checked.sound
    assert checked.compared > 4000
    text = path.read_text()
    at = text.index('"b":[["354.15000000","5.0')
    copy = tmp_path / "copy"
    copy.write_text(text[: at + 24] + "1" + text[at + 25 :])
    changed = check_kraken([copy], "XMR/USD")
    assert (changed.compared - changed.equal, changed.sound) == (1, False)
