"""`sessionpay deploy`: put the contract on a chain."""

from typing import TYPE_CHECKING, Annotated

from typer import Option, Typer

from sessionpay.app import find_chain
from sessionpay.chain import rpc
from sessionpay.chain.client import SessionPayment
from sessionpay.chain.deploy import deploy_session_payment
from sessionpay.chain.sender import Sender
from sessionpay.chain.token import Token
from sessionpay.chain.views import NATIVE
from sessionpay.cli.commands import Needs, Run, command
from sessionpay.cli.failures import BadCommandLine
from sessionpay.cli.output import Span
from sessionpay.cli.sending import Plan, perform, told_mined
from sessionpay.cli.terms import parse_duration
from sessionpay.config import Deployment, is_url
from sessionpay.core.ids import ZERO_ADDRESS, Address, checksum_address, parse_address

if TYPE_CHECKING:
    from sessionpay.cli.output import Fields

NATIVE_WORD = "native"

_Asset = Annotated[
    str, Option("--asset", metavar="native|TOKEN", help="What it holds: the coin, or an ERC-20.")
]
_Admin = Annotated[
    str | None, Option("--admin", metavar="ADDRESS", help="Who administers it; the key itself if left out.")
]
_Delay = Annotated[str, Option("--withdrawal-delay", metavar="TIME", help="0 to 30d; 0 pays owners at once.")]
_Name = Annotated[str | None, Option("--name", metavar="NAME", help="Keep the contract in the config.")]


def register(app: Typer) -> None:
    """Add `deploy` to the program."""
    example = "deploy --asset native --admin 0x7099...79C8 --withdrawal-delay 1d --name eth"
    command(app, "deploy", needs=Needs.CHAIN_AND_KEY, example=example)(deploy)


def deploy(
    run: Run,
    *,
    asset: _Asset = NATIVE_WORD,
    admin: _Admin = None,
    withdrawal_delay: _Delay = "0",
    name: _Name = None,
) -> None:
    """Deploy the contract from its frozen artifact; it cannot be changed afterwards."""
    token = ZERO_ADDRESS if asset == NATIVE_WORD else parse_address(asset)
    administrator = None if admin is None else parse_address(admin)
    delay_seconds = parse_duration("withdrawal delay", withdrawal_delay)
    network = _network_of(run, name)
    web3 = run.chain()
    signer = run.signer()
    holder = administrator or signer.address
    fields: Fields = {
        "asset": NATIVE_WORD if token == ZERO_ADDRESS else checksum_address(token),
        "symbol": NATIVE.symbol if token == ZERO_ADDRESS else Token(web3, token).asset_info().symbol,
        "admin": checksum_address(holder),
        "withdrawal_delay": Span(delay_seconds),
    }

    def create(sender: Sender) -> SessionPayment:
        return deploy_session_payment(sender, asset=token, admin=holder, withdrawal_delay=delay_seconds)

    contract = perform(run, web3, signer, Plan("Deploy the contract", fields), create)
    _keep(run, name, network, contract.address)
    done: Fields = {
        "contract": checksum_address(contract.address),
        **fields,
        "from": checksum_address(signer.address),
        "chain_id": rpc.chain_id(web3),
        **(told_mined(contract.deployment) if contract.deployment else {}),
    }
    run.screen.result("Deployed the contract", done)


def _network_of(run: Run, name: str | None) -> str:
    """Return the name of the network to keep a contract under; looked for before anything is sent."""
    if name is None:
        return ""
    config = run.wiring.config()
    network = run.rpc or config.network or ""
    find_chain(config, rpc=run.rpc)
    if is_url(network):
        raise BadCommandLine(
            "name", name, rule="name the network first (`sessionpay config network`), then --rpc by it"
        )
    config.with_contract(name, Deployment(network, ZERO_ADDRESS))
    return network


def _keep(run: Run, name: str | None, network: str, address: Address) -> None:
    if name is None:
        return
    run.wiring.config().with_contract(name, Deployment(network, address)).save()
    run.screen.note(f"kept as {name} in {run.wiring.environment.config_path}")
