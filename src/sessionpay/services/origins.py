"""Where the server is for browsers, and whether a request comes from its own pages."""

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from sessionpay.core.errors import InputError, shown

HOST_LENGTH_MAX = 255
# Names that only this machine has: no page from elsewhere can make a browser's request name one of them
# without being on this machine, whatever its own name resolves to.
_LOOPBACK = re.compile(r"(?:localhost|127\.0\.0\.1|\[::1\])(?::[0-9]{1,5})?")
_DOMAIN = re.compile(r"(?:[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?|\[[0-9a-f:]+\])(?::[0-9]{1,5})?")
_PORTS = {"http": ":80", "https": ":443"}


class BadPublicUrl(InputError):
    """The address that people are to open cannot be one."""

    def __init__(self, text: str) -> None:
        """Keep the text as given."""
        self.text = text
        super().__init__(f"--public-url {shown(text)}: write it as https://host or http://host:port, no path")


class UnknownHost(InputError):
    """A request names a host that this server was not told to be."""

    def __init__(self, host: str) -> None:
        """Keep the host as the request has it."""
        self.host = host
        super().__init__(
            f"this server was not told that it is {shown(host)}: start it with --public-url https://..., "
            "the address that people open, or open http://127.0.0.1 on its own machine"
        )


class ForeignRequest(InputError):
    """A browser sent this for a page of somebody else."""

    def __init__(self, origin: str) -> None:
        """Keep where the browser says that it comes from."""
        self.origin = origin
        super().__init__(
            f"the request comes from {shown(origin)}, which is not this site: open the site itself"
        )


@dataclass(frozen=True, slots=True)
class Origin:
    """Scheme and host of a site, the port only where it is not the scheme's own."""

    scheme: str
    domain: str

    def __str__(self) -> str:
        """Return it as browsers write it."""
        return f"{self.scheme}://{self.domain}"

    @property
    def is_secure(self) -> bool:
        """Whether nobody on the way reads along."""
        return self.scheme == "https"


def parse_public_url(text: str) -> Origin:
    """Return the site whose address that is; raises `BadPublicUrl`."""
    try:
        parts = urlsplit(text.strip().lower())
        has_port = parts.port != 0
    except ValueError:
        raise BadPublicUrl(text) from None
    is_plain = parts.path in {"", "/"} and not parts.query and not parts.fragment
    if parts.scheme not in _PORTS or not is_plain or not has_port or not _DOMAIN.fullmatch(parts.netloc):
        raise BadPublicUrl(text)
    return Origin(parts.scheme, parts.netloc.removesuffix(_PORTS[parts.scheme]))


def own_origin(host: str, *, public: Origin | None) -> Origin:
    """Return which site a request is for, `host` being its Host header.

    That is `public` where it is known. Else only names of this machine are believed: a message that names
    any other host would be written for whoever chose that name. Raises `UnknownHost`.
    """
    if public is not None:
        return public
    named = host[: HOST_LENGTH_MAX + 1].lower()
    if not _LOOPBACK.fullmatch(named):
        raise UnknownHost(host[:HOST_LENGTH_MAX])
    return Origin("http", named.removesuffix(_PORTS["http"]))


def require_own(own: Origin, *, origin: str | None, fetch_site: str | None) -> None:
    """Raise `ForeignRequest` if a browser sent a request for another site's page.

    `origin` and `fetch_site` are the headers Origin and Sec-Fetch-Site. Where pages send no referrer a form
    of our own has the origin `null`, so what the browser itself says of the site counts first; programs
    that are no browsers send neither, and bring no cookie of somebody else.
    """
    if fetch_site is not None:
        if fetch_site != "same-origin":
            raise ForeignRequest(origin or fetch_site)
        return
    if origin is not None and origin.lower() != str(own):
        raise ForeignRequest(origin)
