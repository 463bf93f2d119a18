"""A system-call log of a writer as operations on files: what was written, synced, renamed, and acknowledged, in order."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

TRACED = "openat,close,write,pwrite64,pwritev,pwritev2,writev,lseek,ftruncate,fallocate,fsync,fdatasync,rename,unlink,mkdir,rmdir"
OPTIONS = ["-y", "-xx", "-s", "16777216", "-e", f"trace={TRACED}", "-e", "signal=none"]
_LINE = re.compile(r"^(\d+)\s+(\w+)\((.*)\)\s+=\s+(-?\d+)(.*)$", re.DOTALL)
_UNFINISHED = re.compile(r"^(\d+)\s+(.*) <unfinished \.\.\.>$")
_RESUMED = re.compile(r"^(\d+)\s+<\.\.\. \w+ resumed>(.*)$", re.DOTALL)
_FD = re.compile(r"^(\d+)<([^>]*)>")
_TEXT = re.compile(r'"((?:\\x[0-9a-f]{2})*)"')


@dataclass
class Op:
    """One operation: kind is write, size, sync, link, unlink, rename, mkdir or ack."""

    kind: str
    path: str = ""
    offset: int = 0
    data: bytes = b""
    to: str = ""
    durable: bool = False
    """The file was opened so that each write is synced."""


def operations(log: Path, root: Path) -> list[Op]:
    """Those on files under `root`, in order, with the acknowledgements on standard output."""
    ops: list[Op] = []
    reader = _Log(str(root), ops)
    started: dict[str, str] = {}
    for line in log.read_text().splitlines():
        unfinished = _UNFINISHED.match(line)
        if unfinished:
            started[unfinished[1]] = unfinished[2]
            continue
        resumed = _RESUMED.match(line)
        whole = f"{resumed[1]} {started.pop(resumed[1], '')}{resumed[2]}" if resumed else line
        found = _LINE.match(whole)
        if found and int(found[4]) >= 0:
            reader.call(found[2], found[3], int(found[4]), found[5])
    return ops


def _bytes(text: str) -> bytes:
    return bytes.fromhex(text.replace("\\x", ""))


class _Log:
    def __init__(self, root: str, ops: list[Op]) -> None:
        self._root, self._ops = root, ops
        self._known: set[str] = set()
        self._at: dict[str, int] = {}
        """Position by file descriptor."""
        self._synced: dict[str, bool] = {}

    def call(self, name: str, arguments: str, result: int, after: str) -> None:
        texts = [_bytes(text) for text in _TEXT.findall(arguments)]
        if name == "openat":
            self._open(arguments, texts, result)
        elif name in ("rename", "unlink", "mkdir", "rmdir"):
            self._named(name, [text.decode() for text in texts])
        else:
            self._on_descriptor(name, arguments, texts, result)

    def _open(self, arguments: str, texts: list[bytes], result: int) -> None:
        path = texts[-1].decode() if texts else ""
        if not path.startswith(self._root):
            return
        number = str(result)
        self._at[number] = 0
        self._synced[number] = "O_DSYNC" in arguments or "O_SYNC" in arguments
        if "O_CREAT" in arguments and path not in self._known:
            self._ops.append(Op("link", path))
        elif "O_TRUNC" in arguments:
            self._ops.append(Op("size", path, 0))
        self._known.add(path)

    def _named(self, name: str, paths: list[str]) -> None:
        if not paths[-1].startswith(self._root):
            return
        if name == "rename":
            self._ops.append(Op("rename", paths[0], to=paths[1]))
            self._known.discard(paths[0])
            self._known.add(paths[1])
        else:
            self._ops.append(Op("mkdir" if name == "mkdir" else "unlink", paths[0]))
            self._known.discard(paths[0])

    def _on_descriptor(self, name: str, arguments: str, texts: list[bytes], result: int) -> None:
        found = _FD.match(arguments)
        if found is None:
            return
        number, path = found[1], _bytes(found[2]).decode() if found[2].startswith("\\x") else found[2]
        if number == "1" and name == "write":
            self._ops.append(Op("ack", data=texts[0][:result]))
        if not path.startswith(self._root):
            return
        if name in ("fsync", "fdatasync"):
            self._ops.append(Op("sync", path))
        elif name == "ftruncate":
            self._ops.append(Op("size", path, int(arguments.rsplit(",", 1)[1])))
        elif name == "lseek":
            self._at[number] = result
        elif name == "fallocate":
            offset, length = (int(part) for part in arguments.split(",")[-2:])
            self._ops.append(Op("grow", path, offset + length))
        elif name in ("write", "writev", "pwrite64", "pwritev", "pwritev2"):
            self._write(number, path, name, arguments, b"".join(texts)[:result])

    def _write(self, number: str, path: str, name: str, arguments: str, data: bytes) -> None:
        if name.startswith("pwrite"):
            offset = int(arguments.rsplit(",", 2)[-2 if name == "pwritev2" else -1])
        else:
            offset = self._at.get(number, 0)
            self._at[number] = offset + len(data)
        self._ops.append(
            Op(
                "write",
                path,
                offset,
                data,
                durable=self._synced.get(number, False) or "RWF_DSYNC" in arguments[-40:],
            )
        )
