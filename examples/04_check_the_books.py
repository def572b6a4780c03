"""Keep the executable ledger beside the contract, from events alone, and compare the two.

Run it with `python examples/04_check_the_books.py`; it needs no node and no key.
"""

from sessionpay import (
    SESSION_CONTRACT_ROLE,
    ZERO_ADDRESS,
    Ledger,
    Receipt,
    Sender,
    compare,
    deploy_session_payment,
    embedded_chain,
)

chain = embedded_chain()
operator, user = (Sender(chain.web3, signer) for signer in chain.accounts[:2])
contract = deploy_session_payment(operator, asset=ZERO_ADDRESS, admin=operator.address, withdrawal_delay=0)
ledger = Ledger(contract=contract.address)


def follow(receipt: Receipt) -> None:
    """Record in the ledger what a transaction logged, at the time of its block."""
    ledger.record(receipt.events, receipt.block_timestamp)


follow(contract.grant_role(SESSION_CONTRACT_ROLE, operator.address))
follow(contract.register_session(1, user.address))
follow(contract.with_sender(user).deposit_to_session(1, 1_000))
follow(contract.pay_from_session_to_network(1, 300))
follow(contract.with_sender(user).withdraw_from_session(1, 200))

comparison = compare(contract, ledger)
print(f"{comparison.items} numbers compared at block {comparison.block}")
print(f"difference: {comparison.difference}")
