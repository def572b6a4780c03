"""Deploy the contract on a chain inside this process, open a session and put money into it.

Run it with `python examples/01_open_a_session.py`; it needs no node and no key.
"""

from sessionpay import (
    SESSION_CONTRACT_ROLE,
    ZERO_ADDRESS,
    Sender,
    deploy_session_payment,
    embedded_chain,
    format_amount,
    parse_amount,
)

chain = embedded_chain()
operator, user = (Sender(chain.web3, signer) for signer in chain.accounts[:2])

# The operator deploys a contract for the native coin and takes the role that registers and charges.
contract = deploy_session_payment(operator, asset=ZERO_ADDRESS, admin=operator.address, withdrawal_delay=0)
contract.grant_role(SESSION_CONTRACT_ROLE, operator.address)
asset = contract.asset_info()

# The session belongs to the user, who alone can take the unspent money back.
contract.register_session(1, user.address)
receipt = contract.with_sender(user).deposit_to_session(1, parse_amount("0.5 ETH", asset))

account = contract.get_account(1)
print(f"session {account.session_id} of {account.owner}")
print(f"balance: {format_amount(account.balance, asset)}")
print(f"the deposit used {receipt.gas_used} gas and logged {receipt.events[0]}")
