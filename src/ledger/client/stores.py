"""Reading from the databases behind the ledger: open orders, positions, fills, as small functions over each store.

What a store does not have is None or an empty list and means *unknown here, at this place*: never zero, never "no
orders". A store that cannot be asked raises; it never answers with nothing. `place` says up to where a store has come.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self, final

from ledger.config import Settings, load
from ledger.errors import Rejected
from ledger.projections.errors import SinkDown

Row = dict[str, Any]


class Store(Protocol):
    """What every store can be asked. Raises Unavailable where it cannot be reached."""

    def place(self) -> str | None:
        """Up to where it has the trading journal, such as `trading/0:123`; None: it holds nothing."""
        ...

    def open_orders(self, *, strategy: str = "", symbol: str = "") -> list[Row]:
        """Orders that can still trade, by order_id."""
        ...

    def position(self, strategy: str, symbol: str) -> Row | None:
        """One position; None: not known here."""
        ...

    def top_levels(self, symbol: str, count: int) -> Row | None:
        """The best levels of both sides; None: not known here. Raises Rejected where a store keeps no books."""
        ...

    def close(self) -> None:
        """Let the connection go."""
        ...


@final
class PostgresStore:
    """Reads what the projection into PostgreSQL wrote; a context manager. Rows have the tables' own columns."""

    def __init__(
        self, settings: Settings | None = None, *, config: Path | None = None, partition: int = 0
    ) -> None:
        """From settings, or from a configuration file as `serve` takes it. Connects at the first question."""
        from ledger.projections.postgres import Target  # psycopg is an extra

        chosen = settings or load(config).settings
        self._target = Target.of(chosen)
        self._schema = chosen.postgresql.connection.schema
        self._partition = partition
        self._connection: Any = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def place(self) -> str | None:
        """Up to where the rows go."""
        found = self._rows(
            "select journal, seq from ledger_offset where partition = %s and journal = 'trading'",
            [self._partition],
        )
        return f"{found[0]['journal']}/{self._partition}:{found[0]['seq']}" if found else None

    def open_orders(self, *, strategy: str = "", symbol: str = "") -> list[Row]:
        """Rows of the view open_orders."""
        return self._filtered("select * from open_orders", "order_id", strategy_id=strategy, symbol=symbol)

    def orders(self, *, strategy: str = "", symbol: str = "", client_order_id: str = "") -> list[Row]:
        """Rows of the table orders."""
        return self._filtered(
            "select * from orders",
            "order_id",
            strategy_id=strategy,
            symbol=symbol,
            client_order_id=client_order_id,
        )

    def fills(self, *, strategy: str = "", symbol: str = "") -> list[Row]:
        """Rows of the table fills, busted ones too: `counts` tells."""
        return self._filtered("select * from fills", "fill_id", strategy_id=strategy, symbol=symbol)

    def positions(self, *, strategy: str = "", symbol: str = "") -> list[Row]:
        """Rows of the table positions."""
        return self._filtered(
            "select * from positions", "strategy_id, symbol", strategy_id=strategy, symbol=symbol
        )

    def position(self, strategy: str, symbol: str) -> Row | None:
        """One row of the table positions."""
        return next(iter(self.positions(strategy=strategy, symbol=symbol)), None)

    def daily_pnl(self, trade_date: str) -> list[Row]:
        """Rows of the view daily_pnl of one day."""
        return self._filtered("select * from daily_pnl", "strategy_id, symbol", trade_date=trade_date)

    def top_levels(self, symbol: str, count: int) -> Row | None:
        """Books are not kept here."""
        raise Rejected("PostgreSQL holds no books", "ask the ledger itself, or Redis")

    def close(self) -> None:
        """Safe to call again."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _filtered(self, select: str, order: str, **filters: str) -> list[Row]:
        given = {name: value for name, value in filters.items() if value}
        where = " and ".join(f"{name} = %s" for name in given)
        return self._rows(
            f"{select}{' where ' + where if where else ''} order by {order}", list(given.values())
        )

    def _rows(self, text: str, values: Sequence[Any]) -> list[Row]:
        import psycopg
        from psycopg import sql
        from psycopg.rows import dict_row

        try:
            if self._connection is None or self._connection.closed:
                self._connection = self._target.connect("reader")
                path = sql.SQL("set search_path to {}").format(sql.Identifier(self._schema))
                self._connection.execute(path)
            with self._connection.cursor(row_factory=dict_row) as cursor:
                return cursor.execute(text, values).fetchall()
        except psycopg.errors.UndefinedTable:
            raise SinkDown(
                f"schema {self._schema} holds no projection yet", "start it: projections.postgres.enabled"
            ) from None
        except psycopg.Error as error:
            self.close()
            raise self._target.down(error) from error


@final
class RedisStore:
    """Reads what the projection into Redis wrote; a context manager. Positions and books; orders are not kept there."""

    def __init__(
        self, settings: Settings | None = None, *, config: Path | None = None, partition: int = 0
    ) -> None:
        """From settings, or from a configuration file as `serve` takes it. Connects at the first question."""
        from ledger.projections.redis.reading import Reader  # redis is an extra

        self._reader = Reader(settings or load(config).settings, partition)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def place(self) -> str | None:
        """Up to where the keys go."""
        return self._reader.place()

    def open_orders(self, *, strategy: str = "", symbol: str = "") -> list[Row]:
        """Orders are not kept here."""
        raise Rejected("Redis holds no orders", "ask the ledger itself, or PostgreSQL")

    def positions(self, *, strategy: str = "", symbol: str = "") -> list[Row]:
        """Every position that is there, by strategy and symbol."""
        return self._reader.positions(strategy, symbol)

    def position(self, strategy: str, symbol: str) -> Row | None:
        """One hash, the seed's fields and the exact ones beside them."""
        return self._reader.position(strategy, symbol)

    def top_levels(self, symbol: str, count: int) -> Row | None:
        """Best first, (price, size) as text; `status` says whether the book can be trusted."""
        return self._reader.top_levels(symbol, count)

    def close(self) -> None:
        """Safe to call again."""
        self._reader.close()
