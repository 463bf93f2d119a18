"""The command line: `ledger COMMAND ...`, one file a command, none imported before it is asked for."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Any, Final

from ledger.cli.exits import refused

COMMANDS: Final = {
    "serve": "run a ledger until SIGTERM; prints `ready {json}` when it takes commands",
    "demo": "serve, simulate, kill -9 in the middle, restart, and prove that nothing was lost or doubled",
    "define": "make instruments and strategies known, from YAML or CSV",
    "feed": "send a capture of a venue through the market door, or check it without a ledger",
    "simulate": "trade against a seeded venue and compare the ledger with books kept beside it",
    "send": "send commands as JSON, print the answers",
    "cancel": "ask the venue to cancel orders",
    "kill": "engage and release the kill switch, and say what is engaged",
    "trading": "open, reduce or halt trading of a scope, and say what is set",
    "limits": "show and set risk limits",
    "adjust": "change a position without a fill; a second person approves",
    "transfer": "move part of a position to another strategy of its account",
    "anomalies": "close a case, once it is dealt with",
    "entity": "release what a fault has set aside",
    "confirm": "say that what a restart recovered is right, so that new orders may come",
    "resume": "let a ledger go on that stopped, or that takes no new orders since its clock stepped",
    "why": "the records that made an order or a position what it is",
    "status": "one line and an exit code: ready, or why not",
    "show": "head, orders, fills, positions, book and everything else that can be asked",
    "replay": "fold a journal again, offline",
    "verify": "check a journal, offline; changes nothing",
    "at": "orders, positions and books as they were at a time or a place",
    "attest": "sign what the journal holds, so that a later rewrite can be proved",
    "journal": "list, print, export, copy and cut what is on disk",
    "keys": "make keys of doors and clients, and of attestations",
    "config": "check, explain and adopt configurations",
    "recover": "from a copy of the journal alone back to everything: engine, index, databases",
    "projections": "how far each projection is; audit, rebuild, switch and roll back",
    "engine": "run one partition as a process of its own; `serve` runs one for each",
    "project": "follow the journal into a database; `serve` runs it as its child where it is switched on",
    "completion": "a script that completes commands and options in a shell",
}
"""Each is `app` in the module of its name."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; the exit code: 0 good, 1 a difference or damage, 2 usage or refusal, 3 not reachable."""
    tokens = list(sys.argv[1:] if argv is None else argv)
    tokens = with_keys(tokens)
    name = tokens[0] if tokens else "--help"
    if name in ("--help", "-h", "help"):
        print(_overview())
        return 0 if tokens else 2
    if name == "--version":
        from importlib.metadata import version

        print(version("ledger-engine"))
        return 0
    if name not in COMMANDS:
        return refused(f"{name!r} is no command", _nearest(name))
    return run(import_module(f"ledger.cli.{name}").app, tokens[1:])


def with_keys(tokens: Sequence[str]) -> list[str]:
    """`--key FILE` and `--server-key KEY` of any command as the settings that they are.

    `attest` speaks to no ledger: its key is one that signs.
    """
    if tokens and tokens[0] == "attest":
        return list(tokens)
    settings = {"--key": "client.key_file", "--server-key": "client.server_key"}
    out: list[str] = []
    rest = iter(tokens)
    for token in rest:
        option, equals, value = token.partition("=")
        if option not in settings:
            out.append(token)
            continue
        given = value if equals else next(rest, "")
        out += ["--set", f"{settings[option]}={_as_text(given)}"]
    return out


def _as_text(value: str) -> str:
    """A text in YAML's quotes: a key may begin with what means something else there."""
    return "'" + value.replace("'", "''") + "'"


def run(app: Any, tokens: Sequence[str]) -> int:
    """Run a cyclopts app; every error that a person can cure becomes one line on stderr and an exit code."""
    from cyclopts import CycloptsError

    from ledger.cli.exits import exit_of

    try:
        code = app(tokens, exit_on_error=False, print_error=False, result_action="return_value")
    except CycloptsError as error:
        line = " ".join(str(error).split())
        return refused(
            line,
            f"`ledger {' '.join(app.name)} --help` shows what can be given".replace(
                "ledger ledger", "ledger"
            ),
        )
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # the reader, such as `head`, has seen enough
        sys.stderr.close()
        return 0
    except Exception as error:
        code = exit_of(error)
        if code is None:
            raise
    return code if isinstance(code, int) else 0


def _nearest(name: str) -> str:
    from difflib import get_close_matches

    found = get_close_matches(name, COMMANDS, 1)
    return f"did you mean `ledger {found[0]}`?" if found else "`ledger --help` lists them"


def _overview() -> str:
    width = max(map(len, COMMANDS))
    lines = [f"  {name:<{width}}  {what}" for name, what in COMMANDS.items()]
    return "\n".join(("usage: ledger COMMAND ...    (ledger COMMAND --help tells more)", "", *lines))
