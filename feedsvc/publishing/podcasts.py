"""What a podcast and its episodes have to be, for directories to take them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from feedsvc.asking import checked_url
from feedsvc.characters import clean_line
from feedsvc.errors import AddressRefused
from feedsvc.model import Category, Enclosure, Feed, Format, Site, recording_of
from feedsvc.phrases import Grouped, Phrase
from feedsvc.pictures import EXTENSIONS
from feedsvc.podcasts import LONGEST_SECONDS, Episode, Podcast, apple_category, guid_of, is_cover
from feedsvc.rendering import OWN_PICTURE

LAST_NUMBER = 999_999
# Of what Apple shows; an e-mail address by RFC 5321 section 4.5.3.1.
LONGEST_NAME = 255
LONGEST_EMAIL = 254
LONGEST_COVER_ADDRESS = 2_000
# Of Apple's formats those that are played.
_PLAYED = re.compile(r"\.(mp3|m4a|mp4|m4v|mov)$")
_COVER = re.compile(r"\.(jpe?g|png)$", re.IGNORECASE)
_EMAIL = re.compile(r"[A-Za-z0-9_.+'-]+@([A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?\.)+[A-Za-z]{2,}")


@dataclass(frozen=True, slots=True)
class Cover:
    """What is known of a picture that is stored here, in pixels."""

    media_type: str
    width: int
    height: int


def episode_faults(episode: Episode) -> dict[str, str]:
    """What is wrong with an episode, by the names of the form's fields."""
    faults: dict[str, str] = {}
    if episode.duration_seconds > LONGEST_SECONDS:
        faults["audio_duration"] = Phrase("less than a hundred hours")
    for name, number in (("audio_episode", episode.number), ("audio_season", episode.season)):
        if number > LAST_NUMBER:
            faults[name] = Phrase("at most %(most)s", most=Grouped(LAST_NUMBER))
    return faults


def episode_remarks(
    categories: Sequence[Category], enclosures: Sequence[Enclosure]
) -> Iterator[tuple[str, Phrase]]:
    """What directories would miss in an article of a podcast: the form's field, and the words."""
    show = next((one for one in categories if one.podcast.is_on), None)
    if show is None:
        return
    recording = recording_of(enclosures)
    if recording is None:
        yield (
            "audio",
            Phrase(
                "%(name)s is a podcast, and directories pass over an article without a recording",
                name=show.name,
            ),
        )
        return
    if not _PLAYED.search(urlsplit(recording.url).path):
        yield (
            "audio",
            Phrase(
                "directories of podcasts want an address that ends in %(endings)s",
                endings=".mp3, .m4a, .mp4, .m4v, .mov",
            ),
        )
    if not recording.episode.duration_seconds:
        yield "audio_duration", Phrase("listeners are not told how long it is")


def as_kept(typed: Podcast, current: Podcast, feed_url: str, site: Site) -> Podcast:
    """What was typed of a podcast as it is stored.

    Its UUID is of the address at which it was first to be had, and stays whatever its
    category is called later, or whether it is a podcast all the time.
    """
    image = clean_line(typed.image)
    if image.startswith(f"{site.url}/media/"):
        image = image.removeprefix(site.url)
    category = clean_line(typed.category)
    return replace(
        typed,
        category=apple_category(category) or category,
        image=image,
        author=clean_line(typed.author),
        owner=clean_line(typed.owner),
        email=clean_line(typed.email),
        guid=current.guid or (guid_of(feed_url) if typed.is_on else ""),
    )


def feed_url(category: Category, site: Site) -> str:
    """The address of a category's RSS."""
    return site.absolute(Feed(category.id, "", category).path(Format.RSS))


def podcast_faults(podcast: Podcast, own: Cover | None) -> dict[str, str]:
    """What is wrong with a podcast, by the names of the form's fields.

    Of one that is not on nothing has to be whole; nothing may be longer than what can be kept.

    :param own: its cover, where that is the address of a picture that is stored here.
    """
    faults: dict[str, str] = {}
    for name, longest in (
        ("category", LONGEST_NAME),
        ("image", LONGEST_COVER_ADDRESS),
        ("author", LONGEST_NAME),
        ("owner", LONGEST_NAME),
        ("email", LONGEST_EMAIL),
    ):
        if len(getattr(podcast, name)) > longest:
            faults[f"podcast_{name}"] = Phrase(
                "at most %(longest)s characters", longest=Grouped(longest)
            )
    if not podcast.is_on:
        return faults
    if not apple_category(podcast.category):
        faults.setdefault("podcast_category", Phrase("choose one of Apple's list"))
    if not _EMAIL.fullmatch(podcast.email):
        faults.setdefault("podcast_email", Phrase("an e-mail address, such as shows@example.org"))
    if fault := _cover_fault(podcast.image, own):
        faults.setdefault("podcast_image", fault)
    return faults


def cover_digest(image: str) -> str:
    """What names a picture that is stored here, of its address; "" of any other."""
    own = OWN_PICTURE.fullmatch(image)
    return own["digest"] if own else ""


def _cover_fault(image: str, found: Cover | None) -> str:
    own = OWN_PICTURE.fullmatch(image)
    if own is not None:
        if found is None or EXTENSIONS.get(found.media_type) != own["extension"]:
            return Phrase("there is no such picture here: upload it")
        if is_cover(found.media_type, found.width, found.height):
            return ""
        return Phrase(
            "a cover is a square of 1,400 to 3,000 pixels, JPEG or PNG; this is %(type)s,"
            " %(width)s × %(height)s",
            type=found.media_type,
            width=found.width,
            height=found.height,
        )
    try:
        parts = checked_url(image)
    except AddressRefused:
        return Phrase("write the whole address of a cover, such as https://example.org/cover.jpg")
    if not _COVER.search(parts.path):
        return Phrase("a JPEG or a PNG: directories want an address that ends in .jpg or .png")
    return ""
