"""Every error that the package raises on purpose.

SessionPayError
├── InputError                what a person gave cannot be used; nothing was done
│   ├── BadAddress            not a 20-byte account
│   ├── BadSessionId          not an integer from 0 to 2**160 - 1
│   ├── BadAsset              a symbol or a number of decimals that amounts cannot be shown in
│   ├── BadAmount             not an amount of the asset
│   ├── BadSplit              a pot and weights that cannot be divided
│   ├── BadUsage              one usage row breaks one rule
│   │   └── RepeatedUsage     two rows under one key reached one epoch
│   ├── BadTally              sums of usage that no rows add up to
│   ├── BadCredit             one credit note breaks one rule
│   ├── UnreadableUsage       a usage file that cannot be read at all
│   ├── BadSpread             a rule for spreading a trace that leaves somebody without work
│   ├── BadCut                a number of epochs that rows cannot be cut into
│   ├── BadDocument           a TOML file breaks a rule, at a line and a key
│   │   ├── BadPriceSheet
│   │   └── BadPolicy
│   ├── MissingPrice          a row names a model or an SLA that the sheet does not price
│   ├── BadOpening            an opening state that contradicts itself
│   └── BadCollection         a session paid what it was never asked for
├── BrokenHistory             an event that cannot follow the events before it
└── NotConserved              parts that do not sum to the whole: a defect in this package

Each error carries its values as attributes, and its text is one line: what happened,
with which values, and what to do about it.
"""

from typing import Self

# A value that came from outside is cut to this many characters, so that a message stays one line.
SHOWN_LENGTH_MAX = 80


def shown(value: object) -> str:
    """Return `value` as it appears in a message: quoted, on one line, cut when long."""
    text = repr(value)
    return text if len(text) <= SHOWN_LENGTH_MAX else f"{text[:SHOWN_LENGTH_MAX]}..."


class SessionPayError(Exception):
    """The root of every error that this package raises on purpose."""


class InputError(SessionPayError):
    """What a person gave cannot be used; nothing was done with it."""


class BadAddress(InputError):
    """The text is not the address of an account."""

    def __init__(self, value: object, *, rule: str) -> None:
        """Keep the text as given and the rule that it breaks."""
        self.value = value
        self.rule = rule
        super().__init__(f"address {shown(value)}: {rule}")


class BadSessionId(InputError):
    """The value is not a session id."""

    def __init__(self, value: object) -> None:
        """Keep the value as given."""
        self.value = value
        super().__init__(f"session id {shown(value)}: write a whole number from 0 to 2**160 - 1")


class BadAsset(InputError):
    """Amounts cannot be shown in this asset."""

    def __init__(self, value: object, *, rule: str) -> None:
        """Keep the value as given and the rule that it breaks."""
        self.value = value
        self.rule = rule
        super().__init__(f"asset {shown(value)}: {rule}")


class BadAmount(InputError):
    """The value is not an amount of the asset."""

    def __init__(self, value: object, *, rule: str) -> None:
        """Keep the value as given and the rule that it breaks."""
        self.value = value
        self.rule = rule
        super().__init__(f"amount {shown(value)}: {rule}")


class BadSplit(InputError):
    """The pot cannot be divided over these weights."""

    def __init__(self, pot: int, *, rule: str) -> None:
        """Keep the pot in base units and the rule that it breaks."""
        self.pot = pot
        self.rule = rule
        super().__init__(f"cannot divide {pot}: {rule}")


class BadUsage(InputError):
    """One field of one usage row breaks one rule."""

    def __init__(self, field: str, value: object, *, rule: str) -> None:
        """Keep the field's name, its value as given and the rule that it breaks."""
        self.field = field
        self.value = value
        self.rule = rule
        super().__init__(f"{field} {shown(value)}: {rule}")


class RepeatedUsage(BadUsage):
    """Two rows with one task and node reached one epoch, which would charge the work twice."""

    def __init__(self, task_id: str, *, node: str) -> None:
        """Keep the key that occurs twice."""
        self.node = node
        rule = f"node {node} has two rows for this task; take usage through an importer, which keeps one"
        super().__init__("task_id", task_id, rule=rule)


class BadTally(InputError):
    """The sums of one service's usage contradict each other, so whatever added them up is wrong."""

    def __init__(self, field: str, value: object, *, rule: str) -> None:
        """Keep the sum's name, its value and the rule that it breaks."""
        self.field = field
        self.value = value
        self.rule = rule
        super().__init__(f"tally, {field} {shown(value)}: {rule}; add the usage up again")


class BadCredit(InputError):
    """One field of a credit note breaks one rule."""

    def __init__(self, field: str, value: object, *, rule: str) -> None:
        """Keep the field's name, its value as given and the rule that it breaks."""
        self.field = field
        self.value = value
        self.rule = rule
        super().__init__(f"credit note, {field} {shown(value)}: {rule}")


class UnreadableUsage(InputError):
    """A usage file cannot be read at all, so not one row of it was taken."""

    def __init__(self, source: str, *, rule: str) -> None:
        """Keep the file's name and why it cannot be read."""
        self.source = source
        self.rule = rule
        super().__init__(f"usage file {source}: {rule}")


class BadSpread(InputError):
    """A trace cannot be spread over these sessions, nodes and models."""

    def __init__(self, name: str, value: object, *, rule: str) -> None:
        """Keep the setting's name, its value and the rule that it breaks."""
        self.name = name
        self.value = value
        self.rule = rule
        super().__init__(f"{name} {shown(value)}: {rule}")


class BadCut(InputError):
    """Rows cannot be cut into this many epochs."""

    def __init__(self, epochs: int) -> None:
        """Keep the number of epochs as given."""
        self.epochs = epochs
        super().__init__(f"cannot cut usage into {epochs} epochs: give a number of at least 1")


class BadDocument(InputError):
    """A TOML file breaks a rule at one key.

    A rule knows the key only; `at` adds the file and the line, once somebody who has the text knows them.
    """

    kind = "document"

    def __init__(self, path: tuple[str, ...], *, rule: str, source: str = "", line: int = 0) -> None:
        """Keep the key as the path to it from the top, the rule, the file's name and the line from 1."""
        self.path = path
        self.rule = rule
        self.source = source
        self.line = line
        place = f" {source}" if source else ""
        place += f" line {line}" if line else ""
        key = f"{'.'.join(path)}: " if path else ""
        super().__init__(f"{self.kind}{place}: {key}{rule}")

    def at(self, source: str, *, line: int) -> Self:
        """Return the same error, told with the file it is in and the line, counted from 1."""
        return type(self)(self.path, rule=self.rule, source=source, line=line)


class BadPriceSheet(BadDocument):
    """A price sheet breaks a rule."""

    kind = "price sheet"


class BadPolicy(BadDocument):
    """A policy breaks a rule."""

    kind = "policy"


class MissingPrice(InputError):
    """The price sheet does not name what a usage row asks a price for."""

    def __init__(self, kind: str, *, name: str) -> None:
        """Keep what has no price, `kind` being `model` or `sla`, and its name."""
        self.kind = kind
        self.name = name
        table = f"models.{shown(name)}" if kind == "model" else f"sla.{shown(name)}"
        super().__init__(f"{kind} {shown(name)} has no price: add {table} to the price sheet")


class BadOpening(InputError):
    """An opening state contradicts itself or the epoch that is to start from it."""

    def __init__(self, subject: str, *, rule: str) -> None:
        """Keep what is wrong, such as `session 7`, and the rule that it breaks."""
        self.subject = subject
        self.rule = rule
        super().__init__(f"opening state, {subject}: {rule}")


class BadCollection(InputError):
    """An amount collected from a session lies outside what the session was asked for."""

    def __init__(self, session_id: int, *, collected: int, asked: int) -> None:
        """Keep the session, and both amounts in base units."""
        self.session_id = session_id
        self.collected = collected
        self.asked = asked
        super().__init__(
            f"session {session_id}: collected {collected}, but it was asked for {asked}; "
            "give what the charge row of this epoch's receipt says"
        )


class BrokenHistory(SessionPayError):
    """An event cannot follow the events before it: some were left out, or this one was made up."""

    def __init__(self, event: str, *, rule: str) -> None:
        """Keep the event's name and the rule of the contract that it would have broken."""
        self.event = event
        self.rule = rule
        super().__init__(f"{event} cannot follow the events before it, {rule}: read them from another node")


class NotConserved(SessionPayError):
    """Parts of a division do not sum to the whole; no input can cause this, only a defect."""

    def __init__(self, what: str, *, parts: int, whole: int) -> None:
        """Keep what was divided, the sum of its parts and the whole, in one unit."""
        self.what = what
        self.parts = parts
        self.whole = whole
        super().__init__(f"{what}: parts sum to {parts}, not {whole}; please report this as a defect")
