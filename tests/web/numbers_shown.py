"""Every number that stands on a page, read from its HTML by the labels that people read.

Facts have titles, cells have columns, parts of the picture have names; every other number stands in a
sentence, whose words are its label. Nothing is left out, so that a number which no test knows makes a test
fail.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime
from html.parser import HTMLParser
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

VOID = {"br", "img", "input", "link", "meta", "source"}
# What is typed in, and files that are shown as they are.
LEFT_OUT = {"form", "pre", "script"}
BLOCKS = {"aside", "dt", "figcaption", "h1", "h2", "h3", "li", "p", "small"}
_SPAN = re.compile(r"\d[\d,]* (?:second|minute|hour|day)s?(?: \d+ (?:second|minute|hour)s?)?")
_NUMBER = re.compile(r"-?\d+(?:,\d{3})*(?:\.\d+)?")
_EXACT = re.compile(r"(\S+) \S+ (-?\d+) base units")


@dataclass
class Element:
    """One element of a page."""

    tag: str
    attributes: dict[str, str]
    children: list[Element | str] = field(default_factory=list)

    @property
    def classes(self) -> set[str]:
        return set(self.attributes.get("class", "").split())

    def all(self, tag: str, kind: str | None = None) -> list[Element]:
        found = []
        for child in self.children:
            if isinstance(child, Element):
                if child.tag == tag and (kind is None or kind in child.classes):
                    found.append(child)
                found += child.all(tag, kind)
        return found

    @property
    def text(self) -> str:
        parts = (child if isinstance(child, str) else f" {child.text} " for child in self.children)
        return " ".join("".join(parts).split())


class _Tree(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.root = Element("page", {})
        self.open = [self.root]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        element = Element(tag, {name: value or "" for name, value in attrs})
        self.open[-1].children.append(element)
        if tag not in VOID:
            self.open.append(element)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop().tag == tag, f"</{tag}> closes another element"

    def handle_data(self, data: str) -> None:
        self.open[-1].children.append(data)


@dataclass
class Numbers:
    """Facts and parts by title, rows of tables by their name, and sentences with the numbers in them."""

    facts: dict[str, str] = field(default_factory=dict)
    parts: dict[str, str] = field(default_factory=dict)
    tables: dict[str, list[dict[str, str]]] = field(default_factory=dict)
    sentences: dict[str, tuple[str, ...]] = field(default_factory=dict)


def numbers(page: str) -> Numbers:
    """Return every number of a page."""
    tree = _Tree()
    tree.feed(page)
    [main] = tree.root.all("main")
    found = Numbers()
    _read(main, found)
    return found


def _read(element: Element, found: Numbers) -> None:
    if element.tag in LEFT_OUT or "hash" in element.classes:
        return
    if "fact" in element.classes:
        [title], [value] = element.all("dt"), element.all("dd")
        assert title.text not in found.facts, title.text
        found.facts[title.text] = _value(value)
        for note in element.all("small"):
            _note(note, found)
    elif element.tag == "section" and "table" in element.classes:
        found.tables[element.attributes["id"]] = _rows(element)
    elif element.tag == "li" and element.all("span", "swatch"):
        [name] = element.all("div", "name")
        found.parts[_own(name)] = _value(element)
    else:
        if element.tag in BLOCKS or element.classes & {"sentence", "verdict"}:
            _note(element, found)
        for child in element.children:
            if isinstance(child, Element):
                _read(child, found)


def _note(element: Element, found: Numbers) -> None:
    """Keep a sentence that has numbers: what is counted as #, a span as ~, a time as @, a name as *."""
    values: list[str] = []
    words = _words(element, values)
    if values:
        assert words not in found.sentences, words
        found.sentences[words] = tuple(values)


def _words(element: Element, values: list[str]) -> str:
    parts = []
    for child in element.children:
        if isinstance(child, str):
            parts.append(_counted(child, values))
        elif child.tag == "details":
            values.append(_value(child))
            parts.append("#")
        elif child.tag == "time":
            values.append(_moment(child))
            parts.append("@")
        elif child.tag == "a" or "hash" in child.classes:
            parts.append("*")
        elif child.tag not in BLOCKS | LEFT_OUT | {"ul", "dl", "section"}:
            parts.append(_words(child, values))
    return re.sub(r" ([.,:;])", r"\1", " ".join(" ".join(parts).split()))


def _counted(text: str, values: list[str]) -> str:
    def keep(sign: str) -> Callable[[re.Match[str]], str]:
        def replaced(found: re.Match[str]) -> str:
            values.append(found[0])
            return sign

        return replaced

    return _NUMBER.sub(keep("#"), _SPAN.sub(keep("~"), text.replace("SHA-256", "SHA")))


def _rows(section: Element) -> list[dict[str, str]]:
    titles = [each.text for each in section.all("th")]
    rows = [row.all("td") for row in section.all("tr")[1:]]
    return [dict(zip(titles, map(_value, row), strict=True)) for row in rows]


def _value(element: Element) -> str:
    """Return what an element says, exactly: base units, unix seconds, a name in full, or its words."""
    money = [element] if element.tag == "details" else element.all("details", "money")
    if money:
        [exact], [summary] = money[0].all("span", "exact"), money[0].all("summary")
        matched = _EXACT.fullmatch(exact.text)
        assert matched, exact.text
        # What is read first must be the beginning of what is exact.
        begins = summary.text.split("…")[0].split(" E")[0].replace(",", "").replace(" ", "")
        assert matched[1].startswith(begins), (summary.text, exact.text)
        return matched[2]
    times = element.all("time")
    if times:
        return _moment(times[0])
    links = element.all("a")
    return links[0].attributes.get("title", links[0].text) if links else _own(element)


def _moment(element: Element) -> str:
    return str(int(datetime.fromisoformat(element.attributes["datetime"]).timestamp()))


def _own(element: Element) -> str:
    """Return the words of an element without its notes."""
    kept = [child for child in element.children if isinstance(child, str) or child.tag != "small"]
    return Element(element.tag, {}, kept).text
