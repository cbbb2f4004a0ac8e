"""The picture and the recording of an article, as HTML: for feeds, and for its page.

Feeds get what every reader keeps: a figure and a link. The page has a player, and the
picture in the size that fits the window.
"""

from __future__ import annotations

import re
from html import escape

from feedsvc.model import Enclosure, Entry, Site
from feedsvc.rendering.addresses import uri, without_tracking

# Wider ones of our own are there in this width, too.
SMALL_WIDTH = 640
OWN_PICTURE = re.compile(r"/media/(?P<digest>[0-9a-f]{32})\.(?P<extension>[a-z]+)")
# As wide as a text gets on a page.
_SIZES = "(max-width: 44rem) 100vw, 42rem"


def absolute_url(enclosure: Enclosure, site: Site) -> str:
    """Its address, whole, as readers get it."""
    if enclosure.url.startswith("/"):
        return site.absolute(enclosure.url)
    return uri(without_tracking(enclosure.url))


def picture_html(entry: Entry, site: Site, *, is_page: bool = False) -> str:
    """The picture above the text, or nothing."""
    picture = entry.picture
    if picture is None:
        return ""
    size = ""
    if picture.width and picture.height:
        size = f' width="{picture.width}" height="{picture.height}"'
    choice = _choice(picture, site) if is_page else ""
    source, alt = escape(absolute_url(picture, site)), escape(picture.alt)
    return f'<figure><img src="{source}"{choice} alt="{alt}"{size}></figure>\n'


def _choice(picture: Enclosure, site: Site) -> str:
    own = OWN_PICTURE.fullmatch(picture.url)
    if own is None or picture.width <= SMALL_WIDTH:
        return ""
    small = site.absolute(f"/media/{own['digest']}-{SMALL_WIDTH}.{own['extension']}")
    whole = f"{absolute_url(picture, site)} {picture.width}w"
    return f' srcset="{small} {SMALL_WIDTH}w, {whole}" sizes="{_SIZES}"'


def recording_html(entry: Entry, site: Site, *, is_page: bool = False) -> str:
    """The recording below the text, or nothing."""
    recording = entry.recording
    if recording is None:
        return ""
    source = escape(absolute_url(recording, site))
    name = "Video" if recording.media_type.startswith("video/") else "Audio"
    link = f'<a href="{source}">{name}</a>'
    if not is_page:
        return f"\n<p>{link}</p>"
    element = name.lower()
    return f'\n<p><{element} controls preload="none" src="{source}">{link}</{element}></p>'
