"""`sessionpay simulate`: a usage trace settled from the first deposit to the last withdrawal."""

import secrets
import sys
import time
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated

from rich.console import Console
from rich.progress import Progress, TaskID
from typer import Exit, Option

from sessionpay.chain.connect import LOCAL_CHAIN_IDS
from sessionpay.chain.embedded import embedded_chain
from sessionpay.chain.keys import save_keystore, signer_from_key
from sessionpay.chain.sender import Sender
from sessionpay.cli.asking import ask_passphrase, require_yes
from sessionpay.cli.commands import Run
from sessionpay.cli.failures import BadCommandLine, ExitCode
from sessionpay.cli.simulation_report import Figures, print_report
from sessionpay.core.errors import UnreadableUsage
from sessionpay.core.policy import Policy, parse_policy
from sessionpay.core.pricing import PriceSheet, parse_price_sheet, require_prices
from sessionpay.core.usage import UsageRecord
from sessionpay.metering.azure import AZURE_HEADER, Spread, read_azure
from sessionpay.metering.lines import Imported
from sessionpay.metering.records import cut_epochs, read_csv, read_jsonl
from sessionpay.services import trial_rules
from sessionpay.services.simulation import Trial, audit, close_sessions, run_epoch
from sessionpay.services.world import World, come_home, fund, plan_trials, start

SESSIONS_DEFAULT = 12
NODES_DEFAULT = 8
EPOCHS_DEFAULT = 4
SEED_DEFAULT = 1
# More would be a mistake: each costs several transactions.
COUNT_MAX = 10_000


class Format(StrEnum):
    """What a usage file looks like."""

    AZURE = "azure"
    CSV = "csv"
    JSONL = "jsonl"


class Assets(StrEnum):
    """Which contracts a simulation settles: one for each asset."""

    NATIVE = "native"
    TOKEN = "token"  # noqa: S105 - the kind of an asset, not a password
    BOTH = "both"


_Usage = Annotated[Path, Option("--usage", metavar="FILE", help="The usage trace.")]
_Format = Annotated[
    Format | None, Option("--format", help="What the file looks like; found out from the file if left out.")
]
_Assets = Annotated[Assets, Option("--asset", help="Native coin, a token made for it, or sessions of both.")]
_Sessions = Annotated[
    int, Option("--sessions", min=1, max=COUNT_MAX, help="How many sessions share an azure trace.")
]
_Nodes = Annotated[int, Option("--nodes", min=1, max=COUNT_MAX, help="How many nodes serve an azure trace.")]
_Epochs = Annotated[
    int, Option("--epochs", min=1, max=COUNT_MAX, help="How many epochs the trace is cut into.")
]
_Prices = Annotated[
    Path | None, Option("--prices", metavar="FILE", help="Price sheet, TOML; else a built-in one.")
]
_Policy = Annotated[
    Path | None, Option("--policy", metavar="FILE", help="Policy, TOML; else a built-in one.")
]
_Seed = Annotated[int, Option("--seed", help="Number that an azure trace is spread by.")]
_SeedFile = Annotated[
    Path,
    Option("--seed-file", metavar="FILE", help="With --rpc: where the trial's keys are kept, encrypted."),
]
_Incidents = Annotated[
    bool, Option("--incidents/--no-incidents", help="Let one session run short and one payee refuse money.")
]


def simulate(  # noqa: PLR0917 - typer reads its options from here
    run: Run,
    usage: _Usage,
    file_format: _Format = None,
    asset: _Assets = Assets.NATIVE,
    sessions: _Sessions = SESSIONS_DEFAULT,
    nodes: _Nodes = NODES_DEFAULT,
    epochs: _Epochs = EPOCHS_DEFAULT,
    prices: _Prices = None,
    policy: _Policy = None,
    seed: _Seed = SEED_DEFAULT,
    seed_file: _SeedFile = Path("simulation-seed.json"),
    incidents: _Incidents = True,
) -> None:
    """Settle a usage trace from the first deposit to the last withdrawal, and audit the result.

    Without --rpc it runs on a chain inside this process. Owners and nodes get keys of their own.
    """
    began = time.monotonic()
    sheet, rules = _sheet(prices), _policy(policy)
    # Read before there is a world, so that a bad file costs nothing.
    file_format = file_format or _found_format(usage)
    imported = None if file_format is Format.AZURE else _read(usage, file_format, sheet)
    world = _world(run, seed, seed_file)
    if imported is None:
        spread = Spread(
            seed=seed, sessions=sessions, nodes=world.node_addresses(nodes), models=tuple(sheet.models)
        )
        imported = read_azure(usage, spread=spread)
    records = world.settle_in(imported.records)
    if not records:
        raise UnreadableUsage(str(usage), rule="not one row in it can be used")
    require_prices(sheet, records)
    trials = _settle(
        run, world, cut_epochs(records, epochs), asset, sheet=sheet, rules=rules, incidents=incidents
    )
    figures = Figures(
        trials=trials,
        tasks=len(records),
        transactions=sum(sender.transactions for sender in world.senders),
        gas=sum(sender.gas_used for sender in world.senders),
        seconds=time.monotonic() - began,
        imported=imported,
    )
    print_report(figures, json_output=run.screen.json_output)
    if figures.difference or imported.rejected:
        raise Exit(ExitCode.REFUSED)


def _settle(
    run: Run,
    world: World,
    epochs: Sequence[tuple[UsageRecord, ...]],
    asset: Assets,
    *,
    sheet: PriceSheet,
    rules: Policy,
    incidents: bool,
) -> list[Trial]:
    names = [Assets.NATIVE, Assets.TOKEN] if asset is Assets.BOTH else [asset]
    plans = plan_trials(world, epochs, assets=names, sheet=sheet, policy=rules)
    trials: list[Trial] = []
    # On standard error, and only where somebody looks, so that the result can be piped on.
    with Progress(console=Console(stderr=True), disable=not sys.stderr.isatty(), transient=True) as progress:
        bar = progress.add_task("funding owners and nodes", total=len(epochs) + 3)
        fund(world, plans)
        progress.update(bar, advance=1, description="opening sessions")
        try:
            trials.extend(start(world, plan, with_incidents=incidents) for plan in plans)
            progress.advance(bar)
            _run_epochs(trials, len(epochs), progress, bar)
            for trial in trials:
                close_sessions(trial)
                audit(trial)
        finally:
            if not world.is_embedded:
                progress.update(bar, description="bringing home what is left")
                for line in come_home(world, trials):
                    run.screen.note(f"not brought home: {line}")
        progress.advance(bar)
    return trials


def _run_epochs(trials: Sequence[Trial], epochs: int, progress: Progress, bar: TaskID) -> None:
    for number in range(1, epochs + 1):
        progress.update(bar, description=f"settling epoch {number} of {epochs}")
        for trial in trials:
            run_epoch(trial, number)
        progress.advance(bar)


def _world(run: Run, seed: int, seed_file: Path) -> World:
    """Return the chain to settle on and the operator's key, with the keys of all others in safety."""
    if run.rpc is None:
        chain = embedded_chain()
        operator = Sender(chain.web3, chain.accounts[0])
        return World(chain.web3, operator, seed.to_bytes(32, signed=True))
    web3 = run.chain()
    operator = Sender(web3, run.signer())
    if operator.chain_id not in LOCAL_CHAIN_IDS and not run.yes:
        require_yes(
            f"Chain {operator.chain_id} is no development chain: spend real coin of {operator.address} "
            "on a simulation?"
        )
    secret = secrets.token_bytes(32)
    passphrase = run.wiring.environment.passphrase or ask_passphrase(seed_file)
    # On the disk before anything is funded: whatever happens then, the accounts can be reached.
    save_keystore(seed_file, signer_from_key(secret.hex()), passphrase)
    run.screen.note(f"the keys of owners and nodes come from a seed in {seed_file}, encrypted")
    return World(web3, operator, secret)


def _sheet(path: Path | None) -> PriceSheet:
    if path is None:
        return parse_price_sheet(trial_rules.text("prices.toml"), source="built-in prices.toml")
    return parse_price_sheet(_text("--prices", path), source=str(path))


def _policy(path: Path | None) -> Policy:
    if path is None:
        return parse_policy(trial_rules.text("policy.toml"), source="built-in policy.toml")
    return parse_policy(_text("--policy", path), source=str(path))


def _text(option: str, path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as fault:
        reason = fault.strerror if isinstance(fault, OSError) else "it is not UTF-8 text"
        raise BadCommandLine(option, str(path), rule=f"cannot read it: {reason}") from None


def _found_format(path: Path) -> Format:
    """Tell the format by the file's name and its first line."""
    if path.suffix in {".jsonl", ".ndjson"}:
        return Format.JSONL
    try:
        with path.open("rb") as file:
            first = file.readline(200).decode(errors="replace").strip().lstrip("\ufeff")
    except OSError as fault:
        raise UnreadableUsage(str(path), rule=f"cannot read it: {fault.strerror or fault}") from None
    return Format.AZURE if first == ",".join(AZURE_HEADER) else Format.CSV


def _read(path: Path, file_format: Format, sheet: PriceSheet) -> Imported:
    if file_format is Format.JSONL:
        return read_jsonl(path, sheet=sheet)
    return read_csv(path, sheet=sheet)
