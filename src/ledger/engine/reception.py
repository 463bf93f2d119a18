"""The way of a batch from a door to its turns, and of its answers back once they may be seen."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final, final

import actors
from ledger.domain.codes import Code
from ledger.engine.holding import Holding
from ledger.engine.open_frame import OpenJournal
from ledger.engine.partition import Arrival, Partition
from ledger.engine.refusals import is_cancel, not_taken
from ledger.wire import Answer

RETRY_STOPPING_MS: Final = 1000
RETRY_OVERLOADED_MS: Final = 50
Reply = Callable[[list[Answer]], None]


@final
class Reception:
    """Takes batches for one partition."""

    def __init__(
        self,
        dispatcher: actors.Dispatcher,
        partition: Partition,
        open_trading: OpenJournal,
        open_market: OpenJournal,
        holding: Holding | None = None,
    ) -> None:
        self._dispatcher = dispatcher
        self._partition = partition
        self._open_trading = open_trading
        self._open_market = open_market
        self._holding = holding

    def submit(self, door: str, inputs: list[Any], arrival: Arrival, reply: Reply) -> None:
        """Queue the inputs; `reply` is called once, with an answer for each, when the answers may be seen."""
        if self._holding is not None and door == "commands":
            reply = self._holding.reply_of(inputs, reply)
        try:
            self._dispatcher.submit_nowait([arrival, *inputs], self._answering(door, reply))
        except actors.Overloaded:
            self._submit_urgent(door, inputs, arrival, reply)
        except actors.Stopped:
            why = "the ledger is stopping; connect again when it runs"
            reply([not_taken(item, Code.OVERLOADED, why, RETRY_STOPPING_MS) for item in inputs])

    def _answering(self, door: str, reply: Reply) -> Callable[[Sequence[object]], None]:
        """What a batch's answers wait for once it is decided."""
        partition, trading, market = self._partition, self._open_trading, self._open_market

        def release(answers: list[Any]) -> None:
            if door == "market":  # its faults stand in the trading journal
                market.when_durable(lambda: trading.when_durable(lambda: reply(answers)))
            else:
                trading.when_durable(lambda: reply(answers))

        def decided(answers: Sequence[object]) -> None:
            # A batch that fail-stop cut in two: what became of its first part is in doubt, so is its answer.
            if partition.batch_read_only or not partition.read_only:
                release(list(answers[1:]))

        return decided

    def _submit_urgent(self, door: str, inputs: list[Any], arrival: Arrival, reply: Reply) -> None:
        """There is no room but for cancels."""
        why = "more waits than engine.queue_max allows; send it again"
        answers: list[Answer] = [
            not_taken(item, Code.OVERLOADED, why, RETRY_OVERLOADED_MS) for item in inputs
        ]
        urgent = [index for index, item in enumerate(inputs) if is_cancel(item)]

        def decided(of_urgent: list[Answer]) -> None:
            for index, answer in zip(urgent, of_urgent, strict=True):
                answers[index] = answer
            reply(answers)

        if urgent:
            try:
                self._dispatcher.submit_nowait(
                    [arrival, *(inputs[index] for index in urgent)],
                    self._answering(door, decided),
                    urgent=True,
                )
                return
            except (actors.Overloaded, actors.Stopped):
                pass  # not even the reserved room
        reply(answers)
