"""The one start that `ledger resume` makes of a stopped ledger, so that its journal says who let it go on, and why.

Each partition is recovered, takes one command, and is stopped cleanly; no door is opened.
"""

from __future__ import annotations

import functools
import time
from pathlib import Path
from typing import Final

import trio
import uuid_utils

from ledger.config import Settings
from ledger.domain.operator_commands import ResumePartition
from ledger.engine import Engine
from ledger.engine_wiring import engine_settings
from ledger.errors import Unavailable
from ledger.journal import DataDirectory, Head, create_or_open
from ledger.wire import Answer, Committed, show_place

ACTOR: Final = "resume"
Heads = dict[tuple[str, int], Head]


def resume_partitions(data: Path, settings: Settings, reason: str, on_behalf_of: str) -> list[str]:
    """Journal a PartitionResumed in every partition; the places of them. Blocks.

    Raises Refused where another process owns the directory, Corrupt, StorageError, Unavailable.
    """
    directory = create_or_open(data, partitions=settings.engine.partitions, command="resume")
    heads: Heads = {}
    done = False
    try:
        places: list[str] = []
        for number in range(directory.partitions):
            command = ResumePartition(uuid_utils.uuid7().bytes, number, reason, on_behalf_of)
            place, its = trio.run(_resumed, directory, settings, command)
            places.append(place)
            heads |= its
        done = True
        return places
    finally:
        directory.close(heads if done else None)


async def _resumed(
    directory: DataDirectory, settings: Settings, command: ResumePartition
) -> tuple[str, Heads]:
    engine = Engine(directory, command.partition, engine_settings(settings))
    engine.open(trio.lowlevel.current_trio_token())
    answers: list[Answer] = []
    try:
        async with trio.open_nursery() as nursery:
            await nursery.start(engine.run)
            answered = trio.Event()
            engine.submit_nowait(
                "commands",
                [command],
                actor=ACTOR,
                received_at_ns=time.time_ns(),
                reply=functools.partial(_keep, answers, answered),
            )
            nursery.start_soon(_release_at_failure, engine, answered)
            await answered.wait()
            engine.stop()
            await engine.wait_ended()
            nursery.cancel_scope.cancel()
    finally:
        heads = engine.close()
    if heads is None or not answers or not isinstance(answers[0], Committed):
        raise Unavailable(
            f"partition {command.partition} could not be resumed: {engine.failed or answers}",
            "see `ledger verify`",
        )
    return show_place("trading", command.partition, answers[0].seq), heads


def _keep(answers: list[Answer], answered: trio.Event, given: list[Answer]) -> None:
    answers += given
    answered.set()


async def _release_at_failure(engine: Engine, answered: trio.Event) -> None:
    await engine.wait_failed()
    answered.set()
