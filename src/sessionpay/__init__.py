"""Payments between the users, the network and the nodes of decentralised inference.

Everything meant for use stands here, under one name. Errors are told apart by class: `InputError` for what a
person gave, `ContractRefusal` for what the contract refuses (one subclass each in `refusals`), `ChainError`
for the chain and the way to it; `SessionPayError` is all of them.
"""

from sessionpay.chain.client import SessionPayment
from sessionpay.chain.connect import connect
from sessionpay.chain.contract import Receipt
from sessionpay.chain.deploy import deploy_session_payment, deploy_test_token
from sessionpay.chain.embedded import EmbeddedChain, embedded_chain
from sessionpay.chain.errors import ChainError
from sessionpay.chain.keys import Signer, save_keystore, signer_from_key, signer_from_keystore
from sessionpay.chain.sender import Mined, Sender
from sessionpay.chain.token import Permit, TestToken, Token
from sessionpay.chain.views import Account, Preview
from sessionpay.core import events, refusals
from sessionpay.core.credits import Credit
from sessionpay.core.epochs import EpochResult, Opening, asks, settle
from sessionpay.core.errors import InputError, SessionPayError
from sessionpay.core.events import Allocation, Charge
from sessionpay.core.ids import (
    ZERO_ADDRESS,
    Address,
    SessionId,
    checksum_address,
    parse_address,
    parse_session_id,
)
from sessionpay.core.ledger import Call, Ledger
from sessionpay.core.money import Asset, BaseUnits, MicroUnits, format_amount, parse_amount
from sessionpay.core.policy import Policy, parse_policy
from sessionpay.core.pricing import ModelPrice, PriceSheet, parse_price_sheet
from sessionpay.core.refusals import ContractRefusal
from sessionpay.core.roles import ADMIN_ROLE, DEFAULT_ADMIN_ROLE, SESSION_CONTRACT_ROLE
from sessionpay.core.tally import Tally, tally
from sessionpay.core.usage import Outcome, UsageRecord
from sessionpay.services.audit import Comparison, compare

__version__ = "0.1.0"

__all__ = [
    "ADMIN_ROLE",
    "DEFAULT_ADMIN_ROLE",
    "SESSION_CONTRACT_ROLE",
    "ZERO_ADDRESS",
    "Account",
    "Address",
    "Allocation",
    "Asset",
    "BaseUnits",
    "Call",
    "ChainError",
    "Charge",
    "Comparison",
    "ContractRefusal",
    "Credit",
    "EmbeddedChain",
    "EpochResult",
    "InputError",
    "Ledger",
    "MicroUnits",
    "Mined",
    "ModelPrice",
    "Opening",
    "Outcome",
    "Permit",
    "Policy",
    "Preview",
    "PriceSheet",
    "Receipt",
    "Sender",
    "SessionId",
    "SessionPayError",
    "SessionPayment",
    "Signer",
    "Tally",
    "TestToken",
    "Token",
    "UsageRecord",
    "__version__",
    "asks",
    "checksum_address",
    "compare",
    "connect",
    "deploy_session_payment",
    "deploy_test_token",
    "embedded_chain",
    "events",
    "format_amount",
    "parse_address",
    "parse_amount",
    "parse_policy",
    "parse_price_sheet",
    "parse_session_id",
    "refusals",
    "save_keystore",
    "settle",
    "signer_from_key",
    "signer_from_keystore",
    "tally",
]
