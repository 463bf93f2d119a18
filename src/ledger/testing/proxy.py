"""A TCP proxy in this process that cuts connections after so many bytes, or is slow: what networks do."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Self, final


@final
class Proxy:
    """Between clients and `target`, on a free loopback port. Use as a context manager."""

    def __init__(
        self, target: tuple[str, int], *, cut_after: Sequence[int] = (), delay_s: float = 0.0
    ) -> None:
        """`cut_after`: bytes from the client after which the first, second, ... connection is reset; later ones live.

        `delay_s`: how long each piece waits, in both directions.
        """
        self._target = target
        self._cut_after = list(cut_after)
        self._delay_s = delay_s
        self._listener = socket.create_server(("127.0.0.1", 0))
        host, port = self._listener.getsockname()
        self.address: tuple[str, int] = (host, port)
        self.cuts = 0
        self._sockets: list[socket.socket] = []
        self._threads: list[threading.Thread] = []

    def __enter__(self) -> Self:
        self._start(self._accept)
        return self

    def __exit__(self, *_error: object) -> None:
        self._end(self._listener)
        for each in self._sockets:
            self._end(each)
        for thread in self._threads:
            thread.join(5)

    def _start(self, act: object, *arguments: object) -> None:
        thread = threading.Thread(target=act, args=arguments, daemon=True)  # type: ignore[arg-type]
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            try:
                server = socket.create_connection(self._target)
            except OSError:
                client.close()
                continue
            self._sockets += [client, server]
            limit = self._cut_after.pop(0) if self._cut_after else None
            self._start(self._pump, client, server, limit)
            self._start(self._pump, server, client, None)

    def _pump(self, source: socket.socket, sink: socket.socket, limit: int | None) -> None:
        passed = 0
        with suppress(OSError):
            while part := source.recv(4096):
                if self._delay_s:
                    time.sleep(self._delay_s)
                if limit is not None and passed + len(part) >= limit:
                    sink.sendall(part[: limit - passed])
                    self.cuts += 1
                    break
                passed += len(part)
                sink.sendall(part)
        self._end(source)
        self._end(sink)

    @staticmethod
    def _end(one: socket.socket) -> None:
        with suppress(OSError):
            one.shutdown(socket.SHUT_RDWR)
        one.close()
