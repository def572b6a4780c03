"""How deep JSON is nested, told without reading it.

The library that reads JSON goes one level down the stack for each level of nesting. The embedded chain sets
the bound on that so high that the stack ends first, and the process with it: a body of brackets would be
enough.
"""

import re

_NOT_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))
_ESCAPE = re.compile(rb"\\.", re.DOTALL)


def is_nested_deeper(text: bytes, levels: int) -> bool:
    """Tell whether JSON is nested deeper than `levels`; of what is no JSON, it may say so too."""
    if b"\\" in text:
        text = _ESCAPE.sub(b"", text)
    # Without escapes every second part between quotes stands outside of texts.
    brackets = b"".join(text.split(b'"')[::2]).translate(None, _NOT_BRACKETS)
    for _ in range(levels):
        if not brackets:
            return False
        # One after the other, so that what this closes is not removed with it.
        brackets = _without_leaves(brackets)
    return bool(brackets)


def _without_leaves(brackets: bytes) -> bytes:
    """Remove the innermost lists and objects."""
    return brackets.replace(b"[]", b"\x00").replace(b"{}", b"\x00").replace(b"\x00", b"")
