"""Withdraw from a session whose contract asks for a delay, and see what is refused on the way.

Run it with `python examples/03_withdraw.py`; it needs no node and no key.
"""

from sessionpay import (
    SESSION_CONTRACT_ROLE,
    ContractRefusal,
    Sender,
    deploy_session_payment,
    deploy_test_token,
    embedded_chain,
    format_amount,
    parse_amount,
)

HOUR = 3_600

chain = embedded_chain()
operator, user = (Sender(chain.web3, signer) for signer in chain.accounts[:2])
token = deploy_test_token(operator, "Trial Dollar", "TUSD", 6)
contract = deploy_session_payment(
    operator, asset=token.address, admin=operator.address, withdrawal_delay=HOUR
)
contract.grant_role(SESSION_CONTRACT_ROLE, operator.address)
contract.register_session(1, user.address)
asset = contract.asset_info()

# A signed permit lets the contract collect the tokens: one transaction, no approval before it.
amount = parse_amount("12.5 TUSD", asset)
token.mint(user.address, amount)
permit = token.sign_permit(user.signer, spender=contract.address, amount=amount, deadline=chain.now + HOUR)
owned = contract.with_sender(user)
owned.deposit_to_session_with_permit(1, amount, permit.deadline, permit.v, permit.r, permit.s)

# Each refusal is an exception of its own and was found out by simulation, so it cost nothing.
try:
    owned.withdraw_from_session(1)
except ContractRefusal as refusal:
    print(f"refused: {refusal}")

owned.request_session_withdrawal(1)
chain.advance(HOUR)
owned.withdraw_from_session(1, parse_amount("2.5 TUSD", asset))
print(f"the session keeps {format_amount(contract.get_session_balance(1), asset)}")
