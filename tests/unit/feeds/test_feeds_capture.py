"""Captures on disk: packed or plain, one or many, whole or damaged."""

from __future__ import annotations

import gzip
import zipfile
from pathlib import Path

import pytest

import given_capture as given
from ledger.feeds import CaptureError, files
from ledger.feeds.capture import lines


def test_gz_zip_and_plain_give_the_same_lines(tmp_path: Path) -> None:
    body = given.text().encode()
    plain, packed, zipped = (tmp_path / name for name in ("a.txt", "a.txt.gz", "a.zip"))
    plain.write_bytes(body)
    packed.write_bytes(gzip.compress(body))
    with zipfile.ZipFile(zipped, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.txt", body)
    assert list(lines(plain)) == list(lines(packed)) == list(lines(zipped)) == body.splitlines(keepends=True)


def test_a_broken_off_gz_is_refused_and_tells_how_far_it_was_read(tmp_path: Path) -> None:
    path = given.write(tmp_path / "a.gz", given.SOUND * 500)
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(CaptureError, match=r"a\.gz: cannot be read after line \d+"):
        list(lines(path))


def test_a_changed_byte_in_a_gz_is_refused(tmp_path: Path) -> None:
    path = given.write(tmp_path / "a.gz", given.SOUND * 50)
    body = bytearray(path.read_bytes())
    body[len(body) // 2] ^= 0x10
    path.write_bytes(body)
    with pytest.raises(CaptureError, match="cannot be read"):
        list(lines(path))


def test_a_zip_of_two_files_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a", "1 {}\n")
        archive.writestr("b", "1 {}\n")
    with pytest.raises(CaptureError, match="holds 2 files"):
        list(lines(path))


def test_a_directory_stands_for_its_captures_by_their_first_time(tmp_path: Path) -> None:
    later = given.write(tmp_path / "a.gz", began_ns=given.BEGAN_NS + 1)
    earlier = given.write(tmp_path / "b.txt")
    (tmp_path / "LICENSE").write_text("Permission is hereby granted\n")
    assert files([tmp_path]) == [earlier, later]


def test_named_files_keep_the_order_in_which_they_are_named(tmp_path: Path) -> None:
    first = given.write(tmp_path / "b", began_ns=given.BEGAN_NS + 1)
    second = given.write(tmp_path / "a")
    assert files([first, second]) == [first, second]


def test_a_directory_without_captures_and_a_missing_file_are_refused(tmp_path: Path) -> None:
    with pytest.raises(CaptureError, match="holds no capture"):
        files([tmp_path])
    with pytest.raises(CaptureError, match="no such file"):
        files([tmp_path / "nothing.gz"])


def test_the_place_in_a_packed_file_is_told_and_never_goes_back(tmp_path: Path) -> None:
    path = given.write(tmp_path / "a.gz", given.SOUND * 2000)
    told: list[int] = []
    assert sum(1 for _ in lines(path, told.append)) == 14_000
    assert told == sorted(told)
    assert 0 < told[-1] <= path.stat().st_size
