"""The questions of regulators, each answered from the journal alone by the commands that a person types.

One desk's day is journaled by the real engine; every test then only reads its directory.
"""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import msgspec
import pytest
import trio

from ledger.domain.commands import CancelOrder, DefineInstrument, ReplaceOrder
from ledger.domain.control_commands import EngageKillSwitch, ReleaseKillSwitch, SetRiskLimit
from ledger.domain.enums import AdjustReason, Liquidity, TimeInForce
from ledger.domain.events import OrderSubmitted
from ledger.domain.facts import ReportCanceled, ReportReplaced, ReportTradeCorrect
from ledger.domain.operator_commands import AdjustPosition, OpenSession
from ledger.domain.scope import Scope
from running_engine import START_NS, Running, accepted, fill, running

VENUE_NS = START_NS + 7
DAY = "2025-11-20"


async def a_day(one: Running) -> None:
    """Order a: replaced, filled twice, one fill corrected. b: canceled. c: refused by a limit. Kill, adjustment."""

    async def tell(actor: str, *commands: Any) -> list[Any]:
        answers: list[Any] = []
        done = trio.Event()

        def reply(got: list[Any]) -> None:
            answers.extend(got)
            done.set()

        one.send("commands", commands, reply, actor)
        await done.wait()
        return answers

    await one.define("AAPL")
    await tell("ann", OpenSession(one.new_id(), "s1", "ann"), DefineInstrument(one.new_id(), "MSFT", "XNAS"))
    await tell(
        "risk",
        SetRiskLimit(
            one.new_id(), Scope.ALL, max_order_qty=1000 * 10**8, reason="appetite", on_behalf_of="rob"
        ),
    )
    who = {"algo_id": "vwap-3", "trader_id": "t9", "session_id": "s1", "on_behalf_of": "ann"}
    terms = {"time_in_force": TimeInForce.GTC, "display_qty": 50, **who}
    await tell("algo", one.order("a", 200, 100_000, **terms), one.order("b", 10, 90_000, **who))
    await one.ask(
        "reports", accepted(1, "a", event_time_ns=VENUE_NS), accepted(2, "b", event_time_ns=VENUE_NS)
    )
    await tell("algo", ReplaceOrder(one.new_id(), "AAPL", "a2", "a", px=100_100, session_id="s1"))
    await one.ask(
        "reports",
        ReportReplaced("gw", 1, 3, "AAPL", "XNAS", "a", "a2", event_time_ns=VENUE_NS + 1),
        fill(
            4,
            "a2",
            60,
            100_100,
            execution_id="x1",
            liquidity=Liquidity.MAKER,
            event_time_ns=VENUE_NS + 2,
            contra="BRKR",
        ),
        fill(5, "a2", 40, 100_100, execution_id="x2", liquidity=Liquidity.TAKER, event_time_ns=VENUE_NS + 3),
        ReportTradeCorrect(
            "gw", 1, 6, "AAPL", "XNAS", "a2", "x3", "x1", DAY, 60, 100_000, event_time_ns=VENUE_NS + 4
        ),
    )
    await tell(
        "ann", CancelOrder(one.new_id(), "AAPL", "cb", "b", session_id="s1", on_behalf_of="ann: end of day")
    )
    await one.ask(
        "reports", ReportCanceled("gw", 1, 7, "AAPL", "XNAS", "b", True, "cb", event_time_ns=VENUE_NS + 5)
    )
    await tell("algo", one.order("c", 5000, 100_000, **who))
    kill = EngageKillSwitch(one.new_id(), Scope.TRADER, "t9", "runaway", "rob")
    await tell(
        "risk",
        kill,
        one.order("d", 1, 100_000, **who),
        ReleaseKillSwitch(one.new_id(), kill.command_id, "mended", "rob"),
    )
    await tell(
        "office",
        AdjustPosition(one.new_id(), "S1", "AAPL", AdjustReason.CORP_ACTION, "bea", dqty=100, ref="split"),
    )


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("day") / "data"

    async def play() -> None:
        async with running(folder) as one:
            await a_day(one)
            await one.settle()

    trio.run(play)
    return folder


def why(typed: Any, data: Path, *about: str) -> list[dict[str, Any]]:
    lines = typed.good("why", *about, "--json", "--data", data).splitlines()
    return [msgspec.json.decode(line) for line in lines]


def exported(typed: Any, data: Path, *kinds: str) -> list[dict[str, Any]]:
    options = [word for kind in kinds for word in ("--type", kind)]
    lines = typed.good("journal", "export", *options, "--json", "--data", data).splitlines()
    return [msgspec.json.decode(line) for line in lines]


def test_17a4_every_iteration_of_an_order_with_when_and_who(typed: Any, data: Path) -> None:
    """SEC 17a-4(f)(2)(i): modifications and deletions, date and time, identity, original and interim iterations."""
    chain = why(typed, data, "order", "a", "--symbol", "AAPL")
    kinds = [row["event"]["type"] for row in chain]
    assert kinds == [
        "OrderSubmitted", "OrderAccepted", "ReplaceRequested", "OrderReplaced", "OrderFilled", "OrderFilled", "FillCorrected",
        "CancelRequested",
    ]  # fmt: skip
    assert [row["changed"]["px"] for row in chain if "px" in row["changed"]] == [
        [None, "10"],
        ["10", "10.01"],
    ]
    times = [row["recorded_at_ns"] for row in chain]
    assert times == sorted(times)
    assert all(time >= START_NS for time in times)
    assert {row["event"]["actor"] for row in chain} == {"algo", "test", "risk"}
    assert chain[0]["event"]["on_behalf_of"] == "ann"


def test_17a4_completeness_is_verified_and_the_record_is_readable_and_usable(typed: Any, data: Path) -> None:
    """SEC 17a-4(f)(2): verify automatically; download in a human-readable and a reasonably usable electronic form."""
    assert typed.json("verify", data)["ok"] is True
    people = typed.good("journal", "cat", "--type", "OrderFilled", "--data", data).splitlines()
    assert len(people) == 2
    assert "2025-11-20" in people[0]
    assert "px=10.01" in people[0]
    rows = list(csv.DictReader(io.StringIO(typed.good("journal", "export", "--csv", "--data", data))))
    places = [row["place"] for row in rows if row["place"].startswith("trading")]
    assert places == [f"trading/0:{seq}" for seq in range(1, len(places) + 1)]


def test_17a3_the_memorandum_of_an_order(typed: Any, data: Path) -> None:
    """SEC 17a-3(a)(6): terms, account, times received, entered, executed or canceled, price, identities; also refused."""
    (row,) = [
        row for row in exported(typed, data, "OrderSubmitted") if row["event"]["client_order_id"] == "a"
    ]
    order = row["event"]
    assert [order[name] for name in ("account", "side", "order_type", "qty", "px", "time_in_force")] == [
        "ACC", "BUY", "LIMIT", "200", "10", "GTC",
    ]  # fmt: skip
    assert (order["trader_id"], order["algo_id"], order["actor"]) == ("t9", "vwap-3", "algo")
    assert START_NS <= order["received_at_ns"] <= row["recorded_at_ns"]
    times = [it["event"]["event_time_ns"] for it in exported(typed, data, "OrderFilled", "OrderCanceled")]
    assert times == [VENUE_NS + 2, VENUE_NS + 3, VENUE_NS + 5]
    refused = exported(typed, data, "CommandRejected")
    assert [it["event"]["code"] for it in refused] == [44, 40]
    assert "max_order_qty" in refused[0]["event"]["detail"]
    chain = why(typed, data, "order", "b", "--symbol", "AAPL")
    (asked,) = [it["event"] for it in chain if it["event"]["type"] == "CancelRequested"]
    assert (asked["actor"], asked["on_behalf_of"]) == ("ann", "ann: end of day")


def test_17a3_the_blotter_and_the_position_that_it_makes(typed: Any, data: Path) -> None:
    """SEC 17a-3(a)(1),(7) and RTS 6 Art. 17: each trade with its account, and how they make the position."""
    trades = [row["event"] for row in exported(typed, data, "OrderFilled")]
    assert [
        (it["execution_id"], it["account"], it["qty"], it["px"], it.get("contra", "")) for it in trades
    ] == [
        ("x1", "ACC", "60", "10.01", "BRKR"),
        ("x2", "ACC", "40", "10.01", ""),
    ]
    chain = why(typed, data, "position", "S1", "AAPL")
    assert [row["event"]["type"] for row in chain] == [
        "OrderFilled", "OrderFilled", "FillCorrected", "PositionRestated", "PositionAdjusted",
    ]  # fmt: skip
    quantities = [row["changed"]["qty"][1] for row in chain if "qty" in row["changed"]]
    assert quantities == ["60", "100", "200"]
    (restated,) = [row for row in chain if row["event"]["type"] == "PositionRestated"]
    assert restated["changed"]["cost"] == ["1001", "1000.4"]


def test_a_correction_leaves_what_it_corrects(typed: Any, data: Path) -> None:
    """Corrections are new records: the first terms stay, and the new ones name them."""
    (correction,) = exported(typed, data, "FillCorrected")
    event = correction["event"]
    assert (event["ref_execution_id"], event["old_px"], event["px"], event["root"]) == (
        "x1",
        "10.01",
        "10",
        "x1",
    )
    assert any(row["event"]["execution_id"] == "x1" for row in exported(typed, data, "OrderFilled"))


def test_cat_events_link_by_client_order_id_and_have_nanoseconds(typed: Any, data: Path) -> None:
    """FINRA CAT: new, modify, cancel, accept, trade, each with its key; timestamps finer than milliseconds."""
    chain = why(typed, data, "order", "a", "--symbol", "AAPL")
    replaced = next(row["event"] for row in chain if row["event"]["type"] == "OrderReplaced")
    assert (replaced["order"], replaced["client_order_id"]) == ("a", "a2")
    assert replaced["event_time_ns"] % 1000 != 0
    assert {row["event"].get("symbol") for row in chain} == {"AAPL"}
    assert {row["event"].get("order", "a") for row in chain} == {"a"}
    by_number = why(typed, data, "order", chain[4]["event"]["order_id"])
    assert [row["place"] for row in by_number] == [row["place"] for row in chain]


def test_rts_24_fields_of_an_order_can_be_told(typed: Any, data: Path) -> None:
    """RTS 24 field list: validity, restriction, type, prices, side, displayed, remaining, traded, passive or aggressive."""
    (row,) = [
        row for row in exported(typed, data, "OrderSubmitted") if row["event"]["client_order_id"] == "a"
    ]
    wanted = {"time_in_force", "order_type", "px", "side", "display_qty", "exchange"}
    assert wanted <= set(row["event"])
    unsaid = {"expire_ts", "stop_px", "side_flag", "post_only", "reduce_only"}
    assert unsaid <= set(OrderSubmitted.__struct_fields__), "left out where they have their default"
    chain = why(typed, data, "order", "a", "--symbol", "AAPL")
    progress = [
        (it["changed"]["cum_qty"][1], it["changed"]["leaves_qty"][1])
        for it in chain
        if "cum_qty" in it["changed"]
    ]
    assert progress == [("0", "200"), ("60", "140"), ("100", "100")]
    assert [it["event"]["liquidity"] for it in chain if it["event"]["type"] == "OrderFilled"] == [
        "MAKER",
        "TAKER",
    ]


def test_rts_6_controls_say_who_set_them_and_why(typed: Any, data: Path) -> None:
    """RTS 6 Art. 12, 15: the kill switch and the limits, who, on whose behalf, why; which algorithm and trader an order is of."""
    (limit,) = exported(typed, data, "RiskLimitSet")
    assert [limit["event"][name] for name in ("actor", "on_behalf_of", "reason", "max_order_qty")] == [
        "risk", "rob", "appetite", "1000",
    ]  # fmt: skip
    engaged, released = exported(typed, data, "KillSwitchEngaged", "KillSwitchReleased")
    assert (engaged["event"]["scope"], engaged["event"]["name"], engaged["event"]["reason"]) == (
        "TRADER",
        "t9",
        "runaway",
    )
    assert released["event"]["engagement"] == engaged["event"]["command_id"]
    assert (released["event"]["reason"], released["event"]["on_behalf_of"]) == ("mended", "rob")
    (adjusted,) = exported(typed, data, "PositionAdjusted")
    assert [adjusted["event"][name] for name in ("actor", "approver", "reason", "ref")] == [
        "office",
        "bea",
        "CORP_ACTION",
        "split",
    ]


def test_a_start_says_which_software_and_settings_decided_from_there_on(typed: Any, data: Path) -> None:
    """What is needed to decide again as then: version and the settings that change outcomes."""
    (started,) = [row for row in exported(typed, data, "EngineStarted") if row["place"].startswith("trading")]
    assert started["event"]["version"]
    for name in (
        "order.max_outstanding_replaces",
        "book.crossed_max_ms",
        "book.mark_spread_max_bp",
        "session.ttl_s",
    ):
        assert name in started["event"]["settings"], name
