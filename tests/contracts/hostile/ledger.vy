# pragma version 0.4.3
# pragma evm-version cancun
"""
@title ledger
@notice The honest half of every hostile token: balances and allowances that anyone may mint. What a token does
        wrong stands in its own file.
"""


event Transfer:
    sender: indexed(address)
    receiver: indexed(address)
    value: uint256


balances: HashMap[address, uint256]
allowance: public(HashMap[address, HashMap[address, uint256]])


@external
def mint(to: address, amount: uint256):
    self.balances[to] += amount
    log Transfer(sender=empty(address), receiver=to, value=amount)


@external
@view
def balanceOf(account: address) -> uint256:
    return self.balances[account]


@external
def approve(spender: address, amount: uint256) -> bool:
    self.allowance[msg.sender][spender] = amount
    return True


@internal
def _spend(owner: address, spender: address, amount: uint256):
    assert self.allowance[owner][spender] >= amount, "token: allowance too small"
    self.allowance[owner][spender] -= amount


@internal
def _move(sender: address, to: address, amount: uint256):
    assert self.balances[sender] >= amount, "token: balance too small"
    self.balances[sender] -= amount
    self.balances[to] += amount
    log Transfer(sender=sender, receiver=to, value=amount)
