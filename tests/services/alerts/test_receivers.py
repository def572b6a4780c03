"""Receivers: where alerts may be sent.

Given a URL
  it should be https, or http to this very machine where that was said, and hold nothing but a place
Given an address that a name stands for
  private networks should be refused unless that was said, in whatever form of IPv6 they come
  what is nobody's receiver, such as where clouds hand out credentials, should always be refused
"""

from __future__ import annotations

import pytest

from sessionpay.services.alerts.receivers import BadReceiver, parse_receiver, resolve, why_not


@pytest.mark.parametrize(
    "url",
    [
        "",
        "example.com/hook",
        "ftp://example.com/",
        "https:///path",
        "https://user:password@example.com/",
        "https://example.com/#part",
        "https://example.com:port/",
        "https://exämple.com/",
        "https://example.com/a b",
        "https://example.com/\r\nHost: other",
        "https://example.com/" + "a" * 2_000,
    ],
)
def test_other_forms_are_refused(url: str) -> None:
    with pytest.raises(BadReceiver, match="receiver"):
        parse_receiver(url)


def test_a_url_in_its_parts() -> None:
    found = parse_receiver("https://example.com/hook?token=1")
    assert (found.host, found.port, found.path) == ("example.com", 443, "/hook?token=1")
    found = parse_receiver("http://[::1]:8080")
    assert (found.host, found.port, found.path) == ("::1", 8080, "/")


PRIVATE = (
    "127.0.0.1", "10.0.0.1", "172.16.0.1", "192.168.1.1", "100.64.0.1", "192.0.0.1", "198.18.0.1",
    "::1", "fd00::1", "fec0::1", "::ffff:10.0.0.1", "::a00:1", "64:ff9b::a00:1", "2002:a00:1::",
    "::ffff:127.0.0.1", "2001::1", "2001:db8::1",
)  # fmt: skip
NEVER = (
    ".".join("0000"),
    "169.254.169.254", "224.0.0.1", "255.255.255.255", "240.0.0.1", "::", "fe80::1", "ff02::1",
    "::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe", "::ffff:0.0.0.0", "2002:a9fe:a9fe::",
)  # fmt: skip
PUBLIC = ("1.1.1.1", "2606:4700::1111", "::ffff:1.1.1.1", "64:ff9b::101:101")


@pytest.mark.parametrize("address", PRIVATE)
def test_private_addresses_have_to_be_meant(address: str) -> None:
    assert "private" in (why_not(address, scheme="https", allow_private=False) or "")
    assert why_not(address, scheme="https", allow_private=True) is None


@pytest.mark.parametrize("address", NEVER)
def test_some_addresses_are_nobodys(address: str) -> None:
    for allow_private in (False, True):
        assert "no address" in (why_not(address, scheme="https", allow_private=allow_private) or "")


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_need_tls(address: str) -> None:
    assert why_not(address, scheme="https", allow_private=False) is None
    assert "https" in (why_not(address, scheme="http", allow_private=True) or "")


def test_without_tls_only_this_machine() -> None:
    assert why_not("127.0.0.1", scheme="http", allow_private=True) is None
    assert why_not("::1", scheme="http", allow_private=True) is None
    assert "https" in (why_not("10.0.0.1", scheme="http", allow_private=True) or "")
    assert "private" in (why_not("127.0.0.1", scheme="http", allow_private=False) or "")


# Every form in which a resolver takes the loopback address.
@pytest.mark.parametrize("host", ["localhost", "127.1", "2130706433", "0x7f.1", "[::ffff:127.0.0.1]"])
def test_names_are_resolved_first(host: str) -> None:
    receiver = parse_receiver(f"https://{host}/")
    with pytest.raises(BadReceiver, match="private network"):
        resolve(receiver, allow_private=False)
    assert resolve(receiver, allow_private=True)


def test_a_name_that_stands_for_nothing() -> None:
    with pytest.raises(BadReceiver, match="not found"):
        resolve(parse_receiver("https://no..where/"), allow_private=True)
