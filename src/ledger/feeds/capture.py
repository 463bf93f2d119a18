"""Captures on disk: which files there are, and their lines, whatever packs them (.gz, .zip, or nothing)."""

from __future__ import annotations

import gzip
import io
import zipfile
import zlib
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from ledger.errors import Rejected

LINE_BYTES_MAX = 64 << 20
"""A line beyond this is no capture; it would only fill the memory."""
POSITION_EVERY = 1024
"""Lines between two reports of how far the file is read."""


class CaptureError(Rejected):
    """A capture that cannot be read as one: names the file, the line and the cure."""


def files(paths: Iterable[Path], began: Callable[[Path], int] | None = None) -> list[Path]:
    """The capture files that `paths` name, in the order given; a directory stands for its files, by their first time.

    `began` reads that time, ns, 0 for what is no capture; by default of lines `<local ns> <json>`. Raises CaptureError for a path that does not exist and for a directory without captures.
    """
    found: list[Path] = []
    for path in paths:
        if path.is_dir():
            found += _in_directory(path, began or _began)
        elif path.is_file():
            found.append(path)
        else:
            raise CaptureError(f"{path}: no such file", "name capture files, or a directory of them")
    return found


def _in_directory(path: Path, began: Callable[[Path], int]) -> list[Path]:
    dated = [(first, each) for each in sorted(path.iterdir()) if each.is_file() and (first := began(each))]
    if not dated:
        raise CaptureError(f"{path}: holds no capture", "name the files, or the folder that they are in")
    return [each for _, each in sorted(dated)]


def _began(path: Path) -> int:
    """Local time of the first line, ns; 0 if the file is no capture."""
    try:
        for line in lines(path):
            stamp, space, rest = line.partition(b" ")
            return int(stamp) if space and stamp.isdigit() and rest[:1] == b"{" else 0
    except CaptureError:
        pass
    return 0


def lines(path: Path, at: Callable[[int], None] | None = None) -> Iterator[bytes]:
    """Every line of a capture; raises CaptureError where the file is damaged or its packing broken off.

    `at` is told now and then how many bytes of the file, as it lies on disk, are read.
    """
    number = 0
    try:
        with path.open("rb") as packed, _unpacked(path, packed) as stream:
            while line := stream.readline(LINE_BYTES_MAX):
                number += 1
                if at is not None and number % POSITION_EVERY == 0:
                    at(packed.tell())
                yield line
    except (EOFError, zlib.error, zipfile.BadZipFile, OSError) as error:
        raise CaptureError(
            f"{path}: cannot be read after line {number}: {error}", "fetch the file again"
        ) from None


@contextmanager
def _unpacked(path: Path, packed: IO[bytes]) -> Generator[IO[bytes], None, None]:
    if path.suffix == ".gz":
        with gzip.open(packed, "rb") as stream:
            yield _buffered(stream)
    elif path.suffix == ".zip":
        with zipfile.ZipFile(packed) as archive:
            names = [name for name in archive.namelist() if not name.endswith("/")]
            if len(names) != 1:
                raise CaptureError(f"{path}: holds {len(names)} files", "a zipped capture holds exactly one")
            with archive.open(names[0]) as stream:
                yield _buffered(stream)
    else:
        yield packed


def _buffered(stream: Any) -> IO[bytes]:
    return io.BufferedReader(stream, 1 << 18)  # a line costs half without asking the unpacker for each
