"""Which site a request is for, and whether a page of it sent the request.

Given no public address
  names of this machine should be believed, and no other
Given one
  it should be the site, whatever the request says
Given what a browser says of where a request comes from
  another site should be refused
"""

from __future__ import annotations

import pytest

from sessionpay.services.origins import (
    BadPublicUrl,
    ForeignRequest,
    Origin,
    UnknownHost,
    own_origin,
    parse_public_url,
    require_own,
)

PUBLIC = Origin("https", "pay.example.org")
LOCAL = Origin("http", "127.0.0.1:8080")


@pytest.mark.parametrize(
    ("host", "domain"),
    [
        ("127.0.0.1:8080", "127.0.0.1:8080"),
        ("LOCALHOST:1", "localhost:1"),
        ("localhost:80", "localhost"),
        ("[::1]:8080", "[::1]:8080"),
    ],
)
def test_this_machine_is_believed(host: str, domain: str) -> None:
    assert own_origin(host, public=None) == Origin("http", domain)
    assert own_origin(host, public=PUBLIC) == PUBLIC


@pytest.mark.parametrize(
    "host",
    [
        "", "evil.example", "127.0.0.1.evil.example", "localhost.evil.example:8080", "evil.example#localhost",
        "10.0.0.1", "127.0.0.1:8080\n", "localhost:123456", "x" * 10_000, "user@localhost", "127.0.0.2",
    ],
)  # fmt: skip
def test_another_name_is_not(host: str) -> None:
    with pytest.raises(UnknownHost, match="--public-url"):
        own_origin(host, public=None)
    assert own_origin(host, public=PUBLIC) == PUBLIC


@pytest.mark.parametrize(
    ("text", "origin"),
    [
        ("https://pay.example.org", PUBLIC),
        (" HTTPS://Pay.Example.ORG/ ", PUBLIC),
        ("https://pay.example.org:443", PUBLIC),
        ("http://10.0.0.1:8080", Origin("http", "10.0.0.1:8080")),
        ("http://[::1]:8080", Origin("http", "[::1]:8080")),
    ],
)
def test_a_public_address_is_read(text: str, origin: Origin) -> None:
    assert parse_public_url(text) == origin
    assert origin.is_secure == str(origin).startswith("https://")


@pytest.mark.parametrize(
    "text",
    [
        "", "pay.example.org", "ftp://pay.example.org", "https://", "https://pay.example.org/books",
        "https://user@pay.example.org", "https://pay.example.org?x", "https://pay.example.org:99999",
        "https://pay example.org", "https://p\u00e4y.example", "https://[::1", "https://pay.example.org:0",
    ],
)  # fmt: skip
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(BadPublicUrl, match="--public-url"):
        parse_public_url(text)


@pytest.mark.parametrize(
    ("origin", "fetch_site"),
    [
        (None, None),
        (str(LOCAL), None),
        (str(LOCAL), "same-origin"),
        # So it is where pages send no referrer.
        ("null", "same-origin"),
    ],
)
def test_our_own_pages_and_programs_may(origin: str | None, fetch_site: str | None) -> None:
    require_own(LOCAL, origin=origin, fetch_site=fetch_site)


@pytest.mark.parametrize(
    ("origin", "fetch_site"),
    [
        ("https://evil.example", None),
        ("null", None),
        ("http://127.0.0.1", None),
        ("https://127.0.0.1:8080", None),
        ("https://evil.example", "cross-site"),
        ("null", "cross-site"),
        (str(LOCAL), "cross-site"),
        (str(LOCAL), "same-site"),
        (None, "none"),
        (None, ""),
    ],
)
def test_pages_of_others_may_not(origin: str | None, fetch_site: str | None) -> None:
    with pytest.raises(ForeignRequest, match="not this site"):
        require_own(LOCAL, origin=origin, fetch_site=fetch_site)
