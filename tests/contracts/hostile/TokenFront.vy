# pragma version 0.4.3
# pragma evm-version cancun
"""
@title TokenFront
@notice The second address of a `TwoAddressToken`.
"""


interface TwoAddressToken:
    def balanceOf(account: address) -> uint256: view
    def transferThroughFront(sender: address, to: address, amount: uint256): nonpayable
    def transferFromThroughFront(spender: address, owner: address, to: address, amount: uint256): nonpayable


TOKEN: immutable(TwoAddressToken)


@deploy
def __init__(token: address):
    TOKEN = TwoAddressToken(token)


@external
@view
def balanceOf(account: address) -> uint256:
    return staticcall TOKEN.balanceOf(account)


@external
def transfer(to: address, amount: uint256) -> bool:
    extcall TOKEN.transferThroughFront(msg.sender, to, amount)
    return True


@external
def transferFrom(owner: address, to: address, amount: uint256) -> bool:
    extcall TOKEN.transferFromThroughFront(msg.sender, owner, to, amount)
    return True
