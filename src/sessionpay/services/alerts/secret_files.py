"""The secrets that messages are signed with: one file each in the home, for its owner's eyes alone."""

import os
import secrets
from base64 import b64decode, b64encode
from dataclasses import dataclass
from pathlib import Path

from sessionpay.core.errors import SessionPayError
from sessionpay.services.home import NoHome

SECRET_PREFIX = "whsec_"  # noqa: S105 - the prefix of every secret
# The specification asks for 24 to 64 bytes.
SECRET_BYTES = 32


class NoSecret(SessionPayError):
    """The secret of an alert is not in the home."""

    def __init__(self, alert_id: int, *, path: Path) -> None:
        """Keep the alert's number and where its secret should be."""
        self.alert_id = alert_id
        super().__init__(
            f"alert {alert_id} has no secret in {path}: remove the alert and add it anew, "
            "and give its receiver the new secret"
        )


@dataclass(frozen=True, slots=True)
class SecretFiles:
    """The folder that holds them."""

    folder: Path

    def make(self, alert_id: int) -> str:
        """Make the secret of an alert, keep it, and return it. Raises `NoHome`."""
        secret = SECRET_PREFIX + b64encode(secrets.token_bytes(SECRET_BYTES)).decode()
        path = self._path(alert_id)
        draft = path.with_suffix(".new")
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            draft.unlink(missing_ok=True)
            # Nobody else can read it at any moment, because it is made so.
            handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(handle, "w", encoding="ascii") as file:
                file.write(f"{secret}\n")
                file.flush()
                os.fsync(file.fileno())
            draft.replace(path)
        except OSError as fault:
            raise NoHome(path, fault=fault) from None
        return secret

    def read(self, alert_id: int) -> str:
        """Return the secret of an alert. Raises `NoSecret`, also for a file that holds something else."""
        path = self._path(alert_id)
        try:
            secret = path.read_text(encoding="ascii").strip()
            found = b64decode(secret.removeprefix(SECRET_PREFIX), validate=True)
        except (OSError, ValueError):
            raise NoSecret(alert_id, path=path) from None
        if not secret.startswith(SECRET_PREFIX) or len(found) != SECRET_BYTES:
            raise NoSecret(alert_id, path=path)
        return secret

    def forget(self, alert_id: int) -> None:
        """Delete the secret of an alert, if it is there. Raises `NoHome`."""
        path = self._path(alert_id)
        try:
            path.unlink(missing_ok=True)
        except OSError as fault:
            raise NoHome(path, fault=fault) from None

    def _path(self, alert_id: int) -> Path:
        return self.folder.joinpath(f"{alert_id}.secret")
