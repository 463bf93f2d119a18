"""Both clients close a case in the partition that its place names."""

from __future__ import annotations

import pytest

from answering_engine import AnsweringEngine
from ledger.client import connect, open_client
from open_doors import doors_in_a_thread, open_doors


async def test_both_clients_close_a_case_at_its_place() -> None:
    ledger = AnsweringEngine(rows={"head": [{"lineage": "L"}]})
    async with open_doors(ledger) as doors, open_client(doors.commands) as client:
        await client.close_case("market/0:17", "known outage")
        with pytest.raises(ValueError, match="case 17"):
            await client.close_case("case 17", "no place")
    with doors_in_a_thread(ledger) as doors, connect(doors.commands) as blocking:
        blocking.close_case("trading/0:9", "agreed")
    told = [(it.journal, it.partition, it.seq, it.reason) for it in ledger.applied]
    assert told == [("market", 0, 17, "known outage"), ("trading", 0, 9, "agreed")]
