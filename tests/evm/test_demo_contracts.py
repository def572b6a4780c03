"""The two contracts that the demonstration brings along.

Given a test token with 1,000 units for one holder
    When it is used as any ERC-20 with permits
        It should keep balances, allowances and nonces, and refuse what they do not cover
    When an account refuses tokens
        It should turn away transfers to that account, and no others
Given a payee that refuses money
    When it is paid
        It should revert
    When its deployer, and nobody else, replaces it
        It should hand the node over
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from .actors import ACTORS
from .backend import GENESIS_TIME
from .compile import DEMO, compiled
from .contract import Contract, Reverted, deploy
from .hostile import FALSE, sign_permit

if TYPE_CHECKING:
    from .backend import Backend

ADMIN, HOLDER, SPENDER, PAYEE = (ACTORS[role] for role in ("admin", "session_owner", "outsider", "payee"))


def test_reads(dollar: Contract) -> None:
    assert (dollar.name(), dollar.symbol(), dollar.decimals()) == ("Test Dollar", "TUSD", 6)
    assert (dollar.totalSupply(), dollar.balanceOf(HOLDER)) == (1_000, 1_000)


def test_transfers(dollar: Contract) -> None:
    receipt = dollar.transfer(PAYEE, 400, sender=HOLDER)
    assert [(one.name, one.args) for one in receipt.events] == [
        ("Transfer", {"sender": HOLDER, "receiver": PAYEE, "value": 400})
    ]
    with pytest.raises(Reverted, match="token: balance too small"):
        dollar.transfer(PAYEE, 601, sender=HOLDER)


def test_allowances(dollar: Contract) -> None:
    dollar.approve(SPENDER, 300, sender=HOLDER)
    dollar.transferFrom(HOLDER, PAYEE, 200, sender=SPENDER)
    assert dollar.allowance(HOLDER, SPENDER) == 100
    with pytest.raises(Reverted, match="token: allowance too small"):
        dollar.transferFrom(HOLDER, PAYEE, 101, sender=SPENDER)
    dollar.approve(SPENDER, 2**256 - 1, sender=HOLDER)
    dollar.transferFrom(HOLDER, PAYEE, 200, sender=SPENDER)
    assert dollar.allowance(HOLDER, SPENDER) == 2**256 - 1


def test_sends_to_itself(dollar: Contract) -> None:
    dollar.transfer(HOLDER, 1_000, sender=HOLDER)
    assert dollar.balanceOf(HOLDER) == 1_000


def test_supply_cannot_overflow(dollar: Contract) -> None:
    with pytest.raises(Reverted):
        dollar.mint(PAYEE, 2**256 - 1, sender=ADMIN)


def test_permit_counts_once(dollar: Contract) -> None:
    signature = sign_permit(dollar, role="session_owner", spender=SPENDER, amount=250, deadline=GENESIS_TIME)
    dollar.permit(HOLDER, SPENDER, 250, GENESIS_TIME, *signature, sender=PAYEE)
    assert (dollar.allowance(HOLDER, SPENDER), dollar.nonces(HOLDER)) == (250, 1)
    with pytest.raises(Reverted, match="token: bad signature"):
        dollar.permit(HOLDER, SPENDER, 250, GENESIS_TIME, *signature, sender=PAYEE)


def test_permit_for_another_amount_or_owner(dollar: Contract) -> None:
    signature = sign_permit(dollar, role="session_owner", spender=SPENDER, amount=250, deadline=GENESIS_TIME)
    for owner, amount in ((HOLDER, 251), (PAYEE, 250)):
        with pytest.raises(Reverted, match="token: bad signature"):
            dollar.permit(owner, SPENDER, amount, GENESIS_TIME, *signature, sender=PAYEE)


def test_permit_without_a_signer(dollar: Contract) -> None:
    nobody = "0x" + "00" * 20
    with pytest.raises(Reverted, match="token: bad signature"):
        dollar.permit(nobody, SPENDER, 1, GENESIS_TIME, 0, FALSE, FALSE, sender=PAYEE)


def test_permit_expires(dollar: Contract) -> None:
    signature = sign_permit(
        dollar, role="session_owner", spender=SPENDER, amount=1, deadline=GENESIS_TIME - 1
    )
    with pytest.raises(Reverted, match="token: permit expired"):
        dollar.permit(HOLDER, SPENDER, 1, GENESIS_TIME - 1, *signature, sender=PAYEE)


def test_refusing_concerns_only_the_receiver_who_refuses(dollar: Contract) -> None:
    dollar.refuse(True, sender=PAYEE)
    with pytest.raises(Reverted, match="token: receiver refuses"):
        dollar.transfer(PAYEE, 1, sender=HOLDER)
    dollar.transfer(SPENDER, 1, sender=HOLDER)
    dollar.refuse(False, sender=PAYEE)
    dollar.transfer(PAYEE, 1, sender=HOLDER)
    assert dollar.balanceOf(PAYEE) == 1


def test_refusing_payee(backend: Backend, dollar: Contract) -> None:
    payee = deploy(backend, compiled("RefusingPayee", folder=DEMO), dollar.address, sender=ADMIN)
    with pytest.raises(Reverted, match="payee: refuses money"):
        payee.send(sender=HOLDER, value=1)
    with pytest.raises(Reverted, match="token: receiver refuses"):
        dollar.transfer(payee.address, 1, sender=HOLDER)
    with pytest.raises(Reverted, match="payee: deployer only"):
        payee.replacePayee(dollar.address, HOLDER, PAYEE, sender=HOLDER)
