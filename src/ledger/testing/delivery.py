"""How a nasty venue tells what happened: twice, late, out of order, with holes, over two lines, in a new run.

Order is kept within limits: a fact moves past a few others, or is held back for a few rounds.
"""

from __future__ import annotations

from random import Random
from typing import Final, final

from msgspec.structs import replace

from ledger.domain.facts import OrderReport, ReportFill, ReportTradeCancel, ReportTradeCorrect
from ledger.testing.honest_venue import HonestVenue

EXECUTIONS: Final = (ReportFill, ReportTradeCancel, ReportTradeCorrect)
LATE: Final = 0.04
ROUNDS_LATE_MAX: Final = 3
MOVED: Final = 0.12
MOVED_MAX: Final = 4
TWICE: Final = 0.05
COPIED: Final = 0.05
WASTED: Final = 0.3
NEW_RUN: Final = 0.04
TAKEN: Final = 0.15
OLD: Final = 20
"""How far back a number lies that is used a second time."""


@final
class Delivery:
    """Takes facts in their true order, gives them as they arrive."""

    def __init__(self, core: HonestVenue, seed: int) -> None:
        self._core = core
        self._random = Random(f"delivery {seed}")
        self._held: list[tuple[int, OrderReport]] = []
        """(rounds to go, fact)."""
        self._copies = 0

    def deliver(self, facts: list[OrderReport]) -> list[OrderReport]:
        """What arrives in this round."""
        self._spoil_numbers()
        arriving = self._now_due()
        for fact in facts:
            if self._random.random() < LATE:
                self._held.append((self._random.randint(1, ROUNDS_LATE_MAX), fact))
            else:
                arriving.append(fact)
        self._use_a_number_again(arriving)
        return self._on_two_lines(self._twice(self._moved(arriving)))

    def rest(self) -> list[OrderReport]:
        """Everything that is still held back."""
        facts = [fact for _, fact in self._held]
        self._held.clear()
        return facts

    def _spoil_numbers(self) -> None:
        core, random = self._core, self._random
        if random.random() < WASTED:
            core.seq += random.randint(1, 3)
        if random.random() < NEW_RUN:
            core.epoch += 1
            core.seq = random.choice((0, 0, 2))

    def _now_due(self) -> list[OrderReport]:
        due = [fact for rounds, fact in self._held if rounds <= 1]
        self._held = [(rounds - 1, fact) for rounds, fact in self._held if rounds > 1]
        return due

    def _moved(self, facts: list[OrderReport]) -> list[OrderReport]:
        random = self._random
        places = [
            (index + (random.randint(1, MOVED_MAX) + 0.5 if random.random() < MOVED else 0), index)
            for index in range(len(facts))
        ]
        return [facts[index] for _, index in sorted(places)]

    def _twice(self, facts: list[OrderReport]) -> list[OrderReport]:
        random = self._random
        arriving = list(facts)
        for fact in facts:
            if random.random() < TWICE:
                arriving.insert(random.randint(arriving.index(fact) + 1, len(arriving)), fact)
        return arriving

    def _use_a_number_again(self, facts: list[OrderReport]) -> None:
        """A fill takes a number that another fact had long ago."""
        fills = [index for index, fact in enumerate(facts) if type(fact) is ReportFill]
        if fills and self._core.seq > 2 * OLD and self._random.random() < TAKEN:
            index = self._random.choice(fills)
            number = self._random.randint(1, self._core.seq - OLD)
            facts[index] = replace(facts[index], source_epoch=self._core.epoch, source_seq=number)

    def _on_two_lines(self, facts: list[OrderReport]) -> list[OrderReport]:
        """A drop copy says some executions too, at times before the order's own line does."""
        random = self._random
        arriving = list(facts)
        for fact in facts:
            if isinstance(fact, EXECUTIONS) and random.random() < COPIED:
                at = arriving.index(fact)
                copy = replace(fact, source="", event_time_ns=fact.event_time_ns + 1)
                arriving.insert(max(0, min(len(arriving), at + random.randint(-MOVED_MAX, 8))), copy)
        return [fact if fact.source else self._numbered(fact) for fact in arriving]

    def _numbered(self, fact: OrderReport) -> OrderReport:
        self._copies += 1
        return replace(fact, source=f"{self._core.source}/copy", source_epoch=1, source_seq=self._copies)
