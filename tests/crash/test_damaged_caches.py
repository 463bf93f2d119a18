"""A changed byte of a snapshot or of the index: verify tells it, the follower builds anew, and no state is another one.

`tools/faults flip` does this to every byte; here are the kinds of damage that only a look at the whole can find.
"""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from followed import digests_of, follow, recovered
from ledger.errors import Corrupt
from ledger.journal import IndexFile, IndexOffset, index_path, list_snapshots, pack_entry, verify
from ledger.projections import follower
from ledger.testing.made_journal import MadeJournal

PAGE, BRANCH, LEAF = 4096, 1, 2


@pytest.fixture
def data(tmp_path: Path) -> Path:
    path = tmp_path / "data"
    with MadeJournal(path) as journal:
        journal.trade(30)
    follow(path)
    return path


def pages(content: bytes, flags: int) -> list[int]:
    """Where the pages of a kind begin."""
    return [
        at
        for at in range(2 * PAGE, len(content), PAGE)
        if struct.unpack_from("<H", content, at + 10)[0] == flags
    ]


def spoil(path: Path, how: str) -> None:
    content = bytearray(path.read_bytes())
    if how == "a separator":  # entries behind it are there, and looked for in another page
        for page in pages(content, BRANCH):
            (second,) = struct.unpack_from("<H", content, page + 18)
            content[page + second + 8] ^= 0x80
    elif how == "a missing entry":  # each leaf ends an entry earlier
        for page in pages(content, LEAF):
            (lower,) = struct.unpack_from("<H", content, page + 12)
            struct.pack_into("<H", content, page + 12, lower - 2)
    else:  # a key
        for page in pages(content, LEAF):
            (first,) = struct.unpack_from("<H", content, page + 16)
            content[page + first + 8 + 3] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize("how", ["a separator", "a missing entry", "a key"])
def test_an_index_that_has_lost_an_entry_is_told_by_verify_and_built_again(data: Path, how: str) -> None:
    before = digests_of(recovered(data))
    assert not [it for it in verify(data).notices if "is damaged" in it]
    spoil(index_path(data, 0), how)
    report = verify(data)
    assert report.ok, "no proof rests on the index"
    (notice,) = [it for it in report.notices if "is damaged" in it]
    assert str(index_path(data, 0)) in notice
    assert "delete this directory" in notice
    said = follow(data)
    assert any("the index is built again" in line for line in said)
    assert not [it for it in verify(data).notices if "is damaged" in it]
    assert digests_of(recovered(data)) == before


def test_of_a_long_index_the_whole_is_left_to_verify(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(follower, "LOOKED_AT_MAX", 10)
    spoil(index_path(data, 0), "a key")
    assert not any("the index is built again" in line for line in follow(data))
    assert [it for it in verify(data).notices if "is damaged" in it]


def test_a_damaged_snapshot_is_told_by_verify(data: Path) -> None:
    newest = list_snapshots(data, "trading", 0)[0].path
    content = newest.read_bytes()
    newest.write_bytes(content[:50] + bytes([content[50] ^ 1]) + content[51:])
    report = verify(data)
    assert report.ok
    (notice,) = [it for it in report.notices if "is damaged" in it]
    assert f"{newest} is damaged: its checksum does not hold" in notice


def test_a_page_that_cannot_be_written_is_damage_of_the_index_and_no_full_disk(data: Path) -> None:
    path = index_path(data, 0)
    content = bytearray(path.read_bytes())
    for page in pages(content, LEAF):
        struct.pack_into("<H", content, page + 10, LEAF | BRANCH)
    path.write_bytes(content)
    index = IndexFile(data, 0, writable=True)
    offset = IndexOffset(1, "x", 0, "f", 1, 1, b"", "0", {})
    with pytest.raises(Corrupt, match="delete the directory of the index"):
        index.write(offset, [(b"\x05key", pack_entry(b"\x05key", 1, bytes(16), b""), None)], 0)
    index.close()
