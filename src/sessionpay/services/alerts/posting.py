"""One message to one receiver: signed, on a connection to an address that was looked at, within bounds."""

import socket
import ssl
from collections.abc import Mapping
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http.client import HTTPConnection, HTTPException, HTTPResponse
from threading import Event, Timer

from standardwebhooks import Webhook

from sessionpay.services.alerts.receivers import Receiver

CONNECT_SECONDS_MAX = 5
# The specification advises 15 to 30; whoever needs longer takes the message first and works on it then.
ANSWER_SECONDS_MAX = 15
# Nothing in the answer's body matters but to the person who tests a receiver.
ANSWER_BYTES_MAX = 1_024
FAULT_LENGTH_MAX = 200
# Thirty years; no message waits for that long.
RETRY_AFTER_DIGITS_MAX = 9


@dataclass(frozen=True, slots=True)
class Answer:
    """What a receiver answered: `status`, or None with the `fault` that kept it from answering.

    `retry_seconds` is how long it asks not to be called, None where it asks nothing. `excerpt` is the
    beginning of the body, for whoever tests the receiver and for nobody else.
    """

    status: int | None
    fault: str | None = None
    retry_seconds: int | None = None
    excerpt: str = ""

    @property
    def is_taken(self) -> bool:
        """Whether the receiver has the message."""
        return self.status is not None and 200 <= self.status < 300  # noqa: PLR2004 - the class of the status

    def __str__(self) -> str:
        """Tell it in a few words, none of them the receiver's own."""
        return self.fault or f"it answered {self.status}"


def signed(secret: str, body: str, *, webhook_id: str, at: int) -> dict[str, str]:
    """Return the headers of a message that is sent at unix time `at`, after Standard Webhooks."""
    signature = Webhook(secret).sign(webhook_id, datetime.fromtimestamp(at, UTC), body)
    return {"webhook-id": webhook_id, "webhook-timestamp": str(at), "webhook-signature": signature}


def post(
    receiver: Receiver,
    address: str,
    *,
    headers: Mapping[str, str],
    body: str,
    now: int,
    seconds_max: int = ANSWER_SECONDS_MAX,
) -> Answer:
    """Send a message to a receiver at this address of its host; a redirect is an answer like any other.

    `now` is unix seconds, for dates in the answer. After `seconds_max` in all it is given up, however slowly
    the receiver goes on. Never raises for what a receiver does.
    """
    try:
        line = _connected(receiver, address)
    except (OSError, ValueError) as fault:
        return Answer(None, f"no connection ({_told(fault)})")
    is_late = Event()
    timer = Timer(seconds_max, _cut, [line, is_late])
    timer.daemon = True
    timer.start()
    try:
        with closing(line):
            response = _asked(receiver, line, headers, body)
            # Headers that were cut off look like headers that ended.
            if not is_late.is_set():
                return _answer(response, now)
    except (OSError, HTTPException, ValueError) as fault:
        if not is_late.is_set():
            return Answer(None, f"no answer ({_told(fault)})")
    finally:
        timer.cancel()
    return Answer(None, f"no answer within {seconds_max} seconds")


def _connected(receiver: Receiver, address: str) -> socket.socket:
    """Connect to the very address that was held against the rules; TLS is made ready and not begun."""
    line = socket.create_connection((address, receiver.port), CONNECT_SECONDS_MAX)
    if receiver.scheme == "http":
        return line
    try:
        context = ssl.create_default_context()
        return context.wrap_socket(line, server_hostname=receiver.host, do_handshake_on_connect=False)
    except BaseException:
        line.close()
        raise


def _asked(receiver: Receiver, line: socket.socket, headers: Mapping[str, str], body: str) -> HTTPResponse:
    if isinstance(line, ssl.SSLSocket):
        # Proves that the host of the URL is at this address.
        line.do_handshake()
    line.settimeout(ANSWER_SECONDS_MAX)
    connection = HTTPConnection(receiver.host, receiver.port)
    connection.sock = line
    fixed = {"Content-Type": "application/json", "User-Agent": "sessionpay", "Connection": "close"}
    connection.request("POST", receiver.path, body=body.encode(), headers={**fixed, **headers})
    return connection.getresponse()


def _answer(response: HTTPResponse, now: int) -> Answer:
    retry_seconds = _retry_seconds(response.headers.get("Retry-After"), now)
    return Answer(response.status, retry_seconds=retry_seconds, excerpt=_excerpt(response))


def _excerpt(response: HTTPResponse) -> str:
    # The status is what counts, so a body that never ends changes nothing about it.
    with suppress(OSError, HTTPException, ValueError):
        return response.read(ANSWER_BYTES_MAX).decode(errors="replace")
    return ""


def _cut(line: socket.socket, is_late: Event) -> None:
    is_late.set()
    with suppress(OSError):
        line.shutdown(socket.SHUT_RDWR)


def _retry_seconds(text: str | None, now: int) -> int | None:
    """Return the seconds in a Retry-After header, written as a number or as a date."""
    if text is None:
        return None
    if text.isdigit() and text.isascii():
        return int(text[:RETRY_AFTER_DIGITS_MAX])
    try:
        return max(0, int(parsedate_to_datetime(text).timestamp()) - now)
    except (ValueError, OverflowError):
        return None


def _told(fault: Exception) -> str:
    # Some of these quote what the receiver said, which may be anything.
    words = " ".join(str(fault).split()) or type(fault).__name__
    return "".join(char if char.isprintable() else "?" for char in words[:FAULT_LENGTH_MAX])
