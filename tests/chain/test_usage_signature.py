"""Signatures of usage batches.

Given a batch
  when its reporter signs it, that account should be found
  when anything of it is changed after that, another one should be found
Given a text that is no signature
  it should be refused
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from sessionpay.chain.errors import BadSignature
from sessionpay.chain.keys import signer_from_key
from sessionpay.chain.usage_signature import Batch, sign, signer_of
from sessionpay.core.ids import Address

REPORTER = signer_from_key("11" * 32)
BATCH = Batch("router", ("line one\n", "line two\n"), chain_id=31337, contract=Address("0x" + "c0" * 20))


def test_the_signer_is_found() -> None:
    signature = sign(BATCH, REPORTER)
    assert len(signature) == 2 + 2 * 65
    assert signer_of(BATCH, signature) == REPORTER.address
    assert signer_of(BATCH, signature.removeprefix("0x").upper()) == REPORTER.address


@pytest.mark.parametrize(
    "changed",
    [
        replace(BATCH, reporter="other"),
        replace(BATCH, chain_id=1),
        replace(BATCH, contract=Address("0x" + "c1" * 20)),
        replace(BATCH, lines=BATCH.lines[::-1]),
        replace(BATCH, lines=BATCH.lines[:1]),
        replace(BATCH, lines=("line one\nline two\n",)),
        replace(BATCH, lines=("line one\n", "line 2\n")),
    ],
)
def test_a_changed_batch_has_another_signer(changed: Batch) -> None:
    assert signer_of(changed, sign(BATCH, REPORTER)) != REPORTER.address


@pytest.mark.parametrize("text", ["", "0x", "0x12", "zz" * 65, "00" * 65, "ff" * 65, "11" * 64, "\ud800"])
def test_what_is_no_signature_is_refused(text: str) -> None:
    with pytest.raises(BadSignature, match="65 bytes"):
        signer_of(BATCH, text)
