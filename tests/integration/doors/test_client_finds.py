"""A client finds its ledger by the data directory: one that starts again, and never whoever has its ports meanwhile."""

from __future__ import annotations

import os
import socket
import threading
import time
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import trio
import zmq

from answering_engine import AnsweringEngine
from ledger.client import InDoubtError, NotReachable, connect, new_command_id, open_client
from ledger.client.async_door import AsyncDoor
from ledger.client.desk import Options
from ledger.client.dialing import Line
from ledger.client.drafts import body
from ledger.client.whereabouts import Whereabouts
from ledger.domain.commands import SubmitOrder
from ledger.domain.enums import OrderType, Side
from ledger.endpoints import NotListening, last_endpoints, read_endpoints, write_endpoints
from ledger.ingress import Door
from open_doors import doors_in_a_thread, serve_until

UNHEARD_S = 0.3
"""Long enough for a connection on loopback to be made, or to be gone."""
AAPL = {"symbol": "AAPL", "exchange": "NASDAQ", "price_scale": 4, "qty_scale": 0}


def engine() -> AnsweringEngine:
    return AnsweringEngine(rows={"instruments": [dict(AAPL)], "head": [{"lineage": "L"}]})


def order(number: int) -> SubmitOrder:
    return SubmitOrder(
        new_command_id(), f"c{number}", "S1", "AAPL", "NASDAQ", Side.BUY, OrderType.LIMIT, 1, 5
    )


def test_the_file_of_a_ledger_that_has_ended_is_no_address(tmp_path: Path) -> None:
    told = write_endpoints(tmp_path, "L", {"commands": "tcp://127.0.0.1:5557"})
    assert read_endpoints(tmp_path) == last_endpoints(tmp_path)
    os.close(told)
    with pytest.raises(NotListening, match=f"no ledger answers for .*process {os.getpid()}.* has ended"):
        read_endpoints(tmp_path)
    assert last_endpoints(tmp_path).lineage == "L"


@pytest.mark.parametrize("door", ["commands", "query"])
async def test_nothing_is_sent_to_whoever_has_the_ports_of_a_ledger_that_has_ended(
    tmp_path: Path, door: str
) -> None:
    """Ledgers on free ports give them back when they are killed; what its file still says is no address any more."""
    ledger, other = engine(), engine()
    with trio.fail_after(20):
        async with trio.open_nursery() as nursery:
            end = trio.Event()
            doors = await nursery.start(partial(serve_until, end, ledger, directory=tmp_path))
            port = int(doors.endpoints[door].rpartition(":")[2])
            async with open_client(tmp_path, timeout=0.5, resend_after=0.05) as client:
                await client.send_commands([order(0)])
                assert await client.head() == {"lineage": "L"}
                end.set()
                while _answers(port):
                    await trio.sleep(0.01)
                stranger = await nursery.start(partial(_serve_on, port, other, door))
                [outcome] = await client.send_commands([order(1)])
                with pytest.raises(NotReachable):
                    await client.head()
            stranger.cancel()
    assert type(outcome) in (NotReachable, InDoubtError)
    assert not other.seen


def _answers(port: int) -> bool:
    with socket.socket() as tried:
        return tried.connect_ex(("127.0.0.1", port)) == 0


async def _serve_on(
    port: int, engine: AnsweringEngine, name: str, *, task_status: trio.TaskStatus[trio.CancelScope]
) -> None:
    """A door of another ledger that was given this port."""
    context: zmq.Context[Any] = zmq.Context()
    router = context.socket(zmq.ROUTER)
    router.setsockopt(zmq.ROUTER_MANDATORY, 1)
    router.bind(f"tcp://127.0.0.1:{port}")
    try:
        with trio.CancelScope() as scope:
            task_status.started(scope)
            await Door(router, name, engine, batch_max=100).serve()
    finally:
        context.destroy(linger=0)


def test_a_client_finds_a_ledger_that_starts_while_it_connects(tmp_path: Path) -> None:
    ledger = engine()
    with doors_in_a_thread(ledger, directory=tmp_path):
        pass
    again = threading.Timer(0.3, lambda: started.enter_context(doors_in_a_thread(ledger, directory=tmp_path)))
    with ExitStack() as started:
        again.start()
        with connect(tmp_path, connect_timeout=20.0) as client:
            assert client.head() == {"lineage": "L"}
        again.join()


async def test_a_door_whose_connection_was_lost_unnoticed_sends_again(tmp_path: Path) -> None:
    """ZeroMQ knows, and has nowhere to put a message; no task of the client has run that could have heard of it."""
    ledger = engine()
    whereabouts = Whereabouts(tmp_path)
    context: zmq.Context[Any] = zmq.Context()
    try:
        with doors_in_a_thread(ledger, directory=tmp_path):
            door = AsyncDoor(context, "commands", whereabouts, Options())
            time.sleep(UNHEARD_S)  # it has its connection
        time.sleep(UNHEARD_S)  # and is gone, with no task of ours at work
        with trio.fail_after(20), doors_in_a_thread(ledger, directory=tmp_path):
            parcel, done = door.hand_over([body(order(1), {})], 10.0)
            async with trio.open_nursery() as nursery:
                nursery.start_soon(door.run)
                await done.wait()
                nursery.cancel_scope.cancel()
    finally:
        context.destroy(linger=0)
    assert parcel.results[0].seq == 1
    assert len(ledger.applied) == 1


def test_a_line_whose_connection_is_gone_takes_nothing(tmp_path: Path) -> None:
    context: zmq.Context[Any] = zmq.Context()
    try:
        with doors_in_a_thread(engine()) as doors:
            line = Line(context, doors.endpoints["commands"])
            assert line.send(b"")
            time.sleep(UNHEARD_S)
        deadline = time.monotonic() + 10.0
        while line.send(b""):
            assert time.monotonic() < deadline, "a message waits for whoever listens there next"
            time.sleep(0.01)
        line.close()
    finally:
        context.destroy(linger=0)
