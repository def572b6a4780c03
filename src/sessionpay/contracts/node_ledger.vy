# pragma version 0.4.3
# pragma evm-version cancun
# pragma nonreentrancy on
"""
@title Nodes: what each has earned, what is still to be paid, and to whom
@license AGPL-3.0-only
"""

from interfaces import ISessionPayment

AMOUNT_MAX: constant(uint256) = 2**96 - 1
CLOCK_MAX: constant(uint256) = 2**40 - 1
EARNED_MASK: constant(uint256) = AMOUNT_MAX << EARNED_SHIFT
LAST_USED_MASK: constant(uint256) = CLOCK_MAX << LAST_USED_SHIFT
LAST_USED_CLEAR: constant(uint256) = max_value(uint256) - (CLOCK_MAX << LAST_USED_SHIFT)
PENDING_SHIFT: constant(uint256) = 160
EARNED_SHIFT: constant(uint256) = 64
LAST_USED_SHIFT: constant(uint256) = 24
# Credits one base unit to pending and to earned when added to the word.
CREDIT_UNIT: constant(uint256) = (1 << PENDING_SHIFT) + (1 << EARNED_SHIFT)

# pending 96 | earned 96 | lastUsedAt 40 | free 24, from high to low.
accounts: HashMap[uint256, uint256]
# Where a node's money goes; zero means the node itself.
payees: HashMap[address, address]


@external
def setNodePayee(node: address, payee: address):
    """@notice Choose where a node's money goes."""
    assert msg.sender == self._payee(node), "node: caller is not the payee"
    assert payee not in [empty(address), self], "node: payee not allowed"
    self.payees[node] = payee
    log ISessionPayment.NodePayeeSet(node=node, payee=payee)


@external
@view
def nodePendingPayments(node: address) -> uint256:
    """@notice Allocated to a node and not yet withdrawn."""
    return self._pending(self.accounts[convert(node, uint256)])


@external
@view
def nodeEarnings(node: address) -> uint256:
    """@notice Allocated to a node, all time."""
    return self._earned(self.accounts[convert(node, uint256)])


@external
@view
def nodeLastUsedTimestamps(node: address) -> uint256:
    """@notice When a node was last used; 0 means not active."""
    return self._last_used_at(self.accounts[convert(node, uint256)])


@external
@view
def nodePayees(node: address) -> address:
    """@notice Where a node's money goes; zero means the node itself."""
    return self.payees[node]


@internal
@pure
def _pending(account: uint256) -> uint256:
    return account >> PENDING_SHIFT


@internal
@pure
def _earned(account: uint256) -> uint256:
    return account >> EARNED_SHIFT & AMOUNT_MAX


@internal
@pure
def _last_used_at(account: uint256) -> uint256:
    return account >> LAST_USED_SHIFT & CLOCK_MAX


@internal
@view
def _payee(node: address) -> address:
    payee: address = self.payees[node]
    return payee if payee != empty(address) else node


@internal
@view
def _room(node: uint256) -> uint256:
    """
    @dev What a node may still be credited: nothing while inactive, else up to
         the limit of its lifetime earnings. Pending never exceeds earned.
    """
    account: uint256 = self.accounts[node]
    return AMOUNT_MAX - self._earned(account) if account & LAST_USED_MASK != 0 else 0


@internal
def _clear_pending(node: address) -> uint256:
    account: uint256 = self.accounts[convert(node, uint256)]
    amount: uint256 = self._pending(account)
    assert amount != 0, "node: nothing to pay"
    self.accounts[convert(node, uint256)] = account - (amount << PENDING_SHIFT)
    return amount


@internal
def _mark_used(node: address):
    # This contract cannot claim, and nobody holds the key of zero.
    assert node != empty(address) and node != self, "node: address not allowed"
    self.accounts[convert(node, uint256)] = (
        self.accounts[convert(node, uint256)] & LAST_USED_CLEAR | block.timestamp << LAST_USED_SHIFT
    )
