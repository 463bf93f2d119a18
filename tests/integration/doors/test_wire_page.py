"""WIRE.md is what the types say, and each of its messages is understood by a real ledger through a plain socket."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import uuid_utils
import zmq

from ledger.endpoints import read_endpoints
from served_engine import served

ROOT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / "tools"))

from _wire import page  # noqa: E402
from _wire_examples import DOORS, answers, example  # noqa: E402

TYPES = {"Committed", "Rejected", "Refused", "Unavailable", "Page"}
NOT_UNDERSTOOD = {"MALFORMED", "UNSUPPORTED", "ENGINE_FAULT"}
ABSENT = {
    "ReleaseKillSwitch": "there is no engagement",
    "CloseCase": "there is no case at trading 120",
    "ReleaseEntity": "order AAPL/c1 is not set aside",
    "ResolveExecConflict": "trading 120 is no open EXEC_ID_CONFLICT",
}
"""What a fresh ledger says to an example that names something which it does not have; it has read it all."""
MESSAGES = [(door, kind) for door, kinds in DOORS.items() for kind in kinds]


def test_the_page_is_what_the_types_say() -> None:
    assert (ROOT / "WIRE.md").read_text() == page(), "run tools/wire"


def test_the_page_shows_every_example_and_every_answer() -> None:
    text = (ROOT / "WIRE.md").read_text()
    shown = [json.loads(block) for block in re.findall(r"```json\n(.*?)\n```", text)]
    for _, kind in MESSAGES:
        assert example(kind) in shown, kind
    for answer in answers().values():
        assert answer in shown
        assert answer["type"] in TYPES


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with served(tmp_path_factory.mktemp("wire") / "data") as data:
        yield data


def asked(directory: Path, door: str, message: dict[str, Any]) -> dict[str, Any]:
    context: zmq.Context[Any] = zmq.Context()
    socket = context.socket(zmq.DEALER)
    socket.linger = 0
    try:
        socket.connect(read_endpoints(directory).endpoints[door])
        socket.send(json.dumps(message).encode())
        assert socket.poll(20_000), f"no answer to {message['type']}"
        return json.loads(socket.recv())
    finally:
        socket.close()
        context.term()


def fresh(message: dict[str, Any], seq: int) -> dict[str, Any]:
    """The example with an id of now, which the ledger still takes, and a number of its own."""
    own = {"command_id": str(uuid_utils.uuid7()), "source_seq": seq}
    return message | {name: value for name, value in own.items() if name in message}


@pytest.mark.parametrize(("door", "kind"), MESSAGES, ids=lambda each: getattr(each, "__name__", each))
def test_every_message_of_the_page_is_understood(door: str, kind: Any, directory: Path) -> None:
    for needed in ("DefineInstrument", "DefineStrategy"):
        found = next(each for each in DOORS["commands"] if each.__name__ == needed)
        assert asked(directory, "commands", fresh(example(found), 1))["type"] == "Committed"
    number = 1 + MESSAGES.index((door, kind))
    message = fresh(example(kind), number)
    answer = asked(directory, door, message)
    assert answer["type"] in TYPES
    if kind.__name__ in ABSENT:
        assert answer["detail"].startswith(ABSENT[kind.__name__])
    else:
        assert answer.get("name") not in NOT_UNDERSTOOD, answer["detail"]
    for name in ("command_id", "source", "source_seq", "id"):
        assert answer.get(name) == message.get(name), name


def test_a_program_without_a_library_places_an_order_and_reads_the_answer(directory: Path) -> None:
    node = shutil.which("node")
    if node is None:
        pytest.skip("node is not installed")
    for kind in DOORS["commands"][:2]:
        definition = fresh(example(kind), 1) | ({"strategy_id": "JS"} if "Strategy" in kind.__name__ else {})
        assert asked(directory, "commands", definition)["type"] == "Committed"
    where = read_endpoints(directory).endpoints["commands"].removeprefix("tcp://")
    done = subprocess.run(
        [node, str(ROOT / "examples" / "place_order.js"), where, "JS", "AAPL", "NASDAQ", "7", "10.01"],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert answer["type"] == "Committed"
    query = {"type": "Query", "id": "q", "what": "order", "filters": {"order_id": answer["order_id"]}}
    (row,) = asked(directory, "query", query)["rows"]
    assert (row["qty"], row["px"], row["symbol"]) == ("7", "10.01", "AAPL")


def test_the_program_tells_a_refusal_by_its_exit_code(directory: Path) -> None:
    node = shutil.which("node")
    if node is None:
        pytest.skip("node is not installed")
    where = read_endpoints(directory).endpoints["commands"].removeprefix("tcp://")
    command = [node, str(ROOT / "examples" / "place_order.js"), where, "JS", "NOWHERE"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 2
    assert json.loads(done.stdout)["name"] == "UNKNOWN_SYMBOL"
