"""Certificates for a test: an authority, a server on loopback, and one client."""

from __future__ import annotations

import ipaddress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

_LIFE: Final = timedelta(days=3650)
Key = ec.EllipticCurvePrivateKey


def make_certificates(directory: Path, client: str) -> None:
    """Writes ca.crt, server.crt, server.key (for localhost and 127.0.0.1), client.crt and client.key (CN `client`)."""
    directory.mkdir(parents=True, exist_ok=True)
    authority = ec.generate_private_key(ec.SECP256R1())
    root = _certificate("ledger test authority", authority, None, authority, is_authority=True)
    _write(directory / "ca.crt", root.public_bytes(serialization.Encoding.PEM), 0o644)
    for name, subject in (("server", "localhost"), ("client", client)):
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = _certificate(subject, key, root, authority, is_authority=False)
        _write(directory / f"{name}.crt", certificate.public_bytes(serialization.Encoding.PEM), 0o644)
        private = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        _write(directory / f"{name}.key", private, 0o600)


def _certificate(
    subject: str, key: Key, issuer: x509.Certificate | None, signed_with: Key, *, is_authority: bool
) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, subject)])
    now = datetime.now(UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(issuer.subject if issuer is not None else name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + _LIFE)
        .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
    )
    if not is_authority:
        names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    return builder.sign(signed_with, hashes.SHA256())


def _write(path: Path, content: bytes, mode: int) -> None:
    path.touch(mode)
    path.write_bytes(content)
    path.chmod(mode)
