"""A history with something of everything, and databases."""

from __future__ import annotations

import pytest

from sessionpay.core.credits import Credit
from sessionpay.core.ids import Address, SessionId
from sessionpay.core.money import PPM, BaseUnits, Ppm
from sessionpay.core.policy import Policy
from sessionpay.core.pricing import ModelPrice, PriceSheet
from tests.core.rows import NODE_A, NODE_B, NODE_C, row
from tests.services.outbox.conftest import node, proxy
from tests.store.conftest import database, kind, postgresql, url
from tests.strategies import FEE_ACCOUNT, EpochInput, History

__all__ = ["database", "kind", "node", "postgresql", "proxy", "url"]

OTHER = SessionId(8)
SHEET = PriceSheet({"large": ModelPrice(BaseUnits(400_000), BaseUnits(10**6))}, {"standard": Ppm(PPM)})
POLICY = Policy(fee_ppm=Ppm(50_000), deadline_default_ms=30_000, fee_account=FEE_ACCOUNT)


def epoch(number: int, active: frozenset[Address]) -> EpochInput:
    return EpochInput(
        sheet=SHEET,
        policy=POLICY,
        rows=(
            row(prompt_tokens=60 + number, completion_tokens=7),
            row(prompt_tokens=41, node=NODE_B, quality_ppm=Ppm(700_000)),
            row(prompt_tokens=9, node=NODE_C, session_id=OTHER),
        ),
        credits=(
            Credit(session_id=OTHER, amount=BaseUnits(1), reason="the model was another", reference="note"),
        ),
        funded_ppm={SessionId(7): 300_000 + 200_000 * number, OTHER: PPM},
        active=active,
    )


@pytest.fixture(scope="session")
def one_epoch() -> History:
    """One epoch with arrears, a fee, a credit note and an account that is not active."""
    return History((epoch(0, frozenset({NODE_A, NODE_B, FEE_ACCOUNT})),))


@pytest.fixture(scope="session")
def three_epochs(one_epoch: History) -> History:
    """Epochs in which arrears are paid late, and what was held is allocated."""
    everybody = frozenset({NODE_A, NODE_B, NODE_C, FEE_ACCOUNT})
    return History((*one_epoch.epochs, epoch(1, everybody), epoch(2, everybody)))
