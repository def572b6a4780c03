"""What operators read of alerts: given the documents, all of it should be so.

Given the receiver's example
  it should take a real message, and refuse one that was changed, is old, or is of somebody else
Given the table of kinds
  it should have every kind, and as many as the program knows
Given the alert rules for Prometheus
  they should call an epoch late when the alerts do
"""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from sessionpay.core.alerts import LATE_SECONDS, AlertKind
from sessionpay.services.alerts.posting import signed
from sessionpay.services.alerts.secret_files import SecretFiles

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).parents[3]
TEXT = (ROOT / "docs" / "operations.md").read_text()
BODY = '{"type": "alert.test", "data": {"text": "\\u00fc"}}'


@pytest.fixture
def verified() -> Callable[..., dict[str, Any]]:
    """The function of the document, as a receiver would have it."""
    [example] = [code for code in re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL) if "webhook-id" in code]
    found: dict[str, Any] = {}
    exec(compile(example, "docs/operations.md", "exec"), found)  # noqa: S102 - this is what is tested
    function: Callable[..., dict[str, Any]] = found["verified"]
    return function


def test_the_example_knows_true_messages(verified: Callable[..., dict[str, Any]], tmp_path: Path) -> None:
    files = SecretFiles(tmp_path / "alerts")
    secret, other = files.make(1), files.make(2)
    now = int(time.time())
    headers = signed(secret, BODY, webhook_id="msg_1", at=now)
    assert verified(secret, headers, BODY.encode())["type"] == "alert.test"
    both = {**headers, "webhook-signature": f"v1,AAAA {headers['webhook-signature']}"}
    assert verified(secret, both, BODY.encode())["type"] == "alert.test"
    with pytest.raises(ValueError, match="not signed"):
        verified(other, headers, BODY.encode())
    with pytest.raises(ValueError, match="not signed"):
        verified(secret, headers, BODY.encode() + b" ")
    with pytest.raises(ValueError, match="not signed"):
        verified(secret, {**headers, "webhook-id": "msg_2"}, BODY.encode())
    for moment in (now - 400, now + 400):
        with pytest.raises(ValueError, match="too old"):
            verified(secret, signed(secret, BODY, webhook_id="msg_1", at=moment), BODY.encode())


def test_every_kind_is_described() -> None:
    rows = re.findall(r"^\| `([a-z_.]+)` \|", TEXT, re.MULTILINE)
    assert rows == [kind.value for kind in AlertKind]


def test_late_is_late_everywhere() -> None:
    [group] = yaml.safe_load((ROOT / "ops" / "alerts.yml").read_text())["groups"]
    expressions = {rule["alert"]: rule["expr"] for rule in group["rules"]}
    assert expressions["SessionpayEpochLate"].endswith(f"> {LATE_SECONDS}")
    assert "sessionpay_audit_difference" in expressions["SessionpayAuditDifference"]
