"""Given a usage trace, when it is settled on the embedded chain, it should leave nothing unexplained."""

from __future__ import annotations

from pathlib import Path

import pytest

from sessionpay.chain.embedded import embedded_chain
from sessionpay.chain.errors import OutOfGasMoney
from sessionpay.chain.sender import Sender
from sessionpay.core.money import BaseUnits, Ppm
from sessionpay.core.policy import Policy, parse_policy
from sessionpay.core.pricing import ModelPrice, PriceSheet, parse_price_sheet
from sessionpay.metering.records import cut_epochs, read_csv
from sessionpay.services import trial_rules
from sessionpay.services.simulation import Trial, audit, close_sessions, costs, run_epoch
from sessionpay.services.world import World, fund, plan_trials, start
from tests.core.rows import SESSION, row

TRACE = Path(__file__).parents[2] / "examples" / "demo" / "usage.csv"
FEES = "0x" + "fe" * 20


@pytest.fixture(scope="module")
def sheet() -> PriceSheet:
    """Return the built-in price sheet."""
    return parse_price_sheet(trial_rules.text("prices.toml"))


@pytest.fixture(scope="module")
def policy() -> Policy:
    """Return the built-in policy."""
    return parse_policy(trial_rules.text("policy.toml"))


def settled(
    sheet: PriceSheet,
    policy: Policy,
    *,
    assets: tuple[str, ...] = ("native",),
    epochs: int = 4,
    incidents: bool = True,
) -> tuple[World, list[Trial]]:
    """Settle the demo trace from the first deposit to the last withdrawal."""
    chain = embedded_chain()
    world = World(chain.web3, Sender(chain.web3, chain.accounts[0]), bytes(32))
    records = world.settle_in(read_csv(TRACE).records)
    plans = plan_trials(world, cut_epochs(records, epochs), assets=assets, sheet=sheet, policy=policy)
    fund(world, plans)
    trials = [start(world, plan, with_incidents=incidents) for plan in plans]
    for number in range(1, epochs + 1):
        for trial in trials:
            run_epoch(trial, number)
    for trial in trials:
        close_sessions(trial)
        audit(trial)
    return world, trials


def test_each_unit_is_in_exactly_one_place(sheet: PriceSheet, policy: Policy) -> None:
    _, trials = settled(sheet, policy, assets=("native", "token"))
    assert len(trials) == 2
    assert not set(trials[0].owners) & set(trials[1].owners)
    for trial in trials:
        ledger = trial.settlement.ledger
        assert trial.comparison is not None
        assert trial.comparison.difference == 0
        assert trial.comparison.surplus == 0
        assert trial.deposited == trial.returned + trial.withdrawn + ledger.network
        assert ledger.network == trial.settlement.opening.retained
        assert not trial.results[-1].arrears


def test_the_short_session_pays_later(sheet: PriceSheet, policy: Policy) -> None:
    _, (trial,) = settled(sheet, policy)
    short = trial.short
    assert short is not None
    assert 0 < short.epoch < len(trial.results)
    assert trial.results[short.epoch - 1].arrears[short.session_id] > 0
    assert short.session_id not in trial.results[-1].arrears
    paid_late = [
        part
        for service in trial.results[-1].services
        if service.session_id == short.session_id
        for part in service.paid
        if part.epoch < len(trial.results)
    ]
    assert paid_late


def test_the_refusing_payee_stops_nobody_and_is_paid_once_replaced(sheet: PriceSheet, policy: Policy) -> None:
    _, (trial,) = settled(sheet, policy)
    refusing = trial.refusing
    assert refusing is not None
    assert refusing.replaced_in == 2
    assert refusing.paid > 0
    assert all(node.pending == 0 for node in trial.settlement.ledger.nodes.values())


def test_a_session_costs_what_all_its_epochs_come_to_rounded_up_once() -> None:
    sheet = PriceSheet({"large": ModelPrice(BaseUnits(400_000), BaseUnits(0))}, {"standard": Ppm(10**6)})
    assert costs(sheet, [(row(),), (row(),)]) == {SESSION: 1}
    assert costs(sheet, [(row(), row()), (row(),)]) == {SESSION: 2}
    assert costs(sheet, [(row(prompt_tokens=5),)]) == {SESSION: 2}


def test_one_epoch_is_enough(sheet: PriceSheet, policy: Policy) -> None:
    _, (trial,) = settled(sheet, policy, epochs=1)
    assert trial.short is None
    assert trial.comparison is not None
    assert trial.comparison.difference == 0


def test_accounts_of_the_policy_are_paid_out_too(sheet: PriceSheet) -> None:
    policy = parse_policy(f'fee_ppm = 100_000\nfee_account = "{FEES}"\n[deadlines_ms]\ndefault = 30_000\n')
    world, (trial,) = settled(sheet, policy, incidents=False)
    fees = trial.settlement.ledger.nodes[FEES]  # type: ignore[index]
    assert fees.earned > 0
    assert fees.pending == 0
    assert int(world.web3.eth.get_balance(world.web3.to_checksum_address(FEES))) == fees.earned


def test_an_operator_without_money_is_told_before_anything_is_sent(sheet: PriceSheet, policy: Policy) -> None:
    chain = embedded_chain()
    poor = Sender(chain.web3, World(chain.web3, Sender(chain.web3, chain.accounts[0]), b"x").owner(1).signer)  # type: ignore[arg-type]
    world = World(chain.web3, poor, bytes(32))
    records = world.settle_in(read_csv(TRACE).records)
    plans = plan_trials(world, [records], assets=("native",), sheet=sheet, policy=policy)
    with pytest.raises(OutOfGasMoney) as refused:
        fund(world, plans)
    assert poor.address in str(refused.value).lower()
    assert poor.transactions == 0
