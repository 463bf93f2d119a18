"""Which partition a message or a question is for."""

from __future__ import annotations

from ledger.domain.commands import CancelOrder, DefineInstrument, DefineStrategy, SubmitOrder
from ledger.domain.control_commands import EngageKillSwitch, MassCancel, SetRiskLimit
from ledger.domain.operator_commands import RollTradingDay, SetSettlementPrice
from ledger.journal import partition_of
from ledger.routes import decided_by_zero, merged_head, partitions_asked, partitions_for

N = 3


def test_orders_go_to_the_partition_of_their_symbol_and_definitions_to_partition_0() -> None:
    home = partition_of("AAPL", N)
    assert home != 0
    assert list(partitions_for("SubmitOrder", "AAPL", N)) == [home]
    assert list(partitions_for("ReportFill", "AAPL", N)) == [home]
    assert list(partitions_for("DefineInstrument", "AAPL", N)) == [0]
    assert list(partitions_for("DefineStrategy", None, N)) == [0]


def test_a_report_that_names_no_symbol_goes_to_partition_0() -> None:
    several = next(count for count in range(2, 20) if partition_of("", count))
    assert list(partitions_for("ReportCancelRejected", "", several)) == [0]


def test_a_kill_switch_and_a_mass_cancel_go_to_every_partition() -> None:
    assert list(partitions_for("EngageKillSwitch", None, N)) == [0, 1, 2]
    assert list(partitions_for("MassCancel", None, N)) == [0, 1, 2]
    assert list(partitions_for("MassCancel", None, 1)) == [0]


def test_what_an_entity_set_aside_belongs_to_says_where_its_release_goes() -> None:
    home = partition_of("AAPL", N)
    for entity in (("order", "AAPL/c1"), ("position", "S1/AAPL"), ("book", "NASDAQ/AAPL")):
        assert list(partitions_for("ReleaseEntity", None, N, key=entity)) == [home]
    assert list(partitions_for("ReleaseEntity", None, N, key=("control", "kill"))) == [0]


def test_a_case_and_a_resumption_go_where_they_say() -> None:
    for name in ("CloseCase", "ResumePartition"):
        assert list(partitions_for(name, None, N)) == [0]
        assert list(partitions_for(name, None, N, partition=2)) == [2]
        assert list(partitions_for(name, None, N, partition=9)) == [2], "which says that it is not the one"
        assert list(partitions_for(name, None, N, partition=-1)) == [0]


def test_partition_0_decides_what_names_no_symbol_and_what_defines_one() -> None:
    assert all(map(decided_by_zero, (DefineInstrument, DefineStrategy, SetRiskLimit, RollTradingDay)))
    others = (SubmitOrder, CancelOrder, MassCancel, EngageKillSwitch, SetSettlementPrice)
    assert not any(map(decided_by_zero, others))


def test_a_question_goes_to_the_partitions_that_can_know() -> None:
    home = partition_of("AAPL", N)
    assert list(partitions_asked("orders", {}, N)) == [0, 1, 2]
    assert list(partitions_asked("orders", {"symbol": "AAPL"}, N)) == [home]
    assert list(partitions_asked("order", {"order_id": "2-17"}, N)) == [2]
    assert list(partitions_asked("instruments", {"symbol": "AAPL"}, N)) == [0]


def test_the_head_of_several_partitions_is_ready_when_all_are() -> None:
    counts = dict.fromkeys(
        ("orders", "orders_open", "fills", "positions", "books", "anomalies", "anomalies_open"), 2
    )
    counts |= {"source_gaps": 0, "quarantined": 1}
    rows = [
        {"ready": number == 0, "why": f"{number} waits", "control_version": number, **counts}
        | {"journals": {"trading": [{"partition": number}], "market": []}}
        for number in range(2)
    ]
    merged = merged_head(rows)
    assert (merged["ready"], merged["why"]) == (False, "1 waits")
    assert (merged["orders"], merged["quarantined"]) == (4, 2)
    assert [part["partition"] for part in merged["journals"]["trading"]] == [0, 1]
    assert merged["control_versions"] == [0, 1]
