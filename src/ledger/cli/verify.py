"""`ledger verify`: check every byte of a journal, change nothing, say what is wrong and what to type next."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

from cyclopts import App, Parameter

from ledger.cli.attestation import check_against
from ledger.cli.exits import DIFFERENCE
from ledger.cli.options import ConfigFile, Json, Sets, data_directory
from ledger.cli.output import print_json
from ledger.cli.replay import progress
from ledger.cli.verify_beside import run_beside, verify_whole
from ledger.journal import Report

app = App(name="verify", help="Verify a journal, a partition of it or one segment file.")


@app.default
def verify_command(
    path: Annotated[
        Path | None, Parameter(help="Data directory, partition directory or segment file.")
    ] = None,
    /,
    *,
    data: Annotated[Path | None, Parameter(name="--data", help="The same as PATH.")] = None,
    against: Annotated[
        list[Path] | None,
        Parameter(
            name="--against", help="An attestation that must still be true; may be repeated.", negative=()
        ),
    ] = None,
    public_key: Annotated[
        Path | None, Parameter(name="--public-key", help="Whose attestations are meant: a PEM file.")
    ] = None,
    config: ConfigFile = None,
    sets: Sets = None,
    as_json: Json = False,
) -> int:
    """Check hashes, chain, sequence, manifests; beside a running ledger, up to its head. Exit 1 if anything is wrong."""
    directory = data_directory(path or data, config, sets)
    found, state = run_beside(verify_whole, str(directory), progress("verifying bytes"))
    report = _with_attestations(found, directory, against or (), public_key)
    journals = _journals(report, state)
    problems = [
        {"file": it.file, "place": it.place, "what": it.what, "next": it.next} for it in report.problems
    ]
    if as_json:
        lineage = state.get("lineage", "")
        print_json(
            {
                "ok": report.ok,
                "problems": problems,
                "notices": report.notices,
                "lineage": lineage,
                "journals": journals,
            }
        )
    else:
        for name, parts in journals.items():
            for part in parts:
                print(
                    f"{part['head']!s:<20} {name} whole: {part['events']:,} events in {part['frames']:,} frames"
                )
        for notice in report.notices:
            print(f"notice: {notice}", file=sys.stderr)
        for it in report.problems:
            print(f"{it.file} {it.place}: {it.what}\n  next: {it.next}")
        print("ok" if report.ok else f"{len(report.problems)} problem(s)")
    return 0 if report.ok else DIFFERENCE


def _with_attestations(
    report: Report, directory: Path, files: Sequence[Path], public_key: Path | None
) -> Report:
    """The report with what each statement convicts the journal of. Raises Rejected where one is no statement."""
    problems, notices = list(report.problems), list(report.notices)
    for file in files:
        wrong, said = check_against(directory, file, public_key)
        problems += wrong
        if not wrong:
            whose = f"key {said['key']}" + (
                "" if public_key else ", which nobody vouched for: see --public-key"
            )
            notices.append(f"holds everything attested at {said['attested_at']} by {whose}")
    return Report(problems, notices, report.heads)


def _journals(report: Report, state: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    journals: dict[str, list[dict[str, Any]]] = {"trading": [], "market": []}
    for found in report.heads:
        part: dict[str, Any] = {
            "partition": found.partition,
            "epoch": found.head.epoch,
            "head": f"{found.journal}/{found.partition}:{found.head.seq}",
            "settled": f"{found.journal}/{found.partition}:{found.settled.seq}",
            "chain": found.head.chain_hash.hex(),
            "frames": found.frames,
            "events": found.events,
        }
        for folded in state.get("journals", {}).get(found.journal, ()):
            if folded["partition"] == found.partition:
                part |= {"digest": folded["digest"], "recorded_at": folded["recorded_at"]}
        journals[found.journal].append(part)
    return journals
