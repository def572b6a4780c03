"""Writes what each page looks like on a demonstration: light, dark, and on a phone.

python scripts/screenshots.py screenshots

The few that README shows go to docs/screenshots as well: the first screen of a page, small.
"""

import shutil
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from playwright.sync_api import Browser, sync_playwright

from sessionpay.api import serving
from sessionpay.services.demonstration import demonstrate
from sessionpay.services.home import Home
from sessionpay.store.database import Database
from sessionpay.web import Site, pages

# The weak node of the trace, and the session that runs out of money, say most.
PAGES = {
    "network": "/",
    "sessions": "/sessions",
    "session": "/sessions/1",
    "session-poor": "/sessions/0",
    "deposit": "/sessions/1/deposit?amount=1.5",
    "nodes": "/nodes",
    "node": "/nodes/0x0000000000000000000000000000000000000106",
    "epochs": "/epochs",
    "epoch": "/epochs/3",
    "search": "/search?q=3",
}
README = Path(__file__).parents[1] / "docs" / "screenshots"
# What README shows: a page, its theme, and the width and height of the window.
SHOWN = {
    "network": ("/", "light", 1_000, 800),
    "session": ("/sessions/1", "dark", 1_000, 800),
    "node": ("/nodes/0x0000000000000000000000000000000000000101", "light", 1_000, 800),
    "phone": ("/sessions/1", "light", 360, 720),
}
LOOKS = (("light", 1_200), ("dark", 1_200), ("light", 360), ("dark", 360))


def main(target: Path) -> None:
    """Show a demonstration, and write a file for each page and look."""
    target.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory() as folder:
        home = Home(Path(folder))
        database = Database.open(home.database_url)
        shown = demonstrate(home, database, now=int(time.time()))
        site = Site(
            database=database,
            contract=shown.known,
            home=home,
            clock=lambda: shown.chain.now,
            audit=lambda: shown.daemon.last_audit,
            is_demo=True,
        )
        with serving(pages(site), "127.0.0.1:0") as server, sync_playwright() as driver:
            browser = driver.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
            write(browser, server.url, target)
            write_shown(browser, server.url)
            browser.close()
        database.close()


def write(browser: Browser, url: str, target: Path) -> None:
    """Write every page in every look."""
    for theme, width in LOOKS:
        context = browser.new_context(color_scheme=theme, viewport={"width": width, "height": 800})  # type: ignore[arg-type]
        page = context.new_page()
        for name, path in PAGES.items():
            page.goto(url + path)
            page.screenshot(path=target / f"{name}-{theme}-{width}.png", full_page=True)
        context.close()


def write_shown(browser: Browser, url: str) -> None:
    """Write the first screens that README shows."""
    README.mkdir(parents=True, exist_ok=True)
    for name, (path, theme, width, height) in SHOWN.items():
        context = browser.new_context(color_scheme=theme, viewport={"width": width, "height": height})  # type: ignore[arg-type]
        page = context.new_page()
        page.goto(url + path)
        page.screenshot(path=README / f"{name}.png")
        context.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
