"""Charge many sessions in one call, pay nodes by their work, and let a node withdraw.

Run it with `python examples/02_charge_and_allocate.py`; it needs no node and no key.
"""

from sessionpay import (
    SESSION_CONTRACT_ROLE,
    ZERO_ADDRESS,
    Allocation,
    BaseUnits,
    Charge,
    Sender,
    SessionId,
    deploy_session_payment,
    embedded_chain,
    events,
    format_amount,
    parse_amount,
)

chain = embedded_chain()
operator, user, first_node, second_node = (Sender(chain.web3, signer) for signer in chain.accounts[:4])
contract = deploy_session_payment(operator, asset=ZERO_ADDRESS, admin=operator.address, withdrawal_delay=0)
contract.grant_role(SESSION_CONTRACT_ROLE, operator.address)
asset = contract.asset_info()

# Two sessions: the second has less than it is going to be charged.
for session_id, deposit in ((1, "1 ETH"), (2, "0.1 ETH")):
    contract.register_session(session_id, user.address)
    contract.with_sender(user).deposit_to_session(session_id, parse_amount(deposit, asset))

# A batch charges each session what it can pay, and its event says what that was.
price = parse_amount("0.3 ETH", asset)
charges = [Charge(SessionId(session_id), price) for session_id in (1, 2)]
receipt = contract.pay_from_sessions_to_network(contract.settlement_sequence(), charges)
for event in receipt.events:
    if isinstance(event, events.SessionsCharged):
        for charge in event.charges:
            print(f"session {charge.session_id} paid {format_amount(charge.amount, asset)}")

# Nodes that worked are marked as active, and share the treasury three to one.
contract.update_node_last_used_timestamps([first_node.address, second_node.address])
treasury = contract.total_network_balance()
shares = [
    Allocation(first_node.address, BaseUnits(treasury * 3 // 4)),
    Allocation(second_node.address, BaseUnits(treasury - treasury * 3 // 4)),
]
contract.allocate_node_amounts(contract.settlement_sequence(), shares)

# Anyone may trigger the payout; it goes to the node.
pending = contract.node_pending_payments(first_node.address)
contract.with_sender(first_node).withdraw_node_payment(first_node.address)
print(f"the first node withdrew {format_amount(pending, asset)}")
left = contract.node_pending_payments(second_node.address)
print(f"the second node may withdraw {format_amount(left, asset)}")
