"""Messages of the doors, pure: commands, facts, queries and answers as JSON and as msgpack."""

from ledger.wire.decode import (
    Batch,
    Malformed,
    TextMessage,
    decode_answers,
    decode_batch,
    encode_answers,
    encode_messages,
)
from ledger.wire.messages import (
    Answer,
    Committed,
    FactCommitted,
    Page,
    Query,
    QueryRefused,
    Refused,
    Rejected,
    Unavailable,
    answer_json,
    parse_place,
    show_place,
)
from ledger.wire.text import Misfit, parse_order_id, read, show, show_order_id, text_type

__all__ = [
    "Answer",
    "Batch",
    "Committed",
    "FactCommitted",
    "Malformed",
    "Misfit",
    "Page",
    "Query",
    "QueryRefused",
    "Refused",
    "Rejected",
    "TextMessage",
    "Unavailable",
    "answer_json",
    "decode_answers",
    "decode_batch",
    "encode_answers",
    "encode_messages",
    "parse_order_id",
    "parse_place",
    "read",
    "show",
    "show_order_id",
    "show_place",
    "text_type",
]
