"""Asking a person: for a yes, or for a passphrase. Where there is no terminal, it refuses and never hangs."""

import sys
from pathlib import Path

import typer

from sessionpay.cli.failures import Declined, NobodyToAsk


def is_terminal() -> bool:
    """Tell whether somebody can be asked."""
    return sys.stdin.isatty()


def require_yes(question: str) -> None:
    """Return if the person says yes. Raises `Declined`, and `NobodyToAsk` without a terminal."""
    if not is_terminal():
        raise NobodyToAsk(question, instead="look at what it will do, then give --yes; nothing was sent")
    if not typer.confirm(question, default=False, err=True):
        raise Declined


def ask_passphrase(path: Path) -> str:
    """Return the passphrase of a keystore file. Raises `NobodyToAsk` without a terminal."""
    question = f"passphrase of {path}"
    if not is_terminal():
        raise NobodyToAsk(question, instead="set SESSIONPAY_PASSPHRASE")
    return str(typer.prompt(question, hide_input=True, err=True))
