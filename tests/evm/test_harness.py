"""The harness itself.

Given a small contract on each of the two chains
    When transactions, calls, time, snapshots and forced coin are used
        It should do what a chain does
        It should do the same on both chains, gas included
"""

from __future__ import annotations

from pathlib import Path
from time import sleep
from typing import TYPE_CHECKING

import pytest

from . import anvil_binary, open_backend
from .actors import ACTORS, WEALTH, private_key
from .backend import BLOCK_GAS, CHAIN_ID, GENESIS_TIME, TRANSACTION_GAS, TransactionRefused
from .compile import compiled
from .contract import Contract, Event, Receipt, Reverted, deploy, revert_reason

if TYPE_CHECKING:
    from collections.abc import Callable

    from .backend import Backend

PROBE = compiled("Probe", folder=Path(__file__).parent)
ADMIN, OUTSIDER, PAYEE = ACTORS["admin"], ACTORS["outsider"], ACTORS["payee"]
NOBODY = "0x" + "12" * 20


@pytest.fixture
def probe(backend: Backend) -> Contract:
    return deploy(backend, PROBE, 3, sender=ADMIN)


def test_event_arguments_and_indexed_names(probe: Contract) -> None:
    receipt = probe.write(5, sender=ADMIN, value=2)
    assert receipt.events == [Event("Written", {"number": 5, "writer": ADMIN}, ("number",))]
    assert receipt.logs[0].address == probe.address
    assert probe.number() == 5
    assert probe.backend.balance(probe.address) == 2


def test_overloads_by_arity_and_by_signature(probe: Contract) -> None:
    probe.write(sender=ADMIN)
    assert probe.number() == 7
    probe.fn("write(uint256)").transact(8, sender=ADMIN)
    assert probe.number() == 8
    assert probe.calldata("write") == probe.fn("write()").selector
    assert probe.calldata("write(uint256)", 1) == probe.write.calldata(1)
    with pytest.raises(TypeError, match="2 arguments fit none"):
        probe.write(1, 2, sender=ADMIN)


def test_transaction_needs_a_sender(probe: Contract) -> None:
    with pytest.raises(TypeError, match="needs a sender"):
        probe.write(5)


def test_unknown_function(probe: Contract) -> None:
    with pytest.raises(AttributeError, match="no function read"):
        probe.read()


def test_views_decode(probe: Contract) -> None:
    reading = probe.reading(sender=OUTSIDER)
    assert (reading.owner, reading.number) == (OUTSIDER, 3)
    assert probe.several() == (GENESIS_TIME, probe.address)
    assert probe.surroundings() == (CHAIN_ID, 0, 0, BLOCK_GAS)


def test_call_leaves_no_trace(probe: Contract) -> None:
    assert probe.remember_in_passing.call() == 1
    assert probe.number() == 3


@pytest.mark.parametrize(
    ("name", "args", "reason"),
    [
        ("refuse", ("area: why",), "area: why"),
        ("refuse_silently", (), ""),
        ("refuse_with", (b"\x01\x02",), "0x0102"),
        ("refuse_with", (bytes.fromhex("4e487b71") + (17).to_bytes(32, "big"),), "Panic(0x11)"),
        ("refuse_with", (bytes.fromhex("08c379a0") + b"\xff" * 8,), "0x08c379a0" + "ff" * 8),
        ("burn_gas", (), ""),
    ],
)
def test_refusals(probe: Contract, name: str, args: tuple[object, ...], reason: str) -> None:
    function = getattr(probe, name)
    with pytest.raises(Reverted) as sent:
        function.transact(*args, sender=ADMIN, gas=100_000)
    with pytest.raises(Reverted) as called:
        function.call(*args, gas=100_000)
    assert sent.value.reason == called.value.reason == reason
    assert sent.value.data == called.value.data
    assert (21_000 < sent.value.gas_used < 50_000) or (name == "burn_gas" and sent.value.gas_used == 100_000)
    assert probe.number() == 3


def test_revert_reason_of_long_data() -> None:
    assert revert_reason(b"\x00" * 1_000) == "0x" + "00" * 1_000


def test_transient_storage_ends_with_the_transaction(probe: Contract) -> None:
    first = probe.remember_in_passing(sender=ADMIN)
    second = probe.remember_in_passing(sender=ADMIN)
    assert probe.number() == 1
    # Storage was cold both times, and non-zero and unchanged the second time.
    assert first.gas_used > second.gas_used > 21_000 + 2_100


def test_failed_inner_call_gives_back_what_it_wrote(probe: Contract) -> None:
    probe.backend.set_balance(probe.address, 5)
    probe.try_and_fail(2, sender=ADMIN)
    assert probe.number() == 3 + 2 * 5
    probe.remember_in_passing(sender=ADMIN)
    assert probe.number() == 1


def test_failed_transaction_returns_the_value(probe: Contract) -> None:
    wealth = probe.backend.balance(ADMIN)
    with pytest.raises(Reverted):
        probe.write(1, sender=ADMIN, value=5, gas=22_000)
    assert probe.backend.balance(ADMIN) == wealth


def test_plain_transfer_and_unknown_selector_reach_the_default(probe: Contract) -> None:
    probe.send(sender=ADMIN, value=4)
    probe.send(b"\xde\xad\xbe\xef", sender=ADMIN, value=1)
    assert probe.backend.balance(probe.address) == 5


def test_forced_coin_and_selfdestruct(probe: Contract) -> None:
    backend = probe.backend
    backend.set_balance(probe.address, 77)
    probe.end(NOBODY, sender=ADMIN)
    # Since EIP-6780 the code of an older contract stays; only its coin goes.
    assert (backend.balance(probe.address), backend.balance(NOBODY)) == (0, 77)
    assert backend.code(probe.address) != b""
    assert probe.number() == 3


def test_storage_and_code(probe: Contract) -> None:
    backend = probe.backend
    assert backend.storage(probe.address, 0) == 3
    backend.set_storage(probe.address, 0, 2**255 + 1)
    assert probe.number() == 2**255 + 1
    assert backend.code(NOBODY) == b""


def test_time_stands_still_until_moved(probe: Contract) -> None:
    backend = probe.backend
    probe.write(1, sender=ADMIN)
    probe.write(2, sender=ADMIN)
    assert probe.several()[0] == backend.now == GENESIS_TIME
    backend.advance(3_600)
    assert probe.several()[0] == backend.now == GENESIS_TIME + 3_600
    backend.set_time(GENESIS_TIME + 3_601)
    probe.write(3, sender=ADMIN)
    assert probe.several()[0] == backend.now == GENESIS_TIME + 3_601
    with pytest.raises(ValueError, match="before"):
        backend.set_time(GENESIS_TIME)


@pytest.mark.servers
@pytest.mark.skipif(anvil_binary() is None, reason="no anvil binary: see ANVIL")
def test_a_node_ignores_the_clock_on_the_wall() -> None:
    with open_backend("anvil") as node:
        node.set_balance(ADMIN, WEALTH)
        probe = deploy(node, PROBE, 3, sender=ADMIN)
        sleep(1.1)
        probe.write(1, sender=ADMIN)
        assert probe.several()[0] == GENESIS_TIME


def test_snapshots_nest_and_serve_again(probe: Contract) -> None:
    backend = probe.backend
    outer = backend.snapshot()
    for number in (10, 20):
        backend.advance(60)
        inner = backend.snapshot()
        probe.write(number, sender=ADMIN, value=1)
        backend.advance(60)
        backend.restore(inner)
        assert (probe.number(), backend.now, backend.balance(probe.address)) == (3, GENESIS_TIME + 60, 0)
        backend.restore(outer)
        assert (probe.number(), backend.now, probe.several()[0]) == (3, GENESIS_TIME, GENESIS_TIME)
        with pytest.raises(KeyError):
            backend.restore(inner)


def test_addresses_repeat_after_restore(probe: Contract) -> None:
    backend = probe.backend
    before = backend.snapshot()
    first = deploy(backend, PROBE, 1, sender=ADMIN).address
    backend.restore(before)
    assert deploy(backend, PROBE, 2, sender=ADMIN).address == first


@pytest.mark.parametrize(("value", "gas"), [(10**30, TRANSACTION_GAS), (0, 20_999)])
def test_what_no_block_can_hold(probe: Contract, value: int, gas: int) -> None:
    for run in (probe.write.transact, probe.write.call):
        with pytest.raises(TransactionRefused):
            run(1, sender=ADMIN, value=value, gas=gas)


def test_roles_can_sign(probe: Contract) -> None:
    digest = b"\x07" * 32
    signature = private_key("outsider").sign_msg_hash(digest)
    recovered = probe.recovered(digest, signature.v + 27, signature.r, signature.s)
    assert recovered == OUTSIDER


def _seen(transact: Callable[[], Receipt]) -> tuple[int, object]:
    try:
        receipt = transact()
    except Reverted as refusal:
        return refusal.gas_used, refusal.data
    return receipt.gas_used, receipt.logs


def _tour(backend: Backend) -> list[tuple[int, object]]:
    """Walk through storage, refunds, warmth, value, creation, destruction and failure."""
    backend.set_balance(ADMIN, WEALTH)
    probe = deploy(backend, PROBE, 3, sender=ADMIN)
    backend.set_balance(probe.address, 1_000)
    steps: list[Callable[[], Receipt]] = [
        lambda: probe.write(5, sender=ADMIN, value=1),
        lambda: probe.write(0, sender=ADMIN),
        lambda: probe.write(2**256 - 1, sender=ADMIN),
        lambda: probe.clear_twice(sender=ADMIN),
        lambda: probe.clear_twice(sender=ADMIN),
        lambda: probe.refuse("area: why", sender=ADMIN),
        lambda: probe.refuse_with(b"\x00\x01" * 512, sender=ADMIN),
        lambda: probe.divide(0, sender=ADMIN),
        lambda: probe.burn_gas(sender=ADMIN, gas=77_777),
        lambda: probe.remember_in_passing(sender=ADMIN),
        lambda: probe.remember_in_passing(sender=ADMIN),
        lambda: probe.try_and_fail(8, sender=ADMIN),
        lambda: probe.write(1, sender=ADMIN, gas=22_000),
        lambda: probe.send_on(PAYEE, 1, sender=ADMIN),
        lambda: probe.send_on(NOBODY, 1, sender=ADMIN),
        lambda: probe.send_on(NOBODY, 1, sender=ADMIN),
        lambda: probe.send_on(NOBODY, 10**9, sender=ADMIN),
        lambda: probe.send_on(probe.address, 1, sender=ADMIN),
        lambda: probe.create_child(probe.address, sender=ADMIN),
        lambda: probe.end("0x" + "13" * 20, sender=ADMIN),
        lambda: deploy(backend, PROBE, 4, sender=ADMIN).write(1, sender=ADMIN),
    ]
    return [_seen(step) for step in steps]


@pytest.mark.servers
@pytest.mark.skipif(anvil_binary() is None, reason="no anvil binary: see ANVIL")
def test_both_chains_use_the_same_gas_and_say_the_same() -> None:
    with open_backend("pyevm") as inside, open_backend("anvil") as node:
        assert _tour(inside) == _tour(node)
