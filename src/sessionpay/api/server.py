"""The server in a thread beside the daemon: it listens before anything else begins, and ends well."""

import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread

import uvicorn
from starlette.applications import Starlette

from sessionpay.core.errors import InputError, SessionPayError

# Connections that the system keeps while all threads are busy.
BACKLOG = 2_048
# A request that came in before the end is answered; a batch takes half a second.
END_SECONDS_MAX = 10
START_SECONDS_MAX = 10
PORT_MAX = 65_535


class BadListen(InputError):
    """Nobody can listen there."""

    def __init__(self, address: str, *, rule: str) -> None:
        """Keep the address as given and what is wrong with it."""
        self.address = address
        super().__init__(f"--listen {address!r}: {rule}")


class ServerEnded(SessionPayError):
    """The server ended by itself, which it never should."""

    def __init__(self, address: str) -> None:
        """Keep where it listened."""
        self.address = address
        super().__init__(f"the server on {address} ended by itself; start it again and report this")


class Server:
    """One application on one address, served by a thread of its own."""

    def __init__(self, app: Starlette, address: str) -> None:
        """Listen at `HOST:PORT`, port 0 being any that is free. Raises `BadListen`."""
        self._app = app
        self._socket = _listening(address)
        host, port = self._socket.getsockname()[:2]
        self.url = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
        config = uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            lifespan="off",
            server_header=False,
            # Whoever asks may write any address there; `Access` says whether one is believed.
            proxy_headers=False,
            timeout_graceful_shutdown=END_SECONDS_MAX,
        )
        self._server = uvicorn.Server(config)
        self._thread = Thread(
            target=self._server.run, args=([self._socket],), name="http server", daemon=True
        )

    def begin(self) -> None:
        """Answer from now on, until `end`."""
        self._app.state.is_ending = False
        self._thread.start()
        for _ in range(START_SECONDS_MAX * 100):
            if self._server.started or not self._thread.is_alive():
                return
            time.sleep(0.01)

    def is_serving(self) -> bool:
        """Tell whether the thread is at work."""
        return self._thread.is_alive()

    def end(self) -> None:
        """Take no more requests, answer those that came, and end."""
        # Streams have no end of their own, and would be waited for.
        self._app.state.is_ending = True
        self._server.should_exit = True
        self._thread.join(2 * END_SECONDS_MAX)
        self._socket.close()


@contextmanager
def serving(app: Starlette, address: str) -> Iterator[Server]:
    """Serve the application while the context lasts. Raises `BadListen`."""
    server = Server(app, address)
    server.begin()
    try:
        yield server
    finally:
        server.end()


def _listening(address: str) -> socket.socket:
    host, colon, port = address.rpartition(":")
    is_port = port.isascii() and port.isdecimal() and len(port) <= len(str(PORT_MAX))
    if not colon or not host or not is_port or int(port) > PORT_MAX:
        raise BadListen(address, rule="write it as HOST:PORT, such as 127.0.0.1:8080")
    try:
        family, kind, protocol, _, where = socket.getaddrinfo(
            host.strip("[]"), int(port), type=socket.SOCK_STREAM
        )[0]
        listening = socket.socket(family, kind, protocol)
    except OSError as fault:
        raise BadListen(address, rule=f"{fault.strerror or fault}") from None
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(where)
        listening.listen(BACKLOG)
    except OSError as fault:
        listening.close()
        rule = f"{fault.strerror or fault}; choose another port, or end what listens there"
        raise BadListen(address, rule=rule) from None
    return listening
