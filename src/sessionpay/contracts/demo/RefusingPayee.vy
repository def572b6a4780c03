# pragma version 0.4.3
# pragma evm-version cancun
"""
@title RefusingPayee
@license AGPL-3.0-only
@notice A payee that takes no money, neither native coin nor a test token: in a demonstration, its node's payout
        fails until its deployer puts another payee in its place.
"""


interface TestToken:
    def refuse(refused: bool): nonpayable


interface SessionPayment:
    def setNodePayee(node: address, payee: address): nonpayable


deployer: public(immutable(address))


@deploy
def __init__(token: address):
    """
    @notice Start refusing.
    @param token Test token to refuse as well; zero for none.
    """
    deployer = msg.sender
    if token != empty(address):
        extcall TestToken(token).refuse(True)


@external
@payable
def __default__():
    """
    @notice Turn native coin away.
    """
    raise "payee: refuses money"


@external
def replacePayee(payments: address, node: address, payee: address):
    """
    @notice Hand the node's payouts on to a payee that takes them. Only the deployer may.
    @param payments The SessionPayment contract.
    @param node Node whose payee this contract is.
    @param payee Who is to receive the node's money.
    """
    assert msg.sender == deployer, "payee: deployer only"
    extcall SessionPayment(payments).setNodePayee(node, payee)
