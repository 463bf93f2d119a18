"""What a projection into a store behind a server must keep as well, as tests for pytest.

A cut connection is a proxy that closes it in the middle of a batch; want of space is the server's own.
"""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from ledger.projections import Projection
from ledger.testing.projection_contract import ProjectionContract, Store
from ledger.testing.proxy import Proxy
from ledger.testing.running import Followed


class ServerStore(Store, Protocol):
    """A store behind a server that a test may stop."""

    address: tuple[str, int]
    """Where the server listens."""

    def sink_at(self, address: tuple[str, int], *, password: str | None = None) -> Projection:
        """A sink that goes to another address (a proxy), or with another password."""
        ...

    def stop_server(self) -> None:
        """Stop it as an operator does; what it has taken must survive if the product says so."""
        ...

    def start_server(self) -> None:
        """Start it again at the same address."""
        ...

    def fill_space(self) -> None:
        """From now on the server finds no room for more: memory or disk, whichever it stores in."""
        ...

    def free_space(self) -> None:
        """There is room again."""
        ...


class ServerContract(ProjectionContract):
    """More, for a sink behind a server."""

    def store(self, directory: Path) -> ServerStore:
        raise NotImplementedError

    def test_a_stopped_server_is_waited_for_and_the_projection_catches_up(self, tmp_path: Path) -> None:
        with self.journal(tmp_path) as made:
            store = self.store(tmp_path)
            with Followed(self.runner(made, store.sink())) as followed:
                followed.wait_seq(made)
                store.stop_server()
                try:
                    made.trade(5)
                    made.quote(5)
                    followed.wait(lambda status: status.state == "waiting" and status.error != "")
                finally:
                    store.start_server()
                followed.wait_seq(made)
            self.must_equal_fold(made, store)

    def test_a_server_that_is_not_there_yet_is_waited_for(self, tmp_path: Path) -> None:
        with self.journal(tmp_path) as made:
            store = self.store(tmp_path)
            store.stop_server()
            try:
                with Followed(self.runner(made, store.sink())) as followed:
                    followed.wait(lambda status: status.state == "waiting")
                    store.start_server()
                    followed.wait_seq(made)
            finally:
                store.start_server()
            self.must_equal_fold(made, store)

    def test_a_connection_cut_amid_batches_leaves_the_same_effect(self, tmp_path: Path) -> None:
        with self.journal(tmp_path) as made:
            store = self.store(tmp_path)
            # Each connection ends after so many bytes from the sink: within the start, within batches, after them.
            cuts = [700, 2500, 4000, 6000, 9000, 14_000, 20_000, 30_000]
            with Proxy(store.address, cut_after=cuts) as proxy:
                runner = self.runner(made, store.sink_at(proxy.address))
                with Followed(runner) as followed:
                    followed.wait_seq(made)
                assert proxy.cuts >= 2, "nothing was cut"
            self.must_equal_fold(made, store)

    def test_a_slow_server_is_only_slow(self, tmp_path: Path) -> None:
        with self.journal(tmp_path) as made:
            store = self.store(tmp_path)
            with (
                Proxy(store.address, delay_s=0.003) as proxy,
                Followed(self.runner(made, store.sink_at(proxy.address))) as followed,
            ):
                followed.wait_seq(made)
            self.must_equal_fold(made, store)

    def test_a_server_out_of_space_is_waited_for_and_nothing_is_lost(self, tmp_path: Path) -> None:
        with self.journal(tmp_path) as made:
            store = self.store(tmp_path)
            with Followed(self.runner(made, store.sink())) as followed:
                followed.wait_seq(made)
                store.fill_space()
                try:
                    made.trade(20)
                    made.quote(20)
                    followed.wait(lambda status: status.state == "waiting" and status.error != "")
                finally:
                    store.free_space()
                made.trade(2)
                status = followed.wait_seq(made)
                assert status.parked == 0, "want of space is no fault of a row"
            self.must_equal_fold(made, store)

    def test_a_wrong_password_writes_nothing_and_says_so(self, tmp_path: Path) -> None:
        with self.journal(tmp_path) as made:
            store = self.store(tmp_path)
            sink = store.sink_at(store.address, password="certainly not this one")
            with Followed(self.runner(made, sink)) as followed:
                status = followed.wait(lambda status: status.state == "waiting")
                assert status.error
                assert "certainly not this one" not in status.error
            assert dict(store.contents()) == {}
