# pragma version 0.4.3
# pragma evm-version cancun
"""
@title ShiftingToken
@notice Stands for tokens whose amounts are not what they seem: a fee on each transfer, and balances that grow or
        shrink by themselves.
@dev Balances are kept as shares; what an account holds is its shares times `scale`, in millionths.
"""

import ledger

initializes: ledger

exports: ledger.mint
exports: ledger.approve
exports: ledger.allowance

MILLION: constant(uint256) = 10**6

fee_ppm: public(uint256)
scale_ppm: public(uint256)


@deploy
def __init__():
    self.scale_ppm = MILLION


@external
def setFee(fee_ppm: uint256):
    self.fee_ppm = fee_ppm


@external
def setScale(scale_ppm: uint256):
    self.scale_ppm = scale_ppm


@external
def transfer(to: address, amount: uint256) -> bool:
    self._transfer(msg.sender, to, amount)
    return True


@external
def transferFrom(owner: address, to: address, amount: uint256) -> bool:
    ledger._spend(owner, msg.sender, amount)
    self._transfer(owner, to, amount)
    return True


@external
@view
def balanceOf(account: address) -> uint256:
    return ledger.balances[account] * self.scale_ppm // MILLION


@internal
def _transfer(sender: address, to: address, amount: uint256):
    shares: uint256 = amount * MILLION // self.scale_ppm
    fee: uint256 = shares * self.fee_ppm // MILLION
    ledger._move(sender, to, shares - fee)
    ledger._move(sender, empty(address), fee)
