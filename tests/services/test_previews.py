"""Previews: what is told of a transaction before it is signed.

Given a contract, and books of it
  for each action
    what comes after it should be what the chain and the books have when it was done
    its bytes should be those that the binding sends
  when the contract would refuse it
    the reason should be a sentence, with nothing said to come after it
  when the account cannot pay it
    that should be said in units that people use
Given a contract that holds a token
  a deposit should ask for an allowance of its amount, and for none where there is one
Given a node that does not answer, or none
  the books should still be told, and that nothing was tried
Given books that are behind the chain
  it should be said how far
Given a transaction that was sent
  its place should be told from the books first, and from the chain while they do not have it
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import pytest
from web3 import HTTPProvider, Web3

from sessionpay import SESSION_CONTRACT_ROLE, ZERO_ADDRESS, Sender, SessionPayment, deploy_session_payment
from sessionpay.chain import rpc
from sessionpay.chain.deploy import deploy_refusing_payee, deploy_test_token
from sessionpay.chain.embedded import EmbeddedChain, embedded_chain
from sessionpay.chain.keys import signer_from_key
from sessionpay.chain.token import TestToken
from sessionpay.core.events import Allocation, DepositToSession
from sessionpay.core.ids import Address, SessionId, checksum_address
from sessionpay.core.money import BaseUnits
from sessionpay.indexer.follow import Follower
from sessionpay.indexer.source import ChainSource
from sessionpay.indexer.start import enrol
from sessionpay.services.budget import NoSession
from sessionpay.services.following import Place, whereabouts
from sessionpay.services.home import open_epoch
from sessionpay.services.previews import Previews
from sessionpay.store import settling
from sessionpay.store.database import Database
from tests.services.conftest import RULES

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from sessionpay.services.drafts import Preview

SESSION = SessionId(7)
DELAY = 3_600
PAUPER = signer_from_key("7" * 64).address


@dataclass
class Shop:
    """A contract with its books; accounts: the operator, the session's owner, the node, somebody else."""

    chain: EmbeddedChain
    contract: SessionPayment
    database: Database
    follower: Follower
    previews: Previews
    token: TestToken | None = None

    def account(self, number: int) -> Address:
        return self.chain.accounts[number].address

    def by(self, number: int) -> SessionPayment:
        return self.contract.with_sender(Sender(self.chain.web3, self.chain.accounts[number]))

    def changes(self, preview: Preview) -> list[tuple[int | str, int | str]]:
        return [(change.before, change.after) for change in preview.changes]


def opened(path: Path, *, is_token: bool = False) -> Shop:
    chain = embedded_chain()
    operator = Sender(chain.web3, chain.accounts[0])
    token = deploy_test_token(operator, "Test dollar", "TUSD", 6) if is_token else None
    contract = deploy_session_payment(
        operator,
        asset=token.address if token else ZERO_ADDRESS,
        admin=operator.address,
        withdrawal_delay=DELAY,
    )
    contract.grant_role(SESSION_CONTRACT_ROLE, operator.address)
    contract.register_session(SESSION, chain.accounts[1].address)
    database = Database.open(f"sqlite:///{path / 'books.db'}")
    open_epoch(database, RULES, at=1)
    known = enrol(database, contract)
    with database.writing() as connection:
        settling.bind(connection, known)
    follower = Follower(database, known, [ChainSource(contract.web3, known.address)], confirmations=0)
    follower.catch_up()
    previews = Previews(database, known, contract, lambda: chain.now)
    return Shop(chain, contract, database, follower, previews, token)


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return opened(tmp_path)


@pytest.fixture
def funded(shop: Shop) -> Shop:
    """A shop whose session has 1,000, and whose node has 300 pending."""
    node = shop.account(2)
    shop.contract.deposit_to_session(SESSION, 1_300)
    shop.contract.pay_from_session_to_network(SESSION, 300)
    shop.contract.update_node_last_used_timestamp(node)
    shop.contract.allocate_node_amounts(0, [Allocation(node, BaseUnits(300))])
    shop.follower.catch_up()
    return shop


def done(shop: Shop, preview: Preview, by: int, action: Callable[[SessionPayment], object]) -> None:
    """Do what was previewed, and hold its bytes against those of the binding."""
    assert preview.refused is None
    assert preview.silence is None
    assert preview.is_tried
    (draft,) = preview.drafts
    action(shop.by(by))
    mined = rpc.block_header(shop.chain.web3)["transactions"][0]
    sent = rpc.ask(shop.chain.web3, "eth_getTransactionByHash", mined)
    assert sent["input"] == "0x" + draft.data.hex()
    assert int(sent["value"], 16) == draft.value
    assert sent["to"].lower() == draft.to
    shop.follower.catch_up()


def balance(shop: Shop) -> int:
    return shop.contract.session_balances(SESSION)


def test_a_deposit(shop: Shop) -> None:
    stranger = shop.account(3)
    preview = shop.previews.deposit(SESSION, BaseUnits(500), sender=stranger)
    assert shop.changes(preview) == [(0, 500)]
    assert "and you are " + checksum_address(stranger) in preview.warnings[0]
    done(shop, preview, 3, lambda contract: contract.deposit_to_session(SESSION, 500))
    assert balance(shop) == 500
    assert shop.previews.deposit(SESSION, BaseUnits(1), sender=shop.account(1)).warnings == ()


def test_a_withdrawal_with_its_clock(funded: Shop) -> None:
    shop, owner = funded, funded.account(1)
    asked = shop.previews.request(SESSION)
    assert (asked.signer, asked.sender) == (owner, owner)
    assert asked.lapses_at == (asked.opens_at or 0) + 7 * 86_400
    done(shop, asked, 1, lambda contract: contract.request_session_withdrawal(SESSION))
    assert shop.previews.deposit(SESSION, BaseUnits(1), sender=owner).warnings
    early = shop.previews.withdraw(SESSION)
    assert early.refused == "The contract refuses it (session): delay not over. Withdraw when it is over."
    assert shop.changes(early) == [(1_000, 1_000)]
    assert not early.is_tried

    shop.chain.advance(DELAY)
    part = shop.previews.withdraw(SESSION, BaseUnits(400))
    assert shop.changes(part) == [(1_000, 600)]
    assert part.opens_at is None
    too_much = shop.previews.withdraw(SESSION, BaseUnits(1_001))
    assert "balance too low" in (too_much.refused or "")
    whole = shop.previews.withdraw(SESSION)
    assert shop.changes(whole) == [(1_000, 0)]
    done(shop, whole, 1, lambda contract: contract.withdraw_from_session(SESSION))
    assert balance(shop) == 0


def test_a_cancellation(funded: Shop) -> None:
    funded.by(1).request_session_withdrawal(SESSION)
    funded.follower.catch_up()
    preview = funded.previews.cancel(SESSION)
    assert preview.opens_at is None
    done(funded, preview, 1, lambda contract: contract.cancel_session_withdrawal(SESSION))
    assert "no request" in (funded.previews.cancel(SESSION).refused or "")


def test_a_payout_and_a_payee(funded: Shop) -> None:
    shop, node, other = funded, funded.account(2), funded.account(3)
    strange = shop.previews.set_payee(node, other, sender=other)
    assert strange.refused == (
        f"Only {checksum_address(node)} can do this, and the wallet's account is {checksum_address(other)}: "
        "choose the other one there."
    )
    payee = shop.previews.set_payee(node, other)
    assert payee.signer == node
    assert shop.changes(payee) == [(node, other), (300, 300)]
    assert "only that account can change it again" in payee.warnings[0]
    done(shop, payee, 2, lambda contract: contract.set_node_payee(node, other))

    claim = shop.previews.claim(node, sender=shop.account(1))
    assert shop.changes(claim) == [(300, 0)]
    assert checksum_address(other) in claim.warnings[0]
    done(shop, claim, 1, lambda contract: contract.withdraw_node_payment(node))
    assert shop.contract.node_pending_payments(node) == 0
    assert "nothing to pay" in (shop.previews.claim(node, sender=node).refused or "")


def test_a_payee_that_is_a_contract(funded: Shop) -> None:
    node = funded.account(2)
    refusing = deploy_refusing_payee(Sender(funded.chain.web3, funded.chain.accounts[0]), ZERO_ADDRESS)
    preview = funded.previews.set_payee(node, refusing.address)
    assert "It is a contract" in preview.warnings[1]
    funded.by(2).set_node_payee(node, refusing.address)
    funded.follower.catch_up()
    claim = funded.previews.claim(node, sender=node)
    assert "The payee is a contract" in claim.warnings[1]
    # Only the chain knows what the payee does, so only the trial finds it.
    assert (claim.refused or "").startswith("The contract refuses it (asset): transfer failed. Check balance")


def test_an_account_that_cannot_pay(shop: Shop) -> None:
    preview = shop.previews.deposit(SESSION, BaseUnits(10**18), sender=PAUPER)
    assert preview.refused == (
        f"{checksum_address(PAUPER)} has 0 ETH, and this takes up to 1 ETH with its gas: "
        "send it more first, or choose a smaller amount."
    )


def test_a_token_is_allowed_no_more_than_it_is_for(tmp_path: Path) -> None:
    shop = opened(tmp_path, is_token=True)
    assert shop.token is not None
    owner, amount = shop.account(1), BaseUnits(2_500_000)
    assert len(shop.previews.deposit(SESSION, amount).drafts) == 2
    poor = shop.previews.deposit(SESSION, amount, sender=owner)
    assert "has 0 TUSD, less than 2.5 TUSD" in (poor.refused or "")
    shop.token.mint(owner, amount)
    first = shop.previews.deposit(SESSION, amount, sender=owner)
    assert [draft.to for draft in first.drafts] == [shop.token.address, shop.contract.address]
    assert first.is_tried
    assert first.drafts[0].data.endswith(amount.to_bytes(32))
    assert [draft.value for draft in first.drafts] == [0, 0]
    own = TestToken(shop.chain.web3, shop.token.address, sender=shop.by(1).sender)
    own.approve(shop.contract.address, amount)
    second = shop.previews.deposit(SESSION, amount, sender=owner)
    done(shop, second, 1, lambda contract: contract.deposit_to_session(SESSION, amount))
    assert balance(shop) == amount


def test_without_an_answer_the_books_are_told(funded: Shop) -> None:
    gone = SessionPayment(
        Web3(HTTPProvider("http://127.0.0.1:1", exception_retry_configuration=None)), funded.contract.address
    )
    for chain, said in ((gone, "the node that it asks does not answer"), (None, "asks no chain")):
        preview = replace(funded.previews, chain=chain).deposit(SESSION, BaseUnits(1), sender=PAUPER)
        assert said in (preview.silence or "")
        # Where the operator's node is, is nobody else's business.
        assert "127.0.0.1" not in (preview.silence or "")
        assert funded.changes(preview) == [(1_000, 1_001)]
        assert not preview.is_tried
        assert len(preview.checks) == 1


def test_books_that_are_behind_say_so(funded: Shop) -> None:
    def first_check() -> str:
        return funded.previews.deposit(SESSION, BaseUnits(1)).checks[0]

    assert "behind" not in first_check()
    funded.contract.deposit_to_session(SESSION, 1)
    assert first_check().endswith(", 1 block behind the chain")
    funded.contract.deposit_to_session(SESSION, 1)
    assert first_check().endswith(", 2 blocks behind the chain")


def test_a_session_that_is_not_there(shop: Shop) -> None:
    with pytest.raises(NoSession):
        shop.previews.deposit(SessionId(8), BaseUnits(1))


def test_the_place_of_what_was_sent(shop: Shop) -> None:
    receipt = shop.contract.deposit_to_session(SESSION, 5)
    twice = shop.contract.deposit_to_session(SESSION, 6)
    other = Sender(shop.chain.web3, shop.chain.accounts[3]).transfer(shop.account(2), 1)

    def place(transaction_hash: str, *, chain: SessionPayment | None = shop.contract) -> Place:
        known = shop.follower.contract
        wanted = DepositToSession(SESSION, BaseUnits(5))
        return whereabouts(shop.database, known, chain, transaction_hash, is_wanted=wanted.__eq__).place

    assert place(receipt.transaction_hash) is Place.MINED
    assert place(receipt.transaction_hash, chain=None) is Place.UNKNOWN
    shop.follower.catch_up()
    assert place(receipt.transaction_hash) is Place.FINAL
    assert place(receipt.transaction_hash, chain=None) is Place.FINAL
    assert place(other.transaction_hash) is Place.ELSEWHERE
    assert place(twice.transaction_hash) is Place.ELSEWHERE
    assert place("0x" + "12" * 32) is Place.UNKNOWN
