# pragma version 0.4.3
# pragma evm-version cancun
"""
@title MoodyToken
@notice An honest ERC-20 with permits that turns hostile when it is told to, and honest again: functions that
        fail, answers that are odd, calls back to whoever is calling, transfers that keep something for
        themselves, receivers that are shut out. One token with many moods, so that they mix in one history.
@dev Each mood is a set of functions, one bit for each, as `tests/evm/hostile.py` names them.
"""

from ..hostile import callback
from ..hostile import failure
from ..hostile import ledger

initializes: ledger
initializes: callback
initializes: failure

exports: ledger.mint
exports: ledger.approve
exports: ledger.allowance
exports: callback.setCallback
exports: callback.attempts
exports: callback.successes
exports: failure.setFault
exports: failure.spill

TRANSFER: constant(uint256) = 1
TRANSFER_FROM: constant(uint256) = 2
PERMIT: constant(uint256) = 4
BALANCE_OF: constant(uint256) = 8
READ_GAS: constant(uint256) = 300_000

PERMIT_TYPEHASH: constant(bytes32) = keccak256(
    "Permit(address owner,address spender,uint256 value,uint256 nonce,uint256 deadline)"
)
DOMAIN_TYPEHASH: constant(bytes32) = keccak256(
    "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
)

name: public(constant(String[11])) = "Moody Token"

nonces: public(HashMap[address, uint256])
failing: uint256
calling_back: uint256
late: bool
odd: uint256
answer: Bytes[64]
skims: bool
blocked: HashMap[address, bool]


@external
def setFailing(functions: uint256):
    self.failing = functions


@external
def setCallingBack(functions: uint256, late: bool):
    self.calling_back = functions
    self.late = late


@external
def setAnswer(functions: uint256, answer: Bytes[64]):
    self.odd = functions
    self.answer = answer


@external
def setSkims(skims: bool):
    self.skims = skims


@external
def setBlocked(account: address, blocked: bool):
    self.blocked[account] = blocked


@external
@raw_return
def transfer(to: address, amount: uint256) -> Bytes[64]:
    self._transfer(TRANSFER, msg.sender, to, amount)
    return self._answer(TRANSFER)


@external
@raw_return
def transferFrom(owner: address, to: address, amount: uint256) -> Bytes[64]:
    ledger._spend(owner, msg.sender, amount)
    self._transfer(TRANSFER_FROM, owner, to, amount)
    return self._answer(TRANSFER_FROM)


@external
def permit(
    owner: address, spender: address, amount: uint256, deadline: uint256, v: uint8, r: bytes32, s: bytes32
):
    if self.calling_back & PERMIT != 0:
        callback._fire()
    if self.failing & PERMIT != 0:
        failure._fail_as_told()
    assert block.timestamp <= deadline, "token: permit expired"
    words: bytes32 = keccak256(
        abi_encode(PERMIT_TYPEHASH, owner, spender, amount, self.nonces[owner], deadline)
    )
    domain: bytes32 = keccak256(abi_encode(DOMAIN_TYPEHASH, keccak256(name), keccak256("1"), chain.id, self))
    signer: address = ecrecover(keccak256(concat(x"1901", domain, words)), v, r, s)
    assert owner != empty(address) and signer == owner, "token: bad signature"
    self.nonces[owner] += 1
    ledger.allowance[owner][spender] = amount


@external
@view
def balanceOf(account: address) -> uint256:
    if self.failing & BALANCE_OF != 0:
        failure._fail_as_told()
    if self.calling_back & BALANCE_OF != 0:
        # Nothing can be written while a balance is read, so a call that goes through shows as a revert.
        went_through: bool = raw_call(
            callback.target, callback.payload, gas=READ_GAS, is_static_call=True, revert_on_failure=False
        )
        assert not went_through, "callback: went through"
    return ledger.balances[account]


@internal
def _transfer(function: uint256, sender: address, to: address, amount: uint256):
    if self.failing & function != 0:
        failure._fail_as_told()
    assert not self.blocked[to], "token: blocked"
    if self.calling_back & function != 0 and not self.late:
        callback._fire()
    ledger._move(sender, to, amount)
    if self.skims and function == TRANSFER_FROM:
        ledger._move(to, self, min(amount, 1))
    if self.calling_back & function != 0 and self.late:
        callback._fire()


@internal
@view
def _answer(function: uint256) -> Bytes[64]:
    return self.answer if self.odd & function != 0 else abi_encode(True)
