"""The seed's `command_sub`: commands from PUB sockets, at most once and without an answer. Off by default.

A message has three frames: topic (`order`, `cancel`, `modify`, compared whole), number, payload (as at the door
`commands`). The number is a map `publisher, epoch, seq`: `epoch` rises with every start of the publisher, `seq` counts
its messages from 1. What never came shows as a hole in the numbers and is journaled as the anomaly SOURCE_GAP of the
source `command_sub/PUBLISHER`; nobody sends it again. What comes twice is dropped. A command whose loss matters belongs
at the door `commands`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import Annotated, Any, Final, final

import msgspec
import trio
import zmq
from msgspec import Struct

from ledger import endpoints
from ledger.domain.commands import CancelOrder, ReplaceOrder, SubmitOrder
from ledger.domain.source import SourceNumber
from ledger.ingress.doors import MESSAGE_BYTES_MAX, REQUESTS_HWM, Engine
from ledger.wire import Answer, Committed, TextMessage, decode_batch
from ledger.zmq_trio import TrioSocket, limited

COMMAND_SUB: Final = "command_sub"
KINDS: Final[dict[bytes, type[Struct]]] = {
    b"order": SubmitOrder,
    b"cancel": CancelOrder,
    b"modify": ReplaceOrder,
}
"""What each topic carries."""
PUBLISHERS_MAX: Final = 1024
"""More publishers than this are not listened to: each is remembered for as long as the process lives."""
_FRAMES: Final = 3
_Count = Annotated[int, msgspec.Meta(ge=1, le=2**63 - 1)]


@final
class PublisherNumber(Struct, frozen=True, forbid_unknown_fields=True):
    """The second frame; JSON, or in msgpack a map with these names."""

    publisher: Annotated[str, msgspec.Meta(pattern=r"^[^\s|{}:]{1,48}$")]
    epoch: _Count
    seq: _Count


@final
class CommandSubStatistics(Struct, frozen=True):
    """What came since the start. There are no answers, so this is where a refusal is counted."""

    messages: int
    dropped: int
    """Unreadable, of another kind than the topic's, numbered as one that came before, or of one publisher too many."""
    committed: int
    """Commands that are durable."""
    refused: int
    """Commands that were rejected or found no room."""


def bind_command_sub(
    context: zmq.Context[Any],
    topics: Iterable[str],
    *,
    host: str = "127.0.0.1",
    base_port: int = 0,
    partition: int = 0,
    message_bytes_max: int = MESSAGE_BYTES_MAX,
) -> tuple[zmq.Socket[bytes], str]:
    """Bind the SUB socket: (socket, endpoint). Raises DoorBusy with the cure."""
    socket = limited(context, zmq.SUB, hwm=REQUESTS_HWM, message_bytes_max=message_bytes_max)
    for topic in topics:
        socket.setsockopt(zmq.SUBSCRIBE, topic.encode())
    try:
        endpoint = endpoints.bind(socket, COMMAND_SUB, host=host, base_port=base_port, partition=partition)
    except endpoints.DoorBusy:
        socket.close(linger=0)
        raise
    return socket, endpoint


@final
class CommandSub:
    """Takes what publishers send. Owns its socket, which must be a bound SUB."""

    def __init__(
        self,
        socket: zmq.Socket[bytes],
        engine: Engine,
        topics: Iterable[str],
        *,
        batch_max: int,
        clock: Callable[[], int] = time.time_ns,
    ) -> None:
        self._socket = TrioSocket(socket)
        self._engine = engine
        self._kinds = {topic.encode(): KINDS[topic.encode()] for topic in topics}
        self._batch_max = batch_max
        self._clock = clock
        self._high: dict[str, tuple[int, int]] = {}
        """(epoch, seq) of the newest message of each publisher."""
        self._messages = self._dropped = self._committed = self._refused = 0

    async def run(self, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Take messages until cancelled; then the socket is closed."""
        try:
            task_status.started()
            while True:
                for frames in await self._socket.recv_many():
                    self._messages += 1
                    if not self._take(frames):
                        self._dropped += 1
        finally:
            self._socket.close()

    def statistics(self) -> CommandSubStatistics:
        return CommandSubStatistics(self._messages, self._dropped, self._committed, self._refused)

    def _take(self, frames: list[bytes]) -> bool:
        """Hand one message to the engine; False: it is dropped."""
        number = _number_of(frames)
        if number is None or frames[0] not in self._kinds or not self._is_new(number):
            return False
        source = SourceNumber(f"{COMMAND_SUB}/{number.publisher}", number.epoch, number.seq)
        inputs = decode_batch(frames[2], "commands", batch_max=self._batch_max).inputs
        kind = self._kinds[frames[0]]
        fit = all((item.kind if type(item) is TextMessage else type(item)) is kind for item in inputs)
        # The number counts even if its commands do not: else the next one would look like a loss.
        self._engine.submit_nowait(
            "commands",
            [source, *(inputs if fit else ())],
            actor=COMMAND_SUB,
            received_at_ns=self._clock(),
            reply=self._count,
        )
        return fit

    def _is_new(self, number: PublisherNumber) -> bool:
        """Note the number; False if it came before, or its publisher is one too many."""
        high = self._high.get(number.publisher)
        if (high is None and len(self._high) >= PUBLISHERS_MAX) or (
            high is not None and (number.epoch, number.seq) <= high
        ):
            return False
        self._high[number.publisher] = (number.epoch, number.seq)
        return True

    def _count(self, answers: list[Answer]) -> None:
        committed = sum(type(answer) is Committed for answer in answers[1:])
        self._committed += committed
        self._refused += len(answers) - 1 - committed


def _number_of(frames: list[bytes]) -> PublisherNumber | None:
    if len(frames) != _FRAMES:
        return None
    decode = msgspec.json.decode if frames[1].startswith(b"{") else msgspec.msgpack.decode
    try:
        return decode(frames[1], type=PublisherNumber)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        return None
