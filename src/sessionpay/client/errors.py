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
    """The API refused: its HTTP status, the name of the error, and what to do, as RFC 9457 has them."""

    def __init__(self, status: int, error: str, detail: str) -> None:
        """Keep what the API said."""
        self.status = status
        self.error = error
        self.detail = detail
        super().__init__(f"{error} ({status}): {detail}")


class NoAnswer(ClientError):
    """Nobody answered."""

    def __init__(self, url: str, *, reason: str) -> None:
        """Keep the address and what the connection said."""
        self.url = url
        super().__init__(f"{url}: {reason}; is `sessionpay run --listen` at work there?")


class BadAnswer(ClientError):
    """An answer that the API does not give, so that something else answered."""

    def __init__(self, url: str, *, rule: str, found: object) -> None:
        """Keep the address and what is wrong with the answer."""
        self.url = url
        super().__init__(f"{url}: {rule}: {shown(found)}; is this the API of a settlement?")
