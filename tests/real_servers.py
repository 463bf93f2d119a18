"""Real servers for tests: each is started once a session, by the first test that asks; a missing one is a named skip.

With LEDGER_REQUIRE_SERVERS=1 (`tools/test` sets it where they could be installed) a missing one fails instead.
"""

from __future__ import annotations

import atexit
import os
import tempfile
from functools import cache
from pathlib import Path
from typing import NoReturn

import pytest

from ledger.testing.servers import EVERY_SERVER, Missing, Server


@cache
def real_server(name: str) -> Server:
    """The running server of that name, in a directory of this test process that ends with it."""
    directory = Path(tempfile.mkdtemp(prefix=f"ledger-test-{name}-"))
    directory.chmod(0o755)
    server = EVERY_SERVER[name](directory / name)
    pid = os.getpid()

    def remove() -> None:
        if os.getpid() == pid:  # a forked child must not take it away
            server.remove()
            directory.rmdir()

    atexit.register(remove)
    try:
        server.start()
    except Missing as missing:
        lacking(missing)
    return server


def lacking(missing: Missing) -> NoReturn:
    """Skip the test by the server's name, or fail it where servers are required."""
    if os.environ.get("LEDGER_REQUIRE_SERVERS") == "1":
        raise missing
    pytest.skip(str(missing))
