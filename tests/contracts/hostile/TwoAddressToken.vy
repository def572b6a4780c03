# pragma version 0.4.3
# pragma evm-version cancun
"""
@title TwoAddressToken
@notice Stands for tokens that answer at two addresses: `TokenFront` is the second, over the same balances. Who
        compares addresses takes it for another token.
"""

import ledger

initializes: ledger

exports: ledger.mint
exports: ledger.balanceOf
exports: ledger.approve
exports: ledger.allowance

front: public(address)


@external
def setFront(front: address):
    self.front = front


@external
def transfer(to: address, amount: uint256) -> bool:
    ledger._move(msg.sender, to, amount)
    return True


@external
def transferFrom(owner: address, to: address, amount: uint256) -> bool:
    ledger._spend(owner, msg.sender, amount)
    ledger._move(owner, to, amount)
    return True


@external
def transferThroughFront(sender: address, to: address, amount: uint256):
    assert msg.sender == self.front, "token: front only"
    ledger._move(sender, to, amount)


@external
def transferFromThroughFront(spender: address, owner: address, to: address, amount: uint256):
    assert msg.sender == self.front, "token: front only"
    ledger._spend(owner, spender, amount)
    ledger._move(owner, to, amount)
