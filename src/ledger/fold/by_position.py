"""Which executions each position has, so that a bust looks at those of its own position only.

Found again from the fills themselves, so it stands outside every digest. Made at the first question after a start, by
one look at all fills; from then on each fill costs one append, whatever its position has behind it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import final

import actors
from ledger.domain.fill import FillKey, FillState

PositionKey = tuple[str, str]
"""(strategy_id, symbol)."""


@final
class FillsByPosition:
    """The keys of the fills of each position."""

    def __init__(self, fills: actors.Store[FillKey, FillState]) -> None:
        self._fills = fills
        self._keys: dict[PositionKey, list[FillKey]] = {}
        self.is_asked = False
        """Nothing is kept until somebody asked: most runs see no bust."""

    def filled(self, place: PositionKey, key: FillKey) -> None:
        """A fill of this position is put; call only while `is_asked`. If its turn is dropped it stays: no state answers for it."""
        self._keys.setdefault(place, []).append(key)

    def of(self, place: PositionKey) -> Iterator[tuple[FillKey, FillState]]:
        """The executions of one position that are in memory, each once."""
        if not self.is_asked:
            self.is_asked = True
            for key, state in self._fills.states.items():
                self._keys.setdefault((state.strategy_id, key[2]), []).append(key)
        states = self._fills.states
        for key in dict.fromkeys(self._keys.get(place, ())):
            state = states.get(key)
            if state is not None and state.strategy_id == place[0]:
                yield key, state
