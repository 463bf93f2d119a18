"""The Redis projection behind sentinels and in a cluster: a master is killed, and the projection notices what it lost."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest

from ledger.config import Settings, load
from ledger.projections.audit import audit
from ledger.projections.redis import make
from ledger.projections.runner import Runner
from ledger.testing.made_journal import MadeJournal
from ledger.testing.servers.redis_topologies import cluster, cluster_settings, watched
from real_servers import must_have, wait_until

pytestmark = pytest.mark.slow


@pytest.fixture
def data(tmp_path: Path) -> Path:
    path = tmp_path / "data"
    with MadeJournal(path) as journal:
        journal.trade(40)
        journal.quote(60)
    return path


def settings_of(folder: Path, *overlays: dict[str, Any]) -> Settings:
    file = folder / "redis.yaml"
    file.write_bytes(
        msgspec.json.encode(
            {"redis": {key: value for each in overlays for key, value in each["redis"].items()}}
        )
    )
    return load(file, ()).settings


def differences(data: Path, settings: Settings) -> list[str]:
    sink = make(settings, 0)
    try:
        return [str(each) for journal in sink.journals for each in audit(data, sink, journal, 0).differences]
    finally:
        sink.close()


@contextmanager
def following(data: Path, settings: Settings) -> Iterator[Runner]:
    """A projector in a thread."""
    runner = Runner(data, make(settings, 0), backoff_max_s=0.2)
    thread = threading.Thread(target=runner.run)
    thread.start()
    try:
        yield runner
    finally:
        runner.stop()
        thread.join(30)
    assert not thread.is_alive()


def test_a_sentinels_failover_is_followed(data: Path, tmp_path: Path) -> None:
    must_have("redis")
    with watched(tmp_path) as servers:
        settings = settings_of(tmp_path, servers.settings())
        replica = servers.replica.client()
        with MadeJournal(data) as journal, following(data, settings):
            wait_until(lambda: replica.exists("position:S1:AAPL", "orderbook:AAPL:meta") == 2, "filling")
            servers.master.kill()
            journal.adjust()
            wait_until(lambda: replica.exists("position:S2:AAPL"), "the failover", 30)
        assert differences(data, settings) == []


@pytest.mark.parametrize("tags", [False, True])
def test_a_cluster_node_that_comes_back_empty_is_filled_again(data: Path, tmp_path: Path, tags: bool) -> None:
    must_have("redis")
    with cluster(tmp_path) as nodes:
        structures = {"redis": {"data_structures": {"hash_tags": tags}}}
        settings = settings_of(tmp_path, cluster_settings(nodes), structures)
        with MadeJournal(data) as journal, following(data, settings) as runner:
            wait_until(lambda: runner.pulse.rows > 0 and not differences(data, settings), "filling")
            held = [node.client().dbsize() for node in nodes]
            assert min(held) > 0, "each master holds an offset at least"
            nodes[1].client().flushall()
            wait_until(lambda: nodes[1].client().dbsize() >= held[1], "filling again", 30)
            journal.adjust()
            wait_until(lambda: not differences(data, settings), "the end", 30)
        assert differences(data, settings) == []
