"""Where alerts may be sent: the rules for a receiver's URL, and for the addresses that its name stands for.

Whoever adds an alert chooses where this process connects to. So a name is resolved once, each of its
addresses is held against the rules, and the connection is made to that very address.
"""

import socket
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from urllib.parse import urlsplit

from sessionpay.core.errors import InputError, shown

URL_LENGTH_MAX = 2_000
PORTS = {"https": 443, "http": 80}

# Forms of IPv6 in which an address of IPv4 is reached; `shift` is how many bits stand behind it.
_CARRIERS = (
    (IPv6Network("::/96"), 0),
    (IPv6Network("::ffff:0:0/96"), 0),
    (IPv6Network("64:ff9b::/96"), 0),
    (IPv6Network("64:ff9b:1::/48"), 0),
    (IPv6Network("2002::/16"), 80),
)


class BadReceiver(InputError):
    """A URL that no alert is sent to."""

    def __init__(self, url: str, *, rule: str) -> None:
        """Keep the URL and the rule that it breaks."""
        self.url = url
        self.rule = rule
        super().__init__(f"receiver {shown(url)}: {rule}")


@dataclass(frozen=True, slots=True)
class Receiver:
    """A URL in its parts; `path` has the query too, and may hold a secret of the receiver's own."""

    url: str
    scheme: str
    host: str
    port: int
    path: str


def parse_receiver(url: str) -> Receiver:
    """Return a receiver by its URL. Raises `BadReceiver`; nothing is asked of any network."""
    if len(url) > URL_LENGTH_MAX or not url.isascii() or not url.isprintable() or " " in url:
        rule = f"write at most {URL_LENGTH_MAX} printable ASCII characters; other names in their xn-- form"
        raise BadReceiver(url, rule=rule)
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise BadReceiver(url, rule="it is not a URL; write https://host/path") from None
    if parts.scheme not in PORTS or not parts.hostname:
        raise BadReceiver(url, rule="write https://host/path")
    if parts.username is not None or parts.password is not None or parts.fragment:
        rule = "leave user, password and #fragment out; messages are signed, that is how they are known"
        raise BadReceiver(url, rule=rule)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Receiver(url, parts.scheme, parts.hostname, port or PORTS[parts.scheme], path)


def resolve(receiver: Receiver, *, allow_private: bool) -> tuple[str, ...]:
    """Return the addresses of a receiver, every one of which may be connected to.

    Raises `BadReceiver` where one may not, or where the name stands for none.
    """
    try:
        found = socket.getaddrinfo(receiver.host, receiver.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as fault:
        raise BadReceiver(receiver.url, rule=f"its host is not found ({fault})") from None
    addresses = tuple(dict.fromkeys(str(each[4][0]) for each in found))
    for address in addresses:
        reason = why_not(address, scheme=receiver.scheme, allow_private=allow_private)
        if reason is not None:
            raise BadReceiver(receiver.url, rule=reason)
    return addresses


def why_not(address: str, *, scheme: str, allow_private: bool) -> str | None:
    """Return why an address may not be connected to; None if it may."""
    known = _all_of(ip_address(address))
    if any(_is_never(each) for each in known):
        return f"{address} is no address of a receiver"
    is_private = not all(each.is_global and not _is_site_local(each) for each in known)
    if is_private and not allow_private:
        return f"{address} is of a private network; give --allow-private if that is meant"
    if scheme == "http" and not all(each.is_loopback for each in known):
        return f"{address} is another machine, so the URL has to begin with https"
    return None


def _all_of(address: IPv4Address | IPv6Address) -> tuple[IPv4Address | IPv6Address, ...]:
    """Return the address that is really reached: the one of IPv4 inside one of IPv6, else the address."""
    if isinstance(address, IPv4Address) or address.is_loopback or address.is_unspecified:
        return (address,)
    carried = [IPv4Address(int(address) >> shift & 0xFFFF_FFFF) for net, shift in _CARRIERS if address in net]
    return tuple(carried) or (address,)


def _is_never(address: IPv4Address | IPv6Address) -> bool:
    # Link-local addresses are where clouds hand out the credentials of a machine.
    is_reserved = isinstance(address, IPv4Address) and address.is_reserved
    return address.is_unspecified or address.is_multicast or address.is_link_local or is_reserved


def _is_site_local(address: IPv4Address | IPv6Address) -> bool:
    return isinstance(address, IPv6Address) and address.is_site_local
