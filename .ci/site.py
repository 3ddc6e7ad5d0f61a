"""Checks the built documentation and the README: what pages load, where links lead, that no example warns.

A page loads files that are there, nothing from another host. Links inside the site, and from anywhere to
the site and into the repository, lead to a file and to an anchor that are there. Other addresses are not
asked for. No example of the gallery shows a warning.
"""

import re
import sys
import tomllib
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

ROOT = Path(__file__).resolve().parents[1]
SITE = ROOT / "docs/_build/html"
URLS = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["urls"]
HOME, REPOSITORY = URLS["Documentation"], URLS["Repository"]
RAW = REPOSITORY.replace("github.com", "raw.githubusercontent.com")
FILES_OF_REPOSITORY = (f"{REPOSITORY}/blob/main/", f"{REPOSITORY}/tree/main/", f"{RAW}/main/")
# A link of these kinds is followed by the browser itself.
LOADED = {
    "stylesheet",
    "icon",
    "shortcut",
    "preload",
    "prefetch",
    "modulepreload",
    "preconnect",
    "dns-prefetch",
}


class Page(HTMLParser):
    """The anchors of a page, what it loads and where its links lead."""

    def __init__(self, path):
        super().__init__()
        self.anchors, self.loaded, self.links, self.styles = {"", "top"}, [], [], []
        self._in_style = False
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attrs):
        """Note what an element is called, loads or links."""
        found = dict(attrs)
        self.anchors |= {found.get("id"), found.get("name") if tag == "a" else None}
        self._in_style = tag == "style"
        self.styles.append(found.get("style") or "")
        source = [found[name] for name in ("src", "srcset", "poster", "data") if found.get(name)]
        self.loaded += source if tag != "button" else []
        if tag == "link" and LOADED & set(found.get("rel", "").split()):
            self.loaded.append(found["href"])
        elif tag in ("use", "image"):
            self.loaded += [found[name] for name in ("href", "xlink:href") if found.get(name)]
        elif tag == "a" and found.get("href"):
            self.links.append(found["href"])

    def handle_data(self, data):
        """Note what is in a style element."""
        if self._in_style:
            self.styles.append(data)


read = cache(Page)


def loaded_by_style(text):
    """Return what a style sheet loads."""
    return re.findall(r"""(?:url\(|@import)\s*['"]?([^'")\s]+)""", text)


def is_elsewhere(address):
    """Return whether an address names a host."""
    return bool(urlsplit(address).netloc)


def wrong_link(page, address):
    """Return what is wrong with a link of a page, or None."""
    for start in FILES_OF_REPOSITORY:
        if address.startswith(start):
            path = unquote(urlsplit(address.removeprefix(start)).path)
            return None if (ROOT / path).exists() else "no such file in the repository"
    if address.startswith(HOME):
        page, address = SITE / "index.html", address.removeprefix(HOME) or "index.html"
    parts = urlsplit(address)
    if parts.scheme in ("http", "https"):
        whole = re.fullmatch(r"[\w.-]+\.\w+(:\d+)?", parts.netloc) and " " not in address
        return None if whole else "malformed"
    if parts.scheme or parts.netloc:
        return None if parts.scheme in ("mailto", "data") else "neither a path nor a web address"
    target = (page.parent / unquote(parts.path)).resolve() if parts.path else page
    if target.is_dir() and page.suffix == ".html":
        target /= "index.html"
    if not target.exists():
        return "no such file"
    anchor = unquote(parts.fragment.partition(":~:")[0])  # what follows is a text to look for
    if target.suffix == ".html" and anchor not in read(target).anchors:
        return "no such anchor"
    return None


def faults():
    """Yield a line for each fault."""
    for path in sorted(
        {*SITE.rglob("*.html")} - {*SITE.glob("_static/**/*.html")}
    ):  # a template of the theme
        page, where = read(path), path.relative_to(SITE)
        for address in page.loaded + [a for text in page.styles for a in loaded_by_style(text)]:
            file = path.parent / unquote(urlsplit(address.split()[0].rstrip(",")).path)
            if is_elsewhere(address) or not (address.startswith("data:") or file.exists()):
                yield f"{where} loads {address}"
        for address in page.links:
            if wrong := wrong_link(path, address):
                yield f"{where}: {address}: {wrong}"
    for path in sorted(SITE.glob("auto_examples/*/plot_*.html")):
        if found := re.search(r":\d+: \w*Warning: .*", path.read_text(encoding="utf-8")):
            yield f"{path.relative_to(SITE)} shows a warning{found[0]}"
    for path in sorted(SITE.rglob("*.css")):
        for address in loaded_by_style(path.read_text(encoding="utf-8")):
            if is_elsewhere(address):
                yield f"{path.relative_to(SITE)} loads {address}"
    for path in (ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md"):
        text = path.read_text(encoding="utf-8")
        for address in re.findall(r"\]\(([^)\s]+)\)|<(https?://[^>\s]+)>", text):
            address = address[0] or address[1]
            if not address.startswith("#") and (wrong := wrong_link(path, address)):
                yield f"{path.name}: {address}: {wrong}"


if __name__ == "__main__":
    if not (SITE / "index.html").exists():
        sys.exit(f"{SITE} is not built: make docs")
    sys.exit("\n".join(faults()) or None)
