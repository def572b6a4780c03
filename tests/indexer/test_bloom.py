"""bloom: what a block's filter says of an address or a topic.

Given a filter that another implementation made of some values
  it should allow each of them, and all of them together
  it should deny what would need a bit that is not set
Given the headers of a real node
  it should allow every log of their blocks, and deny the logs of blocks that have none
"""

from __future__ import annotations

import pytest
from eth_bloom.bloom import BloomFilter, get_chunks_for_bloom
from hypothesis import given
from hypothesis import strategies as st

from sessionpay import (
    SESSION_CONTRACT_ROLE,
    ZERO_ADDRESS,
    Sender,
    connect,
    deploy_session_payment,
    embedded_chain,
)
from sessionpay.chain import rpc
from sessionpay.indexer import bloom
from tests.evm.anvil import anvil_binary, running_anvil

WEALTH = 10**24
values = st.one_of(st.binary(min_size=20, max_size=20), st.binary(min_size=32, max_size=32))


def text(value: bytes) -> str:
    return f"0x{value.hex()}"


@given(present=st.lists(values, min_size=1, max_size=30), stranger=values)
def test_it_agrees_with_another_implementation(present: list[bytes], stranger: bytes) -> None:
    theirs = BloomFilter()
    for value in present:
        theirs.add(value)
    assert bloom.allows(int(theirs), map(text, present))
    assert bloom.allows(int(theirs), [text(stranger)]) == (stranger in theirs)
    assert bloom.allows(int(theirs), [text(present[0]), text(stranger)]) == (stranger in theirs)


@given(value=values)
def test_each_bit_is_needed(value: bytes) -> None:
    bits = bloom.mask(text(value))
    assert bits == int(BloomFilter.from_iterable([value]))
    assert 1 <= bits.bit_count() <= 3
    assert list(get_chunks_for_bloom(value)) != []
    for place in range(bloom.BITS):
        if bits >> place & 1:
            assert not bloom.allows(~(1 << place) & (2**bloom.BITS - 1), [text(value)])


def test_an_empty_filter_denies_everything() -> None:
    assert not bloom.allows(0, [ZERO_ADDRESS])
    assert bloom.allows(0, [])


@pytest.mark.servers
def test_it_reads_the_headers_of_a_real_node() -> None:
    if anvil_binary() is None:
        pytest.skip("no anvil binary: set ANVIL to one, or install it with npm")
    with running_anvil() as node:
        web3 = connect(node.url)
        operator, owner = (Sender(web3, signer) for signer in embedded_chain(accounts=2).accounts)
        for account in (operator, owner):
            node.set_balance(account.address, WEALTH)
        contract = deploy_session_payment(
            operator, asset=ZERO_ADDRESS, admin=operator.address, withdrawal_delay=0
        )
        contract.grant_role(SESSION_CONTRACT_ROLE, operator.address)
        contract.register_session(7, owner.address)
        contract.update_node_last_used_timestamp(owner.address)
        node.mine(2)
        logged = 0
        for number in range(contract.block_number() + 1):
            found = int(rpc.block_header(web3, number)["logsBloom"], 16)
            logs = rpc.ask(web3, "eth_getLogs", {"fromBlock": hex(number), "toBlock": hex(number)})
            for log in logs:
                assert bloom.allows(found, (log["address"], *log["topics"]))
            assert bloom.allows(found, [contract.address]) == bool(logs)
            logged += len(logs)
        assert logged >= 4
