"""A command sent again gets its first answer; another command under its id is refused (I-10, I-12, DOMAIN 1.4)."""

from __future__ import annotations

import json
import uuid
from pathlib import Path
from typing import Any

import msgspec
import pytest

from ledger.domain.codes import Code
from ledger.domain.commands import CancelOrder, DefineInstrument, DefineStrategy, ReplaceOrder
from ledger.domain.enums import OrderType
from ledger.wire import Committed, Refused, Rejected, decode_batch, encode_messages, show
from running_engine import START_NS, Running, accepted, names, running

DAY_NS = 86_400 * 10**9


def as_json(command: Any, scales: tuple[int, int] = (4, 0)) -> list[Any]:
    """The command as it comes through the door as JSON."""
    return decode_batch(json.dumps(show(command, scales)).encode(), "commands", batch_max=10).inputs


def as_msgpack(command: Any) -> list[Any]:
    return decode_batch(encode_messages([command]), "commands", batch_max=10).inputs


def again(answer: Any) -> Any:
    return msgspec.structs.replace(answer, repeated=True)


async def every_kind(one: Running) -> list[Any]:
    """A command of every kind that is committed, one that is refused durably, all sent and answered once."""
    await one.define("AAPL")
    await one.ask("commands", one.order("c1"), one.order("c2"), one.order("c3"))
    await one.ask("reports", accepted(1, "c1"), accepted(2, "c2"))
    return [
        DefineInstrument(one.new_id(), "MSFT", "XNAS", 4, 0, 100, 10),
        DefineStrategy(one.new_id(), "S2", "ACC2"),
        one.order("c4"),
        CancelOrder(one.new_id(), "AAPL", "k1", "c1"),
        ReplaceOrder(one.new_id(), "AAPL", "r1", "c2", 200, 100_500),
        one.order("c5", px=None),
        one.order("c6", symbol="NONE"),
        CancelOrder(one.new_id(), "AAPL", "k9", "c9"),
    ]


@pytest.mark.parametrize("form", [as_json, as_msgpack], ids=["json", "msgpack"])
async def test_the_same_command_gets_its_first_answer_and_the_journal_does_not_grow(
    tmp_path: Path, form
) -> None:
    """I-10."""
    async with running(tmp_path) as one:
        commands = await every_kind(one)
        first = await one.ask("commands", *(form(command)[0] for command in commands))
        assert {type(answer) for answer in first} == {Committed, Rejected}
        await one.settle()
        before = names(tmp_path)
        for _ in range(3):
            assert await one.ask("commands", *(form(command)[0] for command in commands)) == [
                again(answer) for answer in first
            ]
        await one.settle()
        assert names(tmp_path) == before


@pytest.mark.parametrize("first_form", [as_json, as_msgpack], ids=["json", "msgpack"])
@pytest.mark.parametrize("then_form", [as_json, as_msgpack], ids=["json", "msgpack"])
async def test_the_first_answer_comes_again_after_a_restart_in_either_form(
    tmp_path: Path, first_form, then_form
) -> None:
    async with running(tmp_path) as one:
        # NONE has no scales yet: its numbers cannot be compared across forms, so that command stays in one form.
        commands = [command for command in await every_kind(one) if getattr(command, "symbol", "") != "NONE"]
        first = await one.ask("commands", *(first_form(command)[0] for command in commands))
        clock, new_id = one.clock, one.new_id
        one.crash()
    async with running(tmp_path, clock=clock, new_id=new_id) as one:
        assert await one.ask("commands", *(then_form(command)[0] for command in commands)) == [
            again(answer) for answer in first
        ]


@pytest.mark.parametrize("px", ["10", "10.25"])
async def test_a_refused_text_gets_its_answer_again_after_its_symbol_was_defined(
    tmp_path: Path, px: str
) -> None:
    async with running(tmp_path) as one:
        await one.define()
        text = {
            "type": "SubmitOrder",
            "command_id": str(uuid.UUID(bytes=one.new_id())),
            "client_order_id": "c1",
            "strategy_id": "S1",
            "symbol": "LATE",
            "exchange": "XNAS",
            "side": "BUY",
            "order_type": "LIMIT",
            "qty": "100",
            "px": px,
        }
        inputs = decode_batch(json.dumps(text).encode(), "commands", batch_max=1).inputs
        (first,) = await one.ask("commands", *inputs)
        assert first.code == Code.UNKNOWN_SYMBOL
        await one.define("LATE")
        assert await one.ask("commands", *inputs) == [again(first)]
        packed = one.order("c1", symbol="LATE", px=int(float(px) * 10_000))
        packed = msgspec.structs.replace(packed, command_id=first.command_id)
        assert await one.ask("commands", packed) == [again(first)]
        other = decode_batch(json.dumps({**text, "px": "11"}).encode(), "commands", batch_max=1).inputs
        assert (await one.ask("commands", *other))[0].code == Code.COMMAND_ID_CONFLICT


async def test_another_content_under_a_known_id_is_a_conflict_and_never_replaces_the_answer(
    tmp_path: Path,
) -> None:
    async with running(tmp_path) as one:
        commands = await every_kind(one)
        first = await one.ask("commands", *commands)
        before = one.digests()
        for command, answer in zip(commands, first, strict=True):
            for other in commands:
                if other is command:
                    continue
                stolen = msgspec.structs.replace(other, command_id=command.command_id)
                (conflict,) = await one.ask("commands", stolen)
                assert type(conflict) is Rejected
                assert conflict.code == Code.COMMAND_ID_CONFLICT
            assert await one.ask("commands", command) == [again(answer)]
        assert one.digests() == before


async def test_the_same_client_order_id_with_other_content_is_refused_with_the_same_it_is_the_first_answer(
    tmp_path: Path,
) -> None:
    """I-12, FIX F.1.b."""
    async with running(tmp_path) as one:
        await one.define("AAPL")
        (first,) = await one.ask("commands", one.order("c1"))
        same, other = await one.ask("commands", one.order("c1"), one.order("c1", qty=101))
        assert (same.seq, same.order_id, same.repeated) == (first.seq, first.order_id, True)
        assert other.code == Code.DUPLICATE_CLIENT_ORDER_ID
        await one.settle()
        assert names(tmp_path).count("OrderSubmitted") == 1


async def test_ids_past_the_window_ahead_of_the_clock_or_no_uuid7_are_refused_and_not_remembered(
    tmp_path: Path,
) -> None:
    async with running(tmp_path) as one:
        await one.define("AAPL")
        await one.settle()
        before = names(tmp_path)
        order = one.order("c1")
        wrong = {
            one.new_id(START_NS - 8 * DAY_NS): Code.COMMAND_ID_EXPIRED,
            one.new_id(START_NS + 60 * 10**9): Code.COMMAND_ID_EXPIRED,
            uuid.UUID(int=5, version=4).bytes: Code.MALFORMED,
        }
        for command_id, code in wrong.items():
            (answer,) = await one.ask("commands", msgspec.structs.replace(order, command_id=command_id))
            assert type(answer) is Refused
            assert answer.code == code
        await one.settle()
        assert names(tmp_path) == before
        at_the_edges = [one.new_id(START_NS - 7 * DAY_NS + 10**9), one.new_id(START_NS + 4 * 10**9)]
        for number, command_id in enumerate(at_the_edges):
            good = msgspec.structs.replace(one.order(f"e{number}"), command_id=command_id)
            assert type((await one.ask("commands", good))[0]) is Committed


async def test_codes_below_ten_are_never_journaled_and_are_decided_afresh(tmp_path: Path) -> None:
    async with running(tmp_path) as one:
        await one.define("AAPL")
        await one.settle()
        before = names(tmp_path)
        malformed = one.order("has blank")
        unsupported = msgspec.structs.replace(one.order("c1"), order_type=OrderType.PEG)
        answers = await one.ask("commands", malformed, unsupported)
        assert [type(answer) for answer in answers] == [Refused, Refused]
        assert [answer.code for answer in answers] == [Code.MALFORMED, Code.UNSUPPORTED]
        await one.settle()
        assert names(tmp_path) == before
        mended = msgspec.structs.replace(malformed, client_order_id="c1")
        assert type((await one.ask("commands", mended))[0]) is Committed


async def test_a_rejected_command_changes_nothing_but_its_record(tmp_path: Path) -> None:
    """I-23."""
    async with running(tmp_path) as one:
        await one.define("AAPL")
        await one.ask("commands", one.order("c1"))
        before = one.digests()
        rejected = await one.ask(
            "commands",
            one.order("c2", qty=-1),
            one.order("c3", symbol="NONE"),
            one.order("c1", qty=7),
            CancelOrder(one.new_id(), "AAPL", "k1", "none"),
            ReplaceOrder(one.new_id(), "AAPL", "r1", "c1", 200),
        )
        assert {type(answer) for answer in rejected} == {Rejected}
        assert one.digests() == before
        await one.settle()
        assert names(tmp_path)[-5:] == ["CommandRejected"] * 5
