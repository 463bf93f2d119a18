"""Real servers of the databases, started from packages on free loopback ports in a directory of their own.

Each is one class: `start`, `stop`, `kill`, `address`, `settings` (what to lay over the configuration). Used by
`tools/servers`, by tests and by the bench.
"""

from ledger.testing.servers.kafka import KafkaServer
from ledger.testing.servers.postgres import PostgresServer
from ledger.testing.servers.process import Missing, Server, free_port, limit_files
from ledger.testing.servers.questdb import QuestdbServer
from ledger.testing.servers.redis import RedisServer

SERVERS: dict[str, type[Server]] = {
    "postgres": PostgresServer,
    "redis": RedisServer,
    "questdb": QuestdbServer,
}
"""By the name that `tools/servers` and the switches of projections use."""
EVERY_SERVER: dict[str, type[Server]] = {**SERVERS, "kafka": KafkaServer}
"""With those that no projection writes to yet."""

__all__ = [
    "EVERY_SERVER",
    "SERVERS",
    "KafkaServer",
    "Missing",
    "PostgresServer",
    "QuestdbServer",
    "RedisServer",
    "Server",
    "free_port",
    "limit_files",
]
