"""Epoch folders in stores that pyarrow reaches, such as `s3://bucket/prefix`: kept there, and fetched.

A store's address may hold a key, so messages tell it without whatever stands before `@` or after `?`.
"""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import pyarrow as pa
from pyarrow import fs

from sessionpay.core.errors import SessionPayError
from sessionpay.services.epoch_files import CHAIN, HASHED, MANIFEST, USAGE
from sessionpay.services.epoch_folder import FolderExists


class StoreFailed(SessionPayError):
    """A store of folders cannot be reached, read or written."""

    def __init__(self, place: str, *, reason: str) -> None:
        """Keep the store as far as it may be shown, and the reason."""
        self.place = place
        self.reason = reason
        super().__init__(f"store {place}: {reason}; check its address, its key and its permissions")


def publish(folder: Path, store_uri: str) -> str:
    """Copy an epoch's folder into a store and return where it is, without any key.

    The manifest comes last, so whoever sees it sees all of it. A folder that is there with this manifest
    is left as it is. Raises `FolderExists` if it has another one, and `StoreFailed`.
    """
    place = f"{shown(store_uri).rstrip('/')}/{folder.name}"
    with _telling(store_uri):
        store, prefix = fs.FileSystem.from_uri(store_uri)
        target = f"{prefix.rstrip('/')}/{folder.name}"
        if not _is_there(store, target, folder, place):
            for name in _names(folder):
                store.create_dir(f"{target}/{name}".rpartition("/")[0], recursive=True)
                with (
                    store.open_output_stream(f"{target}/{name}") as stream,
                    folder.joinpath(name).open("rb") as file,
                ):
                    shutil.copyfileobj(file, stream)
    return place


def fetch(folder_uri: str, target: Path) -> Path:
    """Copy an epoch's folder from a store into `target`, and return it there; raises `StoreFailed`.

    Names that no epoch's folder has are left where they are.
    """
    with _telling(folder_uri):
        store, prefix = fs.FileSystem.from_uri(folder_uri)
        root = str(prefix).rstrip("/")
        path = target.joinpath(root.rpartition("/")[2] or "folder")
        path.joinpath(USAGE).mkdir(parents=True, exist_ok=True)
        for found in store.get_file_info(fs.FileSelector(root, recursive=True, allow_not_found=True)):
            name = found.path.removeprefix(f"{root}/")
            if found.type == fs.FileType.File and _is_ours(name):
                with store.open_input_stream(found.path) as stream, path.joinpath(name).open("wb") as file:
                    shutil.copyfileobj(stream, file)
    return path


def shown(uri: str) -> str:
    """Return a store's address without what may be secret in it."""
    parts = urlsplit(uri)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


def _names(folder: Path) -> list[str]:
    return [
        *(f"{USAGE}/{path.name}" for path in sorted(folder.joinpath(USAGE).iterdir())),
        *HASHED,
        CHAIN,
        MANIFEST,
    ]


def _is_ours(name: str) -> bool:
    """Tell whether a name may be written; a store's owner must not choose where files go."""
    if name in {*HASHED, CHAIN, MANIFEST}:
        return True
    return name.startswith(f"{USAGE}/") and name.count("/") == 1 and name != f"{USAGE}/.."


def _is_there(store: fs.FileSystem, target: str, folder: Path, place: str) -> bool:
    """Tell whether the store has this very folder; raises `FolderExists` for another of its name."""
    [info] = store.get_file_info([f"{target}/{MANIFEST}"])
    if info.type != fs.FileType.File:
        return False
    with store.open_input_stream(f"{target}/{MANIFEST}") as stream:
        found = stream.read()
    ours = folder.joinpath(MANIFEST).read_bytes()
    if found != ours:
        raise FolderExists(place, found=sha256(found).hexdigest(), computed=sha256(ours).hexdigest())
    return True


@contextmanager
def _telling(uri: str) -> Iterator[None]:
    try:
        yield
    except (OSError, pa.ArrowException) as fault:
        # What the library says may repeat the whole address.
        reason = str(fault).replace(uri, shown(uri))
        for secret in _secrets(uri):
            reason = reason.replace(secret, "...")
        raise StoreFailed(shown(uri), reason=" ".join(reason.split())) from None


def _secrets(uri: str) -> list[str]:
    parts = urlsplit(uri)
    held = [part for part in parts.netloc.rpartition("@")[0].split(":") if part]
    return [*held, *([parts.query] if parts.query else [])]
