"""Ledgers in a state that is near every rule, for the tests of the rules."""

from sessionpay.core import events as ev
from sessionpay.core.ids import ZERO_ADDRESS, Address, SessionId
from sessionpay.core.ledger import DAY, SEQUENCE_MAX, Call, Ledger
from sessionpay.core.money import AMOUNT_LIMIT, BaseUnits
from sessionpay.core.roles import SESSION_CONTRACT_ROLE

CONTRACT, TOKEN, STRAY, ADMIN, OPERATOR, OWNER, PAYEE, NODE, RICH_NODE, IDLE_NODE, OUTSIDER = (
    Address(f"0x{number:040x}") for number in range(0xA0, 0xAB)
)
START = 1_800_000_000
DELAY = 3 * DAY
NOW = START + 20 * DAY
FUNDED, EMPTY, ASKED, OPEN, LAPSED, SPENT, RICH = (SessionId(number) for number in range(7))
UNKNOWN = SessionId(99)
HALF = AMOUNT_LIMIT // 2
ROOM = 10_000


def amount(value: int) -> BaseUnits:
    return BaseUnits(value)


def opened(*, asset: Address = ZERO_ADDRESS, delay: int = DELAY) -> Ledger:
    """Bring a ledger into a state that is near every rule, by events alone.

    The treasury has `HALF`; `SPENT` may take, and `RICH_NODE` may earn, less than `ROOM` until its limit.
    """
    ledger = Ledger(contract=CONTRACT, asset=asset, withdrawal_delay=delay)
    ledger.record(ledger.deploy(Call(OUTSIDER, START), ADMIN), START)
    ledger.record([ev.RoleGranted(SESSION_CONTRACT_ROLE, OPERATOR, ADMIN)], START)
    ledger.record([ev.SessionRegistered(SessionId(session), OWNER) for session in range(7)], START)
    ledger.record([ev.NodeTimestampsUpdated((NODE, RICH_NODE))], START)
    for spent in (HALF, HALF - ROOM):
        ledger.record([ev.DepositToSession(SPENT, amount(spent))], START)
        ledger.record([ev.PaymentToNetwork(SPENT, amount(spent))], START)
        ledger.record([ev.NodePaymentAllocated(RICH_NODE, amount(spent))], START)
        ledger.record([ev.NodePaymentWithdrawn(RICH_NODE, amount(spent))], START)
    ledger.record([ev.DepositToSession(RICH, amount(HALF)), ev.PaymentToNetwork(RICH, amount(HALF))], START)
    for session, asked_at in ((FUNDED, 0), (ASKED, NOW - 1), (OPEN, NOW - DELAY), (LAPSED, START)):
        ledger.record([ev.DepositToSession(session, amount(1_000))], START)
        if asked_at and delay:
            ledger.record([ev.SessionWithdrawalRequested(session, asked_at + delay)], asked_at)
    return ledger


def native() -> Ledger:
    return opened()


def tokens() -> Ledger:
    return opened(asset=TOKEN)


def instant() -> Ledger:
    return opened(delay=0)


def exhausted() -> Ledger:
    ledger = opened()
    ledger.record([ev.SessionsCharged(SEQUENCE_MAX - 1, amount(0), ())], START)
    return ledger


def paused() -> Ledger:
    ledger = opened()
    ledger.record([ev.Paused(NOW + 1)], NOW - DAY)
    return ledger


def by(sender: Address, now: int = NOW, value: int = 0) -> Call:
    return Call(sender, now, value)
