"""keys: private keys that sign and never show.

Given a private key and a passphrase
  the signer should come back from its key file under the passphrase, and under no other
  a key file should be readable by its owner alone, and never be written over
  neither key nor passphrase should show in any text of this package
"""

from __future__ import annotations

import errno
import json
import os
import traceback
from typing import TYPE_CHECKING

import pytest
from eth_account import Account

from sessionpay import Signer, save_keystore, signer_from_key, signer_from_keystore
from sessionpay.chain.errors import BadKey, BadKeystore

if TYPE_CHECKING:
    from pathlib import Path

KEY = "a1b2c3d4" * 8
PASSPHRASE = "an orange bicycle at night"  # noqa: S105 - the passphrase of a test


@pytest.fixture(autouse=True)
def fast_keystores(monkeypatch: pytest.MonkeyPatch) -> None:
    """Spend no second on each key file; only the tests may be so careless."""
    monkeypatch.setattr(Account, "_default_kdf", "pbkdf2")
    encrypt = Account.encrypt
    monkeypatch.setattr(
        Account, "encrypt", lambda key, passphrase, **_: encrypt(key, passphrase, kdf="pbkdf2", iterations=2)
    )


@pytest.mark.parametrize("text", [KEY, f"0x{KEY}", f" {KEY.upper()}\n"])
def test_a_key_is_read_from_text(text: str) -> None:
    assert signer_from_key(text).address == Account.from_key(KEY).address.lower()


@pytest.mark.parametrize("text", ["", KEY[:-1], KEY + "0", "g" * 64, "0" * 64, "f" * 64])
def test_what_is_no_key_is_refused_without_being_repeated(text: str) -> None:
    with pytest.raises(BadKey) as caught:
        signer_from_key(text)
    assert not text or text not in "".join(traceback.format_exception(caught.value))


def test_a_signer_comes_back_from_its_file(tmp_path: Path) -> None:
    path = tmp_path / "operator.json"
    signer = signer_from_key(KEY)
    save_keystore(path, signer, PASSPHRASE)
    assert signer_from_keystore(path, PASSPHRASE).address == signer.address
    assert path.stat().st_mode & 0o777 == 0o600
    assert json.loads(path.read_text())["version"] == 3


def test_a_file_is_never_written_over(tmp_path: Path) -> None:
    path = tmp_path / "operator.json"
    path.write_text("somebody else's")
    with pytest.raises(BadKeystore, match="exists already"):
        save_keystore(path, signer_from_key(KEY), PASSPHRASE)
    assert path.read_text() == "somebody else's"


def test_a_file_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    with pytest.raises(BadKeystore, match="cannot be written"):
        save_keystore(tmp_path / "missing" / "operator.json", signer_from_key(KEY), PASSPHRASE)


def test_a_full_disk_leaves_no_half_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(BadKeystore, match=r"cannot be written \(No space left on device\)"):
        save_keystore(tmp_path / "operator.json", signer_from_key(KEY), PASSPHRASE)
    assert not list(tmp_path.iterdir())


def test_an_empty_passphrase_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadKeystore, match="passphrase is empty"):
        save_keystore(tmp_path / "operator.json", signer_from_key(KEY), "")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"version": 3}', "\x00"])
def test_a_file_of_another_form_is_told(tmp_path: Path, text: str) -> None:
    path = tmp_path / "operator.json"
    path.write_text(text)
    with pytest.raises(BadKeystore, match="no key file"):
        signer_from_keystore(path, PASSPHRASE)


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(BadKeystore, match="cannot be read"):
        signer_from_keystore(tmp_path / "operator.json", PASSPHRASE)


def test_key_and_passphrase_never_show(tmp_path: Path) -> None:
    path = tmp_path / "operator.json"
    signer = signer_from_key(KEY)
    save_keystore(path, signer, PASSPHRASE)
    wrong = PASSPHRASE + "!"
    with pytest.raises(BadKeystore, match="does not open") as caught:
        signer_from_keystore(path, wrong)
    texts = [repr(signer), str(signer), f"{signer}", repr([signer]), path.read_text()]
    texts += [str(caught.value), repr(caught.value), repr(vars(caught.value))]
    texts += ["".join(traceback.format_exception(caught.value))]
    for text in texts:
        assert KEY not in text.lower()
        assert str(int(KEY, 16)) not in text
        assert PASSPHRASE not in text


def test_a_signer_has_no_dictionary_to_print() -> None:
    assert not hasattr(Signer, "__dict__") or "__dict__" not in dir(signer_from_key(KEY))
