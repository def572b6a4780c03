"""What can go wrong between a program and the API.

ClientError
├── ApiProblem   the API refused, and said why
├── NoAnswer     nobody answered, or not in time
└── BadAnswer    an answer of another form than the API gives
"""

from sessionpay.core.errors import SessionPayError, shown


class ClientError(SessionPayError):
    """The API could not be read."""


class ApiProblem(ClientError):
    """The API refused: its HTTP status, the name of the error, and what to do, as RFC 9457 has them.

    `retry_seconds` is how long to wait before the same is asked again, None where that is not said.
    """

    def __init__(self, status: int, error: str, detail: str, *, retry_seconds: int | None = None) -> None:
        """Keep what the API said."""
        self.status = status
        self.error = error
        self.detail = detail
        self.retry_seconds = retry_seconds
        super().__init__(f"{error} ({status}): {detail}")


class NoAnswer(ClientError):
    """Nobody answered."""

    def __init__(self, url: str, *, reason: str) -> None:
        """Keep the address and what the connection said."""
        self.url = url
        super().__init__(
            f"{url}: {reason}; is `sessionpay serve` or `sessionpay run --listen` at work there?"
        )


class BadAnswer(ClientError):
    """An answer that the API does not give, so that something else answered."""

    def __init__(self, url: str, *, rule: str, found: object) -> None:
        """Keep the address and what is wrong with the answer."""
        self.url = url
        super().__init__(f"{url}: {rule}: {shown(found)}; is this the API of a settlement?")
