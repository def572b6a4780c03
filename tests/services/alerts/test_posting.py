"""One message to one receiver.

Given the specification's own example
  it should be signed as that says
Given a receiver that takes it
  it should verify by the specification's own package, and tell where it was sent
Given one that hangs, answers a byte at a time, floods, redirects, speaks something else, or is not there
  the answer should say so within the time, and no redirect should be followed
Given one that asks not to be called for a while, in seconds or by a date
  that should be in the answer
Given TLS
  the host's certificate should be held against its name, at the address that was looked at
"""

from __future__ import annotations

import ssl
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import TYPE_CHECKING

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from sessionpay.services.alerts import posting
from sessionpay.services.alerts.posting import ANSWER_BYTES_MAX, Answer, signed
from sessionpay.services.alerts.receivers import parse_receiver

from .receiver import Receiver, running_receiver

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from http.server import BaseHTTPRequestHandler
    from pathlib import Path

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"  # noqa: S105 - the specification's own example
BODY = '{"test": 2432232314}'
NOW = 1_800_000_000
SECONDS_MAX = 1


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with running_receiver() as running:
        yield running


def send(url: str, *, address: str = "127.0.0.1", now: int = NOW) -> Answer:
    headers = signed(SECRET, BODY, webhook_id="msg_1", at=int(time.time()))
    where = parse_receiver(url)
    return posting.post(where, address, headers=headers, body=BODY, now=now, seconds_max=SECONDS_MAX)


def writing(answer: bytes) -> Callable[[BaseHTTPRequestHandler], None]:
    """Return what answers with these very bytes."""

    def act(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(answer)

    return act


def test_the_example_of_the_specification() -> None:
    found = signed(SECRET, BODY, webhook_id="msg_p5jXN8AQM9LWM0D4loKWxJek", at=1_614_265_330)
    assert found == {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }


def test_a_message_verifies(receiver: Receiver) -> None:
    receiver.answer = b"thanks"
    answer = send(receiver.url)
    assert (answer.is_taken, answer.status, answer.excerpt) == (True, 204, "")
    [call] = receiver.calls
    assert call.verified(SECRET) == {"test": 2432232314}
    assert (call.path, call.body, call.headers["content-type"]) == (
        "/hook?token=of-theirs",
        BODY.encode(),
        "application/json",
    )
    assert call.headers["host"] == f"127.0.0.1:{receiver.port}"


def test_a_long_answer_is_cut(receiver: Receiver) -> None:
    receiver.status, receiver.answer = 500, b"z" * 1_000_000
    answer = send(receiver.url)
    assert (answer.is_taken, answer.excerpt) == (False, "z" * ANSWER_BYTES_MAX)
    assert str(answer) == "it answered 500"


@pytest.mark.parametrize("act", ["hang", "drip"])
def test_a_slow_receiver_is_given_up(receiver: Receiver, act: str) -> None:
    receiver.act = getattr(receiver, act)
    began = time.monotonic()
    answer = send(receiver.url)
    assert time.monotonic() - began < SECONDS_MAX + 1
    assert answer.status is None
    assert str(answer) == f"no answer within {SECONDS_MAX} seconds"


def test_a_flood_counts_by_its_status(receiver: Receiver) -> None:
    receiver.act = receiver.flood
    answer = send(receiver.url)
    assert (answer.is_taken, answer.excerpt) == (True, "y" * ANSWER_BYTES_MAX)


def test_no_redirect_is_followed(receiver: Receiver) -> None:
    with running_receiver() as other:
        receiver.status, receiver.headers = 307, {"Location": other.url}
        assert send(receiver.url).status == 307
        assert (len(receiver.calls), other.calls) == (1, [])


def test_something_else_than_http(receiver: Receiver) -> None:
    receiver.act = writing(b"SSH-2.0-\x1b[31m" + b"n" * 10_000 + b"\r\n")
    told = str(send(receiver.url))
    assert told.startswith("no answer (SSH-2.0-")
    assert len(told) < 300
    assert told.isprintable()


def test_nobody_there(receiver: Receiver) -> None:
    with running_receiver() as gone:
        url = gone.url
    assert "no connection (" in str(send(url))
    assert receiver.calls == []


@pytest.mark.parametrize(
    ("told", "seconds"),
    [
        ("120", 120),
        (format_datetime(datetime.fromtimestamp(NOW + 90, UTC), usegmt=True), 90),
        (format_datetime(datetime.fromtimestamp(NOW - 90, UTC), usegmt=True), 0),
        ("soon", None),
        ("-5", None),
        ("9" * 400, 999_999_999),
        ("²", None),
    ],
)
def test_how_long_it_asks_not_to_be_called(receiver: Receiver, told: str, seconds: int | None) -> None:
    receiver.act = writing(
        f"HTTP/1.1 429 Too Many\r\nRetry-After: {told}\r\nContent-Length: 0\r\n\r\n".encode()
    )
    answer = send(receiver.url)
    assert (answer.status, answer.retry_seconds) == (429, seconds)


@pytest.fixture
def authority(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ssl.SSLContext:
    """A certificate for receiver.test alone, that this process trusts."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "receiver.test")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("receiver.test")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    certificate, private = tmp_path / "certificate.pem", tmp_path / "key.pem"
    certificate.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, private)
    return context


def test_the_certificate_is_of_the_name(authority: ssl.SSLContext) -> None:
    with running_receiver(context=authority) as receiver:
        # The name stands for no address at all: the connection goes where it was told to.
        answer = send(f"https://receiver.test:{receiver.port}/")
        assert answer.is_taken, answer
        assert receiver.calls[0].headers["host"] == f"receiver.test:{receiver.port}"
        other = send(f"https://other.test:{receiver.port}/")
        assert other.status is None
        assert "certificate" in str(other).lower()
        assert len(receiver.calls) == 1
