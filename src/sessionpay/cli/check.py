"""`sessionpay check`: what is wrong, before anything runs."""

from typing import Annotated

from typer import Exit, Option, Typer

from sessionpay import __version__
from sessionpay.app import NotNamed
from sessionpay.chain import rpc
from sessionpay.chain.client import SessionPayment
from sessionpay.chain.errors import WrongChain
from sessionpay.cli.commands import Needs, Run, command
from sessionpay.cli.failures import ExitCode
from sessionpay.cli.output import Fields
from sessionpay.cli.terms import parse_duration
from sessionpay.core.ids import checksum_address
from sessionpay.services.check import Finding, Level, check_deployment

_Epoch = Annotated[
    str | None,
    Option("--epoch", metavar="TIME", help="Epoch and finality together; the delay must be longer."),
]
_FromBlock = Annotated[int, Option("--from-block", min=0, help="Block to list role holders from.")]


def register(app: Typer) -> None:
    """Add `check` to the program."""
    command(app, "check", needs=Needs.CONTRACT_AND_MAYBE_KEY, example="check --epoch 1h")(check)


def check(run: Run, *, epoch: _Epoch = None, from_block: _FromBlock = 0) -> None:
    """Check chain id, contract code, withdrawal delay, roles, and the key's roles and gas money.

    Warnings leave the exit code 0; an error makes it 1.
    """
    epoch_seconds = None if epoch is None else parse_duration("epoch", epoch)
    place = run.place()
    if place.address is None:
        raise NotNamed.contract()
    signer = run.maybe_signer()
    found: Fields = {"version": __version__, "contract": checksum_address(place.address)}
    try:
        web3 = run.wiring.open_chain(place)
    except WrongChain as error:
        findings = [Finding(Level.ERROR, "chain id", str(error))]
    else:
        chain_id = rpc.chain_id(web3)
        found = {**found, "chain_id": chain_id}
        with run.screen.waiting("looking at the contract"):
            findings = [
                Finding(Level.OK, "chain id", str(chain_id)),
                *check_deployment(
                    SessionPayment(web3, place.address),
                    account=signer.address if signer else None,
                    epoch_seconds=epoch_seconds,
                    from_block=from_block,
                ),
            ]
    _show(run, found, findings)


def _show(run: Run, found: Fields, findings: list[Finding]) -> None:
    is_ok = all(finding.level is not Level.ERROR for finding in findings)
    rows = [
        {"level": finding.level.value, "subject": finding.subject, "message": finding.message}
        for finding in findings
    ]
    run.screen.result("Check", {"ok": is_ok, **found, "findings": rows})
    if not is_ok:
        raise Exit(ExitCode.REFUSED)
