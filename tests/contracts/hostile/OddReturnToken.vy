# pragma version 0.4.3
# pragma evm-version cancun
"""
@title OddReturnToken
@notice Stands for tokens whose transfers answer with something other than one true word: nothing at all, false
        in place of a revert, the number two, a torn or an overlong word.
@dev A transfer that works answers with exactly the bytes of `setAnswer`; one that cannot be made answers false.
"""

import ledger

initializes: ledger

exports: ledger.mint
exports: ledger.balanceOf
exports: ledger.approve
exports: ledger.allowance

answer: Bytes[128]
# Whether transfers pretend: they answer as if they had been made, and move nothing.
pretends: bool


@external
def setAnswer(answer: Bytes[128]):
    self.answer = answer


@external
def setPretends(pretends: bool):
    self.pretends = pretends


@external
@raw_return
def transfer(to: address, amount: uint256) -> Bytes[128]:
    return self._transfer(msg.sender, to, amount)


@external
@raw_return
def transferFrom(owner: address, to: address, amount: uint256) -> Bytes[128]:
    if ledger.allowance[owner][msg.sender] < amount:
        return abi_encode(False)
    ledger._spend(owner, msg.sender, amount)
    return self._transfer(owner, to, amount)


@internal
def _transfer(sender: address, to: address, amount: uint256) -> Bytes[128]:
    if ledger.balances[sender] < amount:
        return abi_encode(False)
    if not self.pretends:
        ledger._move(sender, to, amount)
    return self.answer
