"""More comes than fits: commands and facts are told so, cancels have reserved room (DESIGN 5)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from ledger.domain.codes import Code
from ledger.domain.commands import CancelOrder
from ledger.domain.facts import Quote
from ledger.wire import Committed, Query, QueryRefused, Refused, Unavailable
from running_engine import SETTINGS, accepted, fill, names, running

SMALL = msgspec.structs.replace(SETTINGS, queue_max=8, queue_reserved=4)


async def test_what_finds_no_room_is_overloaded_or_unavailable_and_leaves_no_trace(tmp_path: Path) -> None:
    answers: dict[str, list[Any]] = {}
    async with running(tmp_path, settings=SMALL) as one:
        await one.define("AAPL")
        await one.settle()
        before = names(tmp_path)
        one.engine.dispatcher.pause()
        one.send(
            "commands",
            [one.order(f"c{number}") for number in range(7)],
            lambda got: answers.update(taken=got),
        )
        order = one.order("late")
        one.send("commands", [order], lambda got: answers.update(command=got))
        one.send("reports", [fill(1, "c1", 5), fill(2, "c1", 5)], lambda got: answers.update(report=got))
        one.send(
            "market", [Quote("f", 3, 9, "AAPL", "XNAS", 1, 2, 3, 4)], lambda got: answers.update(market=got)
        )
        one.send("query", [Query("q1", "orders")], lambda got: answers.update(query=got))
        assert "taken" not in answers
        (refused,) = answers["command"]
        assert (type(refused), refused.code, refused.command_id) == (
            Refused,
            Code.OVERLOADED,
            order.command_id,
        )
        assert refused.retry_after_ms > 0
        assert [(type(told), told.source_seq) for told in answers["report"]] == [
            (Unavailable, 1),
            (Unavailable, 2),
        ]
        assert (answers["market"][0].source_epoch, answers["market"][0].source_seq) == (3, 9)
        assert type(answers["query"][0]) is QueryRefused
        one.engine.dispatcher.resume()
        await one.settle()
        assert [type(answer) for answer in answers["taken"]] == [Committed] * 7
        # The same command_id is decided afresh: nobody remembers that it was overloaded.
        assert type((await one.ask("commands", order))[0]) is Committed
        assert names(tmp_path)[len(before) :] == ["OrderSubmitted"] * 8


async def test_cancels_take_the_reserved_room_and_the_rest_of_their_batch_is_overloaded(
    tmp_path: Path,
) -> None:
    answers: dict[str, list[Any]] = {}
    async with running(tmp_path, settings=SMALL) as one:
        await one.define("AAPL")
        await one.ask("commands", one.order("c1"), one.order("c2"))
        await one.ask("reports", accepted(1, "c1"), accepted(2, "c2"))
        one.engine.dispatcher.pause()
        one.send("query", [Query(f"q{number}", "strategies") for number in range(7)], lambda _got: None)
        mixed = [
            one.order("c3"),
            CancelOrder(one.new_id(), "AAPL", "k1", "c1"),
            CancelOrder(one.new_id(), "AAPL", "k2", "c2"),
        ]
        one.send("commands", mixed, lambda got: answers.update(mixed=got))
        assert "mixed" not in answers
        more = [CancelOrder(one.new_id(), "AAPL", f"k{number}", "c1") for number in range(3, 6)]
        one.send("commands", more, lambda got: answers.update(more=got))
        assert [answer.code for answer in answers["more"]] == [
            Code.OVERLOADED
        ] * 3  # even that room has an end
        one.engine.dispatcher.resume()
        await one.settle()
        overloaded, *canceled = answers["mixed"]
        assert (type(overloaded), overloaded.code) == (Refused, Code.OVERLOADED)
        assert overloaded.command_id == mixed[0].command_id
        assert [type(answer) for answer in canceled] == [Committed, Committed]
        assert [answer.command_id for answer in canceled] == [item.command_id for item in mixed[1:]]


async def test_a_stopping_engine_takes_nothing_more_and_says_when_to_come_again(tmp_path: Path) -> None:
    answers: list[Any] = []
    async with running(tmp_path) as one:
        await one.define("AAPL")
        last: list[Any] = []
        one.send("commands", [one.order("c1")], last.extend)
        one.engine.stop()
        one.send("commands", [one.order("c2")], answers.extend)
        one.send("reports", [fill(1, "c1", 5)], answers.extend)
        assert [type(answer) for answer in answers] == [Refused, Unavailable]
        assert all(answer.retry_after_ms >= 1000 for answer in answers)
        await one.engine.wait_ended()
        await one.engine.wait_durable()
        assert [type(answer) for answer in last] == [Committed]
