"""What mkdocs asks while it builds the site (`make docs`): pages that do not lie in docs/, links, and no other host.

README.md is the site's first page, and the README of each room a page too; all are read in the repository as well, so
links lead from file to file. On the site a link to a page becomes that page's, and one to any other file of the
repository its text alone, as the site does not hold it. This module is loaded in the site's own environment
(.venv-docs) and knows nothing of the product.
"""

import logging
import posixpath
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files

PROJECT = Path(__file__).resolve().parent.parent
REFERENCE = PROJECT / "build" / "reference"
"""What `python -m manual.reference` has made."""
DOCS = "docs/"
HOME = "README.md"
FENCED = re.compile(r"^(?P<fence>```|~~~).*?^(?P=fence)[ \t]*$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"(?P<image>!?)\[(?P<text>(?:[^\[\]]|\[[^\]]*\])*)\]\((?P<target>[^)\s]+)\)")
PLACE = re.compile(r"<!-- reference: (\w+) -->")
ELSEWHERE = re.compile(r"[a-z][a-z0-9+.-]*:|#|//")

logger = logging.getLogger("mkdocs.hooks.site")


def on_files(files: Files, config: Any) -> Files:
    """Adds the pages of the navigation that do not lie in docs/."""
    for page in pages_named(config["nav"]):
        if files.get_file_from_path(page) is None:
            path = PROJECT / repository_path(page)
            if path.is_file():
                files.append(File.generated(config, page, abs_src_path=str(path)))
    return files


def on_page_markdown(markdown: str, page: Any, config: Any, files: Files) -> str:
    """A page's text, with what the product says of itself, and with links that lead somewhere on the site."""
    where = repository_path(page.file.src_uri)
    text = with_links(markdown, where, page.file.src_uri, files)
    return PLACE.sub(lambda place: made(place[1], page.file.src_uri, files), text)


def on_post_build(config: Any) -> None:
    """Raises PluginError for a page that a browser would show with something of another host."""
    for path in sorted(Path(config["site_dir"]).rglob("*.html")):
        if addresses := foreign(path):
            raise PluginError(f"{path}: a page is to need no other host, and asks for {', '.join(addresses)}.")


def pages_named(nav: Any) -> Iterator[str]:
    """The pages of a navigation, in order."""
    if isinstance(nav, str):
        yield nav
    else:
        for each in nav.values() if isinstance(nav, dict) else nav:
            yield from pages_named(each)


def repository_path(page: str) -> str:
    """Where a page lies in the repository, relative to its root."""
    if page == "index.md":
        return HOME
    return DOCS + page if (PROJECT / DOCS / page).is_file() else page


def site_path(path: str) -> str:
    """The page, or file, of the site that this file of the repository is."""
    return "index.md" if path == HOME else path.removeprefix(DOCS)


def made(name: str, page: str, files: Files) -> str:
    """A part of the reference, whose links are written as from the root of the repository."""
    return with_links((REFERENCE / f"{name}.md").read_text(encoding="utf-8"), HOME, page, files)


def with_links(markdown: str, where: str, page: str, files: Files) -> str:
    """A text that lies in the repository at `where`, with links for `page` of the site; code stays as it is."""
    parts, end = [], 0
    for block in FENCED.finditer(markdown):
        parts += [relinked(markdown[end : block.start()], where, page, files), block[0]]
        end = block.end()
    return "".join([*parts, relinked(markdown[end:], where, page, files)])


def relinked(text: str, where: str, page: str, files: Files) -> str:
    """The same, of a text without code blocks."""

    def of(link: re.Match[str]) -> str:
        if ELSEWHERE.match(link["target"]):
            return link[0]
        named, sign, anchor = link["target"].partition("#")
        path = posixpath.normpath(posixpath.join(posixpath.dirname(where), named))
        if (PROJECT / path).is_dir() and (PROJECT / path / "README.md").is_file():
            path = f"{path}/README.md"
        if files.get_file_from_path(site_path(path)) is not None:
            target = posixpath.relpath(site_path(path), posixpath.dirname(page) or ".")
            return f"{link['image']}[{link['text']}]({target}{sign}{anchor})"
        if not (PROJECT / path).exists():
            logger.warning("%s has a link to %s, which does not exist.", where, path)
        return str(link["text"])

    return LINK.sub(of, text)


def foreign(path: Path) -> list[str]:
    """Addresses of other hosts that a browser would ask to show this page."""
    found = Asked()
    found.feed(path.read_text(encoding="utf-8"))
    return [address for address in found.addresses if re.match(r"(https?:)?//", address)]


class Asked(HTMLParser):
    """What a browser asks for when it shows a page; links are asked for when somebody follows them."""

    def __init__(self) -> None:
        super().__init__()
        self.addresses: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = dict(attrs)
        if tag == "link" and named.get("rel") in ("canonical", "next", "prev"):
            return
        self.addresses += [named.get("src") or "", (named.get("href") or "") if tag == "link" else ""]
