"""What makes an RSS feed a podcast: http://www.itunes.com/dtds/podcast-1.0.dtd as Apple reads it
(https://podcasters.apple.com/support/823-podcast-requirements), and of
https://podcastindex.org/namespace/1.0 what tells one podcast from another.

RSS alone: directories read nothing else. Both namespaces stand on the root, where they look.
"""

from __future__ import annotations

from typing import Any

from feedgen.ext.base import BaseExtension
from lxml import etree

from feedsvc.model import Entry, Site
from feedsvc.podcasts import Podcast, is_cover
from feedsvc.rendering.enclosures import absolute_url
from feedsvc.rendering.repairs import ATOM, CONTENT, DC, Generator

ITUNES = "http://www.itunes.com/dtds/podcast-1.0.dtd"
PODCAST = "https://podcastindex.org/namespace/1.0"
NAMESPACES = {"itunes": ITUNES, "podcast": PODCAST}


class PodcastFeed(BaseExtension):  # type: ignore[misc]
    """The elements of the channel."""

    podcast: Podcast
    site: Site

    def extend_ns(self) -> dict[str, str]:
        """The namespaces that items need, too."""
        return NAMESPACES

    def extend_rss(self, feed: Any) -> Any:
        """Called by feedgen with the ``rss`` element before items are added."""
        channel, its = feed[0], self.podcast
        author = its.author or self.site.author or self.site.title
        _add(channel, ITUNES, "author", author)
        owner = _add(channel, ITUNES, "owner")
        _add(owner, ITUNES, "name", its.owner or author)
        _add(owner, ITUNES, "email", its.email)
        address = self.site.absolute(its.image) if its.image.startswith("/") else its.image
        _add(channel, ITUNES, "image", href=address)
        within = channel
        for name in its.category.split(": "):
            within = _add(within, ITUNES, "category", text=name)
        _add(channel, ITUNES, "explicit", _truth(its.is_explicit))
        _add(channel, ITUNES, "type", "serial" if its.is_serial else "episodic")
        _add(channel, PODCAST, "guid", its.guid)
        _add(channel, PODCAST, "locked", "yes" if its.is_locked else "no", owner=its.email)
        return feed


def add_podcast(generator: Generator, podcast: Podcast, site: Site) -> None:
    """Make a channel that of a podcast."""
    generator.register_extension("podcast", PodcastFeed, None, False, True)
    generator.podcast.podcast, generator.podcast.site = podcast, site


def podcast_root() -> Any:
    """Where the namespaces of an item are declared while it is written: as in its feed."""
    return etree.Element("rss", nsmap={"dc": DC, "atom": ATOM, "content": CONTENT} | NAMESPACES)


def append_episode(item: Any, entry: Entry, site: Site) -> None:
    """Say in an item what directories are told of an episode.

    An article without a recording stays in the feed: readers that are none of podcasts get it.
    """
    recording, picture = entry.recording, entry.picture
    if picture is not None and is_cover(picture.media_type, picture.width, picture.height):
        _add(item, ITUNES, "image", href=absolute_url(picture, site))
    if recording is None:
        # Directories take what is enclosed for something to be played.
        for enclosed in item.findall("enclosure"):
            item.remove(enclosed)
        return
    episode = recording.episode
    if episode.duration_seconds:
        _add(item, ITUNES, "duration", str(episode.duration_seconds))
    for namespace, name, number in (
        (ITUNES, "episode", episode.number),
        (ITUNES, "season", episode.season),
        (PODCAST, "episode", episode.number),
        (PODCAST, "season", episode.season),
    ):
        if number:
            _add(item, namespace, name, str(number))
    _add(item, ITUNES, "episodeType", episode.kind.value)
    if episode.is_explicit is not None:
        _add(item, ITUNES, "explicit", _truth(episode.is_explicit))


def _add(parent: Any, namespace: str, name: str, said: str = "", **attributes: str) -> Any:
    element = etree.SubElement(parent, f"{{{namespace}}}{name}", attributes)
    if said:
        element.text = said
    return element


def _truth(value: bool) -> str:
    # Apple's words; W3C's validator takes no others.
    return "true" if value else "false"
