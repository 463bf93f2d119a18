"""The broker of `ledger.testing.servers`: what it has acknowledged is there after kill -9."""

from __future__ import annotations

from pathlib import Path

import pytest

from ledger.testing.servers import KafkaServer, Missing
from real_servers import lacking

RECORDS = 40


@pytest.mark.slow
def test_a_killed_broker_has_what_it_acknowledged_when_it_starts_again(tmp_path: Path) -> None:
    server = KafkaServer(tmp_path / "kafka", properties={"log.flush.interval.messages": "1"})
    try:
        server.start()
    except Missing as missing:
        lacking(missing)
    try:
        address = "{}:{}".format(*server.address)
        producer = ("--topic", "events", "--record-size", "100", "--throughput", "-1")
        to = ("--command-property", f"bootstrap.servers={address}", "acks=all")
        said = server.tool(
            "org.apache.kafka.tools.ProducerPerformance", *producer, "--num-records", str(RECORDS), *to
        )
        assert f"{RECORDS} records sent" in said
        server.kill()
        assert not server.running
        again = KafkaServer(tmp_path / "kafka").start()
        assert again.address == server.address
        assert again.settings()["message_queues"]["kafka"]["brokers"] == [address]
        asked = ("--bootstrap-server", address, "--topic", "events")
        assert again.tool("org.apache.kafka.tools.GetOffsetShell", *asked).strip() == f"events:0:{RECORDS}"
    finally:
        KafkaServer(tmp_path / "kafka").kill()
