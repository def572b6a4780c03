"""What can go wrong between this package and a chain.

ChainError                    the chain, the way to it, or the account that pays
├── Unreachable               nobody answers at the RPC address
├── NodeRefused               the node answers a request with an error of its own
├── WrongChain                the node serves another chain than the one asked for
├── NoContract                no code stands at the address
├── WrongCode                 other code stands there than this package's contract
├── BadAnswer                 the code at the address does not answer as the contract would
├── NoKey                     a transaction was asked of a client that has no key
├── OutOfGasMoney             the account cannot pay the value and the gas
├── TokenBalanceTooLow        the account has less of the token than it is to pay
├── CallFailed                a call reverted with a reason that no rule of the contract has
├── TransactionFailed         a transaction was mined and reverted
├── NotMined                  a transaction was sent and no block holds it yet
├── NoPermit                  a token whose permits this package cannot sign
├── TooManyAsked              strangers have the node asked too much at a time
└── MalformedLog              a log that the contract cannot have written
InputError                    (of `core.errors`)
├── BadArgument               an argument that does not fit its type in the ABI
├── BadBatch                  more rows than one call takes
├── BadRpcAddress             not the address of an RPC server
├── BadKey                    not a private key; the text itself is never kept
├── BadKeystore               a key file that cannot be read, opened or written
└── BadSignature              a text that is nobody's signature
    └── MalleableSignature    one of which there is a second form

Each error carries its values as attributes, and its text is one line. No error ever carries a
private key or a passphrase.
"""

from sessionpay.core.errors import InputError, SessionPayError, shown
from sessionpay.core.ids import Address, checksum_address
from sessionpay.core.money import Asset, BaseUnits, format_amount


class ChainError(SessionPayError):
    """The chain, the way to it, or the account that pays is not as it should be."""

    @property
    def told(self) -> str:
        """What visitors of a server are told: where its operator's node is, is nobody else's business."""
        return str(self)


class Unreachable(ChainError):
    """Nobody answers at the RPC address."""

    def __init__(self, rpc: str, *, reason: str) -> None:
        """Keep the address of the server, without its path, and what happened."""
        self.rpc = rpc
        self.reason = reason
        super().__init__(f"rpc {rpc}: {reason}; check the address and that the node is running")

    @property
    def told(self) -> str:
        """What visitors of a server are told."""
        return "the node that it asks does not answer"


class NodeRefused(ChainError):
    """The node answers a request with an error that is not a revert of the contract."""

    def __init__(self, method: str, *, message: str) -> None:
        """Keep the RPC method and the node's own words."""
        self.method = method
        self.message = message
        super().__init__(f"the node refused {method}: {shown(message)}; check that it supports this request")

    @property
    def told(self) -> str:
        """What visitors of a server are told; a node's own words may name whatever it likes."""
        return f"the node that it asks refused {self.method}"


class WrongChain(ChainError):
    """The node serves another chain than the one asked for."""

    def __init__(self, *, expected: int, found: int, node: str | None = None) -> None:
        """Keep both chain ids, and where there are several nodes, which one it is."""
        self.expected = expected
        self.found = found
        self.node = node
        named = f"node {node}" if node else "the node"
        super().__init__(f"{named} serves chain {found}, not {expected}: check the RPC address")


class NoContract(ChainError):
    """No code stands at the address."""

    def __init__(self, address: Address) -> None:
        """Keep the address."""
        self.address = address
        super().__init__(
            f"no contract at {checksum_address(address)}: check the address and which chain the node serves"
        )


class WrongCode(ChainError):
    """Other code stands at the address than this package's contract."""

    def __init__(self, address: Address, *, contract: str) -> None:
        """Keep the address and the name of the contract that was expected there."""
        self.address = address
        self.contract = contract
        super().__init__(
            f"the code at {checksum_address(address)} is not the {contract} of this package: "
            "check the address, or use the version of the package that it was deployed with"
        )


class BadAnswer(ChainError):
    """The code at the address does not answer as the contract would that it is taken for."""

    def __init__(self, address: Address, *, function: str) -> None:
        """Keep the address and the function that was asked."""
        self.address = address
        self.function = function
        super().__init__(
            f"the contract at {checksum_address(address)} does not answer {function} as expected: "
            "check the address and which chain the node serves"
        )


class NoKey(ChainError):
    """A transaction was asked of a client that can only read."""

    def __init__(self, function: str = "a transaction") -> None:
        """Keep the function that was called."""
        self.function = function
        super().__init__(f"{function} needs a key to sign with: give a keystore or a private key")


class OutOfGasMoney(ChainError):
    """The account cannot pay the value and the gas of a transaction."""

    def __init__(self, address: Address, *, balance: int, needed: int) -> None:
        """Keep the account, what it has and what the transaction may cost, both in wei."""
        self.address = address
        self.balance = balance
        self.needed = needed
        super().__init__(
            f"{checksum_address(address)} has {balance} wei and this may cost {needed} wei: "
            "send it native coin for gas first"
        )


class TokenBalanceTooLow(ChainError):
    """The account has less of the token than it is to pay."""

    def __init__(self, account: Address, *, balance: BaseUnits, needed: BaseUnits, asset: Asset) -> None:
        """Keep the account and both amounts in base units."""
        self.account = account
        self.balance = balance
        self.needed = needed
        super().__init__(
            f"{checksum_address(account)} has {format_amount(balance, asset)}, "
            f"less than {format_amount(needed, asset)}: send it more, or deposit less"
        )


class CallFailed(ChainError):
    """A call reverted with a reason that no rule of the contract has; nothing was sent."""

    def __init__(self, function: str, *, reason: str, values: dict[str, object]) -> None:
        """Keep the function, the reason as far as there is one, and the call's arguments by name."""
        self.function = function
        self.reason = reason
        self.values = values
        told = ", ".join(f"{name} {shown(value)}" for name, value in values.items())
        super().__init__(
            f"{function}{f' ({told})' if told else ''} would fail, {reason}: "
            "check the arguments and the contract's address"
        )


class TransactionFailed(ChainError):
    """A transaction was mined and reverted; its gas is spent, nothing else changed."""

    def __init__(self, transaction_hash: str, *, reason: str) -> None:
        """Keep the hash, and what the same call answers now."""
        self.transaction_hash = transaction_hash
        self.reason = reason
        super().__init__(f"transaction {transaction_hash} reverted: {reason}")


class NotMined(ChainError):
    """A transaction was sent, and whether it will be mined is not known."""

    def __init__(self, transaction_hash: str, *, seconds: float) -> None:
        """Keep the hash, and how long it was waited for."""
        self.transaction_hash = transaction_hash
        self.seconds = seconds
        super().__init__(
            f"transaction {transaction_hash} is in no block after {seconds:g} seconds: "
            "look for it before sending again, it may still be mined"
        )


class NoPermit(ChainError):
    """The token takes no permits, or signs them in a way that this package does not know."""

    def __init__(self, token: Address) -> None:
        """Keep the token's address."""
        self.token = token
        super().__init__(
            f"token {checksum_address(token)} takes no permit that can be signed here: approve it"
        )


class TooManyAsked(ChainError):
    """So many questions of strangers are open at the node that one more has to wait."""

    def __init__(self) -> None:
        """Say what to do."""
        super().__init__("the node is asked about other wallets just now; try again in a moment")


class MalformedLog(ChainError):
    """A log under the contract's address that the contract cannot have written."""

    def __init__(self, event: str, *, rule: str) -> None:
        """Keep the event that the log claims to be, and the rule that it breaks."""
        self.event = event
        self.rule = rule
        super().__init__(f"log of {event}: {rule}; check the contract's address and the node")


class BadArgument(InputError):
    """An argument does not fit its type in the contract's interface."""

    def __init__(self, name: str, value: object, *, rule: str) -> None:
        """Keep the argument's name, its value as given and the rule that it breaks."""
        self.name = name
        self.value = value
        self.rule = rule
        super().__init__(f"{name} {shown(value)}: {rule}")


class BadBatch(InputError):
    """A batch holds more rows than one call takes."""

    def __init__(self, rows: int, *, rows_max: int) -> None:
        """Keep how many rows were given and how many there may be."""
        self.rows = rows
        self.rows_max = rows_max
        super().__init__(f"{rows} rows are too many for one call: send at most {rows_max} at a time")


class BadRpcAddress(InputError):
    """The text is not the address of an RPC server."""

    def __init__(self) -> None:
        """Say the form; the text itself may contain a password, and is not kept."""
        super().__init__(
            "the RPC address has the wrong form: write it as http://host:port or https://host/path"
        )


class BadKey(InputError):
    """The text is not a private key. The text itself is not kept."""

    def __init__(self) -> None:
        """Say the form, never what was given."""
        super().__init__("the private key cannot be used: give 64 hexadecimal digits, with or without 0x")


class BadKeystore(InputError):
    """A key file cannot be read, opened or written."""

    def __init__(self, path: object, *, rule: str) -> None:
        """Keep the file's path and the rule that it breaks; never a passphrase."""
        self.path = str(path)
        self.rule = rule
        super().__init__(f"key file {self.path}: {rule}")


class BadSignature(InputError):
    """The text is not a signature that anybody can have made."""

    def __init__(self) -> None:
        """Say the form."""
        super().__init__("the signature cannot be used: write r, s and v, 65 bytes, as 0x and 130 digits")


class MalleableSignature(BadSignature):
    """The signature is the second form of another one, which wallets do not give."""

    def __init__(self) -> None:
        """Say which of the two is taken."""
        InputError.__init__(
            self,
            "the signature cannot be used: its s is in the upper half, where anybody can turn a signature "
            "into a second one; sign again, wallets give the lower one",
        )
