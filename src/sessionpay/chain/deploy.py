"""Contracts put on a chain from their frozen artifacts, without a compiler."""

from sessionpay.chain import abi
from sessionpay.chain.artifacts import load
from sessionpay.chain.client import SessionPayment
from sessionpay.chain.contract import BoundContract, Receipt
from sessionpay.chain.errors import NodeRefused
from sessionpay.chain.sender import Mined, Sender
from sessionpay.chain.token import TestToken
from sessionpay.chain.transactions import Intent
from sessionpay.core.ids import Address


class RefusingPayee(BoundContract):
    """A payee that takes no money, for demonstrations; its deployer may put another in its place."""

    contract_name = "demo/RefusingPayee"

    def replace_payee(self, payments: SessionPayment, *, node: Address, payee: Address) -> Receipt:
        """Hand the node's payouts on to `payee`, and return what `payments` logged."""
        mined = self._send(
            "replacePayee(address,address,address)", payments=payments.address, node=node, payee=payee
        )
        return payments.receipt(mined)


def deploy_session_payment(
    sender: Sender, *, asset: Address, admin: Address, withdrawal_delay: int
) -> SessionPayment:
    """Deploy the contract and return it, bound to the same sender.

    `asset` is an ERC-20, or zero for the native coin; `admin` gets DEFAULT_ADMIN_ROLE and ADMIN_ROLE;
    `withdrawal_delay` is 0 to 30 days in seconds, 0 for instant withdrawal. Raises `AdminIsZero`,
    `DelayTooLong`, `AssetWithoutCode`, `BalanceUnreadable`, and what `Sender.send` raises.
    """
    types = ("address", "address", "uint256")
    arguments = {"asset": asset, "admin": admin, "withdrawal_delay": withdrawal_delay}
    mined = _create(sender, SessionPayment.contract_name, types, arguments)
    contract = SessionPayment(sender.web3, _address(mined), sender=sender)
    contract.deployment = contract.receipt(mined)
    return contract


def deploy_test_token(sender: Sender, name: str, symbol: str, decimals: int) -> TestToken:
    """Deploy a token that is worth nothing, without supply; names have at most 32 and 16 characters."""
    arguments = {"name": name, "symbol": symbol, "decimals": decimals}
    mined = _create(sender, TestToken.contract_name, ("string", "string", "uint8"), arguments)
    return TestToken(sender.web3, _address(mined), sender=sender)


def deploy_refusing_payee(sender: Sender, token: Address) -> RefusingPayee:
    """Deploy a payee that refuses native coin and, unless it is zero, the test token `token`."""
    mined = _create(sender, RefusingPayee.contract_name, ("address",), {"token": token})
    return RefusingPayee(sender.web3, _address(mined), sender=sender)


def _create(sender: Sender, contract: str, types: tuple[str, ...], arguments: dict[str, object]) -> Mined:
    data = load(contract).bytecode + abi.encoded(types, arguments)
    return sender.send(None, data, intent=Intent(f"deploying {contract}", arguments))


def _address(mined: Mined) -> Address:
    if mined.contract_address is None:
        raise NodeRefused("eth_getTransactionReceipt", message="a deployment without an address")
    return mined.contract_address
