# pragma version 0.4.3
# pragma evm-version cancun
"""
@title TestToken
@license AGPL-3.0-only
@notice An ERC-20 with EIP-2612 permits for demonstrations and tests. It is worth nothing: anyone may mint.
@dev Beyond the standard, an account may refuse to receive, so that a demonstration can show what happens to
     money whose payee does not take it.
"""

from ethereum.ercs import IERC20

implements: IERC20

# What a permit's signature covers, in the order that EIP-2612 prescribes.
PERMIT_TYPEHASH: constant(bytes32) = keccak256(
    "Permit(address owner,address spender,uint256 value,uint256 nonce,uint256 deadline)"
)
DOMAIN_TYPEHASH: constant(bytes32) = keccak256(
    "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
)
VERSION: constant(String[1]) = "1"

decimals: public(immutable(uint8))

name: public(String[32])
symbol: public(String[16])
totalSupply: public(uint256)
balanceOf: public(HashMap[address, uint256])
allowance: public(HashMap[address, HashMap[address, uint256]])
# How many permits of an owner have been used; each signature covers exactly one of these numbers.
nonces: public(HashMap[address, uint256])
# Accounts that take no transfers, each by its own wish.
refuses: public(HashMap[address, bool])


@deploy
def __init__(name: String[32], symbol: String[16], decimals_: uint8):
    """
    @notice Create a token without supply.
    @param name Full name, also part of what a permit signs.
    @param symbol Ticker.
    @param decimals_ Digits after the point when an amount is shown.
    """
    self.name = name
    self.symbol = symbol
    decimals = decimals_


@external
def mint(to: address, amount: uint256):
    """
    @notice Create tokens out of nothing.
    @param to Who gets them.
    @param amount How many, in base units.
    """
    self.totalSupply += amount
    # The sum of all balances is the supply, which has just been checked against overflow.
    self.balanceOf[to] = unsafe_add(self.balanceOf[to], amount)
    log IERC20.Transfer(sender=empty(address), receiver=to, value=amount)


@external
def transfer(to: address, amount: uint256) -> bool:
    """
    @notice Send the caller's tokens.
    @param to Who gets them.
    @param amount How many, in base units.
    @return Always true; every failure reverts.
    """
    self._move(msg.sender, to, amount)
    return True


@external
def transferFrom(owner: address, to: address, amount: uint256) -> bool:
    """
    @notice Send somebody's tokens within the caller's allowance; an allowance of 2**256 - 1 never runs out.
    @param owner Whose tokens they are.
    @param to Who gets them.
    @param amount How many, in base units.
    @return Always true; every failure reverts.
    """
    allowed: uint256 = self.allowance[owner][msg.sender]
    if allowed != max_value(uint256):
        assert allowed >= amount, "token: allowance too small"
        self.allowance[owner][msg.sender] = unsafe_sub(allowed, amount)
    self._move(owner, to, amount)
    return True


@external
def approve(spender: address, amount: uint256) -> bool:
    """
    @notice Allow somebody to send the caller's tokens, in place of what was allowed before.
    @param spender Who may send them.
    @param amount How many, in base units.
    @return Always true.
    """
    self._approve(msg.sender, spender, amount)
    return True


@external
def permit(
    owner: address, spender: address, amount: uint256, deadline: uint256, v: uint8, r: bytes32, s: bytes32
):
    """
    @notice Set an allowance by the owner's signature; anyone may bring it, once.
    @param owner Who signed.
    @param spender Who may send the owner's tokens.
    @param amount How many, in base units.
    @param deadline Last unix second at which the signature counts.
    @param v Recovery number of the signature.
    @param r First half of the signature.
    @param s Second half of the signature.
    """
    assert block.timestamp <= deadline, "token: permit expired"
    words: bytes32 = keccak256(
        abi_encode(PERMIT_TYPEHASH, owner, spender, amount, self.nonces[owner], deadline)
    )
    digest: bytes32 = keccak256(concat(x"1901", self._domain_separator(), words))
    # ecrecover answers zero for nonsense, so zero must not pass for a signer.
    assert owner != empty(address) and ecrecover(digest, v, r, s) == owner, "token: bad signature"
    self.nonces[owner] += 1
    self._approve(owner, spender, amount)


@external
def refuse(refused: bool):
    """
    @notice Refuse to receive tokens from now on, or take them again. It concerns the caller alone.
    @param refused Whether transfers to the caller revert.
    """
    self.refuses[msg.sender] = refused


@external
@view
def DOMAIN_SEPARATOR() -> bytes32:
    """
    @notice Domain that permits are signed in.
    @return The EIP-712 hash of name, version, chain and this contract.
    """
    return self._domain_separator()


@internal
@view
def _domain_separator() -> bytes32:
    # Computed anew each time, since a fork of the chain changes its id.
    return keccak256(abi_encode(DOMAIN_TYPEHASH, keccak256(self.name), keccak256(VERSION), chain.id, self))


@internal
def _move(sender: address, to: address, amount: uint256):
    assert not self.refuses[to], "token: receiver refuses"
    balance: uint256 = self.balanceOf[sender]
    assert balance >= amount, "token: balance too small"
    self.balanceOf[sender] = unsafe_sub(balance, amount)
    self.balanceOf[to] = unsafe_add(self.balanceOf[to], amount)
    log IERC20.Transfer(sender=sender, receiver=to, value=amount)


@internal
def _approve(owner: address, spender: address, amount: uint256):
    self.allowance[owner][spender] = amount
    log IERC20.Approval(owner=owner, spender=spender, value=amount)
