# pragma version 0.4.3
# pragma evm-version cancun
"""
@title CallbackToken
@notice Stands for tokens that call somebody in the middle of a transfer, and so let that somebody in.
@dev With `late` the call comes after the money has moved. A balance is read without leave to write, so there
     nothing can be recorded: instead, reading reverts when the callback went through.
"""

import callback
import ledger

initializes: ledger
initializes: callback

exports: ledger.mint
exports: ledger.approve
exports: ledger.allowance
exports: callback.setCallback
exports: callback.act
exports: callback.attempts
exports: callback.successes
exports: callback.returned

# Enough for any honest call, and a bound for balances that ask for balances.
READ_GAS: constant(uint256) = 300_000

# One bit for each function, as `tests/evm/hostile.py` names them.
TRANSFER: constant(uint256) = 1
TRANSFER_FROM: constant(uint256) = 2
PERMIT: constant(uint256) = 4
BALANCE_OF: constant(uint256) = 8

triggers: uint256
late: bool


@external
@payable
def __default__():
    pass


@external
def setTriggers(functions: uint256, late: bool = False):
    self.triggers = functions
    self.late = late


@external
def transfer(to: address, amount: uint256) -> bool:
    self._transfer(TRANSFER, msg.sender, to, amount)
    return True


@external
def transferFrom(owner: address, to: address, amount: uint256) -> bool:
    ledger._spend(owner, msg.sender, amount)
    self._transfer(TRANSFER_FROM, owner, to, amount)
    return True


@external
def permit(
    owner: address, spender: address, amount: uint256, deadline: uint256, v: uint8, r: bytes32, s: bytes32
):
    ledger.allowance[owner][spender] = amount
    if self.triggers & PERMIT != 0:
        callback._fire()


@external
@view
def balanceOf(account: address) -> uint256:
    if self.triggers & BALANCE_OF != 0:
        went_through: bool = raw_call(
            callback.target, callback.payload, gas=READ_GAS, is_static_call=True, revert_on_failure=False
        )
        assert not went_through, "callback: went through"
    return ledger.balances[account]


@internal
def _transfer(function: uint256, sender: address, to: address, amount: uint256):
    if self.triggers & function != 0 and not self.late:
        callback._fire()
    ledger._move(sender, to, amount)
    if self.triggers & function != 0 and self.late:
        callback._fire()
