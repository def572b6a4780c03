"""Folders in stores: a directory, and S3-compatible storage.

publish, fetch
  given a folder: it should be fetched byte for byte, and be what it says
  given the same folder again: it should be left as it is
  given another folder of that number: it should refuse
  given a publishing that was broken off: there should be no manifest, and the next attempt should finish it
  given a name that no epoch has: it should not be fetched
  given a store that does not answer, or an address of none: it should say so, without the key in it
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlencode

import boto3
import pytest
from moto.server import ThreadedMotoServer

from sessionpay.services.epoch_files import MANIFEST
from sessionpay.services.epoch_folder import FolderExists
from sessionpay.services.epoch_store import StoreFailed, fetch, publish
from sessionpay.services.verify import verify_folder

from .folders import folders_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.strategies import History

KEY, SECRET = "reporter", "passphrase"
BUCKET = "books"


@pytest.fixture(scope="module")
def folder(one_epoch: History, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return folders_of(one_epoch, tmp_path_factory.mktemp("epochs"))[0]


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """S3-compatible storage on a free loopback port, with an empty bucket."""
    running = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    running.start()
    host, port = running.get_host_and_port()
    address = f"{host}:{port}"
    boto3.client(
        "s3",
        endpoint_url=f"http://{address}",
        region_name="us-east-1",
        aws_access_key_id=KEY,
        aws_secret_access_key=SECRET,
    ).create_bucket(Bucket=BUCKET)
    yield address
    running.stop()


@pytest.fixture(params=["directory", "s3"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of an empty store."""
    if request.param == "directory":
        return (tmp_path / "store").as_uri()
    address = request.getfixturevalue("server")
    query = urlencode({"endpoint_override": address, "scheme": "http", "region": "us-east-1"})
    return f"s3://{KEY}:{SECRET}@{BUCKET}/{tmp_path.name}?{query}"


def inside(store: str, name: str) -> str:
    """Return the address of something in a store."""
    place, mark, query = store.partition("?")
    return f"{place}/{name}{mark}{query}"


def bytes_of(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_what_was_kept_is_fetched(folder: Path, store: str, tmp_path: Path) -> None:
    place = publish(folder, store)
    assert place.endswith("/000000")
    assert SECRET not in place
    assert "?" not in place
    fetched = fetch(inside(store, folder.name), tmp_path / "fetched")
    assert fetched == tmp_path / "fetched" / "000000"
    assert bytes_of(fetched) == bytes_of(folder)
    assert verify_folder(fetched).differences == ()


def test_the_same_again_is_left_and_another_one_refused(folder: Path, store: str, tmp_path: Path) -> None:
    publish(folder, store)
    assert publish(folder, store).endswith("/000000")
    other = Path(shutil.copytree(folder, tmp_path / "other" / folder.name))
    (other / MANIFEST).write_bytes(b"{}")
    with pytest.raises(FolderExists, match="/000000 exists with manifest "):
        publish(other, store)
    assert bytes_of(fetch(inside(store, folder.name), tmp_path / "fetched")) == bytes_of(folder)


def test_broken_off_publishing_has_no_manifest(
    folder: Path, store: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, left = shutil.copyfileobj, [5]

    def copy(source: object, target: object) -> None:
        left[0] -= 1
        if left[0] < 0:
            raise OSError(28, "No space left on device")
        real(source, target)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr("shutil.copyfileobj", copy)
        with pytest.raises(StoreFailed, match="No space left on device"):
            publish(folder, store)
    partly = fetch(inside(store, folder.name), tmp_path / "partly")
    assert not (partly / MANIFEST).exists()
    publish(folder, store)
    assert bytes_of(fetch(inside(store, folder.name), tmp_path / "whole")) == bytes_of(folder)


def test_only_names_of_an_epoch_are_fetched(folder: Path, tmp_path: Path) -> None:
    there = tmp_path / "store" / folder.name
    shutil.copytree(folder, there)
    (there / "more").write_text("not ours")
    (there / "usage" / "deep").mkdir()
    (there / "usage" / "deep" / "file").write_text("not ours")
    fetched = fetch(there.as_uri(), tmp_path / "fetched")
    assert bytes_of(fetched) == bytes_of(folder)


@pytest.mark.parametrize("uri", ["s3://{who}@no-such-bucket/epochs?{query}", "ftp://{who}@books/epochs"])
def test_store_that_fails_is_told_without_its_key(folder: Path, server: str, uri: str) -> None:
    query = urlencode({"endpoint_override": server, "scheme": "http", "region": "us-east-1"})
    store = uri.format(who=f"{KEY}:{SECRET}", query=query)
    with pytest.raises(StoreFailed, match=r"^store .*; check its address, its key and its perm") as failed:
        publish(folder, store)
    assert SECRET not in str(failed.value)
