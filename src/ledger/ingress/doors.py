"""A door: messages of many clients in, one decode each, to the engine; its answers back to the client that asked.

A door understands nothing but the form of a message. A client is a DEALER (one frame a message) or a REQ (an empty
frame before it). All doors are the same code under another name. Nothing that a client sends or omits stops a
door: bytes that cannot be read are an input like any other, which the engine answers with MALFORMED.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Iterable
from typing import Any, Final, Protocol, final

import msgspec
import trio
import zmq
from msgspec import Struct

from ledger import endpoints
from ledger.domain.codes import Code
from ledger.ingress.answers import Answers, AnswersStatistics
from ledger.ingress.rights import Keyring
from ledger.keys import DOORS_DOMAIN, Lock
from ledger.wire import Answer, Batch, Malformed, Refused, TextMessage, decode_batch, encode_answers
from ledger.zmq_trio import TrioSocket, limited, named_message

DOORS: Final = ("commands", "reports", "market", "stream", "query")
MESSAGE_BYTES_MAX: Final = 4 * 1024 * 1024
"""A client that sends a larger message is disconnected."""
REQUESTS_HWM: Final = 1000
"""Messages kept for and from one client inside ZeroMQ."""
PAGES_HWM: Final = 16
"""The same at the doors in PAGED, whose answers may be megabytes."""
PAGED: Final = ("query", "stream")
ANSWER_BYTES_MAX: Final = 64 * 1024 * 1024
CLIENT_ANSWER_BYTES_MAX: Final = 16 * 1024 * 1024
ENVELOPE_MAX: Final = 3


class Engine(Protocol):
    """What a door needs of an engine."""

    def submit_nowait(
        self,
        door: str,
        inputs: list[Any],
        *,
        actor: str,
        received_at_ns: int,
        reply: Callable[[list[Answer]], None],
    ) -> None:
        """Take the inputs of one message in order; never raises.

        `reply` is called exactly once, on the trio thread, with one answer for each input in order, once they may be
        shown; also for inputs that are Malformed or refused.
        """
        ...

    def run_now(self) -> None:
        """All messages that were there have been handed in: their turns may run at once. Never raises."""
        ...


@final
class DoorStatistics(Struct, frozen=True):
    """What passed a door since it opened."""

    messages: int
    inputs: int
    malformed: int
    in_engine: int
    """Messages that the engine has not answered yet."""
    answers: AnswersStatistics


def bind_doors(
    context: zmq.Context[Any],
    names: Iterable[str] = DOORS,
    *,
    host: str = "127.0.0.1",
    base_port: int = 0,
    partition: int = 0,
    message_bytes_max: int = MESSAGE_BYTES_MAX,
    lock: Lock | None = None,
) -> dict[str, tuple[zmq.Socket[bytes], str]]:
    """Bind doors: name to (socket, endpoint). All or none; raises DoorBusy that names the setting and the cure."""
    bound: dict[str, tuple[zmq.Socket[bytes], str]] = {}
    try:
        for name in names:
            hwm = PAGES_HWM if name in PAGED else REQUESTS_HWM
            socket = limited(context, zmq.ROUTER, hwm=hwm, message_bytes_max=message_bytes_max)
            bound[name] = (socket, "")
            socket.setsockopt(zmq.ROUTER_MANDATORY, 1)
            if lock is not None:
                lock(socket, DOORS_DOMAIN)
            endpoint = endpoints.bind(socket, name, host=host, base_port=base_port, partition=partition)
            bound[name] = (socket, endpoint)
    except endpoints.DoorBusy:
        for socket, _ in bound.values():
            socket.close(linger=0)
        raise
    return bound


@final
class Door:
    """One open door. Owns its socket, which must be a bound ROUTER with ROUTER_MANDATORY set."""

    def __init__(
        self,
        socket: zmq.Socket[bytes],
        name: str,
        engine: Engine,
        *,
        batch_max: int,
        actor: str = "local",
        keyring: Keyring | None = None,
        clock: Callable[[], int] = time.time_ns,
        answer_bytes_max: int = ANSWER_BYTES_MAX,
        client_answer_bytes_max: int = CLIENT_ANSWER_BYTES_MAX,
    ) -> None:
        self.name = name
        self._socket = TrioSocket(socket, None if keyring is None else named_message)
        self._engine = engine
        self._batch_max = batch_max
        self._actor = actor
        self._keyring = keyring
        self._clock = clock
        self._answers = Answers(
            self._socket, bytes_max=answer_bytes_max, client_bytes_max=client_answer_bytes_max
        )
        self._taking = trio.CancelScope()
        self._messages = self._inputs = self._malformed = self._in_engine = 0

    async def serve(self, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Take messages until `stop_taking`, and deliver answers until cancelled; then the socket is closed."""
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._answers.run)
                task_status.started()
                with self._taking:
                    await self._take_messages()
        finally:
            self._socket.close()

    def stop_taking(self) -> None:
        """Take no more messages; answers still go out. What clients send from now on waits in vain."""
        self._taking.cancel()

    async def wait_delivered(self) -> None:
        """Wait until no answer is kept here because its client has no room."""
        await self._answers.wait_delivered()

    def statistics(self) -> DoorStatistics:
        return DoorStatistics(
            self._messages, self._inputs, self._malformed, self._in_engine, self._answers.statistics()
        )

    async def _take_messages(self) -> None:
        while True:
            messages = await self._socket.recv_many()
            received_at_ns = self._clock()
            for frames in messages:
                self._take(frames, received_at_ns)
            self._engine.run_now()

    def _take(self, frames: list[bytes], received_at_ns: int) -> None:
        actor = self._actor if self._keyring is None else frames.pop(0).decode()
        envelope, batch = self._opened(frames)
        self._messages += 1
        self._inputs += len(batch.inputs)
        self._malformed += sum(type(item) is Malformed for item in batch.inputs)
        self._in_engine += 1
        reply = functools.partial(self._reply, envelope, batch)
        inputs = batch.inputs
        refused = {} if self._keyring is None else self._keyring.refusals(actor, inputs)
        if refused:
            reply = functools.partial(_merged, reply, refused, len(inputs))
            inputs = [item for index, item in enumerate(inputs) if index not in refused]
            if not inputs:
                reply([])
                return
        self._engine.submit_nowait(self.name, inputs, actor=actor, received_at_ns=received_at_ns, reply=reply)

    def _opened(self, frames: list[bytes]) -> tuple[list[bytes], Batch]:
        """What precedes the answer, and the inputs of the message."""
        envelope = frames[:-1]
        if len(envelope) == 1 or (len(envelope) <= ENVELOPE_MAX and envelope[-1] == b""):
            return envelope, decode_batch(frames[-1], self.name, batch_max=self._batch_max)
        detail = f"a message is one frame, after an empty one for REQ; this had {len(envelope)}"
        return frames[:1], Batch([Malformed(Code.MALFORMED, detail)], json=True, single=True)

    def _reply(self, envelope: list[bytes], batch: Batch, answers: list[Answer]) -> None:
        self._in_engine -= 1
        if any(type(answer) is Refused and not answer.command_id for answer in answers):
            answers = list(map(_named, batch.inputs, answers))
        self._answers.send([*envelope, encode_answers(answers, json=batch.json, single=batch.single)])


def _merged(
    reply: Callable[[list[Answer]], None], refused: dict[int, Answer], count: int, answers: list[Answer]
) -> None:
    """The engine's answers with those of the inputs that it never saw, in the order of the batch."""
    others = iter(answers)
    reply([refused[index] if index in refused else next(others) for index in range(count)])


def _named(item: Any, answer: Answer) -> Answer:
    """A refusal with the number of the fact that it refuses, without which its sender would send it again for ever."""
    if type(answer) is not Refused or answer.command_id:
        return answer
    fact = item.text if type(item) is TextMessage else item
    source = getattr(fact, "source", "")
    if not source:
        return answer
    numbered = {"source": source, "source_epoch": fact.source_epoch, "source_seq": fact.source_seq}
    return msgspec.structs.replace(answer, **numbered)


async def serve_door(
    socket: zmq.Socket[bytes],
    name: str,
    engine: Engine,
    *,
    batch_max: int,
    actor: str = "local",
    keyring: Keyring | None = None,
    task_status: trio.TaskStatus[Door] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Serve a bound socket as the door `name` until cancelled; `nursery.start` gives the Door."""
    door = Door(socket, name, engine, batch_max=batch_max, actor=actor, keyring=keyring)
    task_status.started(door)
    await door.serve()
