"""Where each door listens: names and port numbers, binding them, and the file that tells clients on this machine."""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, final

import msgspec
import zmq
from msgspec import Struct

from ledger.errors import Rejected, Unavailable

PORT_OFFSETS: Final = {
    "market_data_pub": 0,
    "order_events_pub": 1,
    "commands": 2,
    "reports": 3,
    "market": 4,
    "stream": 5,
    "query": 6,
    "command_sub": 7,
}
"""A door's port is the base port, plus 10 for each partition before its own, plus this."""
PORTS_PER_PARTITION: Final = 10
ENDPOINTS_FILE: Final = "endpoints.json"


@final
class DoorBusy(OSError, Rejected):
    """A door's address cannot be bound; the program does not start."""

    def __init__(self, what: str, hint: str) -> None:
        Rejected.__init__(self, what, hint)

    def __str__(self) -> str:
        return Rejected.__str__(self)


class NoEndpoints(Unavailable):
    """A data directory does not tell where its ledger listens: none has run there, or the file is not ours."""


@final
class NotListening(NoEndpoints):
    """The ledger that wrote the file has ended: the ports that it had may be anybody's by now."""


@final
class Endpoints(Struct, frozen=True):
    """What `endpoints.json` in a data directory says; written at every start, left behind at the end.

    Whoever wrote it holds a lock on that very file while it listens, so that nobody sends to a port that it had.
    """

    lineage: str
    pid: int
    endpoints: dict[str, str]
    """Door name to `tcp://host:port`."""
    partition: int = 0
    partitions: int = 1
    """Of the ledger; each has doors of its own."""
    server_key: str = ""
    """The public key of doors with keys; "" where they have none."""


def port_of(door: str, base_port: int, partition: int) -> int:
    """The port of a door; 0, which takes a free one, stays 0."""
    return base_port + PORTS_PER_PARTITION * partition + PORT_OFFSETS[door] if base_port else 0


def bind(socket: zmq.Socket[Any], door: str, *, host: str, base_port: int, partition: int) -> str:
    """Bind a door's socket and return its endpoint; raises DoorBusy that names the setting and the cure."""
    port = port_of(door, base_port, partition)
    try:
        socket.bind(f"tcp://{host}:{port or '*'}")
    except zmq.ZMQError as error:
        if error.errno == errno.EADDRINUSE:
            raise DoorBusy(
                f"port {port} of the {door} door is taken by another program",
                "set doors.base_port to a free range, or to 0 for any free ports",
            ) from None
        raise DoorBusy(
            f"the {door} door cannot listen on {host}:{port} ({error.strerror})",
            "set doors.host to an address of this machine, such as 127.0.0.1",
        ) from None
    return str(socket.getsockopt_string(zmq.LAST_ENDPOINT))


def endpoints_path(directory: Path, partition: int) -> Path:
    """The file of a partition: partition 0's lies where every client looks first, the others' beside their journal."""
    return (directory / "trading" / str(partition) if partition else directory) / ENDPOINTS_FILE


def write_endpoints(
    directory: Path,
    lineage: str,
    endpoints: Mapping[str, str],
    partition: int = 0,
    partitions: int = 1,
    server_key: str = "",
) -> int:
    """Tell clients that know the data directory; whole or not at all, so that no reader sees half a file.

    The descriptor of the file, with a lock that tells readers that we listen: until it is closed, or we end.
    """
    told = Endpoints(lineage, os.getpid(), dict(endpoints), partition, partitions, server_key)
    path = endpoints_path(directory, partition)
    staged = path.with_name(f"{ENDPOINTS_FILE}.{os.getpid()}")
    descriptor = os.open(staged, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o644)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    os.write(descriptor, msgspec.json.encode(told))
    staged.replace(path)
    return descriptor


def last_endpoints(directory: Path, partition: int = 0) -> Endpoints:
    """Where a partition of a data directory's ledger listens, or listened last; raises NoEndpoints."""
    return _read(directory, partition)[0]


def read_endpoints(directory: Path, partition: int = 0) -> Endpoints:
    """Where a partition of a data directory's ledger listens; raises NoEndpoints, NotListening where it runs no more."""
    told, listens = _read(directory, partition)
    if not listens:
        raise NotListening(
            f"no ledger answers for {directory}: the one that listened last (process {told.pid}) has ended",
            f"start it with: ledger serve --data {directory}",
        )
    return told


def _read(directory: Path, partition: int) -> tuple[Endpoints, bool]:
    """What the file says, and whether its writer listens."""
    path = endpoints_path(directory, partition)
    hint = f"start one with: ledger serve --data {directory}"
    try:
        with path.open("rb") as file:
            return msgspec.json.decode(file.read(), type=Endpoints), _is_locked(file.fileno())
    except OSError as error:
        raise NoEndpoints(f"no ledger has told where it listens in {path} ({error.strerror})", hint) from None
    except msgspec.MsgspecError as error:
        raise NoEndpoints(f"{path} does not tell where a ledger listens ({error})", hint) from None


def _is_locked(descriptor: int) -> bool:
    """Whether somebody else holds the lock; closing the descriptor gives back what was taken to find out."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    return False


def neighbours(data: Path, own: int, partitions: int) -> list[dict[str, Any]]:
    """Where the other partitions listen, or listened last."""
    rows: list[dict[str, Any]] = []
    for number in range(partitions):
        if number != own:
            with suppress(NoEndpoints):
                rows.append({"partition": number, **last_endpoints(data, number).endpoints})
    return rows
