"""The operator's files: given what they name, all of it should exist, and nothing exported be forgotten."""

from __future__ import annotations

import configparser
import json
import re
import shlex
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families
from typer.testing import CliRunner

from sessionpay.api import application, serving
from sessionpay.cli.main import app as program
from sessionpay.config import CONFIG
from tests.api.conftest import caller
from tests.api.test_health import AUDIT, fill

if TYPE_CHECKING:
    from tests.api.conftest import Site

OPS = Path(__file__).parents[2] / "ops"
NAME = re.compile(r"\bsessionpay_[a-z_]+")
BRACKETS = {"(": ")", "[": "]", "{": "}"}


def alerts() -> list[dict[str, Any]]:
    [group] = yaml.safe_load((OPS / "alerts.yml").read_text())["groups"]
    rules: list[dict[str, Any]] = group["rules"]
    return rules


def panels() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((OPS / "grafana.json").read_text())["panels"]
    return found


def expressions() -> list[str]:
    shown = [target["expr"] for panel in panels() for target in panel["targets"]]
    return [*(rule["expr"] for rule in alerts()), *shown]


@pytest.fixture
def exported(site: Site) -> set[str]:
    """Every name that a scrape of a settlement at work tells."""
    with site.database.writing() as connection:
        fill(site, connection)
    app = application(replace(site.serving, sight=site.sight, audit=lambda: AUDIT))
    with serving(app, "127.0.0.1:0") as server, caller(server.url, site.key) as client:
        told = text_string_to_metric_families(client.get("/metrics").text)
        names = {sample.name for family in told for sample in family.samples}
        return {name for name in names if not name.endswith("_created")}


@pytest.mark.parametrize("kind", ["sqlite"])
def test_every_metric_is_exported_and_every_exported_one_is_shown(exported: set[str]) -> None:
    named = {name for expression in expressions() for name in NAME.findall(expression)}
    assert named == exported
    shown = [target["expr"] for panel in panels() for target in panel["targets"]]
    on_panels = {name for expression in shown for name in NAME.findall(expression)}
    assert on_panels == exported


def test_every_expression_is_whole() -> None:
    for expression in expressions():
        waiting: list[str] = []
        for char in expression:
            if char in BRACKETS:
                waiting.append(BRACKETS[char])
            elif char in BRACKETS.values():
                assert waiting.pop() == char, expression
        assert not waiting, expression


def test_every_alert_says_what_to_do() -> None:
    rules = alerts()
    assert len({rule["alert"] for rule in rules}) == len(rules)
    for rule in rules:
        assert rule["labels"]["severity"] in {"page", "ticket"}, rule
        assert rule["annotations"]["summary"].endswith("."), rule
        for command in re.findall(r"`sessionpay ([a-z -]+)`", rule["annotations"]["action"]):
            assert CliRunner().invoke(program, [*command.split(), "--help"]).exit_code == 0, command


def test_panels_do_not_overlap() -> None:
    places = {(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in panels()}
    assert len(places) == len(panels())
    assert all(panel["title"] and panel["targets"] for panel in panels())


def test_the_service_starts_a_command_that_there_is() -> None:
    unit = configparser.ConfigParser(strict=False, interpolation=None)
    unit.optionxform = str  # type: ignore[assignment,method-assign]
    unit.read(OPS / "sessionpay.service")
    service = unit["Service"]
    words = shlex.split(service["ExecStart"])
    assert (Path(words[0]).name, words[1]) == ("sessionpay", "run")
    described = CliRunner().invoke(program, ["run", "--help"], terminal_width=200).output
    assert all(word in described for word in words if word.startswith("--"))
    assert service["Environment"].startswith(CONFIG)
    assert (service["Restart"], service["KillSignal"]) == ("on-failure", "SIGTERM")
    # SQLite keeps its books in the home, which has to be a folder that the service may write.
    assert words[words.index("--home") + 1] == f"/var/lib/{service['StateDirectory']}"
