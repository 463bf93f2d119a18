"""Libraries that come with extras: what an import that fails asks for, in one line."""

from __future__ import annotations

from typing import Final

from ledger.errors import Rejected

EXTRA_OF: Final = {
    "psycopg": "postgres",
    "redis": "redis",
    "hiredis": "redis",
    "questdb": "questdb",
    "confluent_kafka": "kafka",
    "clickhouse_connect": "clickhouse",
    "boto3": "s3",
    "botocore": "s3",
    "matplotlib": "plot",
    "exchange_calendars": "calendars",
}
"""By the library's module: the extra of this program that installs it."""


def missing_extra(error: ImportError, what: str = "this") -> Rejected | None:
    """What to install, where a library of an extra is absent; None: the import failed for another reason."""
    module = (error.name or "").partition(".")[0]
    extra = EXTRA_OF.get(module)
    if extra is None:
        return None
    return Rejected(f"{what} needs the library {module}", f"type: pip install 'ledger-engine[{extra}]'")
