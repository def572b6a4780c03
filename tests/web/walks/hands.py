"""How a person uses a page: with a mouse, or with nothing but the keyboard."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

# More stops than any page of these tests has.
TABS_MAX = 200


class Hand(Protocol):
    """Presses buttons, follows links, fills fields in; each by the name that screen readers say."""

    def press(self, page: Page, name: str) -> None:
        """Press a button."""

    def follow(self, page: Page, name: str) -> None:
        """Follow a link."""

    def write(self, page: Page, label: str, text: str) -> None:
        """Write into a field, in place of what stands there."""


class Mouse:
    """Points and clicks."""

    def press(self, page: Page, name: str) -> None:
        page.get_by_role("button", name=name, exact=True).click()

    def follow(self, page: Page, name: str) -> None:
        page.get_by_role("link", name=name, exact=True).first.click()

    def write(self, page: Page, label: str, text: str) -> None:
        page.get_by_label(label, exact=True).fill(text)


class Keyboard:
    """Uses Tab, Enter and letters."""

    def press(self, page: Page, name: str) -> None:
        self._reach(page, page.get_by_role("button", name=name, exact=True))
        page.keyboard.press("Enter")

    def follow(self, page: Page, name: str) -> None:
        self._reach(page, page.get_by_role("link", name=name, exact=True).first)
        page.keyboard.press("Enter")

    def write(self, page: Page, label: str, text: str) -> None:
        self._reach(page, page.get_by_label(label, exact=True))
        page.keyboard.press("Control+A")
        page.keyboard.type(text)

    @staticmethod
    def _reach(page: Page, wanted: Locator) -> None:
        wanted.wait_for()
        for _ in range(TABS_MAX):
            if wanted.evaluate("element => element === document.activeElement"):
                return
            page.keyboard.press("Tab")
        raise AssertionError(f"the keyboard does not reach {wanted}")
