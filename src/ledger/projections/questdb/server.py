"""QuestDB's three doors: rows by ILP, statements by HTTP, reading by the PostgreSQL wire protocol.

An acknowledged flush is not visible yet: `wait_visible` is the barrier, and it also tells a suspended table, whose
rows are acknowledged and never shown, and sets it going again.
"""

from __future__ import annotations

import base64
import http
import http.client
import json
import time
import urllib.parse
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final, final

import psycopg
from msgspec import Struct
from questdb import QuestDBError, Sender, TimestampNanos

from ledger.config import Settings
from ledger.projections.contract import Row
from ledger.projections.errors import Poison, SinkDown
from ledger.projections.questdb.tables import names_of, symbols_of

_VISIBLE_S: Final = 30.0
_REFUSED: Final = ("could not parse", "cast error", "error in line", "invalid", '"code"')

SPARE_MIN: Final = 4
SPARE_MAX: Final = 12
"""Empty buffers that are kept: two batches need a few each."""


@final
class Piece(Struct, frozen=True):
    """Rows to be sent in one flush."""

    table: str
    rows: Sequence[Row]
    filled: Any
    """A buffer with them; None: not encoded yet."""
    of: list[Any]
    """Whose buffer it is: they are of one sender's protocol."""


@final
class Server:
    """One server, reached anew after each failure."""

    def __init__(self, settings: Settings) -> None:
        self._server = settings.questdb.server
        self._timeout_s = settings.questdb.performance.query_timeout_ms / 1000
        self._connection = settings.questdb.connection
        self.is_tcp = self._connection.protocol == "ilp"
        port = settings.questdb.ingestion.ilp.port if self.is_tcp else self._server.http_port
        self._address = f"{self._server.host}:{port}"
        self._sender: Sender | None = None
        self._spare: list[Any] = []
        """Empty buffers of this sender, whoever fills them."""
        self._http: http.client.HTTPConnection | None = None

    def close(self) -> None:
        """Let the sender go; what it had not flushed is in doubt and comes again."""
        self._drop_http()
        self._spare = []
        sender, self._sender = self._sender, None
        if sender is not None:
            sender.close(flush=False)  # type: ignore[reportUnknownMemberType]

    def exec(self, statement: str) -> list[list[Any]]:
        """A statement by HTTP; its rows. Raises SinkDown."""
        where = f"/exec?{urllib.parse.urlencode({'query': statement})}"
        headers = {"Authorization": f"Basic {self._token()}"} if self._server.user else {}
        try:
            status, content = self._get(where, headers)
            said = json.loads(content)
        except (OSError, http.client.HTTPException, ValueError) as error:
            self._drop_http()
            raise SinkDown(
                f"QuestDB at {self._address} does not answer: {error or type(error).__name__}"
            ) from error
        if status != http.HTTPStatus.OK and "error" not in said:
            raise SinkDown(f"QuestDB at {self._address} answers {status}: {content[:200]!r}")
        if "error" in said:
            raise SinkDown(f"QuestDB at {self._address}: {statement[:60]}: {said['error']}")
        return said.get("dataset", [])

    def _get(self, where: str, headers: dict[str, str]) -> tuple[int, bytes]:
        """Over one connection, which is kept."""
        if self._http is None:
            self._http = http.client.HTTPConnection(
                self._server.host, self._server.http_port, timeout=self._timeout_s
            )
        self._http.request("GET", where, headers=headers)
        answer = self._http.getresponse()
        content = answer.read()
        if answer.status == http.HTTPStatus.UNAUTHORIZED:
            self._drop_http()
            raise SinkDown(
                f"QuestDB at {self._address} refuses user {self._server.user!r}",
                "questdb.server.user and password_file say who we are",
            )
        return answer.status, content

    def _drop_http(self) -> None:
        connection, self._http = self._http, None
        if connection is not None:
            connection.close()

    def _token(self) -> str:
        return base64.b64encode(f"{self._server.user}:{self._password()}".encode()).decode()

    def piece(self, table: str, rows: Sequence[Row]) -> Piece:
        """Rows of one kind for a table, encoded where there is a buffer to spare; from any thread."""
        spare = self._spare
        try:
            filled = spare.pop()
        except IndexError:
            return Piece(table, rows, None, spare)
        try:
            _fill(filled, table, rows)
        except (QuestDBError, ValueError, TypeError, OverflowError):
            return Piece(table, rows, None, spare)  # `send` says which row it is
        return Piece(table, rows, filled, spare)

    def keep(self, pieces: Sequence[Piece]) -> None:
        """Empty the buffers of these for others, and see that a few are there."""
        for piece in pieces:
            if piece.filled is not None and piece.of is self._spare and len(self._spare) < SPARE_MAX:
                piece.filled.clear()
                self._spare.append(piece.filled)
        while self._sender is not None and len(self._spare) < SPARE_MIN:
            self._spare.append(self._sender.new_buffer())

    def send(self, piece: Piece) -> None:
        """Over HTTP the rows are acknowledged, all or none; over TCP only `wait_visible` can tell.

        The piece stays as it is, to be sent again. Raises SinkDown; Poison naming the row, where one row alone is refused.
        """
        table, rows = piece.table, piece.rows
        try:
            self._flush(piece)
        except QuestDBError as error:
            self.close()
            if not any(part in str(error) for part in _REFUSED):
                raise SinkDown(f"QuestDB at {self._address}: {error}") from error
            if len(rows) == 1:
                raise Poison(rows[0].table, rows[0].key, str(error)) from error
            # One bad row rejects the whole flush: halve until it stands alone.
            half = len(rows) // 2
            self.send(Piece(table, rows[:half], None, []))
            self.send(Piece(table, rows[half:], None, []))
        except OSError as error:
            self.close()
            raise SinkDown(f"QuestDB at {self._address}: {error}") from error

    def _flush(self, piece: Piece) -> None:
        sender = self._sender or self._establish()
        buffer = piece.filled
        if buffer is None or piece.of is not self._spare:  # of a sender that is gone
            buffer = sender.new_buffer()
            _fill(buffer, piece.table, piece.rows)
        sender.flush(buffer, clear=False)  # type: ignore[reportUnknownMemberType]

    def _establish(self) -> Sender:
        way = "tcp" if self.is_tcp else "http"
        options = "" if self.is_tcp else f"retry_timeout=0;request_timeout={int(self._timeout_s * 1000)};"
        if self._server.user and not self.is_tcp:
            options += f"username={self._server.user};password={self._password().replace(';', ';;')};"
        sender = Sender.from_conf(  # type: ignore[reportUnknownMemberType]
            f"{way}::addr={self._address};auto_flush=off;init_buf_size={self._connection.buffer_size};{options}"
        )
        sender.establish()  # type: ignore[reportUnknownMemberType]
        self._sender = sender
        return sender

    def _password(self) -> str:
        """Read anew each time, so that a rotated one is taken up."""
        file = self._server.password_file
        try:
            return Path(file).read_text().strip() if file else ""
        except OSError as error:
            raise SinkDown(
                f"questdb.server.password_file: {file} cannot be read: {error.strerror}"
            ) from error

    def wait_visible(self, *tables: str) -> None:
        """Return once everything sent is shown to readers. Raises SinkDown, also for a table that was suspended."""
        deadline = time.monotonic() + _VISIBLE_S
        names = ", ".join(f"'{table}'" for table in tables)
        while True:
            found = self.exec(
                f"select name, suspended, writerTxn, sequencerTxn from wal_tables() where name in ({names})"
            )
            missing = {*tables} - {name for name, *_ in found}
            if missing:
                raise SinkDown(f"QuestDB at {self._address} has no table {min(missing)} with a WAL")
            for table, suspended, *_ in found:
                if suspended:
                    self.exec(f"ALTER TABLE {table} RESUME WAL")
                    raise SinkDown(
                        f"QuestDB's table {table} was suspended and is set going again",
                        "see its log for the reason, a full disk most often",
                    )
            behind = {
                table: sequenced - written for table, _, written, sequenced in found if written != sequenced
            }
            if not behind:
                return
            if time.monotonic() > deadline:
                raise SinkDown(f"QuestDB's tables lag behind, in transactions: {behind}")
            time.sleep(0.002)

    def read(self, statement: str) -> Iterator[tuple[Any, ...]]:
        """Rows by the PostgreSQL wire protocol, streamed. Raises SinkDown."""
        server = self._server
        try:
            with psycopg.connect(
                host=server.host, port=server.pg_port, user=self._server.user or "admin",
                password=self._password() or "quest", dbname="qdb",
                autocommit=True, prepare_threshold=None, connect_timeout=5,
            ) as connection, connection.cursor(binary=True) as cursor:  # fmt: skip
                yield from cursor.stream(statement.encode())
        except psycopg.Error as error:
            raise SinkDown(f"QuestDB at {server.host}:{server.pg_port}: {error}") from error


def _fill(buffer: Any, table: str, rows: Sequence[Row]) -> None:
    names, symbols = names_of(rows[0].table), symbols_of(rows[0].table)  # which come first
    columns, first, at = (*names[len(symbols) :], "seq"), len(symbols), names.index("ts_ns")
    put = buffer.row
    for row in rows:
        values = row.values
        put(
            table,
            symbols=dict(zip(symbols, values, strict=False)),
            columns=dict(zip(columns, (*values[first:], row.version), strict=True)),  # None is left out
            at=TimestampNanos(values[at]),
        )
