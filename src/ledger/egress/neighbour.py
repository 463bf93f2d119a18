"""One question to another partition's process: what it says, or nothing where it does not run or does not answer."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import trio
import zmq

from ledger.endpoints import NoEndpoints, read_endpoints
from ledger.keys import DialKeys
from ledger.wire import decode_answers, encode_messages
from ledger.zmq_trio import TrioSocket, dial_once

ANSWER_S: Final = 2.0
"""How long an answer may take before whoever asks tries again."""


async def ask_neighbour(
    context: zmq.Context[Any],
    data: Path,
    partition: int,
    door: str,
    messages: Sequence[Any],
    keys: DialKeys | None,
) -> list[Any]:
    """The first message of answers to these; [] after ANSWER_S, or where the partition does not listen.

    `keys` are shown at its door. What was asked may have been taken although no answer came: ask what may be repeated.
    """
    try:
        endpoint = read_endpoints(data, partition).endpoints[door]
    except NoEndpoints:
        return []
    socket = TrioSocket(context.socket(zmq.DEALER))
    try:
        if keys is not None:
            keys.lock(socket.raw)
        dial_once(socket.raw)
        socket.raw.connect(endpoint)
        with trio.move_on_after(ANSWER_S):
            await socket.send_multipart([encode_messages(list(messages))])
            (frames, *_) = await socket.recv_many()
            return list(decode_answers(frames[-1]))
    finally:
        socket.close()
    return []
