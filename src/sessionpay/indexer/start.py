"""Entering a contract into a database, from nothing but a connection and its address."""

from sessionpay.chain import rpc
from sessionpay.chain.client import SessionPayment
from sessionpay.chain.errors import NodeRefused
from sessionpay.store import evidence
from sessionpay.store.database import Database
from sessionpay.store.evidence import Contract


def enrol(database: Database, contract: SessionPayment, *, first_block: int | None = None) -> Contract:
    """Enter `contract` unless it is there, and return it as the database knows it.

    `first_block` is the block of its deployment, looked for when left out. Raises `NoContract` or
    `WrongCode` unless this package's contract stands at the address, and other `ChainError`s.
    """
    contract.check_code()
    chain_id = rpc.chain_id(contract.web3)
    start = deployment_block(contract) if first_block is None else first_block
    with database.writing() as connection:
        return evidence.enrol(
            connection,
            chain_id=chain_id,
            address=contract.address,
            asset=contract.asset_info(),
            withdrawal_delay=contract.withdrawal_delay(),
            first_block=start,
        )


def deployment_block(contract: SessionPayment) -> int:
    """Return the first block with code at the address; 0 where the node does not keep old states."""
    low, high = 0, contract.block_number()
    try:
        while low < high:
            middle = (low + high) // 2
            if rpc.code(contract.web3, contract.address, block=middle):
                high = middle
            else:
                low = middle + 1
    except (NodeRefused, rpc.Reverted):
        return 0
    return low
