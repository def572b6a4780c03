"""What the contract refuses: one exception for each reason it reverts with.

`REFUSALS` is the table from a reason to its exception; the ledger raises the
same ones. Every exception carries the values of the call, and its text is one
line: the reason, those values, what to do.
"""

from typing import ClassVar

from sessionpay.core.errors import SessionPayError, shown


class ContractRefusal(SessionPayError):
    """The contract refuses a call; nothing was changed.

    `values` are the arguments of the call and what else is known about it, by name.
    """

    reason: ClassVar[str]
    advice: ClassVar[str]

    def __init__(self, **values: object) -> None:
        """Keep the values, in the order given."""
        self.values = values
        told = ", ".join(f"{name} {shown(value)}" for name, value in values.items())
        super().__init__(f"{self.reason}{f' ({told})' if told else ''}: {self.advice}")


class SessionNotRegistered(ContractRefusal):
    """No session has this id."""

    reason = "session: not registered"
    advice = "check the id, or register the session first"


class SessionAlreadyRegistered(ContractRefusal):
    """An id is given once."""

    reason = "session: already registered"
    advice = "choose another id"


class SessionIdTooLarge(ContractRefusal):
    """Ids share a word with an amount."""

    reason = "session: id too large"
    advice = "choose an id below 2**160"


class OwnerNotAllowed(ContractRefusal):
    """A session cannot belong to the zero address or to the contract."""

    reason = "session: owner not allowed"
    advice = "name an account that can make calls"


class NotTheOwner(ContractRefusal):
    """Only the session's owner may do this."""

    reason = "session: not the owner"
    advice = "use the owner's key"


class SessionAmountZero(ContractRefusal):
    """An amount of nothing is a mistake."""

    reason = "session: amount is zero"
    advice = "give an amount above zero"


class SessionBalanceTooLow(ContractRefusal):
    """The session has less than this."""

    reason = "session: balance too low"
    advice = "deposit first, or ask for less"


class NothingToWithdraw(ContractRefusal):
    """The session's balance is zero."""

    reason = "session: nothing to withdraw"
    advice = "nothing is left to take back"


class SessionLifetimeLimit(ContractRefusal):
    """Balance and usage of one session stay below 2**96 together."""

    reason = "session: lifetime limit"
    advice = "use a new session"


class NoWithdrawalDelay(ContractRefusal):
    """The deployment pays withdrawals at once."""

    reason = "session: has no delay"
    advice = "withdraw without a request"


class WithdrawalRequestOpen(ContractRefusal):
    """A request is waiting or usable."""

    reason = "session: request is open"
    advice = "use it, cancel it, or wait until it lapses"


class NoWithdrawalRequest(ContractRefusal):
    """No withdrawal was requested."""

    reason = "session: no request"
    advice = "request the withdrawal first"


class WithdrawalDelayNotOver(ContractRefusal):
    """The delay after the request is still running."""

    reason = "session: delay not over"
    advice = "withdraw when it is over"


class WithdrawalRequestLapsed(ContractRefusal):
    """The seven days of the request are over."""

    reason = "session: request lapsed"
    advice = "request the withdrawal again"


class NodeListEmpty(ContractRefusal):
    """No node was named."""

    reason = "node: list is empty"
    advice = "name at least one node"


class NodeAmountZero(ContractRefusal):
    """An amount of nothing is a mistake."""

    reason = "node: amount is zero"
    advice = "give an amount above zero"


class NodeNotActive(ContractRefusal):
    """A node without a timestamp is not allocated to."""

    reason = "node: not active"
    advice = "mark it as used first"


class NodeLifetimeLimit(ContractRefusal):
    """The lifetime earnings of a node stay below 2**96."""

    reason = "node: lifetime limit"
    advice = "allocate to another address"


class NothingToPay(ContractRefusal):
    """The node has nothing pending."""

    reason = "node: nothing to pay"
    advice = "wait for the next allocation"


class NodeNotAllowed(ContractRefusal):
    """The zero address and the contract are no nodes."""

    reason = "node: address not allowed"
    advice = "check the node's address"


class NotThePayee(ContractRefusal):
    """Only the node's payee, or the node while it has none, may do this."""

    reason = "node: caller is not the payee"
    advice = "use the payee's key"


class PayeeNotAllowed(ContractRefusal):
    """Money cannot go to the zero address or to the contract."""

    reason = "node: payee not allowed"
    advice = "name an account that can receive"


class TreasuryTooLow(ContractRefusal):
    """The treasury has less than the sum to allocate."""

    reason = "treasury: balance too low"
    advice = "charge sessions first, or allocate less"


class LiabilitiesLimit(ContractRefusal):
    """All that the contract owes stays below 2**96."""

    reason = "treasury: liabilities limit"
    advice = "deposit less"


class WrongSequence(ContractRefusal):
    """The batch does not carry the next number: another one landed first, or this one did."""

    reason = "batch: wrong sequence"
    advice = "look for its event before sending again"


class SequenceExhausted(ContractRefusal):
    """All batch numbers are used up."""

    reason = "batch: sequence exhausted"
    advice = "use single calls, or a new deployment"


class ContractPaused(ContractRefusal):
    """A pause stops registrations, deposits, charges and allocations."""

    reason = "pause: contract is paused"
    advice = "wait until it ends"


class NotPaused(ContractRefusal):
    """There is no pause to end."""

    reason = "pause: not paused"
    advice = "nothing is to be done"


class PauseTooSoon(ContractRefusal):
    """A day must pass between two pauses."""

    reason = "pause: too soon"
    advice = "wait until a day after the last one ended"


class PauseDurationNotAllowed(ContractRefusal):
    """A pause lasts from one second to seven days."""

    reason = "pause: duration not allowed"
    advice = "choose a duration in that range"


class PauseClockLimit(ContractRefusal):
    """The end of a pause must fit 32 bits of unix time."""

    reason = "pause: clock limit"
    advice = "choose a shorter one"


class ValueIsNotTheAmount(ContractRefusal):
    """The coin sent and the amount named differ."""

    reason = "asset: value is not the amount"
    advice = "send exactly the amount"


class TakesNoNativeCoin(ContractRefusal):
    """The deployment holds a token."""

    reason = "asset: takes no native coin"
    advice = "send no value, and approve the token"


class NotAToken(ContractRefusal):
    """The deployment holds the native coin, which has no permits."""

    reason = "asset: is not a token"
    advice = "deposit without a permit"


class TransferFailed(ContractRefusal):
    """The token or the receiver refused."""

    reason = "asset: transfer failed"
    advice = "check balance and allowance, or name another receiver"


class WrongAmountReceived(ContractRefusal):
    """The token did not move exactly what was asked."""

    reason = "asset: wrong amount received"
    advice = "such a token is not supported"


class BalanceUnreadable(ContractRefusal):
    """The token does not answer balanceOf."""

    reason = "asset: balance unreadable"
    advice = "check the token's address"


class AssetWithoutCode(ContractRefusal):
    """The asset of a deployment is a contract, or zero for the native coin."""

    reason = "asset: no code"
    advice = "check the token's address"


class AdminIsZero(ContractRefusal):
    """Somebody must be able to grant roles."""

    reason = "init: admin is zero"
    advice = "name an admin"


class DelayTooLong(ContractRefusal):
    """A withdrawal delay is at most 30 days."""

    reason = "init: delay too long"
    advice = "choose a shorter delay"


class TokenIsZero(ContractRefusal):
    """Native coin is recovered by its own function."""

    reason = "recovery: token is zero"
    advice = "use emergencyWithdrawETH"


class NothingToRecover(ContractRefusal):
    """Nothing was sent here by mistake."""

    reason = "recovery: nothing to recover"
    advice = "nothing is to be done"


class AssetWouldBeShort(ContractRefusal):
    """The recovery would take what belongs to sessions and nodes."""

    reason = "recovery: asset would be short"
    advice = "leave it"


class RoleMissing(ContractRefusal):
    """The caller does not hold the role that this call needs."""

    reason = "access_control: account is missing role"
    advice = "use a key that holds it, or have it granted"


class RenounceForOther(ContractRefusal):
    """A role is renounced by its holder alone."""

    reason = "access_control: can only renounce roles for itself"
    advice = "use revokeRole"


REFUSALS: dict[str, type[ContractRefusal]] = {
    refusal.reason: refusal for refusal in ContractRefusal.__subclasses__()
}
