# pragma version 0.4.3
# pragma evm-version cancun
"""
@title GuardedToken
@notice Stands for tokens with a keeper: one who can stop all transfers, and one who can shut out an account.
@dev Anyone is the keeper here.
"""

import ledger

initializes: ledger

exports: ledger.mint
exports: ledger.balanceOf
exports: ledger.approve
exports: ledger.allowance

paused: public(bool)
blocked: public(HashMap[address, bool])


@external
def setPaused(paused: bool):
    self.paused = paused


@external
def setBlocked(account: address, blocked: bool):
    self.blocked[account] = blocked


@external
def transfer(to: address, amount: uint256) -> bool:
    self._transfer(msg.sender, to, amount)
    return True


@external
def transferFrom(owner: address, to: address, amount: uint256) -> bool:
    ledger._spend(owner, msg.sender, amount)
    self._transfer(owner, to, amount)
    return True


@internal
def _transfer(sender: address, to: address, amount: uint256):
    assert not self.paused, "token: paused"
    assert not self.blocked[sender] and not self.blocked[to], "token: blocked"
    ledger._move(sender, to, amount)
