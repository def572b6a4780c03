"""How a run ends: exit codes, and every error as one line.

Exit codes are part of the interface and do not change:
0 done; 1 the chain refused or failed, or a check found something wrong; 2 bad input or usage;
3 the chain cannot be reached; 4 the person declined.
"""

import json
import sys
from collections.abc import Sequence
from enum import IntEnum
from typing import Any, NoReturn

from sqlalchemy.exc import DBAPIError
from typer import Abort, TyperException
from typer.core import TyperGroup

from sessionpay.chain.errors import Unreachable
from sessionpay.cli.output import one_line
from sessionpay.config import Unwritable, environment
from sessionpay.core.errors import InputError, SessionPayError
from sessionpay.services.proof import CannotAudit
from sessionpay.store.errors import BadDatabase, BadDatabaseUrl, NotIndexed

# The longest path that common systems take.
VALUE_LENGTH_MAX = 4096


class ExitCode(IntEnum):
    """How a run ended."""

    DONE = 0
    REFUSED = 1
    BAD_INPUT = 2
    UNREACHABLE = 3
    DECLINED = 4


class Declined(SessionPayError):
    """The person was asked and did not say yes."""

    def __init__(self) -> None:
        """Say that nothing happened."""
        super().__init__("declined: nothing was sent")


class NobodyToAsk(InputError):
    """A question has to be asked and there is no terminal to ask it on."""

    def __init__(self, question: str, *, instead: str) -> None:
        """Keep the question and what to do where nobody can answer it."""
        self.question = question
        super().__init__(f"no terminal to ask on ({question}): {instead}")


class BadCommandLine(InputError):
    """An argument or option of a command cannot be used."""

    def __init__(self, name: str, value: object, *, rule: str) -> None:
        """Keep the argument's name, its value as given and the rule that it breaks."""
        self.name = name
        self.value = value
        self.rule = rule
        # Most such values are paths, and a path is told by its end: only nonsense is longer than this.
        super().__init__(f"{name} {value!r:.{VALUE_LENGTH_MAX}}: {rule}")


class Commands(TyperGroup):
    """The program: runs one command and turns every error into one line and an exit code."""

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        windows_expand_args: bool = True,
        **extra: Any,  # noqa: ANN401 - as typer has it
    ) -> NoReturn:
        """Run the command that `args` names, and exit; `standalone_mode` is not looked at."""
        del standalone_mode
        arguments = list(sys.argv[1:] if args is None else args)
        try:
            code = super().main(
                arguments,
                prog_name,
                complete_var,
                standalone_mode=False,
                windows_expand_args=windows_expand_args,
                **extra,
            )
        except Exception as error:
            if environment().traceback:
                raise
            code = report(error, as_json="--json" in arguments)
        sys.exit(code if isinstance(code, int) else ExitCode.DONE)


def report(error: Exception, *, as_json: bool) -> int:
    """Write `error` on one line to standard error, with JSON as an object to standard output too."""
    code = exit_code(error)
    line = message(error)
    if as_json:
        told = {"type": type(error).__name__, "message": line, "exit_code": int(code)}
        sys.stdout.write(json.dumps({"error": told}, indent=2) + "\n")
    sys.stderr.write(f"error: {line}\n")
    return code


def exit_code(error: Exception) -> ExitCode:
    """Return what the run ends with because of `error`."""
    match error:
        case Declined() | Abort():
            return ExitCode.DECLINED
        case Unreachable():
            return ExitCode.UNREACHABLE
        case (
            InputError()
            | Unwritable()
            | BadDatabaseUrl()
            | BadDatabase()
            | NotIndexed()
            | CannotAudit()
            | TyperException()
        ):
            return ExitCode.BAD_INPUT
        case _:
            return ExitCode.REFUSED


def message(error: Exception) -> str:
    """Return `error` as one line."""
    match error:
        case SessionPayError():
            return one_line(str(error))
        case TyperException():
            # A group without a command shows its help and has no message of its own.
            fault = error.format_message() or "No command given."
            return one_line(f"{fault} Add --help to see how the command is written.")
        case Abort():
            return one_line(str(Declined()))
        case DBAPIError():
            return one_line(f"the database failed: {error.orig}; check it, or restore it from a copy")
        case _:
            told = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
            return one_line(
                f"unexpected {told}; set SESSIONPAY_TRACEBACK=1 to see where, and please report it"
            )
