"""What a page says, read from its HTML or Markdown."""

import html
import re
from html.parser import HTMLParser

VOID = {"meta", "link", "img", "br", "input"}


class Balance(HTMLParser):
    """Fails on a tag that is closed out of order, and collects text, links, images and identifiers."""

    def __init__(self):
        super().__init__()
        self.open, self.text, self.links, self.images, self.ids, self.rows = [], [], [], [], [], []

    def handle_starttag(self, tag, attrs):
        attributes = dict(attrs)
        self.ids.append(attributes.get("id"))
        if tag == "a":
            self.links.append(attributes["href"])
        if tag == "img":
            self.images.append(attributes)
        if "data-verdict" in attributes:
            self.rows.append(attributes)
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


def parse(path):
    parser = Balance()
    parser.feed(path.read_text(encoding="utf-8"))
    parser.close()
    assert not parser.open
    return parser


def words(path):
    """What a page says, without its figures."""
    content = path.read_text(encoding="utf-8")
    return content if path.suffix != ".html" else " ".join(parse(path).text)


def plain(text):
    """A text without Markdown's escapes and HTML's entities, on one line."""
    return " ".join(html.unescape(re.sub(r"\\([\\`*_\[\]|~])", r"\1", text)).split())
