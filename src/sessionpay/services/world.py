"""Everybody and everything that a simulation needs on its chain, and the way home for what is left."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from eth_utils.crypto import keccak
from web3 import Web3

from sessionpay.chain import rpc
from sessionpay.chain.connect import EMBEDDED_CHAIN_ID
from sessionpay.chain.deploy import deploy_refusing_payee, deploy_session_payment, deploy_test_token
from sessionpay.chain.errors import OutOfGasMoney
from sessionpay.chain.keys import Signer, signer_from_key
from sessionpay.chain.sender import EMBEDDED_GAS_LIMIT, Sender
from sessionpay.core.errors import SessionPayError
from sessionpay.core.ids import ZERO_ADDRESS, Address, SessionId
from sessionpay.core.ledger import Ledger
from sessionpay.core.policy import Policy
from sessionpay.core.pricing import PriceSheet
from sessionpay.core.roles import SESSION_CONTRACT_ROLE
from sessionpay.core.usage import UsageRecord
from sessionpay.services.settlement import Settlement
from sessionpay.services.simulation import (
    Trial,
    close_sessions,
    needed_deposits,
    open_sessions,
    refuse_payments,
)

TRIAL_NAME = "Trial Dollar"
TRIAL_SYMBOL = "TUSD"
# As many as ether has, so that one price sheet suits both assets.
TRIAL_DECIMALS = 18
# Gas that one account's transactions may use in all, several times over: two deposits and a
# withdrawal of an owner, one payout an epoch of a node.
OWNER_GAS = 1_000_000
NODE_GAS = 400_000
NODE_GAS_PER_EPOCH = 100_000
# The operator's deployments, registrations and batches.
OPERATOR_GAS = 20_000_000
OPERATOR_GAS_PER_ACCOUNT = 300_000
# A transfer, and what its estimate adds; what it leaves behind is not worth another transaction.
SWEEP_GAS = 30_000
# The price of gas may rise while a simulation runs.
GAS_PRICE_FACTOR = 3


def derive(seed: bytes, role: str, number: int) -> Signer:
    """Return key `number` of a role; the same seed gives the same keys."""
    return signer_from_key(keccak(seed + f"/{role}/{number}".encode()).hex())


def node_accounts(seed: bytes, count: int) -> tuple[Address, ...]:
    """Return the addresses of the first `count` nodes that the seed gives."""
    return tuple(derive(seed, "node", number).address for number in range(count))


@dataclass(slots=True)
class World:
    """The operator, and the owners and nodes whose keys come from `seed`."""

    web3: Web3
    operator: Sender
    seed: bytes
    owners: dict[SessionId, Sender] = field(default_factory=dict)
    nodes: dict[Address, Sender] = field(default_factory=dict)

    @property
    def is_embedded(self) -> bool:
        """Whether the chain ends with this process, so that nothing needs to come home."""
        return self.operator.chain_id == EMBEDDED_CHAIN_ID

    def node_addresses(self, count: int) -> tuple[Address, ...]:
        """Return the first `count` node accounts, creating those that are new."""
        signers = [derive(self.seed, "node", number) for number in range(count)]
        for signer in signers:
            self.nodes.setdefault(signer.address, Sender(self.web3, signer))
        return tuple(signer.address for signer in signers)

    def settle_in(self, records: Sequence[UsageRecord]) -> tuple[UsageRecord, ...]:
        """Give each node that the records name an account of this world, in the order of their names.

        Nobody here has the keys of the accounts that a usage file names.
        """
        named = sorted({record.node for record in records})
        account = dict(zip(named, self.node_addresses(len(named)), strict=True))
        return tuple(replace(record, node=account[record.node]) for record in records)

    def owner(self, session_id: SessionId) -> Sender:
        """Return the account of the session's owner."""
        if session_id not in self.owners:
            self.owners[session_id] = Sender(self.web3, derive(self.seed, "owner", session_id))
        return self.owners[session_id]

    @property
    def senders(self) -> list[Sender]:
        """Everybody who sends transactions here."""
        return [self.operator, *self.owners.values(), *self.nodes.values()]


@dataclass(frozen=True, slots=True)
class Plan:
    """One asset's part of a simulation before anything is on the chain."""

    asset: str
    epochs: Sequence[tuple[UsageRecord, ...]]
    owners: Mapping[SessionId, Sender]
    nodes: Mapping[Address, Sender]
    sheet: PriceSheet
    policy: Policy


def plan_trials(
    world: World,
    epochs: Sequence[tuple[UsageRecord, ...]],
    *,
    assets: Sequence[str],
    sheet: PriceSheet,
    policy: Policy,
) -> list[Plan]:
    """Share the sessions out among the assets, in turn, each with its part of every epoch."""
    session_ids = sorted({row.session_id for rows in epochs for row in rows})
    plans = []
    for place, asset in enumerate(assets):
        mine = set(session_ids[place :: len(assets)])
        if not mine:
            continue
        parts = [tuple(row for row in rows if row.session_id in mine) for rows in epochs]
        owners = {session_id: world.owner(session_id) for session_id in sorted(mine)}
        nodes = sorted({row.node for rows in parts for row in rows})
        plans.append(
            Plan(
                asset, parts, owners, {node: world.nodes[node] for node in nodes}, sheet=sheet, policy=policy
            )
        )
    return plans


def fund(world: World, plans: Sequence[Plan]) -> None:
    """Send every owner and node coin for gas, and native owners what they will deposit.

    Raises `OutOfGasMoney` before the first transfer if the operator has too little for all of it.
    """
    wanted = dict(_wanted(world, plans))
    accounts = len(world.owners) + len(world.nodes)
    operator_gas = OPERATOR_GAS + accounts * OPERATOR_GAS_PER_ACCOUNT
    needed = sum(wanted.values()) + operator_gas * _gas_price(world)
    balance = world.operator.balance()
    if balance < needed:
        raise OutOfGasMoney(world.operator.address, balance=balance, needed=needed)
    for account, amount in wanted.items():
        world.operator.transfer(account, amount)


def _wanted(world: World, plans: Sequence[Plan]) -> Iterator[tuple[Address, int]]:
    price = _gas_price(world)
    # On the embedded chain a sender offers the whole limit with every transaction.
    spare = EMBEDDED_GAS_LIMIT if world.is_embedded else 0
    for plan in plans:
        deposits = needed_deposits(plan.sheet, plan.epochs)
        for session_id, owner in plan.owners.items():
            value = deposits[session_id] if plan.asset == "native" else 0
            yield owner.address, value + (OWNER_GAS + spare) * price
    epochs = max(len(plan.epochs) for plan in plans)
    for node in world.nodes:
        yield node, (NODE_GAS + epochs * NODE_GAS_PER_EPOCH * len(plans) + spare) * price


def start(world: World, plan: Plan, *, with_incidents: bool) -> Trial:
    """Deploy the contract of one asset, give the operator its role, and open the sessions."""
    operator = world.operator
    token = None
    if plan.asset == "token":
        token = deploy_test_token(operator, TRIAL_NAME, TRIAL_SYMBOL, TRIAL_DECIMALS)
        for session_id, amount in needed_deposits(plan.sheet, plan.epochs).items():
            token.mint(plan.owners[session_id].address, amount)
    asset = token.address if token else ZERO_ADDRESS
    contract = deploy_session_payment(operator, asset=asset, admin=operator.address, withdrawal_delay=0)
    ledger = Ledger(contract=contract.address, asset=asset, withdrawal_delay=0)
    settlement = Settlement(contract, ledger, plan.sheet, plan.policy)
    if contract.deployment is None:
        raise AssertionError("a contract that was just deployed has a receipt")
    settlement.record(
        contract.deployment, lambda call: ledger.deploy(call, operator.address), by=operator.address
    )
    settlement.record(
        contract.grant_role(SESSION_CONTRACT_ROLE, operator.address),
        lambda call: ledger.grant_role(call, SESSION_CONTRACT_ROLE, operator.address),
        by=operator.address,
    )
    trial = Trial(
        kind=plan.asset,
        asset=contract.asset_info(),
        settlement=settlement,
        token=token,
        owners=plan.owners,
        nodes=plan.nodes,
        epochs=plan.epochs,
    )
    open_sessions(trial, goes_short=with_incidents)
    if with_incidents:
        refuse_payments(trial, deploy_refusing_payee(operator, asset))
    return trial


def come_home(world: World, trials: Sequence[Trial]) -> list[str]:
    """Bring back what is left: owners take their deposits, every account sends its coin to the operator.

    Also called after a failure, so one account's trouble does not keep the others from coming. Returns
    what could not come, one line each.
    """
    stayed = []
    for trial in trials:
        try:
            close_sessions(trial)
        except SessionPayError as error:
            stayed.append(f"in contract {trial.settlement.contract.address}: {error}")
    for sender in world.senders[1:]:
        try:
            left = sender.balance() - SWEEP_GAS * _gas_price(world)
            if left > 0:
                sender.transfer(world.operator.address, left)
        except SessionPayError as error:
            stayed.append(f"on {sender.address}: {error}")
    return stayed


def _gas_price(world: World) -> int:
    """Return what one gas may cost while the simulation runs, in wei."""
    return rpc.number(world.web3, "eth_gasPrice") * GAS_PRICE_FACTOR
