"""Redis in its three shapes behind one small surface: one server, a master watched by sentinels, or a cluster.

The client's own retries are off: a retried call may be applied twice, and it is the runner that knows how to go on.
Every error of the client or the server becomes SinkDown with a sentence, except a refused password's, which says so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final, TypeVar, final

import redis
from redis.backoff import NoBackoff
from redis.cluster import ClusterNode, RedisCluster
from redis.exceptions import NoPermissionError
from redis.retry import Retry
from redis.sentinel import Sentinel

from ledger.config import Settings
from ledger.errors import Rejected
from ledger.projections.errors import SinkDown
from ledger.projections.redis.library import SOURCE
from ledger.projections.redis.names import SLOTS, offset_key

T = TypeVar("T")
TAGS_MAX: Final = 1_000_000
WHOLE: Final = ""
"""The place of the offset where there is one server."""


@final
class Server:
    """A connection that is made when it is first needed and made anew after each failure."""

    def __init__(self, settings: Settings, partition: int, prefix: str = "") -> None:
        self._settings = settings
        self._prefix = prefix
        self._connection = settings.redis.connection
        self._pool = settings.redis.pool_settings
        self._partition = partition
        self._client: Any = None
        self._sentinel: Any = None

    @property
    def is_cluster(self) -> bool:
        """Whether each key is an atom of its own."""
        return self._connection.mode == "cluster"

    def call(self, act: Callable[[Any], T]) -> T:
        """`act(client)`; raises SinkDown, after which the next call connects again."""
        try:
            if self._client is None:
                self._client = self._connect()
            return act(self._client)
        except (redis.AuthenticationError, NoPermissionError) as error:
            self.close()
            raise SinkDown(
                f"Redis at {self.where} refuses us: {error}",
                "redis.connection.standalone.password_file holds the password of every mode",
            ) from error
        except (redis.RedisError, OSError) as error:
            self.close()
            raise SinkDown(f"Redis at {self.where}: {error}") from error

    def close(self) -> None:
        """Let the connection go."""
        client, self._client = self._client, None
        if client is not None:
            client.close()

    @property
    def where(self) -> str:
        """For people."""
        mode = self._connection
        if mode.mode == "standalone":
            return f"{mode.standalone.host}:{mode.standalone.port}"
        nodes = mode.sentinel.nodes if mode.mode == "sentinel" else mode.cluster.nodes
        return f"{mode.mode} {', '.join(f'{node.host}:{node.port}' for node in nodes)}"

    def load_library(self) -> None:
        """Put the functions there, on every master."""
        if self.is_cluster:
            self.call(
                lambda client: client.execute_command(
                    "FUNCTION LOAD", "REPLACE", SOURCE, target_nodes=RedisCluster.PRIMARIES
                )
            )
        else:
            self.call(lambda client: client.function_load(SOURCE, replace=True))

    def offset_keys(self) -> list[str]:
        """The hashes that say how far the projection is: one, or one for each master, in slots of its own."""
        if not self.is_cluster:
            return [offset_key(self._partition, prefix=self._prefix)]
        return self.call(self._tagged_keys)

    def scan(self, pattern: str) -> Iterator[bytes]:
        """Every key that matches, on all masters, each once."""
        return iter(set(self.call(lambda client: list(client.scan_iter(match=pattern, count=1000)))))

    def groups(self, entries: Sequence[list[Any]]) -> list[list[list[Any]]]:
        """A cluster's entries by slot; one server takes all together."""
        if not self.is_cluster:
            return [list(entries)]
        by_slot: dict[int, list[list[Any]]] = {}
        for entry in entries:
            slot = self.call(lambda client, key=entry[1]: client.keyslot(key))
            by_slot.setdefault(slot, []).append(entry)
        return list(by_slot.values())

    def evicted(self) -> int:
        """Keys that the servers have dropped for want of memory, since they started."""
        stats: dict[str, Any] = self.call(lambda client: client.info("stats"))
        each: list[Any] = list(stats.values()) if "evicted_keys" not in stats else [stats]
        return sum(int(one["evicted_keys"]) for one in each)

    def _tagged_keys(self, client: RedisCluster) -> list[str]:
        client.nodes_manager.initialize()  # type: ignore[reportUnknownMemberType]
        owners: dict[int, str] = {
            slot: nodes[0].name for slot, nodes in client.nodes_manager.slots_cache.items()
        }
        if len(owners) < SLOTS:
            raise redis.RedisError(f"only {len(owners)} of {SLOTS} slots have a master")
        found: dict[str, str] = {}
        masters = set(owners.values())
        for number in range(TAGS_MAX):
            key = offset_key(self._partition, f"m{number}", self._prefix)
            found.setdefault(owners[client.keyslot(key)], key)  # type: ignore[reportUnknownMemberType]
            if len(found) == len(masters):
                break
        return sorted(found.values())

    def _connect(self) -> Any:
        options: dict[str, Any] = {
            "password": self._password(),
            "socket_timeout": self._pool.socket_timeout_ms / 1000,
            "socket_connect_timeout": (self._pool.connection_timeout_ms or 1000) / 1000,
            "socket_keepalive": self._settings.redis.performance.tcp_options.tcp_keepalive,
            "retry": Retry(NoBackoff(), 0),
        }
        mode = self._connection
        if mode.mode == "standalone":
            alone = mode.standalone
            return redis.Redis(host=alone.host, port=alone.port, db=alone.database, **options)
        if mode.mode == "sentinel":
            asked = [(node.host, node.port) for node in mode.sentinel.nodes]
            watcher = {key: options[key] for key in ("socket_timeout", "socket_connect_timeout")}
            self._sentinel = Sentinel(asked, sentinel_kwargs=watcher, **options)
            return self._sentinel.master_for(mode.sentinel.master_name, db=mode.standalone.database)
        nodes = [ClusterNode(node.host, node.port) for node in mode.cluster.nodes]
        return RedisCluster(startup_nodes=nodes, **options)

    def _password(self) -> str | None:
        """Read anew at each connect, so that a rotated one is taken up."""
        file = self._connection.standalone.password_file
        if not file:
            return None
        try:
            return Path(file).read_text().strip()
        except OSError as error:
            raise Rejected(
                f"redis.connection.standalone.password_file: {file} cannot be read: {error.strerror}",
                "name a file that this user can read",
            ) from error

    def publish(self, messages: Sequence[tuple[str, bytes]]) -> None:
        """Each message on its channel. Raises SinkDown."""

        def publish(client: Any) -> None:
            if self.is_cluster:  # a pipeline of a cluster sends by key, and a channel is none
                for channel, message in messages:
                    client.publish(channel, message)
                return
            with client.pipeline(transaction=False) as pipeline:
                for channel, message in messages:
                    pipeline.publish(channel, message)
                pipeline.execute()

        self.call(publish)
