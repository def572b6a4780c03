# pragma version 0.4.3
# pragma evm-version cancun
# pragma nonreentrancy on
"""
@title Sessions: deposits, usage, owners and withdrawal clocks
@license AGPL-3.0-only
"""

from interfaces import ISessionPayment

# An id shares a word with an amount in the batch calls.
ID_MAX: constant(uint256) = 2**160 - 1
AMOUNT_MAX: constant(uint256) = 2**96 - 1
CLOCK_MAX: constant(uint256) = 2**40 - 1
# How long a withdrawal stays possible once its delay is over.
WINDOW_SECONDS: constant(uint256) = 7 * 86400
BALANCE_SHIFT: constant(uint256) = 160
USAGE_SHIFT: constant(uint256) = 64
LAST_PAYMENT_SHIFT: constant(uint256) = 24
# Moves one base unit from balance to usage when subtracted from the word.
CHARGE_UNIT: constant(uint256) = (1 << BALANCE_SHIFT) - (1 << USAGE_SHIFT)
LAST_PAYMENT_CLEAR: constant(uint256) = max_value(uint256) - (CLOCK_MAX << LAST_PAYMENT_SHIFT)
OWNER_SHIFT: constant(uint256) = 96
REGISTERED_SHIFT: constant(uint256) = 56
REQUESTED_SHIFT: constant(uint256) = 16

# balance 96 | usage 96 | lastPaymentAt 40 | free 24, from high to low.
accounts: HashMap[uint256, uint256]
# owner 160 | registeredAt 40 | withdrawalRequestedAt 40 | free 16.
titles: HashMap[uint256, uint256]


@external
@view
def sessions(sessionId: uint256) -> address:
    """@notice Owner of a session."""
    return self._owner(self.titles[sessionId])


@external
@view
def sessionBalances(sessionId: uint256) -> uint256:
    """@notice Unspent deposit of a session."""
    return self._balance(sessionId)


@external
@view
def getSessionBalance(sessionId: uint256) -> uint256:
    """@notice Unspent deposit of a session."""
    return self._balance(sessionId)


@external
@view
def sessionNetworkUsage(sessionId: uint256) -> uint256:
    """@notice What a session paid to the network so far."""
    return self._usage(sessionId)


@external
@view
def getSessionNetworkUsage(sessionId: uint256) -> uint256:
    """@notice What a session paid to the network so far."""
    return self._usage(sessionId)


@external
@view
def getAccount(sessionId: uint256) -> ISessionPayment.Account:
    """@notice Everything about one session; zeros for an unknown id."""
    title: uint256 = self.titles[sessionId]
    if title == 0:
        return empty(ISessionPayment.Account)
    return ISessionPayment.Account(
        sessionId=sessionId,
        owner=self._owner(title),
        balance=self._balance(sessionId),
        paymentAmount=self._usage(sessionId),
        registeredAt=self._registered_at(title),
        lastPaymentAt=self._last_payment_at(sessionId),
        withdrawalRequestedAt=self._requested_at(title),
    )


@internal
@view
def _balance(session_id: uint256) -> uint256:
    return self.accounts[session_id] >> BALANCE_SHIFT


@internal
@view
def _usage(session_id: uint256) -> uint256:
    return self.accounts[session_id] >> USAGE_SHIFT & AMOUNT_MAX


@internal
@view
def _last_payment_at(session_id: uint256) -> uint256:
    return self.accounts[session_id] >> LAST_PAYMENT_SHIFT & CLOCK_MAX


@internal
@pure
def _owner(title: uint256) -> address:
    return convert(title >> OWNER_SHIFT, address)


@internal
@pure
def _registered_at(title: uint256) -> uint256:
    return title >> REGISTERED_SHIFT & CLOCK_MAX


@internal
@pure
def _requested_at(title: uint256) -> uint256:
    return title >> REQUESTED_SHIFT & CLOCK_MAX


@internal
@view
def _owned_title(session_id: uint256) -> uint256:
    """@dev The title of a session, for calls that only its owner may make."""
    title: uint256 = self.titles[session_id]
    assert title != 0, "session: not registered"
    assert self._owner(title) == msg.sender, "session: not the owner"
    return title


@internal
@view
def _check_owner_allowed(owner: address):
    # Nobody acts for the zero address, and this contract never calls itself.
    assert owner not in [empty(address), self], "session: owner not allowed"


@internal
def _register(session_id: uint256, owner: address):
    assert session_id <= ID_MAX, "session: id too large"
    self._check_owner_allowed(owner)
    assert self.titles[session_id] == 0, "session: already registered"
    self.titles[session_id] = (convert(owner, uint256) << OWNER_SHIFT | block.timestamp << REGISTERED_SHIFT)


@internal
def _credit(session_id: uint256, amount: uint256):
    assert self.titles[session_id] != 0, "session: not registered"
    account: uint256 = self.accounts[session_id]
    # Balance and usage together stay below the limit, so no charge can carry.
    assert (
        (account >> BALANCE_SHIFT) + (account >> USAGE_SHIFT & AMOUNT_MAX) + amount <= AMOUNT_MAX
    ), "session: lifetime limit"
    self.accounts[session_id] = account + (amount << BALANCE_SHIFT)


@internal
def _charge(session_id: uint256, amount: uint256):
    account: uint256 = self.accounts[session_id]
    if amount > account >> BALANCE_SHIFT:
        # Which of the two it was is read only on the way to a revert.
        assert self.titles[session_id] != 0, "session: not registered"
        raise "session: balance too low"
    self.accounts[session_id] = self._charged(account, amount)


@internal
@view
def _charged(account: uint256, amount: uint256) -> uint256:
    return (
        unsafe_sub(account, unsafe_mul(amount, CHARGE_UNIT)) & LAST_PAYMENT_CLEAR
        | block.timestamp << LAST_PAYMENT_SHIFT
    )


@internal
def _debit(session_id: uint256, requested: uint256) -> uint256:
    """@dev Takes `requested` from the balance, or all of it for 2**256 - 1."""
    account: uint256 = self.accounts[session_id]
    amount: uint256 = account >> BALANCE_SHIFT
    assert amount != 0, "session: nothing to withdraw"
    if requested != max_value(uint256):
        assert requested != 0, "session: amount is zero"
        assert requested <= amount, "session: balance too low"
        amount = requested
    self.accounts[session_id] = account - (amount << BALANCE_SHIFT)
    return amount


@internal
def _request(session_id: uint256, title: uint256, delay: uint256) -> uint256:
    """@dev Starts the delay anew, unless a request is still waiting or usable."""
    requested_at: uint256 = self._requested_at(title)
    assert (
        requested_at == 0 or block.timestamp >= requested_at + delay + WINDOW_SECONDS
    ), "session: request is open"
    self.titles[session_id] = self._without_request(title) | block.timestamp << REQUESTED_SHIFT
    return block.timestamp + delay


@internal
@pure
def _without_request(title: uint256) -> uint256:
    return title - (self._requested_at(title) << REQUESTED_SHIFT)


@internal
def _use_request(session_id: uint256, title: uint256, delay: uint256):
    """@dev A withdrawal uses the request up, and only inside its window."""
    requested_at: uint256 = self._requested_at(title)
    assert requested_at != 0, "session: no request"
    assert block.timestamp >= requested_at + delay, "session: delay not over"
    assert block.timestamp < requested_at + delay + WINDOW_SECONDS, "session: request lapsed"
    self.titles[session_id] = self._without_request(title)


@internal
def _cancel(session_id: uint256, title: uint256):
    assert self._requested_at(title) != 0, "session: no request"
    self.titles[session_id] = self._without_request(title)


@internal
def _transfer(session_id: uint256, title: uint256, new_owner: address):
    # The new owner starts without the old one's withdrawal request.
    self.titles[session_id] = (
        convert(new_owner, uint256) << OWNER_SHIFT | self._registered_at(title) << REGISTERED_SHIFT
    )
