"""The client library: `connect` for a blocking client, `open_client` for a trio one; both have the same calls.

    with connect("127.0.0.1:5557") as ledger:
        order = ledger.submit_order(client_order_id="c1", strategy_id="S1", symbol="AAPL", exchange="NASDAQ",
                                    side="BUY", order_type="LIMIT", qty=100, px=Decimal("10.05"))

A call that returns has been made durable. A command is never applied twice, however often it is sent.
"""

from ledger.client.async_client import AsyncClient, open_client
from ledger.client.blocking import Client, connect
from ledger.client.conversation import ConversationStatistics
from ledger.client.desk import Message, Options, Outcome, new_command_id
from ledger.client.errors import InDoubtError, NotReachable, RefusedError, RejectedError
from ledger.client.subscription import Subscription

__all__ = [
    "AsyncClient",
    "Client",
    "ConversationStatistics",
    "InDoubtError",
    "Message",
    "NotReachable",
    "Options",
    "Outcome",
    "RefusedError",
    "RejectedError",
    "Subscription",
    "connect",
    "new_command_id",
    "open_client",
]
