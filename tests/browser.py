"""Pages in a browser: what stands on the first screen, and what axe-core finds."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from shutil import which
from typing import Any

import pytest

RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
SCREEN = (1280, 800)
BOTTOMS = """() => [...document.querySelectorAll('h1, .lead .finding, .lead figure img, .lead .know h3, .lead .know p')]
  .map((part) => [part.textContent.trim() || part.alt, part.getBoundingClientRect().bottom])"""


@contextmanager
def chromium() -> Iterator[Any]:
    """Debian's Chromium, or any other that is on the path."""
    program = which("chromium") or which("chromium-browser") or which("google-chrome")
    if program is None:
        pytest.skip("no Chromium on the path: install Debian's package chromium to run the tests in a browser")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        started = driver.chromium.launch(
            executable_path=program, args=["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
        )
        yield started
        started.close()


def violations(page: Any) -> list[tuple[str, str, str]]:
    """What axe-core finds on a page that is open, folded parts opened: rule, impact and the first place."""
    axe = pytest.importorskip("axe_playwright_python", reason="axe-core comes with axe-playwright-python")
    page.evaluate("document.querySelectorAll('details').forEach((d) => { d.open = true; })")
    page.evaluate((Path(axe.__file__).parent / "axe.min.js").read_text(encoding="utf-8"))
    found = page.evaluate("(tags) => axe.run(document, {runOnly: {type: 'tag', values: tags}})", RULES)
    assert len(found["passes"]) > 10
    return [(fault["id"], fault["impact"], fault["nodes"][0]["html"]) for fault in found["violations"]]


def opened(browser: Any, path: Path, width: int, height: int = SCREEN[1]) -> Any:
    """A page, offline."""
    page = browser.new_context(offline=True, viewport={"width": width, "height": height}).new_page()
    page.goto(path.as_uri())
    return page


def accessible(browser: Any, path: Path) -> None:
    """No violation and nothing wider than the screen, on a telephone and on a desk."""
    for width in (375, SCREEN[0]):
        page = opened(browser, path, width)
        assert page.evaluate("document.documentElement.scrollWidth") <= width, (path.name, width)
        assert violations(page) == [], (path.name, width)
        page.close()


def first_screen(browser: Any, path: Path) -> str:
    """What a report begins with, all of it on the first screen: its sentences, which hold who, how much, how many."""
    page = opened(browser, path, *SCREEN)
    parts = page.evaluate(BOTTOMS)
    below = [(text[:60], round(bottom)) for text, bottom in parts if bottom > SCREEN[1]]
    assert below == []
    said = page.inner_text(".lead")
    page.close()
    for wanted in ("How sure", "What is not known", "What not to conclude", "95% interval"):
        assert wanted in said
    assert len([text for text, _ in parts if text]) >= 10
    return str(said)
