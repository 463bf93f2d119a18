"""Redis in its larger shapes, each node a process: a master with a replica and sentinels, and a cluster."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final, final

from msgspec import Struct

from ledger.errors import Unavailable
from ledger.testing.servers.process import Server, free_port
from ledger.testing.servers.redis import RedisServer, SentinelServer

READY_S: Final = 20.0
SENTINELS: Final = 3
BUS: Final = 10_000
"""A node of a cluster listens there as well, above its port."""
SLOTS: Final = ((0, 5460), (5461, 10_922), (10_923, 16_383))
_CLUSTERED: Final = (
    *("--cluster-enabled", "yes", "--cluster-node-timeout", "1500"),
    *("--cluster-require-full-coverage", "no"),  # one that is lost does not stop the others
)


@final
class Watched(Struct, frozen=True):
    """A master that is replaced by its replica when it dies."""

    master: RedisServer
    replica: RedisServer
    sentinels: Sequence[SentinelServer]

    def settings(self) -> dict[str, Any]:
        """What points the ledger at it."""
        return _settings("sentinel", self.sentinels)


@contextmanager
def watched(directory: Path) -> Generator[Watched]:
    """Master, replica, three sentinels; gone with the block. Raises Missing, Unavailable."""
    with ExitStack() as stack:
        master = stack.enter_context(RedisServer(directory / "master", password=""))
        options = ("--replicaof", f"127.0.0.1 {master.port}")
        replica = stack.enter_context(RedisServer(directory / "replica", password="", options=options))
        sentinels = [
            stack.enter_context(SentinelServer(directory / f"sentinel{number}", master.port, SENTINELS - 1))
            for number in range(SENTINELS)
        ]
        _wait(
            lambda: replica.client().info("replication")["master_link_status"] == "up",
            "the replica has no link to its master",
        )
        yield Watched(master, replica, sentinels)


@contextmanager
def cluster(directory: Path) -> Generator[list[RedisServer]]:
    """Three masters; gone with the block. Raises Missing, Unavailable."""
    with ExitStack() as stack:
        nodes = [
            stack.enter_context(
                RedisServer(
                    directory / f"node{number}", free_port(65_535 - BUS), password="", options=_CLUSTERED
                )
            )
            for number in range(len(SLOTS))
        ]
        for number, (node, (first, last)) in enumerate(zip(nodes, SLOTS, strict=True)):
            client = node.client()
            client.execute_command("CLUSTER ADDSLOTSRANGE", first, last)
            client.execute_command("CLUSTER SET-CONFIG-EPOCH", number + 1)
        for node in nodes[1:]:
            nodes[0].client().execute_command("CLUSTER MEET", "127.0.0.1", node.port)
        for node in nodes:
            _wait(lambda node=node: is_whole(node), "the cluster does not come together")
        yield nodes


def cluster_settings(nodes: Sequence[RedisServer]) -> dict[str, Any]:
    """What points the ledger at a cluster."""
    return _settings("cluster", nodes)


def is_whole(node: RedisServer) -> bool:
    """Whether this node of a cluster knows a master of every slot."""
    info = node.client().execute_command("CLUSTER INFO")
    return info["cluster_state"] == "ok" and int(info["cluster_slots_ok"]) == SLOTS[-1][1] + 1


def _settings(mode: str, nodes: Sequence[Server]) -> dict[str, Any]:
    named = [{"host": "127.0.0.1", "port": node.port} for node in nodes]
    return {"redis": {"connection": {"mode": mode, mode: {"nodes": named}}}}


def _wait(until: Callable[[], bool], otherwise: str) -> None:
    deadline = time.monotonic() + READY_S
    while not until():
        if time.monotonic() > deadline:
            raise Unavailable(otherwise)
        time.sleep(0.02)
