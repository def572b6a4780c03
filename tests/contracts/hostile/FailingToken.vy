# pragma version 0.4.3
# pragma evm-version cancun
"""
@title FailingToken
@notice Stands for tokens that break on demand: functions that fail in one of the ways of `failure`, and balances
        that are a lie.
"""

import failure
import ledger

initializes: ledger
initializes: failure

exports: ledger.mint
exports: ledger.approve
exports: ledger.allowance
exports: failure.setFault
exports: failure.fault
exports: failure.spill

# One bit for each function, as `tests/evm/hostile.py` names them.
TRANSFER: constant(uint256) = 1
TRANSFER_FROM: constant(uint256) = 2
PERMIT: constant(uint256) = 4
BALANCE_OF: constant(uint256) = 8


struct Lie:
    told: bool
    amount: uint256


failing: uint256
lies: HashMap[address, Lie]


@external
def setFailing(functions: uint256):
    self.failing = functions


@external
def setLie(account: address, told: bool, amount: uint256):
    self.lies[account] = Lie(told=told, amount=amount)


@external
def transfer(to: address, amount: uint256) -> bool:
    self._fail_in(TRANSFER)
    ledger._move(msg.sender, to, amount)
    return True


@external
def transferFrom(owner: address, to: address, amount: uint256) -> bool:
    self._fail_in(TRANSFER_FROM)
    ledger._spend(owner, msg.sender, amount)
    ledger._move(owner, to, amount)
    return True


@external
def permit(
    owner: address, spender: address, amount: uint256, deadline: uint256, v: uint8, r: bytes32, s: bytes32
):
    self._fail_in(PERMIT)
    ledger.allowance[owner][spender] = amount


@external
@view
def balanceOf(account: address) -> uint256:
    self._fail_in(BALANCE_OF)
    if self.lies[account].told:
        return self.lies[account].amount
    return ledger.balances[account]


@internal
@view
def _fail_in(function: uint256):
    if self.failing & function != 0:
        failure._fail_as_told()
