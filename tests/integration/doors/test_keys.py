"""Doors with keys, from outside: the right key, a wrong one, none, and one without the right."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
import uuid_utils
import zmq

from ledger.cli import main
from ledger.client import NotReachable, RefusedError, connect, open_client
from ledger.endpoints import read_endpoints
from ledger.keys import DialKeys, KeyPair, new_pair, read_pair, write_pair
from ledger.testing import Child

KEYS = {
    "desk": ("trade", "operate", "read"),
    "gateway": ("report",),
    "feed": ("market",),
    "eyes": ("read",),
}
STRANGER_S = 0.5


class Locked:
    """A running ledger whose doors have keys, and everybody's files."""

    def __init__(self, child: Child, keys: Path) -> None:
        self.data = child.data
        self.keys = keys
        self.server = read_pair(keys / "server.key").public

    def key(self, name: str) -> Path:
        return self.keys / f"{name}.key"

    def ask(self, name: str, door: str, message: Any) -> Any:
        """What a plain socket with the key `name` is answered."""
        context: zmq.Context[Any] = zmq.Context()
        socket = context.socket(zmq.DEALER)
        socket.linger = 0
        try:
            DialKeys(read_pair(self.key(name)), self.server).lock(socket)
            socket.connect(read_endpoints(self.data).endpoints[door])
            socket.send(msgspec.json.encode(message))
            assert socket.poll(10_000), "no answer"
            return msgspec.json.decode(socket.recv())
        finally:
            socket.close()
            context.term()


@pytest.fixture(scope="module")
def locked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Locked]:
    folder = tmp_path_factory.mktemp("locked")
    keys = folder / "keys"
    allowed: list[dict[str, Any]] = []
    write_pair(keys, "server", new_pair())
    for name, rights in KEYS.items():
        pair = new_pair()
        write_pair(keys, name, pair)
        allowed.append({"name": name, "public_key": pair.public, "rights": rights})
    config = folder / "locked.yaml"
    curve = {"enabled": True, "secret_key_file": str(keys / "server.key"), "allowed": allowed}
    config.write_bytes(msgspec.json.encode({"doors": {"host": "0.0.0.0", "curve": curve}}))
    with Child(folder / "data", config=config) as child:
        child.start()
        yield Locked(child, keys)
        assert child.stop() == 0


def halt(**more: str) -> dict[str, Any]:
    command = {"type": "SetTradingState", "scope": "ALL", "state": "ACTIVE", "reason": "a test"}
    return {**command, "command_id": str(uuid_utils.uuid7()), **more}


def accepted(seq: int) -> dict[str, Any]:
    fact = {"type": "ReportAccepted", "source": "gw", "source_epoch": 1, "source_seq": seq}
    return {**fact, "client_order_id": "c1", "symbol": "AAPL", "exchange": "NASDAQ", "venue_order_id": "v1"}


def query(what: str) -> dict[str, Any]:
    return {"type": "Query", "id": "q1", "what": what}


def test_a_right_key_is_answered_and_its_name_is_the_actor(locked: Locked) -> None:
    with connect(locked.data, key=locked.key("desk")) as ledger:
        ledger.define_strategy(strategy_id="S1", account="A1")
        assert [row["strategy_id"] for row in ledger.query("strategies")] == ["S1"]
    assert locked.ask("desk", "commands", halt(on_behalf_of="somebody else"))["type"] == "Committed"
    (row,) = locked.ask("eyes", "query", query("trading_states"))["rows"]
    assert row["actor"] == "desk"


async def test_the_trio_client_shows_its_key_too(locked: Locked) -> None:
    async with open_client(locked.data, key=locked.key("eyes")) as ledger:
        assert (await ledger.head())["ready"]
        with pytest.raises(RefusedError, match="NOT_AUTHORISED"):
            await ledger.define_strategy(strategy_id="S9", account="A1")


def test_a_client_that_knows_only_the_address_names_both_keys(locked: Locked) -> None:
    port = read_endpoints(locked.data).endpoints["commands"].rpartition(":")[2]
    where = f"127.0.0.1:{port}"
    with connect(where, key=locked.key("desk"), server_key=locked.keys / "server.pub") as ledger:
        assert ledger.head()["ready"]
    with pytest.raises(NotReachable, match="public key is not known"):
        connect(where, key=locked.key("desk"))


def test_a_wrong_key_gets_no_answer(locked: Locked, tmp_path: Path) -> None:
    write_pair(tmp_path, "stranger", new_pair())
    with pytest.raises(NotReachable):
        connect(locked.data, key=tmp_path / "stranger.key", connect_timeout=STRANGER_S)


def test_a_wrong_server_key_gets_no_answer(locked: Locked) -> None:
    wrong = new_pair().public
    with pytest.raises(NotReachable):
        connect(locked.data, key=locked.key("desk"), server_key=wrong, connect_timeout=STRANGER_S)


def test_without_a_key_a_client_is_told_that_it_needs_one_and_a_plain_socket_gets_silence(
    locked: Locked,
) -> None:
    with pytest.raises(NotReachable, match="takes only clients whose key it knows"):
        connect(locked.data)
    port = read_endpoints(locked.data).endpoints["commands"].rpartition(":")[2]
    with pytest.raises(NotReachable):
        connect(f"127.0.0.1:{port}", connect_timeout=STRANGER_S)


@pytest.mark.parametrize(
    ("name", "door", "message", "right"),
    [
        ("eyes", "commands", halt(), "operate"),
        ("gateway", "commands", halt(), "operate"),
        ("feed", "reports", accepted(1), "report"),
        ("gateway", "query", query("orders"), "read"),
        ("feed", "commands", query("head"), "read"),
    ],
)
def test_a_key_without_the_right_gets_a_typed_refusal(
    locked: Locked, name: str, door: str, message: dict[str, Any], right: str
) -> None:
    answer = locked.ask(name, door, message)
    assert (answer["type"], answer["name"]) == ("Refused", "NOT_AUTHORISED")
    assert right in answer["detail"]
    for field in ("command_id", "source", "source_seq", "id"):
        assert answer.get(field) == message.get(field), field


def test_of_a_batch_only_what_lacks_the_right_is_refused_each_in_its_place(locked: Locked) -> None:
    batch = [query("instruments"), query("orders"), query("endpoints"), {"type": "Nonsense"}]
    answers = locked.ask("gateway", "query", batch)
    names = [answer.get("name", answer["type"]) for answer in answers]
    assert names == ["Page", "NOT_AUTHORISED", "Page", "UNSUPPORTED"]


@pytest.mark.parametrize(("name", "taken"), [("gateway", True), ("eyes", True), ("feed", False)])
def test_what_goes_out_to_a_venue_is_for_gateways_and_readers(locked: Locked, name: str, taken: bool) -> None:
    question = query("outward") | {"filters": {"exchange": "NASDAQ", "from": "trading/0:1", "wait_ms": "1"}}
    answer = locked.ask(name, "stream", question)
    assert answer["type"] == ("Page" if taken else "Refused"), answer


@pytest.mark.parametrize(("name", "taken"), [("gateway", False), ("eyes", True), ("feed", True)])
def test_what_is_asked_of_a_feed_is_for_feeds_and_readers(locked: Locked, name: str, taken: bool) -> None:
    filters = {"exchange": "NASDAQ", "journal": "market", "from": "market/0:1", "wait_ms": "1"}
    for door, question in (
        ("stream", query("outward") | {"filters": filters}),
        ("query", query("snapshot_requests")),
    ):
        answer = locked.ask(name, door, question)
        assert answer["type"] == ("Page" if taken else "Refused"), answer


def test_the_client_raises_what_the_door_refused(locked: Locked) -> None:
    with connect(locked.data, key=locked.key("eyes")) as ledger, pytest.raises(RefusedError) as caught:
        ledger.define_strategy(strategy_id="S9", account="A1")
    assert caught.value.name == "NOT_AUTHORISED"


@pytest.mark.parametrize("name", ["eyes", "gateway"])
def test_publications_are_for_keys_with_the_right_to_read(locked: Locked, name: str) -> None:
    context: zmq.Context[Any] = zmq.Context()
    socket = context.socket(zmq.SUB)
    socket.linger = 0
    events = zmq.EVENT_HANDSHAKE_SUCCEEDED | zmq.EVENT_HANDSHAKE_FAILED_AUTH
    monitor = socket.get_monitor_socket(events)
    try:
        DialKeys(read_pair(locked.key(name)), locked.server).lock(socket)
        socket.subscribe(b"")
        socket.connect(read_endpoints(locked.data).endpoints["order_events_pub"])
        assert monitor.poll(10_000)
        event = int.from_bytes(monitor.recv_multipart()[0][:2], "little")
        assert event == (zmq.EVENT_HANDSHAKE_SUCCEEDED if name == "eyes" else zmq.EVENT_HANDSHAKE_FAILED_AUTH)
    finally:
        socket.disable_monitor()
        monitor.close()
        socket.close()
        context.term()


def test_the_command_line_shows_its_key(locked: Locked, typed: Any) -> None:
    assert typed.json("show", "head", "--data", locked.data, "--key", locked.key("eyes"))["ready"]
    code, _, err = typed(
        "trading", "halt", "--all", "--reason", "x", "--data", locked.data, "--key", locked.key("eyes")
    )
    assert code == 2
    assert "NOT_AUTHORISED" in err
    code, _, err = typed("show", "head", "--data", locked.data)
    assert code == 2
    assert "--key" in err


def test_the_command_line_finds_a_ledger_by_address_with_both_keys(locked: Locked, typed: Any) -> None:
    port = read_endpoints(locked.data).endpoints["commands"].rpartition(":")[2]
    keys = ("--key", locked.key("eyes"), f"--server-key={locked.server}")
    assert typed.json("show", "head", "--connect", f"127.0.0.1:{port}", *keys)["ready"]


def test_a_key_that_others_can_read_starts_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    secret, _ = write_pair(tmp_path, "server", new_pair())
    secret.chmod(0o640)
    curve = {"enabled": True, "secret_key_file": str(secret)}
    curve["allowed"] = [{"name": "a", "public_key": new_pair().public, "rights": ["read"]}]
    config = tmp_path / "c.yaml"
    config.write_bytes(msgspec.json.encode({"doors": {"curve": curve}}))
    assert main(["serve", "--config", str(config), "--data", str(tmp_path / "data")]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "chmod 600" in line
    assert not (tmp_path / "data").exists()


def test_a_pair_never_shows_its_secret_by_accident() -> None:
    pair = new_pair()
    assert pair.secret not in repr(pair)
    assert isinstance(pair, KeyPair)
