"""Media RSS (https://www.rssboard.org/media-rss), in RSS and in Atom.

Readers that show a picture beside the title look for it here, with its size and with what it
shows; RSS has room for one enclosure only, so of a picture with a recording it is the only
place beside the content.
"""

from __future__ import annotations

import re
from html import escape
from typing import Any

from lxml import etree

from feedsvc.model import Entry, Site
from feedsvc.rendering.enclosures import absolute_url

MEDIA = "http://search.yahoo.com/mrss/"
# What a check takes for HTML in a plain text.
_LIKE_HTML = re.compile(r"<[A-Za-z/!?]|&#?\w+;")


def append_media(element: Any, entry: Entry, site: Site) -> None:
    """Say in an item or an Atom entry which picture goes with it.

    The namespace is declared here, so that a feed without pictures does not carry it.
    """
    picture = entry.picture
    if picture is None:
        return
    said = {
        "url": absolute_url(picture, site),
        "type": "" if "*" in picture.media_type else picture.media_type,
        "medium": "image",
        "fileSize": str(picture.length_bytes or ""),
        "width": str(picture.width or ""),
        "height": str(picture.height or ""),
    }
    attributes = {name: value for name, value in said.items() if value}
    content = etree.SubElement(element, f"{{{MEDIA}}}content", attributes, {"media": MEDIA})
    if not picture.alt:
        return
    is_like_html = _LIKE_HTML.search(picture.alt) is not None
    type = "html" if is_like_html else "plain"
    description = etree.SubElement(content, f"{{{MEDIA}}}description", {"type": type})
    description.text = escape(picture.alt, quote=False) if is_like_html else picture.alt
