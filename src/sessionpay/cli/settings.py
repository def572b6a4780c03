"""`sessionpay config`: names for networks and contracts, so that daily commands are short."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from typer import Argument, Option

from sessionpay.cli.commands import Needs, Run, command, group
from sessionpay.config import Deployment, Network
from sessionpay.core.ids import checksum_address, parse_address

if TYPE_CHECKING:
    from sessionpay.cli.output import Fields

settings = group("config", help="Keep names of networks and contracts in a TOML file.")

_Name = Annotated[str, Argument(metavar="NAME", help="The name to use in commands.")]
_Url = Annotated[str, Argument(metavar="URL", help="RPC address, http or https.")]
_ChainId = Annotated[int | None, Option("--chain-id", min=1, help="What the chain must answer.")]
_Address = Annotated[str, Argument(metavar="ADDRESS", help="Address of the contract.")]
_Network = Annotated[
    str | None, Option("--network", metavar="NAME", help="Its network; the default if left out.")
]
_Default = Annotated[bool, Option("--default", help="Use it where none is named.")]
_Keystore = Annotated[Path, Argument(metavar="FILE", help="Encrypted key to sign with where none is named.")]


@command(settings, "show", needs=Needs.FILE, example="config show")
def show(run: Run) -> None:
    """Show the config file, and which key would sign."""
    config = run.wiring.config()
    fields: Fields = {
        "path": str(config.path),
        "default_network": config.network,
        "default_contract": config.contract,
        "keystore": None if config.keystore is None else str(config.keystore),
        "key_in_environment": run.wiring.environment.private_key is not None,
        "networks": [
            {"name": name, "rpc": network.rpc, "chain_id": network.chain_id}
            for name, network in config.networks.items()
        ],
        "contracts": [
            {"name": name, "network": entry.network, "address": checksum_address(entry.address)}
            for name, entry in config.contracts.items()
        ],
    }
    run.screen.result("Config", fields)


@command(
    settings, "network", needs=Needs.FILE, example="config network local http://127.0.0.1:8545 --default"
)
def network(
    run: Run, name: _Name, url: _Url, *, chain_id: _ChainId = None, default: _Default = False
) -> None:
    """Keep a network under a name. The file is written anew; comments in it are lost."""
    config = run.wiring.config().with_network(name, Network(url, chain_id))
    if default:
        config = replace(config, network=name)
    config.save()
    fields: Fields = {"name": name, "rpc": url, "chain_id": chain_id, "default": config.network == name}
    run.screen.result(f"Kept network {name} in {config.path}", fields)


@command(settings, "contract", needs=Needs.FILE, example="config contract eth 0x5FbD...0aa3 --network local")
def contract(
    run: Run, name: _Name, address: _Address, *, network: _Network = None, default: _Default = False
) -> None:
    """Keep a contract under a name. The file is written anew; comments in it are lost."""
    found = parse_address(address)
    config = run.wiring.config()
    home = network or config.network or ""
    config = config.with_contract(name, Deployment(home, found))
    if default:
        config = replace(config, contract=name)
    config.save()
    shown: Fields = {"name": name, "network": home, "address": checksum_address(found)}
    run.screen.result(f"Kept contract {name} in {config.path}", {**shown, "default": config.contract == name})


@command(settings, "keystore", needs=Needs.FILE, example="config keystore ~/keys/settlement.json")
def keystore(run: Run, file: _Keystore) -> None:
    """Sign with an encrypted key file where neither --keystore nor the environment names a key."""
    path = file.expanduser().absolute()
    config = replace(run.wiring.config(), keystore=path)
    config.save()
    run.screen.result(f"Kept the keystore in {config.path}", {"keystore": str(path)})
