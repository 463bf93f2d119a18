"""The Redis projection behind sentinels and in a cluster: a master is killed, and the projection notices what it lost."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from ledger.config import Settings, load
from ledger.projections.audit import audit
from ledger.projections.redis import make
from ledger.projections.runner import Runner
from ledger.testing.made_journal import MadeJournal
from redis_servers import RedisProcess, free_ports, require_redis, wait_until

pytestmark = pytest.mark.slow


@pytest.fixture
def data(tmp_path: Path) -> Path:
    path = tmp_path / "data"
    with MadeJournal(path) as journal:
        journal.trade(40)
        journal.quote(60)
    return path


def settings_of(folder: Path, text: str) -> Settings:
    file = folder / "redis.yaml"
    file.write_text(text)
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
    require_redis()
    ports = free_ports(5)
    with ExitStack() as stack:
        master = stack.enter_context(RedisProcess(tmp_path / "m", ports[0]))
        replica = stack.enter_context(
            RedisProcess(tmp_path / "r", ports[1], "--replicaof", f"127.0.0.1 {ports[0]}")
        )
        for port in ports[2:]:
            options = (
                f"sentinel monitor mymaster 127.0.0.1 {ports[0]} 2",
                "sentinel down-after-milliseconds mymaster 1000",
                "sentinel failover-timeout mymaster 4000",
            )
            stack.enter_context(RedisProcess(tmp_path / f"s{port}", port, *options, sentinel=True))
        wait_until(lambda: replica.client().info("replication")["master_link_status"] == "up", "the replica")
        nodes = "".join(f"\n        - {{host: 127.0.0.1, port: {port}}}" for port in ports[2:])
        settings = settings_of(
            tmp_path, f"redis:\n  connection:\n    mode: sentinel\n    sentinel:\n      nodes:{nodes}\n"
        )
        with MadeJournal(data) as journal, following(data, settings):
            wait_until(
                lambda: replica.client().exists("position:S1:AAPL", "orderbook:AAPL:meta") == 2, "filling"
            )
            master.kill()
            journal.adjust()
            wait_until(lambda: replica.client().exists("position:S2:AAPL"), "the failover", 30)
        assert differences(data, settings) == []


@contextmanager
def cluster(folder: Path) -> Iterator[list[RedisProcess]]:
    """Three masters; one that is lost does not stop the others."""
    require_redis()
    options = ("--cluster-enabled", "yes", "--cluster-node-timeout", "1500")
    options = (*options, "--cluster-require-full-coverage", "no")
    with ExitStack() as stack:
        nodes = [
            stack.enter_context(RedisProcess(folder / f"n{port}", port, *options)) for port in free_ports(3)
        ]
        ranges = [(0, 5460), (5461, 10922), (10923, 16383)]
        for number, (node, (first, last)) in enumerate(zip(nodes, ranges, strict=True)):
            client = node.client()
            client.execute_command("CLUSTER ADDSLOTSRANGE", first, last)
            client.execute_command("CLUSTER SET-CONFIG-EPOCH", number + 1)
        for node in nodes[1:]:
            nodes[0].client().execute_command("CLUSTER MEET", "127.0.0.1", node.port)
        for node in nodes:
            wait_until(lambda node=node: _whole(node), "the cluster")
        yield nodes


def _whole(node: RedisProcess) -> bool:
    info = node.client().execute_command("CLUSTER INFO")
    text = info if isinstance(info, str) else "\n".join(f"{key}:{value}" for key, value in info.items())
    return "cluster_state:ok" in text and "cluster_known_nodes:3" in text


@pytest.mark.parametrize("tags", ["false", "true"])
def test_a_cluster_node_that_comes_back_empty_is_filled_again(data: Path, tmp_path: Path, tags: str) -> None:
    with cluster(tmp_path) as nodes:
        listed = "".join(f"\n        - {{host: 127.0.0.1, port: {node.port}}}" for node in nodes)
        settings = settings_of(
            tmp_path,
            f"redis:\n  connection:\n    mode: cluster\n    cluster:\n      nodes:{listed}\n"
            f"  data_structures:\n    hash_tags: {tags}\n",
        )
        with MadeJournal(data) as journal, following(data, settings) as runner:
            wait_until(lambda: runner.pulse.rows > 0 and not differences(data, settings), "filling")
            held = [node.client().dbsize() for node in nodes]
            assert min(held) > 0, "each master holds an offset at least"
            nodes[1].client().flushall()
            wait_until(lambda: nodes[1].client().dbsize() >= held[1], "filling again", 30)
            journal.adjust()
            wait_until(lambda: not differences(data, settings), "the end", 30)
        assert differences(data, settings) == []
