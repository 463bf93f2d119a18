"""A ledger of three partitions from outside: routing, control facts, kills of one process and of all."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
import uuid_utils
import zmq

from ledger.client import InDoubtError, RefusedError, connect
from ledger.codec import decode_events
from ledger.domain.control_commands import EngageKillSwitch
from ledger.domain.control_events import KillSwitchEngaged, MassCancelRequested
from ledger.domain.events import CancelRequested, InstrumentDefined
from ledger.endpoints import read_endpoints
from ledger.journal import JournalReader, owner_of, partition_of
from ledger.keys import DialKeys, new_pair, write_pair
from ledger.testing import Child
from ledger.wire import parse_place

pytestmark = pytest.mark.slow
N = 3
SYMBOLS = tuple(f"P{number}" for number in range(9))
HOMES = {partition_of(symbol, N) for symbol in SYMBOLS}
TERMS: dict[str, Any] = {
    "exchange": "X",
    "price_scale": 2,
    "qty_scale": 0,
    "tick": "0.01",
    "lot": "1",
    "quote_ccy": "USD",
}


@pytest.fixture(params=["wal", "lmdb"])
def three(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Child]:
    sets = [f"engine.partitions={N}", f"journal.trading.commit={request.param}"]
    with Child(tmp_path / "data", sets) as child:
        child.start()
        yield child


def define(client: Any) -> None:
    for symbol in SYMBOLS:
        client.define_instrument(symbol=symbol, **TERMS)
    client.define_strategy(strategy_id="S1", account="A")


def submit(client: Any, symbol: str, name: str, **more: Any) -> Any:
    return client.submit_order(
        client_order_id=name,
        strategy_id="S1",
        symbol=symbol,
        exchange="X",
        side="BUY",
        order_type="LIMIT",
        qty="1",
        px="10.00",
        time_in_force="DAY",
        **more,
    )


def state_of_session(client: Any, session_id: str) -> str:
    (row,) = client.query("sessions", session_id=session_id)
    return row["state"]


def events_of(data: Path, partition: int) -> list[Any]:
    with JournalReader(data, "trading", partition) as reader:
        return [event for frame in reader.frames() for event in decode_events(frame.payload)]


def test_orders_of_every_symbol_find_their_partition_and_come_back_in_one_answer(
    three: Child, typed: Any
) -> None:
    assert {0, 1, 2} == HOMES
    with connect(three.data) as client:
        define(client)
        places = [submit(client, symbol, "a").partition for symbol in SYMBOLS]
        assert places == [partition_of(symbol, N) for symbol in SYMBOLS]
        assert {row["symbol"] for row in client.query("orders")} == set(SYMBOLS)
        assert client.head()["orders"] == len(SYMBOLS)
    shown = typed.json("show", "orders", "--data", three.data)
    assert {row["symbol"] for row in shown} == set(SYMBOLS)
    assert typed.json("status", "--data", three.data)["orders_open"] == len(SYMBOLS)
    assert three.stop() == 0
    verified = typed.json("verify", three.data)
    assert [part["partition"] for part in verified["journals"]["trading"]] == [0, 1, 2]
    for partition in range(N):
        manifest = json.loads((three.data / "trading" / str(partition) / "manifest.json").read_text())
        assert manifest["stopped"]["seq"] > 0
        defined = [e for e in events_of(three.data, partition) if type(e) is InstrumentDefined]
        assert [event.symbol for event in defined] == list(SYMBOLS)


def test_what_comes_to_the_wrong_door_is_refused_and_told_the_right_one(three: Child) -> None:
    symbol = next(symbol for symbol in SYMBOLS if partition_of(symbol, N) == 2)
    with connect(three.data) as client:
        define(client)
        client._desk._partitions = 1  # a client that knows of no partitions
        with pytest.raises(RefusedError) as refused:
            submit(client, symbol, "b")
    assert refused.value.code == 9
    assert read_endpoints(three.data, 2).endpoints["commands"] in str(refused.value)


def test_a_case_of_any_partition_is_closed_there_by_hand_and_by_a_client(three: Child, typed: Any) -> None:
    by_home = {partition_of(symbol, N): symbol for symbol in SYMBOLS}
    with connect(three.data) as client:
        define(client)
        for symbol in by_home.values():
            client.report_fill(
                symbol=symbol, exchange="X", client_order_id="never", execution_id="x", trade_date="2026-11-25",
                side="BUY", qty=1, px="10", account="A",
            )  # fmt: skip

        def open_at() -> list[int]:
            rows = client.query("anomalies", open=True)
            return sorted(parse_place(row["place"])[1] for row in rows)

        (of_one,) = (row["place"] for row in client.query("anomalies", symbol=by_home[1]))
        (of_two,) = (row["place"] for row in client.query("anomalies", symbol=by_home[2]))
        assert open_at() == [0, 1, 2]
        assert client.close_case(of_one, "agreed").partition == 1
        assert open_at() == [0, 2]
        typed.good("anomalies", "close", of_two, "--reason", "agreed too", "--data", three.data)
        assert open_at() == [0]
        seq = parse_place(of_one)[2]
        told = {"type": "CloseCase", "seq": seq, "reason": "agreed"}
        again, elsewhere = client.send_commands([{**told, "partition": 1}, {**told, "partition": 7}])
        assert again.repeated
        assert elsewhere.code == 9, "a partition that there is not"
        resumed = {"type": "ResumePartition", "partition": 2, "reason": "a test"}
        assert client.send_commands([resumed])[0].partition == 2
    shown = typed.json("show", "position", "--strategy", "_UNALLOCATED", "--data", three.data)
    assert {row["symbol"] for row in shown} == set(by_home.values())


def test_a_limit_wider_than_one_symbol_needs_one_partition(three: Child, typed: Any) -> None:
    with connect(three.data) as client:
        define(client)
    code, _, err = typed(
        "limits", "set", "--all", "--max-open-orders", 5, "--reason", "x", "--data", three.data
    )
    assert code == 2
    assert "engine.partitions: 1" in err


def test_a_partition_killed_alone_comes_back_with_everything_and_the_others_go_on(three: Child) -> None:
    by_home = {partition_of(symbol, N): symbol for symbol in SYMBOLS}
    with connect(three.data) as client:
        define(client)
        submit(client, by_home[1], "before")
        pid = owner_of(three.data / "trading" / "1").pid  # type: ignore[union-attr]
        three.kill_partition(1)
        assert submit(client, by_home[2], "meanwhile").partition == 2
        client.define_strategy(strategy_id="S2", account="A")
        assert submit(client, by_home[1], "after").partition == 1
        names = {row["client_order_id"] for row in client.query("orders")}
        assert names == {"before", "meanwhile", "after"}
        assert owner_of(three.data / "trading" / "1").pid != pid  # type: ignore[union-attr]
        assert len(set(client.head()["control_versions"])) == 1


def test_with_partition_0_gone_kill_switches_work_and_reach_it_when_it_is_back(
    tmp_path: Path, spawned: Callable[..., subprocess.Popen[str]]
) -> None:
    data = tmp_path / "data"
    options = ("--data", data, "--set", "doors.base_port=0", "--set", "engine.partitions=2")

    def start(partition: int) -> subprocess.Popen[str]:
        process = spawned("engine", "--partition", partition, *options)
        assert process.stdout is not None
        assert process.stdout.readline().startswith("ready ")
        return process

    zero, one = start(0), start(1)
    symbol = next(symbol for symbol in SYMBOLS if partition_of(symbol, 2) == 1)
    with connect(data, timeout=5.0) as client:
        define(client)
        submit(client, symbol, "a")
        zero.kill()
        zero.wait()
        with pytest.raises(InDoubtError):  # partition 0 has not said; the others have engaged it
            client._one(*_engage())
        assert submit_refused(client, symbol)
    one.kill()
    one.wait()
    one = start(1)  # partition 0 is gone: cancels and facts only, and the engagement still stands
    start(0)
    deadline = time.monotonic() + 20
    while True:
        found = [e for e in events_of(data, 0) if type(e) in (KillSwitchEngaged, MassCancelRequested)]
        if len(found) == 2:
            break
        assert time.monotonic() < deadline, "the engagement never reached partition 0"
        time.sleep(0.05)
    cancels = [e for e in events_of(data, 1) if type(e) is CancelRequested]
    assert len(cancels) == 1


def _engage() -> tuple[Any, dict[str, Any]]:
    return EngageKillSwitch, {"scope": "ALL", "reason": "test"}


def submit_refused(client: Any, symbol: str) -> bool:
    try:
        submit(client, symbol, "late")
    except Exception as error:
        return getattr(error, "code", 0) == 40
    return False


def test_the_main_job_survives_a_kill_of_one_process_and_of_all(
    three: Child, spawned: Callable[..., subprocess.Popen[str]]
) -> None:
    trading = spawned("simulate", "--orders", 6000, "--data", three.data, "--json")
    for kill in (lambda: three.kill_partition(2), lambda: three.kill_partition(0)):
        _wait_growth(three.data)
        kill()
        _wait_growth(three.data)
    three.kill()
    three.start()
    out, err = trading.communicate(timeout=200)
    assert trading.returncode == 0, (out, err)
    assert json.loads(out)["mismatches"] == []


def _wait_growth(data: Path) -> None:
    def settled() -> int:
        with JournalReader(data, "trading", 2, wal=False) as reader:
            return reader.settled().seq

    begin, deadline = settled(), time.monotonic() + 60
    while settled() < begin + 100:
        assert time.monotonic() < deadline, "nothing is traded"
        time.sleep(0.01)


def test_partitions_with_keys_pass_a_kill_switch_on(tmp_path: Path) -> None:
    """Engaged at partition 2 alone, it reaches 0, and through 0's journal all others."""
    keys = tmp_path / "keys"
    pair, desk = new_pair(), new_pair()
    write_pair(keys, "server", pair)
    write_pair(keys, "desk", desk)
    allowed = [{"name": "desk", "public_key": desk.public, "rights": ["trade", "read", "operate"]}]
    curve = {"enabled": True, "secret_key_file": str(keys / "server.key"), "allowed": allowed}
    config = tmp_path / "locked.yaml"
    config.write_bytes(msgspec.json.encode({"engine": {"partitions": 3}, "doors": {"curve": curve}}))
    with Child(tmp_path / "data", config=config) as child:
        child.start()
        context: zmq.Context[Any] = zmq.Context()
        socket = context.socket(zmq.DEALER)
        DialKeys(desk, pair.public).lock(socket)
        socket.connect(read_endpoints(child.data, 2).endpoints["commands"])
        command = {
            "type": "EngageKillSwitch",
            "scope": "ALL",
            "reason": "a test",
            "command_id": str(uuid_utils.uuid7()),
        }
        socket.send(msgspec.json.encode(command))
        assert socket.poll(10_000)
        assert msgspec.json.decode(socket.recv())["type"] == "Committed"
        context.destroy(linger=0)
        with connect(child.data, key=keys / "desk.key") as ledger:
            deadline = time.monotonic() + 20
            while not list(ledger.query("kills")):
                assert time.monotonic() < deadline, "it never reached partition 0"
                time.sleep(0.05)


def test_a_session_lives_by_orders_of_any_partition(tmp_path: Path) -> None:
    symbol = next(symbol for symbol in SYMBOLS if partition_of(symbol, N) == 2)
    timeout_s = 4.0
    sets = [f"engine.partitions={N}", f"session.timeout_ms={timeout_s * 1000:.0f}"]
    with Child(tmp_path / "data", sets) as child:
        child.start()
        with connect(child.data) as client:
            define(client)
            client.send_commands([{"type": "OpenSession", "session_id": "desk", "user_id": "ada"}])
            began, count = time.monotonic(), 0
            while time.monotonic() < began + 2 * timeout_s:
                submit(client, symbol, f"s{count}", session_id="desk")
                count += 1
            assert state_of_session(client, "desk") == "OPEN", "orders of partition 2 keep it alive"
            while state_of_session(client, "desk") == "OPEN":
                assert time.monotonic() < began + 60, "silence must end it"
            assert state_of_session(client, "desk") == "LOST"
