"""ERC-20 tokens: what an asset is called, who has how much, approvals and signed permits."""

from dataclasses import dataclass
from typing import ClassVar

from eth_account.messages import encode_typed_data

from sessionpay.chain import abi, rpc
from sessionpay.chain.contract import BoundContract
from sessionpay.chain.errors import BadAnswer, CallFailed, NoPermit
from sessionpay.chain.keys import Signer
from sessionpay.chain.sender import Mined
from sessionpay.core.ids import Address, checksum_address
from sessionpay.core.money import Asset

# Tokens older than the standard keep their symbol in one word, with zeros behind it.
WORD_BYTES = 32
# Nearly every token with permits; one that says otherwise is asked.
PERMIT_VERSION_DEFAULT = "1"
PERMIT_TYPES = {
    "EIP712Domain": [
        {"name": "name", "type": "string"},
        {"name": "version", "type": "string"},
        {"name": "chainId", "type": "uint256"},
        {"name": "verifyingContract", "type": "address"},
    ],
    "Permit": [
        {"name": "owner", "type": "address"},
        {"name": "spender", "type": "address"},
        {"name": "value", "type": "uint256"},
        {"name": "nonce", "type": "uint256"},
        {"name": "deadline", "type": "uint256"},
    ],
}


@dataclass(frozen=True, slots=True)
class Permit:
    """A signed approval: `deadline` in unix seconds, then the signature."""

    deadline: int
    v: int
    r: bytes
    s: bytes


class Token(BoundContract):
    """An ERC-20. Amounts are in base units, up to 2**256 - 1."""

    contract_name: ClassVar[str] = "ERC-20 token"

    def name(self) -> str:
        """Return the token's name."""
        return self._text("name()")

    def symbol(self) -> str:
        """Return the token's symbol, as it calls itself."""
        return self._text("symbol()")

    def decimals(self) -> int:
        """Return how many digits stand behind the point when an amount is shown."""
        return int(self._call("decimals()", ("uint8",))[0])

    def asset_info(self) -> Asset:
        """Return the token as an asset; raises `BadAsset` for names that amounts cannot be shown in."""
        return Asset(self.address, self.symbol(), self.decimals())

    def balance_of(self, account: Address, *, block: int | None = None) -> int:
        """Return how much `account` has."""
        return int(self._call("balanceOf(address)", ("uint256",), at=block, account=account)[0])

    def allowance(self, owner: Address, *, spender: Address) -> int:
        """Return how much of the owner's tokens `spender` may still move."""
        return int(self._call("allowance(address,address)", ("uint256",), owner=owner, spender=spender)[0])

    def nonces(self, owner: Address) -> int:
        """Return how many permits of `owner` were used."""
        return int(self._call("nonces(address)", ("uint256",), owner=owner)[0])

    def approve(self, spender: Address, amount: int) -> Mined:
        """Let `spender` move `amount` of the sender's tokens, in place of what it could before."""
        return self._send("approve(address,uint256)", refuse_false=True, spender=spender, amount=amount)

    def transfer(self, to: Address, amount: int) -> Mined:
        """Send `amount` to an account."""
        return self._send("transfer(address,uint256)", refuse_false=True, to=to, amount=amount)

    def sign_permit(self, owner: Signer, *, spender: Address, amount: int, deadline: int) -> Permit:
        """Return the owner's signature that lets `spender` move `amount` until `deadline`, a unix time.

        Raises `NoPermit` where the token's signatures are not those of EIP-2612 as this package knows it.
        """
        expected = self._domain_separator()
        message = {
            "owner": checksum_address(owner.address),
            "spender": checksum_address(spender),
            "value": amount,
            "nonce": self.nonces(owner.address),
            "deadline": deadline,
        }
        domain = {
            "name": self.name(),
            "version": self._permit_version(),
            "chainId": rpc.chain_id(self.web3),
            "verifyingContract": checksum_address(self.address),
        }
        signed = {"types": PERMIT_TYPES, "primaryType": "Permit", "domain": domain, "message": message}
        # A token that means another domain would refuse the signature later, without a reason.
        if bytes(encode_typed_data(full_message=signed).header) != expected:
            raise NoPermit(self.address)
        return Permit(deadline, *owner.sign_typed_data(signed))

    def _domain_separator(self) -> bytes:
        try:
            return bytes(self._call("DOMAIN_SEPARATOR()", ("bytes32",))[0])
        except (CallFailed, BadAnswer):
            raise NoPermit(self.address) from None

    def _permit_version(self) -> str:
        try:
            return self._text("version()")
        except (CallFailed, BadAnswer):
            return PERMIT_VERSION_DEFAULT

    def _text(self, signature: str) -> str:
        """Return a text, in the standard's form or in the older one."""
        request = rpc.Call(self.address, abi.function(signature).selector)
        try:
            answer = rpc.call(self.web3, request)
        except rpc.Reverted:
            answer = b""
        if len(answer) == WORD_BYTES:
            return answer.rstrip(b"\x00").decode(errors="replace")
        try:
            (text,) = abi.decoded(("string",), answer)
        except abi.NotThese:
            raise BadAnswer(self.address, function=signature) from None
        return str(text)


class TestToken(Token):
    """The token of demonstrations: worth nothing, anyone may mint."""

    contract_name: ClassVar[str] = "demo/TestToken"
    # Its name begins as a test's does, and it is none.
    __test__ = False

    def mint(self, to: Address, amount: int) -> Mined:
        """Create `amount` for an account, out of nothing."""
        return self._send("mint(address,uint256)", to=to, amount=amount)

    def refuse(self, refused: bool) -> Mined:
        """Refuse to receive this token from now on, or take it again; it concerns the sender alone."""
        return self._send("refuse(bool)", refused=refused)
