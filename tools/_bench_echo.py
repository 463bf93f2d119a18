"""The floor of the doors, in a process of its own: whatever waits on the socket, one sync of its bytes, then answers.

Prints its endpoint and runs until its standard input ends. `python _bench_echo.py FILE`.
"""

from __future__ import annotations

import sys
from pathlib import Path

import zmq

from _bench_disk import FILE_BYTES, PreallocatedFile


def main() -> None:
    file = PreallocatedFile(Path(sys.argv[1]))
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    socket = context.socket(zmq.ROUTER)
    socket.setsockopt(zmq.SNDHWM, 0)  # a ROUTER drops what finds no room
    port = socket.bind_to_random_port("tcp://127.0.0.1")
    print(f"tcp://127.0.0.1:{port}", flush=True)
    poller = zmq.Poller()
    poller.register(socket, zmq.POLLIN)
    poller.register(sys.stdin, zmq.POLLIN)
    while True:
        ready = dict(poller.poll())
        if sys.stdin.fileno() in ready:
            break
        messages = _waiting(socket)
        file.append(b"".join(payload for _, payload in messages))
        for message in messages:
            socket.send_multipart(message)
    socket.close(linger=0)
    context.term()
    file.close()


def _waiting(socket: zmq.Socket[bytes]) -> list[list[bytes]]:
    """All messages that have come, as many as fit into the file at once."""
    messages: list[list[bytes]] = []
    size = 0
    while size < FILE_BYTES // 2:
        try:
            messages.append(socket.recv_multipart(zmq.NOBLOCK))
        except zmq.Again:
            break
        size += len(messages[-1][-1])
    return messages


if __name__ == "__main__":
    main()
