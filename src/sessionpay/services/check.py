"""What may be wrong with a deployment before money goes there: its roles, its delay, the key at hand."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from web3 import Web3

from sessionpay.chain import logs, rpc
from sessionpay.chain.artifacts import load
from sessionpay.chain.client import SessionPayment
from sessionpay.chain.errors import NoContract, NodeRefused, WrongCode
from sessionpay.chain.views import NATIVE_DECIMALS, NATIVE_SYMBOL
from sessionpay.core.events import Event, RoleGranted, RoleRevoked
from sessionpay.core.ids import ZERO_ADDRESS, Address, checksum_address
from sessionpay.core.money import Asset, BaseUnits, format_amount
from sessionpay.core.roles import ADMIN_ROLE, DEFAULT_ADMIN_ROLE, ROLES, SESSION_CONTRACT_ROLE

# An account that delegates its code to a contract (EIP-7702) still obeys its plain key.
DELEGATION_PREFIX = bytes.fromhex("ef0100")
# The largest batch of the contract, 512 rows, takes less gas than this.
BATCH_GAS_MAX = 4_000_000

_ROLE_EVENTS = (RoleGranted, RoleRevoked)


class Level(StrEnum):
    """How much a finding matters."""

    OK = "ok"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at, and what was found."""

    level: Level
    subject: str
    message: str


@dataclass(frozen=True, slots=True)
class Holders:
    """Who holds each role, by role id."""

    by_role: dict[str, tuple[Address, ...]]

    def of(self, role: str) -> tuple[Address, ...]:
        """Return the holders of `role`."""
        return self.by_role.get(role, ())


def role_holders(contract: SessionPayment, *, from_block: int = 0) -> Holders:
    """Return who holds each role now, from the grants and revocations since `from_block`.

    A block after the deployment may leave holders out. Raises `NodeRefused` where the node does not serve
    logs over so many blocks.
    """
    request = {
        "address": checksum_address(contract.address),
        "fromBlock": rpc.block_tag(from_block),
        "toBlock": "latest",
        "topics": [["0x" + topic for topic, layout in logs.BY_TOPIC.items() if layout.event in _ROLE_EVENTS]],
    }
    found = rpc.ask(contract.web3, "eth_getLogs", request)
    return folded(logs.decode_all(found, contract.address))


def folded(events: Iterable[Event]) -> Holders:
    """Return who holds each role after `events`, holders sorted by address."""
    held: dict[str, set[Address]] = {}
    for event in events:
        match event:
            case RoleGranted(role=role, account=account):
                held.setdefault(role, set()).add(account)
            case RoleRevoked(role=role, account=account):
                held.setdefault(role, set()).discard(account)
    return Holders({role: tuple(sorted(accounts)) for role, accounts in held.items() if accounts})


def check_deployment(
    contract: SessionPayment,
    *,
    account: Address | None,
    epoch_seconds: int | None = None,
    from_block: int = 0,
) -> list[Finding]:
    """Return what was found about a contract, and about `account` if it is to sign.

    `epoch_seconds` is how long a withdrawal delay must at least be: epoch and finality together. Where the
    code is not that of this package, nothing else about it is looked at.
    """
    try:
        contract.check_code()
    except (NoContract, WrongCode) as error:
        return [Finding(Level.ERROR, "contract code", str(error))]
    code = Finding(Level.OK, "contract code", f"equals the artifact, {load(contract.contract_name).compiler}")
    asset = Finding(Level.OK, "asset", contract.asset_info().symbol)
    findings = [code, asset, check_delay(contract.withdrawal_delay(), epoch_seconds=epoch_seconds)]
    try:
        findings += check_admins(contract.web3, role_holders(contract, from_block=from_block))
    except NodeRefused as error:
        message = f"cannot be listed ({error}): give --from-block with the block of the deployment"
        findings.append(Finding(Level.WARNING, "roles", message))
    if account is not None:
        findings += check_key(contract, account)
    return findings


def check_admins(web3: Web3, holders: Holders) -> list[Finding]:
    """Warn of administrators that are plain keys or also settle, and of roles that nobody holds."""
    findings = [
        Finding(Level.WARNING, "roles", f"nobody holds {name}")
        for name, role in ROLES.items()
        if not holders.of(role)
    ]
    settlers = set(holders.of(SESSION_CONTRACT_ROLE))
    for admin in sorted({*holders.of(DEFAULT_ADMIN_ROLE), *holders.of(ADMIN_ROLE)}):
        findings += _admin(web3, admin, settles=admin in settlers)
    return findings or [Finding(Level.OK, "roles", "every role is held, and no administrator is a plain key")]


def check_delay(delay_seconds: int, *, epoch_seconds: int | None) -> Finding:
    """Say whether charges can land before an owner's withdrawal; it must exceed epoch plus finality."""
    if delay_seconds == 0:
        message = "none: an owner can withdraw before a charge lands"
        return Finding(Level.WARNING, "withdrawal delay", message)
    if epoch_seconds is not None and delay_seconds <= epoch_seconds:
        message = f"{delay_seconds} s is not longer than epoch and finality together, {epoch_seconds} s"
        return Finding(Level.WARNING, "withdrawal delay", message)
    return Finding(Level.OK, "withdrawal delay", f"{delay_seconds} s")


def check_key(contract: SessionPayment, account: Address) -> list[Finding]:
    """Say which roles the key has, and whether it can pay for the largest batch."""
    shown = checksum_address(account)
    held = [name for name, role in ROLES.items() if contract.has_role(role, account)]
    if held:
        roles = Finding(Level.OK, "key roles", f"{shown} holds {', '.join(held)}")
    else:
        roles = Finding(Level.WARNING, "key roles", f"{shown} holds none: it can only own sessions and nodes")
    balance = rpc.balance(contract.web3, account)
    price = rpc.number(contract.web3, "eth_gasPrice")
    if balance == 0:
        gas = Finding(Level.ERROR, "key gas money", f"{shown} has none: send it native coin")
    elif balance < price * BATCH_GAS_MAX:
        message = f"{shown} has {_coin(balance)}, a batch of 512 rows may cost {_coin(price * BATCH_GAS_MAX)}"
        gas = Finding(Level.WARNING, "key gas money", message)
    else:
        gas = Finding(Level.OK, "key gas money", f"{shown} has {_coin(balance)}")
    return [roles, gas]


def _coin(amount: int) -> str:
    return format_amount(BaseUnits(amount), Asset(ZERO_ADDRESS, NATIVE_SYMBOL, NATIVE_DECIMALS))


def _admin(web3: Web3, admin: Address, *, settles: bool) -> list[Finding]:
    shown = checksum_address(admin)
    code = rpc.code(web3, admin)
    findings = []
    if not code or code.startswith(DELEGATION_PREFIX):
        message = f"administrator {shown} is a plain key: use a timelock or a multisig"
        findings.append(Finding(Level.WARNING, "admin", message))
    if settles:
        message = f"administrator {shown} is also the settlement key: use two accounts"
        findings.append(Finding(Level.WARNING, "admin", message))
    return findings
