"""A strategy: buys a lot, waits until it is filled, sells it again, and says what it made.

    strategy.py DATA ROUNDS

It knows what happened from the stream alone, which neither loses nor repeats an event, so it may be killed: it goes on
from the place that it acknowledged last, and its orders have ids that follow from the round, so none is sent twice.
"""

import sys
from decimal import Decimal

from ledger.client import RejectedError, connect

NAME, SYMBOL, EXCHANGE, LOT, PX = "ROUND", "SIM.SHARE", "SIM", 100, Decimal("181.25")
OPEN_ENDS = ("OrderFilled", "OrderRejected", "OrderCanceled", "OrderExpired")


def order_of(turn):
    side = "BUY" if turn % 2 == 0 else "SELL"
    return {"client_order_id": f"{NAME}-{turn}", "strategy_id": NAME, "symbol": SYMBOL, "exchange": EXCHANGE,
            "side": side, "order_type": "LIMIT", "qty": LOT, "px": PX, "time_in_force": "DAY"}  # fmt: skip


def send(ledger, turn):
    try:
        ledger.submit_order(**order_of(turn))
    except RejectedError as error:  # sent before we were killed, under another command_id
        if error.name != "DUPLICATE_CLIENT_ORDER_ID":
            raise


def main(data, rounds):
    turns = 2 * int(rounds)
    with connect(data) as ledger:
        ledger.define_strategy(strategy_id=NAME, account="SIM")
        turn = sum(row["cum_qty"] == LOT for row in ledger.query("orders", strategy=NAME))
        events = ledger.subscribe(name=f"strategy/{NAME}", strategy=NAME, types=OPEN_ENDS)
        while turn < turns:
            send(ledger, turn)
            order = ledger.order(symbol=SYMBOL, client_order_id=order_of(turn)["client_order_id"])
            while order["cum_qty"] < LOT:
                event = next(events)
                ledger.acknowledge(f"strategy/{NAME}", event["place"])
                order = ledger.order(symbol=SYMBOL, client_order_id=order_of(turn)["client_order_id"])
            turn += 1
        position = ledger.position(NAME, SYMBOL)
        print(f"position {position['qty']}, realized {position['realized']}", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
