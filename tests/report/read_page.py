"""What a page holds: tables by their captions, and printed numbers beside the values that they stand for."""

from __future__ import annotations

import re
from html.parser import HTMLParser

_NUMBER = re.compile(r"−?\d[\d,]*\.?\d*")


class Tables(HTMLParser):
    """Every table of a page by its caption: a heading row, and rows."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.found: dict[str, list[list[str]]] = {}
        self.caption, self.place = "", ""
        self.feed(source)

    def handle_starttag(self, tag, attrs):
        self.place = tag
        if tag == "caption":
            self.caption = ""
        if tag == "tr":
            self.found.setdefault(self.caption, []).append([])
        if tag in {"td", "th"}:
            self.found[self.caption][-1].append("")

    def handle_endtag(self, tag):
        self.place = ""

    def handle_data(self, data):
        if self.place == "span":
            self.caption += data
        elif self.place in {"td", "th"}:
            self.found[self.caption][-1][-1] += data


def same(text: str, *values: float, known_to: float = 0.0) -> None:
    """The first numbers of a text are these values, to the digits printed and the share to which they are known."""
    printed = _NUMBER.findall(text)[: len(values)]
    assert len(printed) == len(values), text
    for number, value in zip(printed, values, strict=True):
        shown, digits = float(number.replace("−", "-").replace(",", "")), len(number.partition(".")[2])
        assert abs(shown - value) <= 0.5 * 10.0**-digits + known_to * abs(value) + 1e-9, (text, values)
