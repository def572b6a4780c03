"""What the SessionPayment contract can be asked; nothing here costs gas.

Each view is named after the contract's function. `block` is the number of the block after which to look,
the latest when left out; a node answers for old blocks only if it keeps their states.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, TypeVar

from sessionpay.chain import rows, rpc
from sessionpay.chain.artifacts import load
from sessionpay.chain.contract import BoundContract
from sessionpay.chain.errors import NoContract, WrongCode
from sessionpay.chain.token import Token
from sessionpay.core.events import Allocation, Charge
from sessionpay.core.ids import ZERO_ADDRESS, Address, SessionId
from sessionpay.core.money import Asset, BaseUnits

NATIVE_SYMBOL = "ETH"
NATIVE_DECIMALS = 18
# What fees are paid in, whatever the contract holds.
NATIVE = Asset(ZERO_ADDRESS, NATIVE_SYMBOL, NATIVE_DECIMALS)

Row = TypeVar("Row", Charge, Allocation)


@dataclass(frozen=True, slots=True)
class Account:
    """One session: amounts in base units, times in unix seconds, 0 for never; zeros for an unknown id."""

    session_id: SessionId
    owner: Address
    balance: BaseUnits
    payment_amount: BaseUnits
    registered_at: int
    last_payment_at: int
    withdrawal_requested_at: int


@dataclass(frozen=True, slots=True)
class Preview(Generic[Row]):
    """What a batch would do now: the sum in base units, and each row as it would be applied."""

    total: BaseUnits
    rows: tuple[Row, ...]


class SessionPaymentViews(BoundContract):
    """The reading half of the binding."""

    contract_name: ClassVar[str] = "SessionPayment"

    def sessions(self, session_id: int, *, block: int | None = None) -> Address:
        """Return the owner of a session; zero for one that is not registered."""
        return Address(self._word("sessions(uint256)", "address", block, session_id=session_id))

    def session_balances(self, session_id: int, *, block: int | None = None) -> BaseUnits:
        """Return the unspent deposit of a session, in base units."""
        return BaseUnits(self._word("sessionBalances(uint256)", "uint256", block, session_id=session_id))

    def get_session_balance(self, session_id: int, *, block: int | None = None) -> BaseUnits:
        """Return the unspent deposit of a session, in base units."""
        return BaseUnits(self._word("getSessionBalance(uint256)", "uint256", block, session_id=session_id))

    def session_network_usage(self, session_id: int, *, block: int | None = None) -> BaseUnits:
        """Return what a session paid to the network so far, in base units."""
        return BaseUnits(self._word("sessionNetworkUsage(uint256)", "uint256", block, session_id=session_id))

    def get_session_network_usage(self, session_id: int, *, block: int | None = None) -> BaseUnits:
        """Return what a session paid to the network so far, in base units."""
        return BaseUnits(
            self._word("getSessionNetworkUsage(uint256)", "uint256", block, session_id=session_id)
        )

    def get_account(self, session_id: int, *, block: int | None = None) -> Account:
        """Return everything about one session."""
        fields = ("uint256", "address", "uint256", "uint256", "uint256", "uint256", "uint256")
        return Account(*self._call("getAccount(uint256)", fields, at=block, session_id=session_id))

    def total_network_balance(self, *, block: int | None = None) -> BaseUnits:
        """Return the treasury: charged and not yet allocated, in base units."""
        return BaseUnits(self._word("totalNetworkBalance()", "uint256", block))

    def node_pending_payments(self, node: Address, *, block: int | None = None) -> BaseUnits:
        """Return what is allocated to a node and not yet withdrawn, in base units."""
        return BaseUnits(self._word("nodePendingPayments(address)", "uint256", block, node=node))

    def node_earnings(self, node: Address, *, block: int | None = None) -> BaseUnits:
        """Return what was ever allocated to a node, in base units."""
        return BaseUnits(self._word("nodeEarnings(address)", "uint256", block, node=node))

    def node_last_used_timestamps(self, node: Address, *, block: int | None = None) -> int:
        """Return when a node was last used, in unix seconds; 0 means that it is not active."""
        return int(self._word("nodeLastUsedTimestamps(address)", "uint256", block, node=node))

    def node_payees(self, node: Address, *, block: int | None = None) -> Address:
        """Return where a node's money goes; zero means the node itself."""
        return Address(self._word("nodePayees(address)", "address", block, node=node))

    def liabilities(self, *, block: int | None = None) -> BaseUnits:
        """Return all that the contract owes, in base units."""
        return BaseUnits(self._word("liabilities()", "uint256", block))

    def surplus(self, *, block: int | None = None) -> int:
        """Return what the contract holds of its asset beyond `liabilities`, in base units; 0 when below."""
        return int(self._word("surplus()", "uint256", block))

    def settlement_sequence(self, *, block: int | None = None) -> int:
        """Return the number that the next batch must carry."""
        return int(self._word("settlementSequence()", "uint256", block))

    def paused_until(self, *, block: int | None = None) -> int:
        """Return the unix time before which the contract is paused; 0 for never paused."""
        return int(self._word("pausedUntil()", "uint256", block))

    def preview_charges(self, charges: Sequence[Charge], *, block: int | None = None) -> Preview[Charge]:
        """Return what `pay_from_sessions_to_network` would charge; raises `BadBatch`."""
        words = rows.charge_words(charges)
        total, applied = self._call(
            "previewCharges(uint256[])", ("uint256", "uint256[]"), at=block, charges=words
        )
        return Preview(BaseUnits(total), rows.charges(applied))

    def preview_allocations(
        self, allocations: Sequence[Allocation], *, block: int | None = None
    ) -> Preview[Allocation]:
        """Return what `allocate_node_amounts` would credit; raises `BadBatch` or `TreasuryTooLow`."""
        words = rows.allocation_words(allocations)
        total, applied = self._call(
            "previewAllocations(uint256[])", ("uint256", "uint256[]"), at=block, allocations=words
        )
        return Preview(BaseUnits(total), rows.allocations(applied))

    def asset(self, *, block: int | None = None) -> Address:
        """Return the token of these books; zero for the native coin."""
        return Address(self._word("ASSET()", "address", block))

    def withdrawal_delay(self, *, block: int | None = None) -> int:
        """Return the seconds between a withdrawal request and the withdrawal."""
        return int(self._word("WITHDRAWAL_DELAY()", "uint256", block))

    def default_admin_role(self, *, block: int | None = None) -> str:
        """Return the id of the role that grants roles, 32 bytes as 0x hex."""
        return _role(self._word("DEFAULT_ADMIN_ROLE()", "bytes32", block))

    def admin_role(self, *, block: int | None = None) -> str:
        """Return the id of the role that pauses and recovers, 32 bytes as 0x hex."""
        return _role(self._word("ADMIN_ROLE()", "bytes32", block))

    def session_contract_role(self, *, block: int | None = None) -> str:
        """Return the id of the role that charges and allocates, 32 bytes as 0x hex."""
        return _role(self._word("SESSION_CONTRACT_ROLE()", "bytes32", block))

    def has_role(self, role: str, account: Address, *, block: int | None = None) -> bool:
        """Tell whether `account` holds `role`, 32 bytes as 0x hex."""
        return bool(self._word("hasRole(bytes32,address)", "bool", block, role=role, account=account))

    def get_role_admin(self, role: str, *, block: int | None = None) -> str:
        """Return the role whose holders grant `role`; both are 32 bytes as 0x hex."""
        return _role(self._word("getRoleAdmin(bytes32)", "bytes32", block, role=role))

    def supports_interface(self, interface_id: bytes, *, block: int | None = None) -> bool:
        """Tell whether the contract has an interface, named by 4 bytes (ERC-165)."""
        return bool(self._word("supportsInterface(bytes4)", "bool", block, interface_id=interface_id))

    def balance(self, *, block: int | None = None) -> int:
        """Return what the contract really holds of its asset, in base units."""
        asset = self.asset(block=block)
        if asset == ZERO_ADDRESS:
            return rpc.balance(self.web3, self.address, block="latest" if block is None else block)
        return Token(self.web3, asset).balance_of(self.address, block=block)

    def asset_info(self) -> Asset:
        """Return the asset with its symbol and decimals; raises `BadAsset` for a token that has none."""
        asset = self.asset()
        if asset == ZERO_ADDRESS:
            return NATIVE
        return Token(self.web3, asset).asset_info()

    def check_code(self) -> None:
        """Raise `NoContract` or `WrongCode` unless this package's contract stands at the address."""
        code = rpc.code(self.web3, self.address)
        if not code:
            raise NoContract(self.address)
        if not load(self.contract_name).is_code(code):
            raise WrongCode(self.address, contract=self.contract_name)

    def _word(self, signature: str, kind: str, block: int | None, **arguments: object) -> Any:  # noqa: ANN401 - the ABI decides
        return self._call(signature, (kind,), at=block, **arguments)[0]


def _role(word: bytes) -> str:
    return "0x" + word.hex()
