"""Random plays for the engine: commands, reports and market data of two or three symbols, some sent again."""

from __future__ import annotations

import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import trio
from hypothesis import strategies as st

from ledger.domain.commands import CancelOrder, DefineInstrument, ReplaceOrder
from ledger.domain.enums import Side
from ledger.domain.facts import (
    BookDelta,
    BookSnapshot,
    Quote,
    ReportCanceled,
    ReportRejected,
    ReportReplaced,
    ReportTradeCancel,
    ReportTradeCorrect,
)
from running_engine import Clock, Ids, Running, accepted, fill, running

Step = tuple[Any, ...]
DAY = "2025-11-20"
SYMBOLS = st.sampled_from(("AAPL", "AAPL", "MSFT", "LATE"))
ORDER = st.sampled_from(("a", "b", "c"))
QTY = st.integers(-1, 60)
PX = st.sampled_from((100_000, 100_100, 100_200))
EXECUTION = st.sampled_from(("e1", "e2", "e3", "e4"))
SIZE = st.integers(0, 9)

STEP = st.one_of(
    st.tuples(st.just("submit"), SYMBOLS, ORDER, QTY, PX),
    st.tuples(st.just("submit"), SYMBOLS, ORDER, QTY, PX),
    st.tuples(st.just("cancel"), SYMBOLS, ORDER),
    st.tuples(st.just("replace"), SYMBOLS, ORDER, QTY, PX),
    st.tuples(st.just("accepted"), SYMBOLS, ORDER),
    st.tuples(st.just("rejected"), SYMBOLS, ORDER),
    st.tuples(st.just("fill"), SYMBOLS, ORDER, EXECUTION, st.integers(1, 60), PX, st.booleans()),
    st.tuples(st.just("fill"), SYMBOLS, ORDER, EXECUTION, st.integers(1, 60), PX, st.just(True)),
    st.tuples(st.just("bust"), SYMBOLS, ORDER, EXECUTION, st.booleans()),
    st.tuples(st.just("correct"), SYMBOLS, ORDER, EXECUTION, st.integers(1, 60), PX),
    st.tuples(st.just("canceled"), SYMBOLS, ORDER),
    st.tuples(st.just("replaced"), SYMBOLS, ORDER, st.integers(1, 90)),
    st.tuples(st.just("snapshot"), SYMBOLS, st.integers(1, 30), PX, SIZE),
    st.tuples(st.just("delta"), SYMBOLS, st.integers(1, 30), PX, SIZE),
    st.tuples(st.just("quote"), SYMBOLS, PX, SIZE),
    st.tuples(st.just("skip"), SYMBOLS),
    st.tuples(st.just("define"), st.just("LATE")),
)
PLAY = st.lists(STEP, min_size=1, max_size=30)


class Desk:
    """Turns steps into inputs: each new input gets its sender's next number, or a command_id of its own."""

    def __init__(self, one: Running) -> None:
        self._one = one
        self._numbers: dict[str, int] = {}
        self._requests = 0

    def input_of(self, step: Step) -> tuple[str, Any] | None:
        """(door, input); None for a step that only loses a number of the gateway."""
        what, symbol, *rest = step
        one = self._one
        if what == "submit":
            name, qty, px = rest
            return "commands", one.order(name, qty, px, symbol)
        if what == "cancel":
            return "commands", CancelOrder(one.new_id(), symbol, self._request(), rest[0])
        if what == "replace":
            name, qty, px = rest
            return "commands", ReplaceOrder(one.new_id(), symbol, self._request(), name, qty, px)
        if what == "define":
            return "commands", DefineInstrument(one.new_id(), symbol, "XNAS")
        if what in ("snapshot", "delta", "quote"):
            return "market", self._market(what, symbol, *rest)
        number = self._number(f"gw-{symbol}")
        return None if what == "skip" else ("reports", _report(what, number, symbol, *rest))

    def _request(self) -> str:
        self._requests += 1
        return f"r{self._requests}"

    def _number(self, source: str) -> int:
        self._numbers[source] = self._numbers.get(source, 0) + 1
        return self._numbers[source]

    def _market(self, what: str, symbol: str, *rest: Any) -> Any:
        head = ("md", 1, self._number("md"), symbol, "XNAS")
        if what == "quote":
            px, size = rest
            return Quote(*head, px, size, px + 100, size)
        update, px, size = rest
        levels = ((px, size),)
        if what == "snapshot":
            return BookSnapshot(*head, update, levels, ((px + 300, 5),))
        return BookDelta(*head, update, update, levels, ((px + 200, size),))


def _report(what: str, number: int, symbol: str, name: str, *rest: Any) -> Any:
    head = (f"gw-{symbol}", 1, number, symbol, "XNAS", name)
    if what == "accepted":
        return accepted(number, name, symbol, source=head[0])
    if what == "rejected":
        return ReportRejected(*head, 1, "no")
    if what == "fill":
        execution, qty, px, is_buy = rest
        side = Side.BUY if is_buy else Side.SELL
        more = {"source": head[0], "execution_id": execution, "side": side, "account": "ACC"}
        return fill(number, name, qty, px, symbol, **more)
    if what == "bust":
        execution, reinstated = rest
        return ReportTradeCancel(*head, f"n{number}", execution, DAY, reinstated, account="ACC")
    if what == "correct":
        execution, qty, px = rest
        return ReportTradeCorrect(*head, f"n{number}", execution, DAY, qty, px, account="ACC")
    if what == "canceled":
        return ReportCanceled(*head)
    assert what == "replaced"
    return ReportReplaced(*head, "", rest[0])


def play(act: Callable[[Running, Path], Awaitable[None]]) -> None:
    """Run `act` on a new ledger with AAPL and MSFT defined, everything about it fixed."""
    with tempfile.TemporaryDirectory() as directory:

        async def whole() -> None:
            async with running(Path(directory), clock=Clock(), new_id=Ids()) as one:
                await one.define("AAPL", "MSFT")
                await one.settle()
                await act(one, Path(directory))

        trio.run(whole)


async def ask_all(one: Running, steps: list[Step]) -> list[tuple[str, Any, Any]]:
    """(door, input, answer) of every step, one after the other."""
    desk, told = Desk(one), []
    for step in steps:
        made = desk.input_of(step)
        if made is not None:
            (answer,) = await one.ask(made[0], made[1])
            told.append((*made, answer))
    return told
