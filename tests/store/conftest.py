"""A database for each test: SQLite in a file, and PostgreSQL where Debian's package is installed."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest

from sessionpay.store.database import Database
from tests.servers import ends_with_parent

if TYPE_CHECKING:
    from collections.abc import Iterator

_START_SECONDS_MAX = 60
_NOWHERE = subprocess.DEVNULL
_SERIAL = count()


def server_programs() -> Path | None:
    """Find the newest PostgreSQL: what is on the path, or where Debian installs it."""
    on_path = shutil.which("pg_ctl")
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/pg_ctl"), key=lambda path: int(path.parts[-3]))
    return Path(on_path).parent if on_path else found[-1].parent if found else None


@contextmanager
def running_server(programs: Path) -> Iterator[str]:
    """Run a server on a free loopback port, as a user of its own, because it refuses to run as root."""
    home = Path(tempfile.mkdtemp(prefix="sessionpay-postgresql-"))
    user = "postgres" if os.geteuid() == 0 else None
    if user:
        shutil.chown(home, user)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    # The signal for an immediate end, which takes the server's own children along.
    prefix = ends_with_parent("QUIT", user=user)
    data = str(home / "data")
    make = [str(programs / "initdb"), "-D", data, "-A", "trust", "-U", "books", "-N"]
    options = ["-p", str(port), "-k", str(home), "-c", "listen_addresses=127.0.0.1", "-c", "fsync=off"]
    try:
        subprocess.run([*prefix, *make], check=True, cwd=home, stdout=_NOWHERE, stderr=_NOWHERE)
        server = subprocess.Popen(
            [*prefix, str(programs / "postgres"), "-D", data, *options],
            cwd=home,
            stdout=_NOWHERE,
            stderr=_NOWHERE,
        )
        try:
            address = f"postgresql://books@127.0.0.1:{port}"
            _await(server, address)
            yield address
        finally:
            server.send_signal(signal.SIGQUIT)
            server.wait(_START_SECONDS_MAX)
    finally:
        shutil.rmtree(home, ignore_errors=True)


def _await(server: subprocess.Popen[bytes], address: str) -> None:
    """Wait until the server takes connections."""
    deadline = time.monotonic() + _START_SECONDS_MAX
    while True:
        try:
            psycopg.connect(f"{address}/postgres").close()
        except psycopg.OperationalError:
            if server.poll() is not None or time.monotonic() > deadline:
                raise
            time.sleep(0.05)
        else:
            return


@pytest.fixture(scope="session")
def postgresql() -> Iterator[str]:
    """The address of a server, without a database name."""
    programs = server_programs()
    if programs is None:
        pytest.skip("no PostgreSQL: install the Debian package postgresql")
    with running_server(programs) as address:
        yield address


@pytest.fixture(params=["sqlite", "postgresql"])
def kind(request: pytest.FixtureRequest) -> str:
    """Which database a test runs on: each runs on both."""
    name: str = request.param
    return name


@pytest.fixture
def url(kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of an empty database."""
    if kind == "sqlite":
        return f"sqlite:///{tmp_path / 'books.db'}"
    return new_postgresql_database(request.getfixturevalue("postgresql"))


def new_postgresql_database(address: str, *, template: str = "template1") -> str:
    """Create a database on the server: an empty one, or a copy of another that nobody is connected to."""
    name = f"books_{next(_SERIAL)}"
    with psycopg.connect(f"{address}/postgres", autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE {template}".encode())
    return f"{address}/{name}"


@pytest.fixture
def database(url: str) -> Iterator[Database]:
    """An empty database, opened."""
    opened = Database.open(url)
    yield opened
    opened.close()
