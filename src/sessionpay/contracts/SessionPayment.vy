# pragma version 0.4.3
# pragma evm-version cancun
# pragma optimize gas
# pragma nonreentrancy on
"""
@title SessionPayment: escrow between users, an inference network and its nodes
@license AGPL-3.0-only
@notice Holds what users paid in and what nodes have earned. What each
        function promises stands in interfaces/ISessionPayment.vyi.
@dev The books are packed words, each in the module that owns it: treasury
     (global), session_ledger, node_ledger. Holdings is the real balance. Calls
     log before they send. All that reads storage is under the reentrancy lock,
     but for access control's own functions, which touch no money.
@custom:invariant-1 The real balance is at least liabilities().
@custom:invariant-2 liabilities() is the sum of session balances, the network
                    balance and pending node payments.
@custom:invariant-3 A session's usage only grows, by charges against it alone.
@custom:invariant-4 A node's pending falls only by a payout to its payee.
@custom:invariant-5 Recovery never lowers the balance below liabilities().
@custom:invariant-6 A pause never stops a withdrawal and ends by itself.
@custom:invariant-7 A batch number is accepted once, and none is left out.
@custom:invariant-8 Only an owner's own call moves a withdrawal clock.
"""

from interfaces import ISessionPayment
from snekmate.auth import access_control

import holdings
import node_ledger
import session_ledger
import treasury

implements: ISessionPayment
initializes: access_control
initializes: holdings
initializes: node_ledger
initializes: session_ledger
initializes: treasury

exports: access_control.hasRole
exports: access_control.getRoleAdmin
exports: access_control.grantRole
exports: access_control.revokeRole
exports: access_control.renounceRole
exports: access_control.supportsInterface
exports: access_control.DEFAULT_ADMIN_ROLE
exports: holdings.ASSET
exports: session_ledger.sessions
exports: session_ledger.sessionBalances
exports: session_ledger.getSessionBalance
exports: session_ledger.sessionNetworkUsage
exports: session_ledger.getSessionNetworkUsage
exports: session_ledger.getAccount
exports: node_ledger.setNodePayee
exports: node_ledger.nodePendingPayments
exports: node_ledger.nodeEarnings
exports: node_ledger.nodeLastUsedTimestamps
exports: node_ledger.nodePayees
exports: treasury.totalNetworkBalance
exports: treasury.liabilities
exports: treasury.settlementSequence
exports: treasury.pausedUntil

ADMIN_ROLE: public(constant(bytes32)) = keccak256("ADMIN_ROLE")
SESSION_CONTRACT_ROLE: public(constant(bytes32)) = keccak256("SESSION_CONTRACT_ROLE")
# A full batch stays below 12 million gas, whatever it does.
ROWS_MAX: constant(uint256) = 512
# Selector, two words, length of a list. Data cut short after that would read as
# zeros; it is refused as all malformed arguments are, without a reason.
LIST_HEAD: constant(uint256) = 100
ROW_SHIFT: constant(uint256) = 96
AMOUNT_MAX: constant(uint256) = 2**96 - 1
WITHDRAWAL_DELAY_MAX: constant(uint256) = 30 * 86400

# Seconds between an owner's request and the withdrawal; 0 allows it at once.
WITHDRAWAL_DELAY: public(immutable(uint256))


@deploy
def __init__(asset: address, admin: address, withdrawalDelay: uint256):
    """
    @notice Books for one asset, under one admin.
    @param asset The ERC-20, or zero for the native coin.
    @param admin Gets DEFAULT_ADMIN_ROLE and ADMIN_ROLE.
    @param withdrawalDelay Seconds, at most 30 days; 0 for instant withdrawal.
    """
    assert admin != empty(address), "init: admin is zero"
    assert withdrawalDelay <= WITHDRAWAL_DELAY_MAX, "init: delay too long"
    holdings.__init__(asset)
    WITHDRAWAL_DELAY = withdrawalDelay
    access_control.__init__()
    # The deployer does not control this contract, unless it is the admin.
    access_control._revoke_role(access_control.DEFAULT_ADMIN_ROLE, msg.sender)
    access_control._grant_role(access_control.DEFAULT_ADMIN_ROLE, admin)
    access_control._grant_role(ADMIN_ROLE, admin)


# ANYONE


@external
@payable
def depositToSession(sessionId: uint256, amount: uint256 = msg.value):
    """@notice Add money to a session."""
    if holdings.ASSET == empty(address):
        assert msg.value == amount, "asset: value is not the amount"
        self._credit_session(sessionId, amount)
    else:
        assert msg.value == 0, "asset: takes no native coin"
        self._credit_session(sessionId, amount)
        holdings._pull(msg.sender, amount)


@external
def depositToSessionWithPermit(
    sessionId: uint256, amount: uint256, deadline: uint256, v: uint8, r: bytes32, s: bytes32
):
    """@notice Approve and deposit in one transaction."""
    assert holdings.ASSET != empty(address), "asset: is not a token"
    self._credit_session(sessionId, amount)
    holdings._permit(amount, deadline, v, r, s)
    holdings._pull(msg.sender, amount)


@external
def withdrawNodePayment(node: address):
    """@notice Pay a node everything it has pending."""
    amount: uint256 = node_ledger._clear_pending(node)
    treasury._pay_out(amount)
    log ISessionPayment.NodePaymentWithdrawn(node=node, amount=amount)
    holdings._send(holdings.ASSET, node_ledger._payee(node), amount)


# SESSION OWNER


@external
def requestSessionWithdrawal(sessionId: uint256):
    """@notice Announce a withdrawal."""
    title: uint256 = session_ledger._owned_title(sessionId)
    assert WITHDRAWAL_DELAY != 0, "session: has no delay"
    available_at: uint256 = session_ledger._request(sessionId, title, WITHDRAWAL_DELAY)
    log ISessionPayment.SessionWithdrawalRequested(sessionId=sessionId, availableAt=available_at)


@external
def cancelSessionWithdrawal(sessionId: uint256):
    """@notice Take the announcement back."""
    title: uint256 = session_ledger._owned_title(sessionId)
    assert WITHDRAWAL_DELAY != 0, "session: has no delay"
    session_ledger._cancel(sessionId, title)
    log ISessionPayment.SessionWithdrawalCancelled(sessionId=sessionId)


@external
def withdrawFromSession(sessionId: uint256, amount: uint256 = max_value(uint256)):
    """@notice Take unspent money back."""
    title: uint256 = session_ledger._owned_title(sessionId)
    if WITHDRAWAL_DELAY != 0:
        session_ledger._use_request(sessionId, title, WITHDRAWAL_DELAY)
    withdrawn: uint256 = session_ledger._debit(sessionId, amount)
    treasury._pay_out(withdrawn)
    log ISessionPayment.WithdrawFromSession(sessionId=sessionId, amount=withdrawn)
    holdings._send(holdings.ASSET, msg.sender, withdrawn)


@external
def transferSession(sessionId: uint256, newOwner: address):
    """@notice Hand a session over."""
    title: uint256 = session_ledger._owned_title(sessionId)
    session_ledger._check_owner_allowed(newOwner)
    session_ledger._transfer(sessionId, title, newOwner)
    log ISessionPayment.SessionTransferred(sessionId=sessionId, previousOwner=msg.sender, newOwner=newOwner)


# SESSION CONTRACT


@external
def registerSession(sessionId: uint256, owner: address):
    """@notice Create a session."""
    self._check_session_contract()
    treasury._check_not_paused()
    session_ledger._register(sessionId, owner)
    log ISessionPayment.SessionRegistered(sessionId=sessionId, owner=owner)


@external
def payFromSessionToNetwork(sessionId: uint256, amount: uint256):
    """@notice Charge one session."""
    self._check_session_contract()
    word: uint256 = treasury._unpaused_word()
    assert amount != 0, "session: amount is zero"
    session_ledger._charge(sessionId, amount)
    # The amount was a balance, part of the liabilities: it cannot carry.
    treasury.word = word + (amount << treasury.NETWORK_SHIFT)
    log ISessionPayment.PaymentToNetwork(sessionId=sessionId, amount=amount)


@external
def payFromSessionsToNetwork(sequence: uint256, charges: DynArray[uint256, ROWS_MAX]):
    """@notice Charge many sessions what each can pay."""
    assert len(msg.data) >= unsafe_add(LIST_HEAD, len(charges) << 5)
    self._check_session_contract()
    word: uint256 = treasury._next_batch(treasury._unpaused_word(), sequence)
    # Copying the rows and patching those that changed is cheaper than appending.
    applied: DynArray[uint256, ROWS_MAX] = charges
    total: uint256 = 0
    index: uint256 = 0
    stamp: uint256 = block.timestamp << session_ledger.LAST_PAYMENT_SHIFT
    # What runs once a row stands in place, without calls or names that cost a word.
    for row: uint256 in charges:
        index = unsafe_add(index, 1)
        amount: uint256 = row & AMOUNT_MAX
        account: uint256 = session_ledger.accounts[row >> ROW_SHIFT]
        # Zero wraps, so one comparison finds the empty rows and the short ones.
        if unsafe_sub(amount, 1) >= account >> session_ledger.BALANCE_SHIFT:
            amount = min(amount, account >> session_ledger.BALANCE_SHIFT)
            applied[unsafe_sub(index, 1)] = row - (row & AMOUNT_MAX) + amount
            if amount == 0:
                continue
        session_ledger.accounts[row >> ROW_SHIFT] = (
            unsafe_sub(account, unsafe_mul(amount, session_ledger.CHARGE_UNIT))
            & session_ledger.LAST_PAYMENT_CLEAR
            | stamp
        )
        # Balances are part of the liabilities, so their sum cannot wrap.
        total = unsafe_add(total, amount)
    treasury.word = word + (total << treasury.NETWORK_SHIFT)
    log ISessionPayment.SessionsCharged(sequence=sequence, total=total, charges=applied)


@external
def allocateNodePayments(nodes: DynArray[address, ROWS_MAX], amountPerNode: uint256):
    """@notice Allocate the same amount to every listed node."""
    assert len(msg.data) >= unsafe_add(LIST_HEAD, len(nodes) << 5)
    # In place and folded, because this call is the closest to its gas ceiling: zero
    # wraps to more than any treasury, and division by an empty list gives zero.
    assert access_control.hasRole[SESSION_CONTRACT_ROLE][
        msg.sender
    ], "access_control: account is missing role"
    word: uint256 = treasury.word
    assert block.timestamp >= word & treasury.CLOCK_MAX, "pause: contract is paused"
    if unsafe_sub(amountPerNode, 1) >= unsafe_div(word >> treasury.NETWORK_SHIFT, len(nodes)):
        assert amountPerNode != 0, "node: amount is zero"
        assert len(nodes) != 0, "node: list is empty"
        raise "treasury: balance too low"
    credit: uint256 = unsafe_mul(amountPerNode, node_ledger.CREDIT_UNIT)
    earned_limit: uint256 = unsafe_sub(2**96, amountPerNode) << node_ledger.EARNED_SHIFT
    for node: address in nodes:
        account: uint256 = node_ledger.accounts[convert(node, uint256)]
        # One branch for both refusals, because this runs once a row: without a
        # timestamp the difference wraps to more than any limit, with one it
        # stays below the bits of the earnings.
        if (
            unsafe_sub(account & node_ledger.LAST_USED_MASK, 1) | account & node_ledger.EARNED_MASK
        ) >= earned_limit:
            assert account & node_ledger.LAST_USED_MASK != 0, "node: not active"
            raise "node: lifetime limit"
        node_ledger.accounts[convert(node, uint256)] = unsafe_add(account, credit)
        log ISessionPayment.NodePaymentAllocated(node=node, amount=amountPerNode)
    treasury.word = unsafe_sub(word, unsafe_mul(len(nodes), amountPerNode) << treasury.NETWORK_SHIFT)


@external
def allocateNodeAmounts(sequence: uint256, allocations: DynArray[uint256, ROWS_MAX]):
    """@notice Allocate to every listed node its own amount."""
    assert len(msg.data) >= unsafe_add(LIST_HEAD, len(allocations) << 5)
    self._check_session_contract()
    word: uint256 = treasury._next_batch(treasury._unpaused_word(), sequence)
    applied: DynArray[uint256, ROWS_MAX] = allocations
    total: uint256 = 0
    index: uint256 = 0
    for row: uint256 in allocations:
        amount: uint256 = row & AMOUNT_MAX
        account: uint256 = node_ledger.accounts[row >> ROW_SHIFT]
        if (
            account & node_ledger.LAST_USED_MASK == 0
            or amount << node_ledger.EARNED_SHIFT > ~account & node_ledger.EARNED_MASK
        ):
            applied[index] = row - amount
        elif amount != 0:
            node_ledger.accounts[row >> ROW_SHIFT] = unsafe_add(
                account, unsafe_mul(amount, node_ledger.CREDIT_UNIT)
            )
            # 512 amounts below 2**96 cannot wrap.
            total = unsafe_add(total, amount)
        index = unsafe_add(index, 1)
    treasury.word = treasury._take_network(word, total)
    log ISessionPayment.NodesAllocated(sequence=sequence, total=total, allocations=applied)


@external
def updateNodeLastUsedTimestamp(node: address):
    """@notice The node worked now."""
    self._check_session_contract()
    node_ledger._mark_used(node)
    log ISessionPayment.NodeTimestampUpdated(node=node)


@external
def updateNodeLastUsedTimestamps(nodes: DynArray[address, ROWS_MAX]):
    """@notice These nodes worked now."""
    assert len(msg.data) >= unsafe_add(LIST_HEAD - 32, len(nodes) << 5)
    self._check_session_contract()
    for node: address in nodes:
        node_ledger._mark_used(node)
    log ISessionPayment.NodeTimestampsUpdated(nodes=nodes)


@external
def deleteNodeLastUsedTimestamp(node: address):
    """@notice The node is not active any more."""
    self._check_session_contract()
    node_ledger.accounts[convert(node, uint256)] &= node_ledger.LAST_USED_CLEAR
    log ISessionPayment.NodeTimestampDeleted(node=node)


# ADMIN


@external
def pause(seconds: uint256):
    """@notice Stop registrations, deposits, charges and allocations for a while."""
    access_control._check_role(ADMIN_ROLE, msg.sender)
    log ISessionPayment.Paused(until=treasury._pause(seconds))


@external
def unpause():
    """@notice End the pause."""
    access_control._check_role(ADMIN_ROLE, msg.sender)
    treasury._unpause()
    log ISessionPayment.Unpaused()


@external
def adminWithdrawToken(tokenAddress: address):
    """@notice Recover a token that was sent by mistake."""
    access_control._check_role(ADMIN_ROLE, msg.sender)
    assert tokenAddress != empty(address), "recovery: token is zero"
    self._recover(tokenAddress)


@external
def emergencyWithdrawETH():
    """@notice Recover native coin that was sent by mistake."""
    access_control._check_role(ADMIN_ROLE, msg.sender)
    self._recover(empty(address))


# VIEWS


@external
@view
def surplus() -> uint256:
    """@notice What the contract holds beyond its liabilities; 0 when below."""
    return self._surplus()


@external
@view
def previewCharges(charges: DynArray[uint256, ROWS_MAX]) -> (uint256, DynArray[uint256, ROWS_MAX]):
    """@notice What payFromSessionsToNetwork would charge now."""
    applied: DynArray[uint256, ROWS_MAX] = charges
    total: uint256 = 0
    index: uint256 = 0
    for row: uint256 in charges:
        # Earlier rows of the same session have taken their part already.
        balance: uint256 = session_ledger._balance(row >> ROW_SHIFT)
        earlier: uint256 = 0
        for before: uint256 in applied:
            if earlier == index:
                break
            if before >> ROW_SHIFT == row >> ROW_SHIFT:
                balance -= before & AMOUNT_MAX
            earlier = unsafe_add(earlier, 1)
        amount: uint256 = min(row & AMOUNT_MAX, balance)
        applied[index] = row - (row & AMOUNT_MAX) + amount
        total += amount
        index += 1
    return total, applied


@external
@view
def previewAllocations(allocations: DynArray[uint256, ROWS_MAX]) -> (uint256, DynArray[uint256, ROWS_MAX]):
    """@notice What allocateNodeAmounts would credit now."""
    applied: DynArray[uint256, ROWS_MAX] = allocations
    total: uint256 = 0
    index: uint256 = 0
    for row: uint256 in allocations:
        node: uint256 = row >> ROW_SHIFT
        # Earlier rows of the same node count towards its lifetime limit.
        room: uint256 = node_ledger._room(node)
        earlier: uint256 = 0
        for before: uint256 in applied:
            if earlier == index:
                break
            if before >> ROW_SHIFT == row >> ROW_SHIFT:
                room -= before & AMOUNT_MAX
            earlier = unsafe_add(earlier, 1)
        amount: uint256 = row & AMOUNT_MAX
        if amount > room:
            amount = 0
        applied[index] = row - (row & AMOUNT_MAX) + amount
        total += amount
        index += 1
    assert total <= treasury._network(treasury.word), "treasury: balance too low"
    return total, applied


# INTERNAL


@internal
@view
def _check_session_contract():
    # snekmate's own check in place: a call less on every hot path.
    assert access_control.hasRole[SESSION_CONTRACT_ROLE][
        msg.sender
    ], "access_control: account is missing role"


@internal
def _credit_session(sessionId: uint256, amount: uint256):
    """@dev The books of a deposit, before its money is looked at."""
    word: uint256 = treasury._unpaused_word()
    assert amount != 0, "session: amount is zero"
    # First the limit of everything, so that no later sum can overflow.
    treasury.word = treasury._add_liabilities(word, amount)
    session_ledger._credit(sessionId, amount)
    log ISessionPayment.DepositToSession(sessionId=sessionId, amount=amount)


@internal
@view
def _surplus() -> uint256:
    held: uint256 = holdings._held(holdings.ASSET)
    owed: uint256 = treasury._liabilities(treasury.word)
    return held - owed if held > owed else 0


@internal
def _recover(token: address):
    amount: uint256 = (self._surplus() if token == holdings.ASSET else holdings._held(token))
    assert amount != 0, "recovery: nothing to recover"
    log ISessionPayment.TokenRecovered(token=token, to=msg.sender, amount=amount)
    holdings._recover(token, amount, treasury._liabilities(treasury.word))
