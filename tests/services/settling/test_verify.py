"""Checking a folder without a key, a network or a database.

verify_folder
  given folders as they were written: it should find nothing
  given one changed byte in any file, at any place: it should name the file
  given a renamed, added or missing segment: it should find it
  given files and manifest that were changed together: it should name what does not follow
  given a folder made up from other books: it should find that it does not go on where the one before ended
  given a missing file: it should say that the folder is not complete
"""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sessionpay.core.ids import SessionId
from sessionpay.core.money import BaseUnits
from sessionpay.services.epoch_files import (
    ACTIVE,
    ALLOCATIONS,
    APPLIED,
    CHAIN,
    CHARGES,
    CREDITS,
    EXPLAIN,
    HASHED,
    MANIFEST,
    OPENING,
    PRICES,
    USAGE,
    compute,
    read_inputs,
)
from sessionpay.services.epoch_folder import IncompleteFolder, write_folder
from sessionpay.services.epoch_usage import add_up
from sessionpay.services.verify import verify_folder
from tests.core.rows import NODE_A, NODE_B, row

from .folders import SENT, agree_anew, folders_of, note_anew, sealed

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.strategies import History


@pytest.fixture(scope="module")
def written(three_epochs: History, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Three folders beside each other that no test changes."""
    return folders_of(three_epochs, tmp_path_factory.mktemp("written"))


@pytest.fixture
def folders(written: list[Path], tmp_path: Path) -> list[Path]:
    """Copies to be changed; the first names are of the segments as well, so links would not do."""
    return [Path(shutil.copytree(path, tmp_path / path.name)) for path in written]


def differences(folder: Path) -> str:
    return "\n".join(verify_folder(folder).differences)


def test_what_was_written_is_what_it_says(written: list[Path]) -> None:
    for number, folder in enumerate(written):
        verdict = verify_folder(folder)
        assert (verdict.epoch, verdict.differences, verdict.transactions) == (number, (), None)


def changed_byte(path: Path, place: int, mask: int) -> None:
    raw = bytearray(path.read_bytes())
    raw[place] ^= mask
    path.write_bytes(raw)


@given(data=st.data())
def test_one_changed_byte_is_found(
    data: st.DataObject, written: list[Path], tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Each example changes one byte of each file in turn, and puts it back."""
    folder = Path(shutil.copytree(written[1], tmp_path_factory.mktemp("changed") / "000001"))
    [segment] = (folder / USAGE).iterdir()
    for path in (*(folder / name for name in (*HASHED, MANIFEST)), segment):
        raw = path.read_bytes()
        if raw:
            changed_byte(path, data.draw(st.integers(0, len(raw) - 1)), 1 << data.draw(st.integers(0, 7)))
            assert path.name in differences(folder)
            path.write_bytes(raw)
    assert differences(folder) == ""


def test_every_byte_of_the_smallest_file_counts(folders: list[Path]) -> None:
    path = folders[1] / APPLIED
    raw = path.read_bytes()
    for place in range(len(raw)):
        changed_byte(path, place, 1)
        assert differences(folders[1]).startswith(f"{APPLIED}: its SHA-256 is ")
        path.write_bytes(raw)


def test_one_byte_more_or_less_is_found(folders: list[Path]) -> None:
    for name in HASHED:
        path = folders[0] / name
        raw = path.read_bytes()
        for other in (raw + b"\n", raw[:-1], b""):
            if other != raw:
                path.write_bytes(other)
                assert name in differences(folders[0])
        path.write_bytes(raw)


def test_hash_in_chain_json_counts(folders: list[Path]) -> None:
    path = folders[0] / CHAIN
    told = json.loads(path.read_bytes())
    path.write_bytes(path.read_bytes().replace(told["manifest_sha256"].encode(), b"0" * 64))
    assert f"{CHAIN} says {'0' * 64}" in differences(folders[0])
    path.write_bytes(b"{")
    assert differences(folders[0]) == f"{MANIFEST} or {CHAIN} cannot be read as what was written"


@pytest.mark.parametrize("raw", [b"[]", b"{}", b'{"files":[]}', b"7", b"", b'{"files":{"a":1}}'])
def test_any_manifest_at_all_gets_an_answer(folders: list[Path], raw: bytes) -> None:
    (folders[0] / MANIFEST).write_bytes(raw)
    assert differences(folders[0])


def test_renamed_segment_is_found(folders: list[Path]) -> None:
    [segment] = (folders[0] / USAGE).iterdir()
    segment.rename(segment.with_name(f"{'0' * 64}.parquet"))
    assert differences(folders[0]).startswith(f"{USAGE}/{'0' * 64}.parquet: its SHA-256 is ")


def test_added_and_missing_segments_are_found(folders: list[Path]) -> None:
    [segment] = (folders[0] / USAGE).iterdir()
    [other] = sealed([row(node=NODE_B)], folders[0].parent / "more")
    shutil.copy(other, folders[0] / USAGE)
    found = differences(folders[0])
    assert EXPLAIN in found
    assert MANIFEST in found
    (folders[0] / USAGE / other.name).unlink()
    segment.unlink()
    assert differences(folders[0]).startswith("session 7: collected 14, but it was asked for 0")
    (folders[0] / USAGE / "folder").mkdir()
    assert differences(folders[0]) == f"{USAGE}/folder: it is not a file"


def test_rows_sealed_otherwise_are_the_same_usage(three_epochs: History, folders: list[Path]) -> None:
    """Only what they say counts, so that usage may be sealed again."""
    [segment] = (folders[0] / USAGE).iterdir()
    segment.unlink()
    for number, record in enumerate(three_epochs.epochs[0].rows):
        [part] = sealed([record], folders[0].parent / f"part-{number}")
        shutil.copy(part, folders[0] / USAGE)
    assert differences(folders[0]) == ""


def replaced(name: str, old: str, new: str) -> tuple[str, Callable[[Path], None]]:
    def change(folder: Path) -> None:
        path = folder / name
        text = path.read_text(encoding="utf-8")
        assert old in text
        path.write_text(text.replace(old, new, 1), encoding="utf-8")

    return name, change


def first_account_more(folder: Path) -> None:
    rows = [json.loads(line) for line in (folder / ALLOCATIONS).read_bytes().splitlines()]
    rows[0]["amount"] = str(int(rows[0]["amount"]) + 1)
    rows[1]["amount"] = str(int(rows[1]["amount"]) - 1)
    text = "".join(json.dumps(each, sort_keys=True, separators=(",", ":")) + "\n" for each in rows)
    (folder / ALLOCATIONS).write_text(text)


DOCTORED = [
    (ALLOCATIONS, first_account_more),
    replaced(CHARGES, '"session_id":"7"', '"session_id":"6"'),
    replaced(EXPLAIN, '"unpaid_reason":"session 7 had', '"unpaid_reason":"session 7 has'),
    replaced(EXPLAIN, '"is_applied":true', '"is_applied":false'),
    replaced(CREDITS, '"void":"0"', '"void":"1"'),
    replaced(PRICES, "prompt = 400000", "prompt = 400001"),
    replaced(APPLIED, '"session_id":"7"', '"session_id":"6"'),
    replaced(ACTIVE, NODE_A, "0x" + "a1" * 20),
    replaced(OPENING, '"kind":"retained","amount":"0"', '"kind":"retained","amount":"5"'),
]


@pytest.mark.parametrize(("name", "change"), [each for each in DOCTORED if each[0] != OPENING])
def test_files_changed_together_with_their_hashes_are_found(
    folders: list[Path], name: str, change: Callable[[Path], None]
) -> None:
    change(folders[0])
    agree_anew(folders[0])
    found = differences(folders[0])
    assert found
    assert "its SHA-256 is" not in found
    if name in {ALLOCATIONS, CHARGES, EXPLAIN, CREDITS}:
        assert found.startswith(f"{name}: line ")


@pytest.mark.parametrize(
    "key", ["usage_rows", "usage_sha256", "rule_version", "closing_sha256", "totals", "more"]
)
def test_every_field_of_the_manifest_counts(folders: list[Path], key: str) -> None:
    manifest = json.loads((folders[0] / MANIFEST).read_bytes())
    manifest[key] = "made up"
    note_anew(folders[0], manifest)
    assert differences(folders[0]).startswith(f"{MANIFEST}: line 1 is ")


def made_up(folder: Path, *, held: int) -> Path:
    """Write a whole folder anew, from books in which an account has something that it never had."""
    inputs = read_inputs(lambda name: (folder / name).read_bytes())
    kept = inputs.opening
    opening = replace(kept, held={**kept.held, NODE_A: BaseUnits(held)})
    segments = sorted((folder / USAGE).iterdir())
    inputs = replace(inputs, opening=opening)
    made = compute(inputs, add_up(segments, inputs.prices, inputs.policy))
    parent = folder.parent / "made-up"
    parent.mkdir()
    path = write_folder(parent, made, segments=segments, transactions=SENT)
    shutil.rmtree(folder)
    path.rename(folder)
    shutil.rmtree(parent)
    return folder


def test_books_that_nobody_left_are_found(folders: list[Path]) -> None:
    second = made_up(folders[1], held=5)
    found = differences(second)
    assert found.startswith(f"{OPENING}: its SHA-256 is ")
    assert "the epoch before ended with" in found
    assert "follows" in differences(folders[2])
    first = made_up(folders[0], held=5)
    assert differences(first) == f"{OPENING}: it is not empty, and {MANIFEST} names no epoch before this one"


def test_more_collected_than_was_asked_gets_an_answer(folders: list[Path]) -> None:
    path = folders[0] / APPLIED
    rows = [json.loads(line) for line in path.read_bytes().splitlines()]
    rows[0]["collected"] = str(2**200)
    path.write_text("".join(json.dumps(each, sort_keys=True, separators=(",", ":")) + "\n" for each in rows))
    agree_anew(folders[0])
    assert f"session {SessionId(7)}" in differences(folders[0])


@pytest.mark.parametrize("name", [*HASHED, MANIFEST, CHAIN, USAGE])
def test_missing_file_makes_a_folder_incomplete(folders: list[Path], name: str) -> None:
    path = folders[0] / name
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    with pytest.raises(IncompleteFolder, match=f"is not a complete epoch folder: there is no {name} in it"):
        verify_folder(folders[0])
    path.mkdir() if name != USAGE else path.write_text("")
    with pytest.raises(IncompleteFolder):
        verify_folder(folders[0])


def test_no_folder_at_all_is_incomplete(tmp_path: Path) -> None:
    with pytest.raises(IncompleteFolder):
        verify_folder(tmp_path / "nowhere")
