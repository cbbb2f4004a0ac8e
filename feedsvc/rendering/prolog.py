"""What stands before a document's root, for people who open it in a browser."""

from __future__ import annotations

from urllib.parse import quote

from feedsvc.model import Feed, Site

_DECLARATION_END = b"?>\n"


def stylesheet_path(language: str, version: int) -> str:
    """Where browsers get the sheet by which a document reads as a page.

    :param language: BCP 47 tag of the feed: the sheet has a few words.
    :param version: ``RENDERER_VERSION``, which is raised when the sheet changes: caches keep
        what an address gave for ever.
    """
    return f"/feed-style/{version}/{quote(language, safe='')}.css"


def with_prolog(document: bytes, feed: Feed, site: Site, version: int) -> bytes:
    """The document with a sheet for browsers that show XML, and a line for those that do not.

    Chromium takes the media types of feeds for plain text: there the line says what this is
    and where to go. feedgen has no place for either.
    """
    declaration, end, root = document.partition(_DECLARATION_END)
    # Two hyphens would end the comment.
    page = site.absolute(feed.reading_path).replace("--", "-%2D")
    prolog = (
        f'<?xml-stylesheet type="text/css" href="{stylesheet_path(feed.language(site), version)}"?>'
        f"\n<!-- This is a feed, for feed readers. For people: {page} -->\n"
    )
    return b"".join((declaration, end, prolog.encode(), root))
