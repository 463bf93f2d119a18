"""An operator's command is known again by its event, so the event must carry all that the command says."""

from __future__ import annotations

import pytest

from ledger.domain.operator_commands import OPERATOR_COMMANDS
from ledger.domain.operator_events import OPERATOR_EVENTS
from ledger.engine.operator_repeats import OPERATOR_COMMAND_OF
from ledger.engine.operator_turns import OperatorTurns


@pytest.mark.parametrize(("event", "command"), OPERATOR_COMMAND_OF.items(), ids=lambda kind: kind.__name__)
def test_the_event_has_every_field_of_its_command(event, command) -> None:
    missing = set(command.__struct_fields__) - set(event.__struct_fields__)
    assert missing == set()


def test_every_operators_command_has_its_event_and_its_turn() -> None:
    assert set(OPERATOR_COMMAND_OF.values()) == set(OPERATOR_COMMANDS)
    assert set(OperatorTurns(None).table()) == set(OPERATOR_COMMANDS)  # type: ignore[arg-type]


def test_what_no_command_makes_is_concluded_by_the_engine() -> None:
    concluded = {kind.__name__ for kind in OPERATOR_EVENTS} - {kind.__name__ for kind in OPERATOR_COMMAND_OF}
    assert concluded == {"TimerFired", "OrderUnconfirmed", "ClockSampled"}
