"""An operator's answers to what the ledger asked: cases closed, entities released, conflicts resolved, state confirmed,
partitions resumed.
"""

from __future__ import annotations

from typing import Final

from ledger.domain.anomalies import Anomaly
from ledger.domain.codes import Code
from ledger.domain.context import Context, Rejection
from ledger.domain.enums import ConflictResolution, FillStanding
from ledger.domain.events import AnomalyRecorded
from ledger.domain.facts import ReportTradeCorrect
from ledger.domain.fill import FillState
from ledger.domain.operator_commands import (
    CloseCase,
    ConfirmRecovery,
    ReleaseEntity,
    ResolveExecConflict,
    ResumePartition,
)
from ledger.domain.operator_events import (
    CaseClosed,
    EntityReleased,
    ExecConflictResolved,
    PartitionResumed,
    RecoveryConfirmed,
)
from ledger.domain.outcome import Repeated
from ledger.domain.units import CommandId

JOURNALS: Final = ("trading", "market")
OPERATOR: Final = "operator"
"""Source of what an operator reports in a venue's place."""
_By = tuple[CommandId, str, int, str]


def _by(
    command: CloseCase | ReleaseEntity | ResolveExecConflict | ConfirmRecovery | ResumePartition,
    context: Context,
) -> _By:
    """The last fields of every operator's event: which command, whose, when."""
    return command.command_id, context.actor, context.received_at_ns, command.on_behalf_of


def decide_close(
    case: AnomalyRecorded | None,
    closed: CaseClosed | None,
    closed_seq: int,
    command: CloseCase,
    context: Context,
) -> list[CaseClosed] | Rejection | Repeated:
    """CaseClosed; Repeated if it is closed already (`closed` at `closed_seq`)."""
    if command.partition != context.partition:
        detail = (
            f"the case is said to be partition {command.partition}'s, this is partition {context.partition}"
        )
        return Rejection(Code.WRONG_PARTITION, f"{detail}: send it to the one that its place names")
    if command.journal not in JOURNALS:
        return Rejection(Code.MALFORMED, f"journal {command.journal!r} is neither trading nor market")
    if closed is not None:
        return Repeated(0, closed_seq)
    if case is None:
        detail = (
            f"there is no case at {command.journal} {command.seq}: `ledger show anomalies --open` lists them"
        )
        return Rejection(Code.MALFORMED, detail)
    return [
        CaseClosed(command.journal, command.seq, command.reason, *_by(command, context), context.partition)
    ]


def decide_release(
    quarantined_seq: int, command: ReleaseEntity, context: Context
) -> list[EntityReleased] | Rejection:
    """EntityReleased. `quarantined_seq` is that of the EntityQuarantined; 0 if the entity is not set aside."""
    if not quarantined_seq:
        detail = (
            f"{command.kind} {command.key} is not set aside: `ledger show anomalies --open` names what is"
        )
        return Rejection(Code.MALFORMED, detail)
    return [
        EntityReleased(command.kind, command.key, command.reason, quarantined_seq, *_by(command, context))
    ]


def decide_conflict(
    case: AnomalyRecorded | None, fill: FillState | None, command: ResolveExecConflict, context: Context
) -> list[ExecConflictResolved | CaseClosed] | Rejection:
    """ExecConflictResolved and CaseClosed; with CORRECT the caller adds what `correction_of` becomes."""
    if case is None or case.kind != Anomaly.EXEC_ID_CONFLICT:
        detail = f"trading {command.case_seq} is no open EXEC_ID_CONFLICT: `ledger show anomalies --open` lists them"
        return Rejection(Code.MALFORMED, detail)
    if case.symbol != command.symbol:
        detail = f"the conflict at trading {command.case_seq} is about {case.symbol}, not {command.symbol}"
        return Rejection(Code.MALFORMED, detail)
    if fill is None or fill.standing is not FillStanding.EFFECTIVE:
        detail = f"execution {command.execution_id} of {command.trade_date} is no fill that counts"
        return Rejection(Code.MALFORMED, detail)
    if command.resolution is ConflictResolution.CORRECT and command.qty <= 0:
        return Rejection(
            Code.QTY_NOT_POSITIVE, "CORRECT needs the right qty and px; a fill that never was is busted"
        )
    resolved = ExecConflictResolved(
        command.case_seq,
        command.symbol,
        command.exchange,
        command.account,
        command.trade_date,
        command.execution_id,
        command.resolution,
        command.reason,
        command.qty,
        command.px,
        command.fee,
        command.fee_ccy,
        *_by(command, context),
    )
    closed = CaseClosed(
        "trading", command.case_seq, command.reason, actor=context.actor, partition=context.partition
    )
    return [resolved, closed]


def correction_of(command: ResolveExecConflict, fill: FillState, context: Context) -> ReportTradeCorrect:
    """The report that an operator makes of the right terms, in the venue's place."""
    return ReportTradeCorrect(
        OPERATOR,
        0,
        0,
        command.symbol,
        command.exchange,
        fill.order,
        f"resolved-{command.case_seq}",
        command.execution_id,
        command.trade_date,
        command.qty,
        command.px,
        command.fee,
        command.fee_ccy,
        context.now_ns,
        command.account,
    )


def decide_confirm(
    epoch: int, confirmed: tuple[int, int], stepped_seq: int, command: ConfirmRecovery, context: Context
) -> list[RecoveryConfirmed] | Repeated:
    """RecoveryConfirmed of this epoch; Repeated if it was, and the clock has not stepped since.

    `confirmed` is (epoch, seq) of the newest confirmation, `stepped_seq` of the newest ClockSampled.
    """
    if confirmed[0] >= epoch and confirmed[1] > stepped_seq:
        return Repeated(0, confirmed[1])
    return [RecoveryConfirmed(epoch, command.reason, *_by(command, context))]


def decide_resume(
    stopped: str, epoch: int, resumed: tuple[int, int], command: ResumePartition, context: Context
) -> list[PartitionResumed] | Rejection | Repeated:
    """PartitionResumed; Repeated where nothing is stopped and this start was resumed already.

    `stopped` says what keeps new orders out now, "" for nothing; `resumed` is (epoch, seq) of the newest resumption.
    """
    if command.partition != context.partition:
        detail = f"this is partition {context.partition}, not {command.partition}"
        return Rejection(Code.WRONG_PARTITION, detail)
    if not stopped and resumed[0] >= epoch:
        return Repeated(0, resumed[1])
    return [PartitionResumed(command.partition, epoch, command.reason, stopped, *_by(command, context))]
