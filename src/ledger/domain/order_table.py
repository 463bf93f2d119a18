"""What each input means to an order in each phase of its life: the table that the code, the tests and the docs share.

A cell says what is done (APPLY: an event is journaled and changes the order; SAME: nothing happens; ASIDE: nothing
changes and an anomaly is recorded; REFUSE: a command gets a code), the phases that may follow, what is always
recorded beside it and what may be. A report about executions has further rows by what is known of the execution.
"""

from __future__ import annotations

from enum import Enum
from typing import Final, final

from msgspec import Struct

from ledger.domain import commands as c
from ledger.domain import facts as f
from ledger.domain.anomalies import Anomaly
from ledger.domain.codes import Code
from ledger.domain.enums import Phase


class Does(Enum):
    """What an input does to the order that it meets."""

    APPLY = "applied"
    SAME = "nothing"
    ASIDE = "set aside"
    REFUSE = "refused"


class Known(Enum):
    """What is known of the execution that a report is about; NEW and REF use the table by phase."""

    NEW = "a new execution id"
    REPEATED = "a known id, same content"
    CONFLICT = "a known id, other content"
    REF = "the fill is known and counts"
    ORPHAN = "the fill has not come yet"
    GONE = "the fill is busted already"


@final
class Cell(Struct, frozen=True):
    """One cell of the table."""

    does: Does
    to: tuple[Phase, ...] = ()
    """Phases that may follow; for everything but APPLY the phase stays."""
    record: Anomaly | None = None
    """Always recorded."""
    may: tuple[Anomaly | Code, ...] = ()
    """Recorded or refused with when the note says so."""
    code: Code | None = None
    unless: str = ""
    """The setting that turns a refusal into APPLY."""
    note: str = ""

    def text(self) -> str:
        """The cell as the docs show it."""
        words = "/".join(phase.name for phase in self.to)
        if self.does is Does.REFUSE and self.code is not None:
            words = f"R:{self.code.value}" + (f" unless {self.unless}" if self.unless else "")
        elif self.does is Does.SAME:
            words = "="
        elif self.does is Does.ASIDE and self.record is not None:
            words = f"~{self.record}"
        if self.does is Does.APPLY and self.record is not None:
            words += f" !{self.record}"
        may = ", ".join(f"R:{it.value}" if isinstance(it, Code) else f"!{it}" for it in self.may)
        return words + (f" ({may})" if may else "") + (f"; {self.note}" if self.note else "")


Row = dict[Phase, Cell]

_NONE, _PEND, _LIVE, _FULL = Phase.NONE, Phase.PEND, Phase.LIVE, Phase.FULL
_CXL, _EXP, _REJ = Phase.CXL, Phase.EXP, Phase.REJ


def _to(
    *phases: Phase, record: Anomaly | None = None, may: tuple[Anomaly | Code, ...] = (), note: str = ""
) -> Cell:
    return Cell(Does.APPLY, phases, record, may, note=note)


def _same(*may: Anomaly | Code, note: str = "") -> Cell:
    return Cell(Does.SAME, may=may, note=note)


def _aside(kind: Anomaly, note: str = "") -> Cell:
    return Cell(Does.ASIDE, record=kind, note=note)


def _refuse(
    code: Code, unless: str = "", to: tuple[Phase, ...] = (), may: tuple[Anomaly | Code, ...] = ()
) -> Cell:
    return Cell(Does.REFUSE, to, may=may, code=code, unless=unless)


def _row(none: Cell, pend: Cell, live: Cell, full: Cell, cxl: Cell, exp: Cell, rej: Cell) -> Row:
    return {_NONE: none, _PEND: pend, _LIVE: live, _FULL: full, _CXL: cxl, _EXP: exp, _REJ: rej}


_unknown = _aside(Anomaly.UNKNOWN_ORDER)
_closed = _aside(Anomaly.REPORT_AFTER_CLOSE)
_early = _aside(Anomaly.ORDER_STATE_MISMATCH)
_too_late = _refuse(Code.TOO_LATE_TO_CANCEL)
_no_order = _refuse(Code.UNKNOWN_ORDER)
_repeated_submit = _same(Code.DUPLICATE_CLIENT_ORDER_ID, note="same content: the first answer again")
_over = (Anomaly.OVERFILL,)
_change = (Code.ALREADY_PENDING_REPLACE, Code.NEW_QTY_NOT_ABOVE_CUM, Code.NOTHING_TO_CHANGE)
_clears = _to(_LIVE, may=(Anomaly.UNKNOWN_REQUEST,), note="an unknown request is set aside")
_cleared: Row = _row(
    _aside(Anomaly.UNKNOWN_REQUEST),
    _to(_PEND, may=_clears.may, note=_clears.note),
    _clears,
    _to(_FULL, may=_clears.may, note=_clears.note),
    _same(),
    _same(),
    _same(),
)
_pending: Row = _row(
    _unknown,
    _to(_PEND, note="an unknown request is taken up"),
    _to(_LIVE, note="an unknown request is taken up"),
    _to(_FULL, note="an unknown request is taken up"),
    _same(),
    _same(),
    _same(),
)
_flag: Row = _row(_unknown, _to(_PEND), _to(_LIVE), _same(), _closed, _closed, _closed)
_compared = _same(
    Anomaly.ORDER_STATE_MISMATCH,
    Anomaly.CUM_MISMATCH,
    note="compared: what differs is recorded, never applied",
)
_below = (Anomaly.REPLACE_BELOW_CUM,)
_unasked = (Anomaly.REPLACE_BELOW_CUM, Anomaly.UNSOLICITED_REPLACE)
_late_replace = _aside(Anomaly.REPLACED_AFTER_CLOSE)

LEGAL: Final[dict[type, Row]] = {
    c.SubmitOrder: _row(_to(_PEND), *(_repeated_submit,) * 6),
    c.CancelOrder: _row(
        _no_order,
        _to(_PEND, may=(Code.ALREADY_PENDING_CANCEL,)),
        _to(_LIVE, may=(Code.ALREADY_PENDING_CANCEL,)),
        *(_too_late,) * 4,
    ),
    c.ReplaceOrder: _row(
        _no_order,
        _refuse(Code.ORDER_NOT_ACKED, "replace_unacked", (_PEND,), _change),
        _to(_LIVE, may=_change),
        _refuse(Code.TOO_LATE_TO_CANCEL, "replace_filled", (_FULL,), (Code.ALREADY_PENDING_REPLACE,)),
        *(_too_late,) * 3,
    ),
    f.ReportAccepted: _row(
        _aside(Anomaly.UNKNOWN_ORDER, "adopted where the report says enough"),
        _to(_LIVE, _FULL),
        _same(Anomaly.VENUE_ID_CHANGED, note="a first or another venue order id is taken"),
        _to(_FULL, record=Anomaly.ACK_AFTER_FILL, may=(Anomaly.VENUE_ID_CHANGED,)),
        _to(_CXL, record=Anomaly.ACK_AFTER_CLOSE, may=(Anomaly.VENUE_ID_CHANGED,)),
        _to(_EXP, record=Anomaly.ACK_AFTER_CLOSE, may=(Anomaly.VENUE_ID_CHANGED,)),
        _to(_LIVE, _FULL, record=Anomaly.ACK_AFTER_REJECT, may=(Anomaly.VENUE_ID_CHANGED,)),
    ),
    f.ReportRejected: _row(
        _unknown,
        _to(_REJ),
        _to(_REJ, _CXL, may=(Anomaly.REJECT_AFTER_ACK, Anomaly.REJECT_WITH_FILLS), note="CXL with fills"),
        _aside(Anomaly.REJECT_AFTER_FILL),
        _closed,
        _closed,
        _same(),
    ),
    f.ReportFill: _row(
        _to(_NONE, record=Anomaly.UNKNOWN_ORDER, note="held by _UNALLOCATED or who claims it"),
        _to(_LIVE, _FULL, record=Anomaly.FILL_BEFORE_ACK, may=(*_over, Anomaly.FOK_PARTIAL)),
        _to(_LIVE, _FULL, may=(*_over, Anomaly.FOK_PARTIAL)),
        _to(_FULL, may=_over, note="an overfill unless a bust was waiting"),
        _to(_CXL, record=Anomaly.LATE_FILL, may=_over),
        _to(_EXP, record=Anomaly.LATE_FILL, may=_over),
        _to(_LIVE, _FULL, record=Anomaly.FILL_AFTER_REJECT, may=(*_over, Anomaly.FILL_BEFORE_ACK)),
    ),
    f.ReportTradeCancel: _row(
        _to(_NONE),
        _to(_PEND, note="cannot be: a fill shows that the venue has the order"),
        _to(_LIVE, _FULL),
        _to(_LIVE, _FULL, note="LIVE if reinstated, else the quantity falls"),
        _to(_CXL),
        _to(_EXP),
        _to(_REJ),
    ),
    f.ReportTradeCorrect: _row(
        _to(_NONE),
        _to(_PEND, note="cannot be: a fill shows that the venue has the order"),
        _to(_LIVE, _FULL, may=_over),
        _to(_LIVE, _FULL, may=_over),
        _to(_CXL, may=_over),
        _to(_EXP, may=_over),
        _to(_REJ, may=_over),
    ),
    f.ReportCanceled: _row(
        _unknown,
        _to(_CXL),
        _to(_CXL, may=(Anomaly.UNSOLICITED_CANCEL,), note="unsolicited without a cancel request"),
        _aside(Anomaly.CANCEL_AFTER_FILL),
        _same(),
        _closed,
        _closed,
    ),
    f.ReportCancelRejected: {
        **_cleared,
        _LIVE: _to(
            _LIVE,
            may=(Anomaly.MISSED_FILL_SUSPECTED, Anomaly.UNKNOWN_REQUEST),
            note="TOO_LATE while open: a fill is missing",
        ),
    },
    f.ReportReplaced: _row(
        _unknown,
        _to(_LIVE, _FULL, may=_unasked),
        _to(_LIVE, _FULL, may=_unasked),
        _to(_LIVE, _FULL, may=_unasked),
        _late_replace,
        _late_replace,
        _late_replace,
    ),
    f.ReportReplaceRejected: _cleared,
    f.ReportPendingCancel: _pending,
    f.ReportPendingReplace: _pending,
    f.ReportExpired: _row(
        _unknown, _to(_EXP), _to(_EXP), _aside(Anomaly.EXPIRE_AFTER_FILL), _same(), _same(), _closed
    ),
    f.ReportDoneForDay: _row(_unknown, _early, _to(_LIVE), _to(_FULL), _closed, _closed, _closed),
    f.ReportRestated: _row(
        _unknown,
        _early,
        _to(_LIVE, _FULL, may=_below, note="may change qty and px"),
        _to(_LIVE, _FULL, may=_below),
        _closed,
        _closed,
        _closed,
    ),
    f.ReportReduced: _row(
        _unknown,
        _to(_PEND, _FULL, note="never below cum; FULL with nothing left"),
        _to(_LIVE, _FULL),
        _same(),
        _closed,
        _closed,
        _closed,
    ),
    f.ReportSuspended: _flag,
    f.ReportResumed: _flag,
    f.ReportTriggered: _flag,
    f.ReportStatus: _row(
        _aside(Anomaly.UNKNOWN_ORDER, "adopted where it is open and the report says enough"),
        *(_compared,) * 6,
    ),
}
"""Input -> phase that it meets -> cell. For executions: the row of a new fill, and of a known fill that counts."""

EXECUTIONS: Final[dict[type, dict[Known, Cell]]] = {
    f.ReportFill: {
        Known.REPEATED: _same(),
        Known.CONFLICT: _aside(Anomaly.EXEC_ID_CONFLICT, "the first wins; an operator decides"),
    },
    f.ReportTradeCancel: {
        Known.REPEATED: _same(),
        Known.CONFLICT: _aside(Anomaly.EXEC_ID_CONFLICT, "the first wins; an operator decides"),
        Known.ORPHAN: _to(
            record=Anomaly.BUST_BEFORE_FILL, note="remembered; the fill nets to zero when it comes"
        ),
        Known.GONE: _aside(Anomaly.DOUBLE_BUST),
    },
    f.ReportTradeCorrect: {
        Known.REPEATED: _same(),
        Known.CONFLICT: _aside(Anomaly.EXEC_ID_CONFLICT, "the first wins; an operator decides"),
        Known.ORPHAN: _to(record=Anomaly.CORRECT_BEFORE_FILL, note="remembered until the fill comes"),
        Known.GONE: _aside(Anomaly.DOUBLE_BUST, "a busted fill is not corrected"),
    },
}
"""Executions in every phase, by what is known of them; applied, the order's phase stays."""

CELLS: Final[dict[type, tuple[Cell, ...]]] = {
    kind: tuple(row[phase] for phase in Phase) for kind, row in LEGAL.items()
}
"""LEGAL by the phase's number, as the code reads it."""
