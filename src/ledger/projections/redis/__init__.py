"""Redis: positions, sessions and books under the seed's keys, a cache that can always be written again (DOMAIN.md 4.3).

One server or a master with sentinels: entities and offset change in one atomic call. A cluster: each key is an atom
guarded by its own version, and each master holds an offset that is written after its data. An offset that is missing
or lower than what was acknowledged rewinds the projector, so a wiped or failed-over Redis fills itself again. The
engine never reads from here.
"""

from __future__ import annotations

from ledger.config import Settings
from ledger.projections.redis.sink import RedisSink


def make(settings: Settings, partition: int) -> RedisSink:
    """The sink, not connected yet."""
    return RedisSink(settings, partition)
