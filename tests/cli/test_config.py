"""The config file and the environment.

Given names in a config file
    It should connect commands to the chain and the contract that they name
    It should point at the line of what is wrong in it, and never write half a file
Given an environment
    It should never show a key or a passphrase
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from sessionpay.app import find_chain, find_place
from sessionpay.config import BadConfig, BadSetting, Deployment, Network, read_config, read_environment
from sessionpay.core.errors import InputError
from sessionpay.core.ids import parse_address

if TYPE_CHECKING:
    from .conftest import Program

ADDRESS = parse_address("0x70997970C51812dc3A010C7d01b50e0d17dc79C8")
WRITTEN = f"""\
[defaults]
network = "home"
contract = "eth"

[networks.home]
rpc = "http://127.0.0.1:8545"
chain_id = 31337

[networks.away]
rpc = "https://rpc.test/token"

[contracts.eth]
network = "home"
address = "{ADDRESS}"

[contracts.usdc]
network = "away"
address = "{ADDRESS}"
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return a config file with two networks and two contracts."""
    path = tmp_path / "config.toml"
    path.write_text(WRITTEN)
    return path


def test_round_trip(path: Path) -> None:
    config = read_config(path)
    config.save()
    assert read_config(path) == config


def test_file_is_its_owners_alone(tmp_path: Path) -> None:
    config = read_config(tmp_path / "new" / "config.toml").with_network(
        "home", Network("http://127.0.0.1:8545")
    )
    config.save()
    assert config.path.stat().st_mode & 0o777 == 0o600
    assert [entry.name for entry in config.path.parent.iterdir()] == ["config.toml"]


@pytest.mark.parametrize(
    ("rpc", "contract", "expected"),
    [
        (None, None, ("http://127.0.0.1:8545", 31337)),
        (None, "usdc", ("https://rpc.test/token", None)),
        ("home", "eth", ("http://127.0.0.1:8545", 31337)),
        ("http://127.0.0.1:9000", "eth", ("http://127.0.0.1:9000", 31337)),
        ("away", ADDRESS, ("https://rpc.test/token", None)),
    ],
)
def test_names(path: Path, rpc: str | None, contract: str | None, expected: tuple[str, int | None]) -> None:
    place = find_place(read_config(path), rpc=rpc, contract=contract)
    assert (place.rpc, place.chain_id) == expected
    assert place.address == ADDRESS


def test_contract_on_another_network(path: Path) -> None:
    with pytest.raises(BadSetting, match="contract 'usdc': is on network away, not on home"):
        find_place(read_config(path), rpc="home", contract="usdc")


def test_nothing_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no network named: give --rpc URL"):
        find_chain(read_config(tmp_path / "none.toml"), rpc=None)


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        (
            'network = "home"\ncontract',
            'network = "moon"\ncontract',
            r"line 2: defaults.network: there is no \[networks.moon\]",
        ),
        (
            "chain_id = 31337",
            'chain_id = "31337"',
            "line 7: networks.home.chain_id: '31337' is not a whole number",
        ),
        ("chain_id = 31337", "chain_id = 0", "line 7: networks.home.chain_id: 0 is below 1"),
        ("chain_id = 31337", "chainid = 31337", "line 7: networks.home.chainid: unknown key"),
        ('rpc = "http:', 'rpc = "ftp:', "line 6: networks.home.rpc: write the RPC address as"),
        (ADDRESS[:10], "0xZZ", "address"),
        ("[contracts.usdc]", '[contracts."0xabc"]', "does not begin with 0x"),
        ("[defaults]", "[default]", "line 1: default: unknown key"),
        ("[defaults]", "[defaults", "line 1: not TOML"),
    ],
)
def test_fault_has_its_line(path: Path, old: str, new: str, told: str) -> None:
    path.write_text(WRITTEN.replace(old, new, 1))
    with pytest.raises(BadConfig, match=told) as caught:
        read_config(path)
    assert str(path) in str(caught.value)


def test_file_that_is_no_text(path: Path) -> None:
    path.write_bytes(b"\xff")
    with pytest.raises(BadConfig, match="cannot be read"):
        read_config(path)


@pytest.mark.parametrize("name", ["", "0xab", "a b", "x" * 41, "http://x"])
def test_bad_name(path: Path, name: str) -> None:
    with pytest.raises(BadSetting, match="a name is 1 to 40"):
        read_config(path).with_contract(name, Deployment("home", ADDRESS))


def test_url_is_not_repeated(path: Path) -> None:
    with pytest.raises(BadConfig) as caught:
        read_config(path).with_network("home", Network("wss://user:secret@rpc.test"))
    assert "secret" not in str(caught.value)


def test_environment(tmp_path: Path) -> None:
    variables = {
        "HOME": str(tmp_path),
        "SESSIONPAY_PRIVATE_KEY": "0xsecret",
        "SESSIONPAY_PASSPHRASE": "hidden",
    }
    environment = read_environment(variables)
    assert environment.config_path == tmp_path / ".config" / "sessionpay" / "config.toml"
    assert (environment.private_key, environment.passphrase) == ("0xsecret", "hidden")
    assert "secret" not in repr(environment)
    assert "hidden" not in repr(environment)
    moved = read_environment({**variables, "SESSIONPAY_CONFIG": "/elsewhere.toml"})
    assert moved.config_path == Path("/elsewhere.toml")


def test_config_that_cannot_be_written(blank: Program, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    blank.config_path = tmp_path / "file" / "config.toml"
    result = blank("config", "network", "home", "http://127.0.0.1:8545")
    assert result.exit_code == 2
    assert "config.toml" in result.stderr


def test_deploy_needs_a_named_network_to_keep_a_name(blank: Program) -> None:
    height = blank.height()
    result = blank("deploy", "--name", "eth", "--rpc", "http://chain.test:8545", role="admin")
    assert (result.exit_code, blank.height()) == (2, height)
    assert "sessionpay config network" in result.stderr
