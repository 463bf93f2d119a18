"""CURVE keys of doors and clients: making them, their files, and sockets that take or show them.

A key pair stands in two files: `NAME.key` with both halves, readable by its owner alone, and `NAME.pub` with the
public half, to be given away. Both are ZeroMQ's own certificate form, so other programs read them too. The
cryptography is ZeroMQ's and libsodium's.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, final

import zmq
from msgspec import Struct

from ledger.errors import Rejected

SECRET_MODE: Final = 0o600
DOORS_DOMAIN: Final = "doors"
PUBLICATIONS_DOMAIN: Final = "publications"
"""ZAP's domains: doors judge each message, publications ask for the right to read when a subscriber connects."""
_Z85: Final = r"[0-9a-zA-Z.\-:+=^!/*?&<>()\[\]{}@%$#]{40}"
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_MAKE: Final = "`ledger keys new DIR --name NAME` makes a pair"
Lock = Callable[[zmq.Socket[Any], str], None]
"""Prepares a socket that is about to be bound; the second argument is its ZAP domain."""


@final
class KeyPair(Struct, frozen=True):
    """Both halves, 40 characters of Z85 each."""

    public: str
    secret: str

    def __repr__(self) -> str:  # a secret does not belong into a traceback
        return f"KeyPair({self.public!r})"


@final
class DialKeys(Struct, frozen=True):
    """What a client needs to talk to doors with keys: its own pair, and the public key of the ledger."""

    own: KeyPair
    server: str

    def lock(self, socket: zmq.Socket[Any]) -> None:
        """Make a socket show these keys; before it connects."""
        socket.curve_publickey = self.own.public.encode()
        socket.curve_secretkey = self.own.secret.encode()
        socket.curve_serverkey = self.server.encode()


def new_pair() -> KeyPair:
    """A fresh pair from the operating system's randomness."""
    public, secret = zmq.curve_keypair()
    return KeyPair(public.decode(), secret.decode())


def is_public_key(text: str) -> bool:
    """Whether the text has the form of a public key."""
    return re.fullmatch(_Z85, text) is not None


def is_key_name(text: str) -> bool:
    """Whether a key may have this name: it becomes a file's name and the actor of what it sends."""
    return _NAME.fullmatch(text) is not None


def write_pair(directory: Path, name: str, pair: KeyPair) -> tuple[Path, Path]:
    """Write `NAME.key` (0600) and `NAME.pub`; their paths. Raises Rejected rather than write over a file."""
    if not is_key_name(name):
        raise Rejected(f"{name!r} is no name for a key", "letters, digits, dots, dashes; 64 at most")
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    head = (
        f'#  CURVE key of {name}\n\nmetadata\n    name = "{name}"\ncurve\n    public-key = "{pair.public}"\n'
    )
    secret, public = directory / f"{name}.key", directory / f"{name}.pub"
    write_new(secret, f'{head}    secret-key = "{pair.secret}"\n'.encode(), SECRET_MODE)
    write_new(public, head.encode(), 0o644)
    return secret, public


def write_new(path: Path, content: bytes, mode: int) -> None:
    """Make a file that was not there, synced; raises Rejected if it was."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    except FileExistsError:
        raise Rejected(f"{path} exists", "a key is never written over: choose another name") from None
    with os.fdopen(descriptor, "wb") as file:
        os.fchmod(descriptor, mode)
        file.write(content)
        file.flush()
        os.fsync(descriptor)


def read_pair(path: Path) -> KeyPair:
    """The pair in a `.key` file; raises Rejected if it is none, or if others may read it."""
    text = _read(path)
    if stat.S_IMODE(path.stat().st_mode) & 0o077:
        raise Rejected(f"others than its owner may read or change {path}", f"type: chmod 600 {path}")
    secret = _entry(text, "secret-key")
    if not secret:
        raise Rejected(f"{path} holds no secret key", _MAKE)
    return KeyPair(zmq.curve_public(secret.encode()).decode(), secret)


def read_public(text_or_file: str) -> str:
    """A public key, given as its 40 characters or as a file that holds it; raises Rejected."""
    if is_public_key(text_or_file):
        return text_or_file
    found = _entry(_read(Path(text_or_file)), "public-key")
    if not found:
        raise Rejected(f"{text_or_file} holds no public key", _MAKE)
    return found


def server_lock(pair: KeyPair) -> Lock:
    """A lock of a ledger's sockets: only peers that the ZAP task knows get in, and none if that task is missing."""

    def lock(socket: zmq.Socket[Any], domain: str) -> None:
        socket.zap_domain = domain.encode()
        socket.setsockopt(zmq.ZAP_ENFORCE_DOMAIN, 1)
        socket.curve_secretkey = pair.secret.encode()
        socket.curve_publickey = pair.public.encode()
        socket.curve_server = True

    return lock


def dial_keys(key_file: str, server_key: str, told: str = "") -> DialKeys | None:
    """A client's keys from its options, and the server key that a data directory told; None where none are wanted.

    Raises Rejected where a half is missing.
    """
    server = server_key or told
    if not key_file and not server:
        return None
    if not key_file:
        cure = "give yours: --key FILE, client.key_file, or key= of the client library"
        raise Rejected("this ledger takes only clients whose key it knows", cure)
    if not server:
        cure = "give it: --server-key KEY|FILE, client.server_key, or server_key= of the client library"
        raise Rejected("the ledger's public key is not known", cure)
    return DialKeys(read_pair(Path(key_file)), read_public(server))


def _read(path: Path) -> str:
    try:
        return path.expanduser().read_text(encoding="utf-8")
    except OSError as error:
        raise Rejected(f"cannot read the key file {path}: {error.strerror}", _MAKE) from None
    except UnicodeDecodeError:
        raise Rejected(f"{path} is no key file", _MAKE) from None


def _entry(text: str, name: str) -> str:
    found = re.search(rf'^\s*{name}\s*=\s*"({_Z85})"\s*$', text, re.MULTILINE)
    return found[1] if found else ""
