"""The files of an epoch, and the folder that they are written into.

compute
  given any history: its files should be read back to the same bytes
  given the rows of several epochs in folders: they should say what the naive epoch says
write_folder
  given the same epoch again: it should leave the folder as it is
  given another epoch of that number, or a folder without a manifest: it should refuse
  given a crash before the end: there should be a draft and no folder, and the next attempt should succeed
  given a place that cannot be written: it should say so
read_inputs
  given files that nobody wrote: it should name the file and what is wrong
"""

from __future__ import annotations

import json
import os
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings

from sessionpay.core.epochs import Opening
from sessionpay.services.epoch_files import (
    ACTIVE,
    ALLOCATIONS,
    APPLIED,
    CHARGES,
    CREDITS,
    MANIFEST,
    OPENING,
    PRICES,
    BadEpochFile,
    compute,
    opening_sha256,
    plain,
    read_inputs,
)
from sessionpay.services.epoch_folder import FolderExists, FolderNotWritten, write_folder
from sessionpay.services.verify import verify_folder
from tests import naive_epoch
from tests.core.test_epochs_naive import plain_books, plain_note, plain_policy, plain_prices, plain_row
from tests.strategies import History, histories, play

from .folders import SENT, computed_of, folders_of, inputs_of, usage_of

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from sessionpay.services.epoch_files import EpochFiles

EMPTY = History(())


def lines_of(raw: bytes) -> list[Any]:
    return [json.loads(line) for line in raw.splitlines()]


@given(histories())
def test_files_are_read_back_to_the_same_bytes(history: History) -> None:
    for made, epoch in zip(computed_of(history), play(history), strict=True):
        inputs = read_inputs(lambda name, made=made: made.files[name])  # type: ignore[misc]
        again = compute(inputs, usage_of(epoch))
        assert again.files == made.files
        assert again.result == made.result == epoch.result


@given(histories())
def test_every_line_is_canonical_and_every_file_sorted(history: History) -> None:
    for made in computed_of(history):
        for name in (CREDITS, CHARGES, APPLIED, ACTIVE, ALLOCATIONS, OPENING, MANIFEST):
            for line in made.files[name].splitlines():
                text = json.dumps(json.loads(line), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
                assert text.encode() == line
        for name, key in ((ACTIVE, "account"), (ALLOCATIONS, "account")):
            keys = [row[key] for row in lines_of(made.files[name])]
            assert keys == sorted(set(keys))
        for name in (CHARGES, APPLIED):
            keys = [int(row["session_id"]) for row in lines_of(made.files[name])]
            assert keys == sorted(set(keys))


def books_in(folder: Path) -> dict[str, Any]:
    """Read the opening of a folder without the package."""
    rows = lines_of((folder / OPENING).read_bytes())
    debts = [row for row in rows if row["kind"] == "debt"]
    claims = [row for row in rows if row["kind"] == "claim"]
    [retained] = [int(row["amount"]) for row in rows if row["kind"] == "retained"]
    collected = {int(row["session_id"]): int(row["collected"]) for row in debts}
    return {
        "owed": {int(row["session_id"]): int(row["owed_micro"]) for row in debts},
        "collected": {session_id: amount for session_id, amount in collected.items() if amount},
        "claims": [
            {
                "session_id": int(row["session_id"]),
                "epoch": row["epoch"],
                "node": row["node"],
                "performance": row["performance"],
                "open": int(row["open"]),
            }
            for row in claims
        ],
        "held": {row["account"]: int(row["amount"]) for row in rows if row["kind"] == "held"},
        "retained": retained,
    }


def amounts_in(folder: Path, name: str, key: str, amount: str) -> Mapping[str, int]:
    return {row[key]: int(row[amount]) for row in lines_of((folder / name).read_bytes())}


@settings(max_examples=10)
@given(history=histories())
def test_folders_say_what_the_naive_epoch_says(
    tmp_path_factory: pytest.TempPathFactory, history: History
) -> None:
    books: dict[str, Any] = plain_books(Opening())
    folders = folders_of(history, tmp_path_factory.mktemp("epochs"))
    for number, (folder, epoch) in enumerate(zip(folders, play(history), strict=True)):
        assert books_in(folder) == books
        rows = [plain_row(record) for record in epoch.given.rows]
        prices, policy = plain_prices(epoch.given.sheet), plain_policy(epoch.given.policy)
        notes = [plain_note(note) for note in epoch.given.credits]
        asked = naive_epoch.asks(books, rows, prices, notes)
        assert amounts_in(folder, CHARGES, "session_id", "asked") == {str(key): asked[key] for key in asked}
        applied = amounts_in(folder, APPLIED, "session_id", "collected")
        naive = naive_epoch.settle(
            number,
            books,
            rows,
            prices,
            policy,
            {int(key): amount for key, amount in applied.items()},
            {row["account"] for row in lines_of((folder / ACTIVE).read_bytes())},
            notes,
        )
        assert amounts_in(folder, ALLOCATIONS, "account", "amount") == naive["allocations"]
        told = [
            (row["credit"]["reference"], int(row["cancelled"]), int(row["void"]))
            for row in lines_of((folder / CREDITS).read_bytes())
        ]
        assert told == [(note["reference"], note["cancelled"], note["void"]) for note in naive["credits"]]
        books = naive["closing"]
        assert verify_folder(folder).differences == ()
    closing = json.loads((folders[-1] / MANIFEST).read_bytes())["closing_sha256"]
    assert closing == opening_sha256(play(history)[-1].result.closing)


@pytest.fixture
def made(one_epoch: History) -> EpochFiles:
    return computed_of(one_epoch)[0]


def test_same_epoch_again_changes_nothing(made: EpochFiles, tmp_path: Path) -> None:
    path = write_folder(tmp_path, made, segments=[], transactions=SENT)
    before = {each: each.stat().st_mtime_ns for each in path.rglob("*")}
    assert write_folder(tmp_path, made, segments=[], transactions=()) == path
    assert {each: each.stat().st_mtime_ns for each in path.rglob("*")} == before


def test_another_epoch_of_the_number_is_refused(one_epoch: History, made: EpochFiles, tmp_path: Path) -> None:
    path = write_folder(tmp_path, made, segments=[], transactions=SENT)
    [epoch] = play(one_epoch)
    other = compute(replace(inputs_of(0, epoch, previous=None), chain_id=1), usage_of(epoch))
    before = {each.name: each.read_bytes() for each in path.iterdir() if each.is_file()}
    with pytest.raises(FolderExists, match=f"{made.manifest_sha256}.*{other.manifest_sha256}"):
        write_folder(tmp_path, other, segments=[], transactions=SENT)
    assert {each.name: each.read_bytes() for each in path.iterdir() if each.is_file()} == before
    (path / MANIFEST).unlink()
    with pytest.raises(FolderExists, match="exists with manifest missing"):
        write_folder(tmp_path, made, segments=[], transactions=SENT)


def test_crash_leaves_a_draft_and_no_folder(made: EpochFiles, tmp_path: Path) -> None:
    class Died(Exception):
        """The process ended."""

    def die() -> None:
        raise Died

    with pytest.raises(Died):
        write_folder(tmp_path, made, segments=[], transactions=SENT, drafted=die)
    assert [each.name for each in tmp_path.iterdir()] == [".000000.draft"]
    (tmp_path / ".000000.draft" / "left").write_text("by an earlier attempt")
    path = write_folder(tmp_path, made, segments=[], transactions=SENT)
    assert [each.name for each in tmp_path.iterdir()] == ["000000"]
    assert not (path / "left").exists()
    assert {name: (path / name).read_bytes() for name in made.files} == made.files


def test_segments_are_in_the_folder_though_the_disk_knows_no_second_names(
    one_epoch: History, made: EpochFiles, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    [segment] = (tmp_path / "from").iterdir() if folders_into(one_epoch, tmp_path / "from") else []

    def refuse(*_: object) -> None:
        raise OSError(os.strerror(1))

    monkeypatch.setattr("pathlib.Path.hardlink_to", refuse)
    path = write_folder(tmp_path, made, segments=[segment], transactions=SENT)
    assert (path / "usage" / segment.name).read_bytes() == segment.read_bytes()
    assert verify_folder(path).differences == ()


def folders_into(history: History, folder: Path) -> bool:
    from .folders import sealed  # noqa: PLC0415

    return bool(sealed(history.epochs[0].rows, folder))


def test_place_that_cannot_be_written_is_named(made: EpochFiles, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(
        FolderNotWritten, match=r"cannot write .*/file/000000: Not a directory; nothing is paid"
    ):
        write_folder(tmp_path / "file", made, segments=[], transactions=SENT)


@pytest.mark.parametrize(
    ("name", "raw", "rule"),
    [
        (MANIFEST, b"{", "manifest.json: it is not JSON"),
        (MANIFEST, b"[]", "manifest.json: it is not one object"),
        (MANIFEST, b"{}", "manifest.json: a row cannot be read"),
        (MANIFEST, b'{"epoch":1e999,"chain_id":1}', "manifest.json: a row cannot be read"),
        (PRICES, b"\xff", "prices.toml: it is not UTF-8 text"),
        (OPENING, b'{"kind":"gift"}', "opening.jsonl: it has a row of an unknown kind, 'gift'"),
        (OPENING, b'{"kind":"debt"}', "opening.jsonl: a row cannot be read: KeyError"),
        (OPENING, b'{"kind":"held","account":"0x1","amount":"-1"}', "opening.jsonl: .*not a whole number"),
        (APPLIED, b"[]", "applied.jsonl: line 1 is not an object"),
        (APPLIED, b"{}\n{", "applied.jsonl: a row cannot be read|applied.jsonl: line 2 is not JSON"),
        (
            APPLIED,
            b'{"session_id":"seven","collected":"1"}',
            "applied.jsonl: a row cannot be read: ValueError",
        ),
        (
            CREDITS,
            b'{"credit":{"session_id":"1","amount":"0","reason":"r","reference":"r"}}',
            "credits.jsonl: ",
        ),
        (ACTIVE, b'{"node":1}', "active.jsonl: a row cannot be read"),
    ],
)
def test_what_nobody_wrote_is_named(made: EpochFiles, name: str, raw: bytes, rule: str) -> None:
    files = {**made.files, name: raw}
    with pytest.raises(BadEpochFile, match=rule):
        read_inputs(lambda asked: files[asked])


def test_only_known_kinds_of_values_are_written() -> None:
    assert plain((1, "a", None, True)) == ["1", "a", None, True]
