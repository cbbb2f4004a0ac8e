"""The list of all feeds (OPML), as a reader that imports it sees it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from interop.articles import FEEDS
from interop.comparing import Finding

PATH = "/feeds.opml"
SITE_TITLE = "The Example"


def compare_subscriptions(
    reader: str, seen: Sequence[Mapping[str, Any]], site_url: str, answering: Sequence[str]
) -> list[Finding]:
    """What is missing, has another title, or leads nowhere.

    :param seen: ``title`` and ``link`` of each subscription.
    :param answering: those of the links that a feed is at.
    """
    titles = {one["link"]: one["title"] for one in seen}
    owed = {
        f"{site_url}/feeds/{slug}.rss": f"{name} – {SITE_TITLE}" if name else SITE_TITLE
        for slug, name in FEEDS.items()
    }
    findings = [
        Finding(reader, "opml", "title", link, titles.get(link, "no entry"), title)
        for link, title in owed.items()
        if titles.get(link) != title
    ]
    # There may be more feeds than articles.py knows, but none that is not one.
    findings += [
        Finding(reader, "opml", "link", link, link, "an address of a feed")
        for link in titles
        if link not in answering
    ]
    return findings
