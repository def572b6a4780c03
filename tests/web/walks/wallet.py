"""A wallet as a browser extension would put one into a page, with keys that everybody knows.

The page sees a provider of EIP-1193, announced as EIP-6963 says; what it is asked is answered here, and
what is to be signed is signed with a development key and sent to the node as bytes.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import requests
from eth_account import Account
from eth_account.messages import encode_defunct

if TYPE_CHECKING:
    from collections.abc import Callable

    from playwright.sync_api import Page

SECONDS_MAX = 20

INJECTED = """(() => {
  const announced = JSON.parse(%s);
  for (const [key, name] of announced) {
    const listeners = [];
    const provider = {
      request: async ({ method, params }) => {
        const answer = JSON.parse(await window.__wallet(key, method, JSON.stringify(params ?? [])));
        if (answer.silent) return new Promise(() => {});
        if (answer.error) throw Object.assign(new Error(answer.error.message), answer.error);
        return answer.result;
      },
      on: (event, listener) => { if (event === 'accountsChanged') listeners.push(listener); },
    };
    window.addEventListener('tests:accounts', ({ detail }) => listeners.forEach(each => each(detail)));
    const detail = Object.freeze({ info: { uuid: key, name, icon: '', rdns: key }, provider });
    const announce = () => window.dispatchEvent(new CustomEvent('eip6963:announceProvider', { detail }));
    window.addEventListener('eip6963:requestProvider', announce);
    announce();
  }
})()"""


class Refused(Exception):
    """The wallet answers with an error of EIP-1193."""

    def __init__(self, code: int, message: str, *, original: dict[str, Any] | None = None) -> None:
        super().__init__(message)
        self.answer: dict[str, Any] = {"code": code, "message": message}
        if original is not None:
            self.answer["data"] = {"originalError": original}


@dataclass
class Wallet:
    """One wallet: `faults` says which requests it refuses, `silent` which it never answers.

    `asked` is every request that the page made. `chains` are those that it knows.
    """

    url: str
    account: Any
    chain_id: int
    key: str = "test.wallet"
    name: str = "Test wallet"
    chains: set[int] = field(default_factory=set)
    faults: dict[str, Refused] = field(default_factory=dict)
    silent: set[str] = field(default_factory=set)
    is_connected: bool = False
    asked: list[tuple[str, list[Any]]] = field(default_factory=list)
    sent: list[str] = field(default_factory=list)

    def answer(self, method: str, parameters: list[Any]) -> dict[str, Any]:
        """Return what the page gets."""
        self.asked.append((method, parameters))
        if method in self.silent:
            return {"silent": True}
        try:
            if method in self.faults:
                raise self.faults[method]
            return {"result": self._result(method, parameters)}
        except Refused as refused:
            return {"error": refused.answer}

    def methods(self) -> list[str]:
        return [method for method, _ in self.asked]

    def fee(self, transaction_hash: str) -> int:
        """Return what a transaction of this wallet cost, in wei."""
        receipt = self.node("eth_getTransactionReceipt", transaction_hash)
        return int(receipt["gasUsed"], 16) * int(receipt["effectiveGasPrice"], 16)

    def _result(self, method: str, parameters: list[Any]) -> Any:  # noqa: ANN401 - JSON has no narrower type
        known: dict[str, Callable[..., Any]] = {
            "eth_requestAccounts": self._connect,
            "eth_accounts": lambda: [self.account.address] if self.is_connected else [],
            "eth_chainId": lambda: hex(self.chain_id),
            "wallet_switchEthereumChain": self._switch,
            "wallet_addEthereumChain": self._add,
            "eth_sendTransaction": self._send,
            "personal_sign": self._sign,
        }
        if method not in known:
            raise Refused(4200, f"{method} is not known to this wallet")
        return known[method](*parameters)

    def _connect(self) -> list[str]:
        self.is_connected = True
        return [self.account.address]

    def _switch(self, chain: dict[str, Any]) -> None:
        wanted = int(chain["chainId"], 16)
        if wanted not in self.chains:
            raise Refused(4902, "Unrecognized chain ID")
        self.chain_id = wanted

    def _add(self, chain: dict[str, Any]) -> None:
        self.chain_id = int(chain["chainId"], 16)
        self.chains.add(self.chain_id)

    def _sign(self, message: str, _account: str) -> str:
        signature: bytes = self.account.sign_message(encode_defunct(hexstr=message)).signature
        return "0x" + signature.hex()

    def _send(self, asked: dict[str, str]) -> str:
        transaction = {
            "to": asked["to"],
            "data": asked["data"],
            "value": int(asked["value"], 16),
            "gas": int(asked["gas"], 16),
            "gasPrice": int(self.node("eth_gasPrice"), 16),
            "nonce": int(self.node("eth_getTransactionCount", self.account.address, "pending"), 16),
            "chainId": self.chain_id,
        }
        assert asked["from"].lower() == self.account.address.lower()
        signed = self.account.sign_transaction(transaction)
        found: str = self.node("eth_sendRawTransaction", "0x" + bytes(signed.raw_transaction).hex())
        self.sent.append(found)
        return found

    def node(self, method: str, *parameters: object) -> Any:  # noqa: ANN401 - JSON has no narrower type
        """Ask the wallet's own node."""
        body: dict[str, Any] = {"jsonrpc": "2.0", "id": 1, "method": method, "params": parameters}
        try:
            answer = requests.post(self.url, json=body, timeout=SECONDS_MAX).json()
        except requests.RequestException:
            raise Refused(-32603, "Failed to fetch") from None
        if "error" in answer:
            raise Refused(-32603, "Internal JSON-RPC error.", original=answer["error"])
        return answer["result"]


def wallet_of(number: int, url: str, chain_id: int, **values: Any) -> Wallet:  # noqa: ANN401 - its fields
    """Return a wallet with one development key: a small number, which everybody can guess."""
    account = Account.from_key(number.to_bytes(32))
    return Wallet(url, account, chain_id, chains={chain_id, *values.pop("knows", ())}, **values)


def inject(page: Page, *wallets: Wallet) -> None:
    """Put wallets into every document that the page opens from now on."""
    by_key = {wallet.key: wallet for wallet in wallets}

    def asked(key: str, method: str, parameters: str) -> str:
        return json.dumps(by_key[key].answer(method, json.loads(parameters)))

    page.expose_function("__wallet", asked)
    announced = json.dumps(json.dumps([[wallet.key, wallet.name] for wallet in wallets]))
    page.add_init_script(INJECTED % announced)
