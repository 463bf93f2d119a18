"""Keys on disk, what configuration says about them, and the rights that messages need."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import Any

import msgspec
import pytest
import zmq.auth
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from ledger.cli import main, with_keys
from ledger.config import ConfigError, load
from ledger.domain.commands import COMMANDS
from ledger.domain.facts import MARKET_DATA, REPORTS
from ledger.errors import Rejected
from ledger.ingress.rights import RIGHTS, rights_for
from ledger.keys import new_pair, read_pair, read_public, write_pair
from ledger.wire import TextMessage


def test_a_pair_is_written_for_its_owner_alone_and_read_again_by_us_and_by_zeromq(tmp_path: Path) -> None:
    pair = new_pair()
    secret, public = write_pair(tmp_path / "keys", "alice", pair)
    assert stat.S_IMODE(secret.stat().st_mode) == 0o600
    assert read_pair(secret) == pair
    assert read_public(str(public)) == read_public(pair.public) == pair.public
    assert zmq.auth.load_certificate(str(secret)) == (pair.public.encode(), pair.secret.encode())
    assert pair.secret not in public.read_text()


def test_a_key_is_never_written_over(tmp_path: Path) -> None:
    pair = new_pair()
    secret, _ = write_pair(tmp_path, "alice", pair)
    with pytest.raises(Rejected, match="exists"):
        write_pair(tmp_path, "alice", new_pair())
    assert read_pair(secret) == pair


def test_keys_new_makes_a_signing_pair_that_signs(tmp_path: Path) -> None:
    assert main(["keys", "new", str(tmp_path), "--signing"]) == 0
    secret, public = tmp_path / "signing.key", tmp_path / "signing.pub"
    assert stat.S_IMODE(secret.stat().st_mode) == 0o600
    private = serialization.load_pem_private_key(secret.read_bytes(), None)
    checked = serialization.load_pem_public_key(public.read_bytes())
    assert isinstance(private, Ed25519PrivateKey)
    assert isinstance(checked, Ed25519PublicKey)
    checked.verify(private.sign(b"heads"), b"heads")


def test_keys_new_prints_the_public_key_that_the_file_holds(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["keys", "new", str(tmp_path), "--name", "bob", "--json"]) == 0
    told = msgspec.json.decode(capsys.readouterr().out)
    assert main(["keys", "show", told["public_file"]]) == 0
    assert capsys.readouterr().out.strip() == told["public_key"] == read_pair(Path(told["key_file"])).public


@pytest.mark.parametrize("name", ["", "../up", "a b", "x" * 65])
def test_a_name_that_is_no_file_name_makes_no_key(tmp_path: Path, name: str) -> None:
    with pytest.raises(Rejected):
        write_pair(tmp_path, name, new_pair())
    assert list(tmp_path.iterdir()) == []


def configured(tmp_path: Path, allowed: list[dict[str, Any]], **more: Any) -> Any:
    if not (tmp_path / "server.key").exists():
        write_pair(tmp_path, "server", new_pair())
    curve = {"enabled": True, "secret_key_file": str(tmp_path / "server.key"), "allowed": allowed}
    config = tmp_path / "c.yaml"
    config.write_bytes(msgspec.json.encode({"doors": {"curve": curve | more, "host": "0.0.0.0"}}))
    return load(config).settings.doors


def test_with_keys_the_doors_may_listen_beyond_loopback(tmp_path: Path) -> None:
    key = {"name": "a", "public_key": new_pair().public, "rights": ["read", "trade"]}
    doors = configured(tmp_path, [key])
    assert (doors.host, doors.curve.allowed[0].rights) == ("0.0.0.0", ("read", "trade"))


KEY = "J9vv&p6M#oklG<WN9K?47d8-I2pop6*7El?y@*M0"


@pytest.mark.parametrize(
    ("allowed", "said"),
    [
        ([], "found none"),
        ([{"name": "local", "public_key": KEY, "rights": ["read"]}], "itself goes by this name"),
        ([{"name": "a", "public_key": KEY[1:], "rights": ["read"]}], "40 characters"),
        ([{"name": "a", "public_key": KEY, "rights": []}], "has no right"),
        ([{"name": "a", "public_key": KEY, "rights": ["rule"]}], "rule"),
        ([{"name": name, "public_key": KEY, "rights": ["read"]} for name in "ab"], "has the key of a"),
        ([{"name": "a/b", "public_key": KEY, "rights": ["read"]}], "letters, digits"),
    ],
)
def test_keys_that_contradict_themselves_are_refused_with_their_name(
    tmp_path: Path, allowed: list[dict[str, Any]], said: str
) -> None:
    with pytest.raises(ConfigError, match="doors.curve.allowed") as caught:
        configured(tmp_path, allowed)
    assert said in str(caught.value)


def test_every_command_and_fact_needs_a_right_that_exists() -> None:
    for kind in (*COMMANDS, *REPORTS, *MARKET_DATA):
        message = TextMessage(kind, None, b"")
        assert rights_for(message), kind
        assert rights_for(message) <= set(RIGHTS), kind


def test_key_options_are_settings() -> None:
    assert with_keys(["show", "head", "--key", "a.key", "--server-key=x=y'z"]) == [
        *("show", "head", "--set", "client.key_file='a.key'", "--set", "client.server_key='x=y''z'")
    ]
