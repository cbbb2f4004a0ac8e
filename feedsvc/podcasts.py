"""What podcast directories are told of a show and of its episodes, beside what all readers are.

The names are those of Apple's elements (http://www.itunes.com/dtds/podcast-1.0.dtd), which the
other directories read as well.
"""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass
from enum import StrEnum
from functools import lru_cache
from uuid import UUID, uuid5

# Of https://podcastindex.org/namespace/1.0, for the element guid.
_GUIDS = UUID("ead4c236-bf58-58c6-a2c6-a6b28d128cb6")
# Below a hundred hours.
LONGEST_SECONDS = 99 * 3600 + 59 * 60 + 59
_DURATION = re.compile(r"(?:(?P<h>[0-9]{1,2}):(?=[0-9]{2}:))?(?P<m>[0-9]{1,3}):(?P<s>[0-5][0-9])")


class EpisodeKind(StrEnum):
    """What an episode is to its show."""

    FULL = "full"
    TRAILER = "trailer"
    BONUS = "bonus"


# Of a cover: pixels each way, and the types that directories take.
COVER_SIDES = range(1_400, 3_001)
COVER_TYPES = ("image/jpeg", "image/png")


def is_cover(media_type: str, width: int, height: int) -> bool:
    """Whether directories take a picture for a cover, of a podcast or of an episode."""
    return width == height and width in COVER_SIDES and media_type in COVER_TYPES


@dataclass(frozen=True, slots=True)
class Episode:
    """What is said of a recording as an episode of a podcast.

    :param duration_seconds: 0 where nobody said it.
    :param number: within its season, or of all; 0 where it has none, ``season`` likewise.
    :param is_explicit: None: as the podcast.
    """

    duration_seconds: int = 0
    number: int = 0
    season: int = 0
    kind: EpisodeKind = EpisodeKind.FULL
    is_explicit: bool | None = None

    def __post_init__(self) -> None:
        if min(self.duration_seconds, self.number, self.season) < 0:
            raise ValueError("an episode's duration and numbers are not below zero")


NO_EPISODE = Episode()


@dataclass(frozen=True, slots=True)
class Podcast:
    """What makes a category a podcast.

    :param is_on: whether its RSS is one; what was said of it stays where it is not.
    :param category: by Apple's list, such as ``News`` or ``News: Politics``.
    :param image: address of the cover, whole or of this site.
    :param author: whom directories name; "" means the site's.
    :param owner: to whom directories write; "" means the author.
    :param is_serial: to be heard from the first episode on, not from the newest.
    :param is_locked: other hosts are asked not to import it.
    :param guid: UUID that it keeps wherever its feed moves; "" until it is on.
    """

    is_on: bool = False
    category: str = ""
    image: str = ""
    author: str = ""
    owner: str = ""
    email: str = ""
    is_explicit: bool = False
    is_serial: bool = False
    is_locked: bool = False
    guid: str = ""


NO_PODCAST = Podcast()


def guid_of(feed_url: str) -> str:
    """The UUID of a podcast whose feed was first found at that address."""
    return str(uuid5(_GUIDS, re.sub("^[a-z]+://", "", feed_url).rstrip("/")))


def packed(podcast: Podcast) -> str:
    """As it is stored: JSON, or "" of what nothing was said of."""
    return "" if podcast == NO_PODCAST else json.dumps(asdict(podcast), sort_keys=True)


@lru_cache(maxsize=256)
def unpacked(stored: str) -> Podcast:
    """What was packed; nothing of a text that is damaged, so that its row stops no other."""
    try:
        return Podcast(**json.loads(stored)) if stored else NO_PODCAST
    except (ValueError, TypeError):
        return NO_PODCAST


def parse_duration(text: str) -> int:
    """Seconds of a duration that was typed as ``h:mm:ss`` or ``mm:ss``.

    :raises ValueError: it is neither, or nothing, or a hundred hours or more.
    """
    found = _DURATION.fullmatch(text.strip())
    if found is None:
        raise ValueError(f"{text!r} is no duration")
    hours, minutes = int(found["h"] or 0), int(found["m"])
    seconds = hours * 3600 + minutes * 60 + int(found["s"])
    if not 0 < seconds <= LONGEST_SECONDS or (found["h"] and minutes > 59):
        raise ValueError(f"{text!r} is no duration")
    return seconds


def written_duration(seconds: int) -> str:
    """A duration as it is typed; "" of none."""
    minutes, rest = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours}:{minutes:02}:{rest:02}"
    return f"{minutes}:{rest:02}" if seconds else ""


# Apple's list (https://podcasters.apple.com/support/1691-apple-podcasts-categories). Religion
# & Spirituality has a Religion there as well, which others' checks do not know.
_APPLE = {
    "Arts": "Books|Design|Fashion & Beauty|Food|Performing Arts|Visual Arts",
    "Business": "Careers|Entrepreneurship|Investing|Management|Marketing|Non-Profit",
    "Comedy": "Comedy Interviews|Improv|Stand-Up",
    "Education": "Courses|How To|Language Learning|Self-Improvement",
    "Fiction": "Comedy Fiction|Drama|Science Fiction",
    "Government": "",
    "Health & Fitness": "Alternative Health|Fitness|Medicine|Mental Health|Nutrition|Sexuality",
    "History": "",
    "Kids & Family": "Education for Kids|Parenting|Pets & Animals|Stories for Kids",
    "Leisure": "Animation & Manga|Automotive|Aviation|Crafts|Games|Hobbies|Home & Garden"
    "|Video Games",
    "Music": "Music Commentary|Music History|Music Interviews",
    "News": "Business News|Daily News|Entertainment News|News Commentary|Politics|Sports News"
    "|Tech News",
    "Religion & Spirituality": "Buddhism|Christianity|Hinduism|Islam|Judaism|Spirituality",
    "Science": "Astronomy|Chemistry|Earth Sciences|Life Sciences|Mathematics|Natural Sciences"
    "|Nature|Physics|Social Sciences",
    "Society & Culture": "Documentary|Personal Journals|Philosophy|Places & Travel|Relationships",
    "Sports": "Baseball|Basketball|Cricket|Fantasy Sports|Football|Golf|Hockey|Rugby|Running"
    "|Soccer|Swimming|Tennis|Volleyball|Wilderness|Wrestling",
    "TV & Film": "After Shows|Film History|Film Interviews|Film Reviews|TV Reviews",
    "Technology": "",
    "True Crime": "",
}
# As they are typed and stored: a category, or one and one of its own after a colon.
APPLE_CATEGORIES = tuple(
    name
    for parent, children in _APPLE.items()
    for name in (parent, *(f"{parent}: {child}" for child in children.split("|") if child))
)
_BY_CASE = {name.casefold(): name for name in APPLE_CATEGORIES}


def apple_category(typed: str) -> str:
    """The name in Apple's list that was meant, whatever its case and spaces; "" of no other."""
    parts = (" ".join(part.split()) for part in typed.split(":"))
    return _BY_CASE.get(": ".join(parts).casefold(), "")
