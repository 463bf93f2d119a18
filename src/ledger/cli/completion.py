"""`ledger completion`: a script that completes commands and options in a shell."""

from __future__ import annotations

from importlib import import_module
from typing import Annotated, Literal

from cyclopts import App, Parameter

app = App(name="ledger completion", help="Print a completion script for a shell.", version_flags=[])

Shell = Annotated[Literal["bash", "zsh", "fish"], Parameter(help="Which shell reads the script.")]


@app.default
def completion(shell: Shell = "bash", /, *, name: str = "ledger") -> int:
    """Print the script. For bash: `eval "$(ledger completion bash)"`, or into a file of bash-completion's directory.

    NAME is the program's, `ledger-engine` where another `ledger` is installed.
    """
    print(whole_program(name).generate_completion(prog_name=name, shell=shell))
    return 0


def whole_program(name: str = "ledger") -> App:
    """Every command in one app, which takes longer to load than any single one: only for what must see them all."""
    from ledger.cli import COMMANDS

    whole = App(name=name, version_flags=[])
    for word in COMMANDS:
        whole.command(import_module(f"ledger.cli.{word}").app, name=word)
    return whole
