"""Ed25519 keys as PEM files, signatures, and how a key is named: the first half of the hash of its public bytes."""

from __future__ import annotations

import base64
import os
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING

from ledger.errors import Rejected

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey


def new_key() -> Ed25519PrivateKey:
    """A new private key."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    return Ed25519PrivateKey.generate()


def private_pem(key: Ed25519PrivateKey) -> bytes:
    """The private half as PKCS 8, not encrypted: the file's mode protects it."""
    from cryptography.hazmat.primitives import serialization as form

    return key.private_bytes(form.Encoding.PEM, form.PrivateFormat.PKCS8, form.NoEncryption())


def public_pem(key: Ed25519PublicKey) -> bytes:
    """The public half."""
    from cryptography.hazmat.primitives import serialization as form

    return key.public_bytes(form.Encoding.PEM, form.PublicFormat.SubjectPublicKeyInfo)


def write_pair(directory: Path, name: str, key: Ed25519PrivateKey) -> tuple[Path, Path]:
    """NAME.key (mode 0600) and NAME.pub; never over another. Raises Rejected, OSError."""
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    secret, public = directory / f"{name}.key", directory / f"{name}.pub"
    for path, content, mode in (
        (secret, private_pem(key), 0o600),
        (public, public_pem(key.public_key()), 0o644),
    ):
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        except FileExistsError as error:
            raise Rejected(f"{path} is there already", "choose another name, or move it away") from error
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
    return secret, public


def read_private(path: Path) -> Ed25519PrivateKey:
    """The private key in a PEM file. Raises Rejected."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        key = load_pem_private_key(path.read_bytes(), password=None)
    except (OSError, ValueError, TypeError) as error:
        raise _unreadable(path, error) from error
    if not isinstance(key, Ed25519PrivateKey):
        raise _unreadable(path, "it is of another kind")
    return key


def read_public(path: Path) -> Ed25519PublicKey:
    """The public key in a PEM file. Raises Rejected."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    try:
        key = load_pem_public_key(path.read_bytes())
    except (OSError, ValueError, TypeError) as error:
        raise _unreadable(path, error) from error
    if not isinstance(key, Ed25519PublicKey):
        raise _unreadable(path, "it is of another kind")
    return key


def public_text(key: Ed25519PublicKey) -> str:
    """The public bytes in base64, as they stand in a statement."""
    return base64.b64encode(key.public_bytes_raw()).decode()


def public_of_text(text: str) -> Ed25519PublicKey:
    """The key that a statement names; raises ValueError."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    return Ed25519PublicKey.from_public_bytes(base64.b64decode(text, validate=True))


def key_id(key: Ed25519PublicKey) -> str:
    """What people compare: 16 bytes of the hash of the public key, in hex."""
    return blake2b(key.public_bytes_raw(), digest_size=16).hexdigest()


def is_signed(key: Ed25519PublicKey, signature: bytes, content: bytes) -> bool:
    """Whether the key signed the content."""
    from cryptography.exceptions import InvalidSignature

    try:
        key.verify(signature, content)
    except InvalidSignature:
        return False
    return True


def _unreadable(path: Path, why: object) -> Rejected:
    return Rejected(
        f"{path} is no Ed25519 key that can be read: {why}", "make one: ledger keys new DIR --signing"
    )
