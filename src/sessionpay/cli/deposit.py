"""What a deposit needs before it: the rules that can be known first, and a token's allowance."""

from sessionpay.app import Books
from sessionpay.chain.errors import TokenBalanceTooLow
from sessionpay.chain.sender import Sender
from sessionpay.chain.token import Token
from sessionpay.cli.commands import Run
from sessionpay.cli.output import Fields, Money
from sessionpay.cli.sending import Plan, perform
from sessionpay.core.ids import ZERO_ADDRESS, Address, SessionId, checksum_address
from sessionpay.core.money import Asset, BaseUnits
from sessionpay.core.refusals import ContractPaused, SessionAmountZero, SessionNotRegistered


def approve_first(run: Run, books: Books, plan: Plan, amount: BaseUnits) -> Fields:
    """Approve `amount` of the asset if the contract may not take it yet; return what the result shows.

    Nothing is returned where no approval is needed. With one, the person is asked here, once for both
    transactions; an approval cannot be taken back by a refusal, so the deposit's rules are looked at before.
    """
    if books.asset.address == ZERO_ADDRESS:
        return {}
    signer, spender = books.require_signer(), books.contract.address
    token = Token(books.web3, books.asset.address)
    allowed = token.allowance(signer.address, spender=spender)
    if allowed >= amount:
        return {}
    _require_balance(token, signer.address, amount, books.asset)
    fields: Fields = {
        **plan.fields,
        "contract": checksum_address(spender),
        "allowance_now": Money(BaseUnits(allowed), books.asset),
        "first_approve": Money(amount, books.asset),
    }

    def approve(sender: Sender) -> str:
        approved = Token(books.web3, books.asset.address, sender=sender).approve(spender, amount)
        return approved.transaction_hash

    return {"approval_transaction": perform(run, books.web3, signer, Plan(plan.title, fields), approve)}


def require_deposit(books: Books, session_id: SessionId, amount: BaseUnits) -> None:
    """Raise what the contract would refuse a deposit for, before an approval is sent for nothing."""
    paused_until = books.contract.paused_until()
    if amount == 0:
        raise SessionAmountZero(session_id=session_id, amount=amount)
    if books.contract.sessions(session_id) == ZERO_ADDRESS:
        raise SessionNotRegistered(session_id=session_id)
    if paused_until > books.now():
        raise ContractPaused(until=str(paused_until))


def _require_balance(token: Token, account: Address, amount: BaseUnits, asset: Asset) -> None:
    balance = token.balance_of(account)
    if balance < amount:
        raise TokenBalanceTooLow(account, balance=BaseUnits(balance), needed=amount, asset=asset)
