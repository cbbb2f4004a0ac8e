"""What feedsvc speaks about, in Atom's words (RFC 4287).

Every instant is an aware ``datetime`` in UTC, whole seconds; each dataclass
refuses anything else, so that nothing downstream has to ask.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from urllib.parse import quote
from uuid import UUID, uuid5

from feedsvc.characters import names_in
from feedsvc.podcasts import NO_EPISODE, NO_PODCAST, Episode, Podcast
from feedsvc.slugs import RESERVED_SLUGS

ID_PREFIX = "urn:uuid:"


# When what stands in a feed as if it always had entered it.
ALWAYS = datetime(1, 1, 1, tzinfo=UTC)


def whole_second(instant: datetime) -> datetime:
    """``instant`` (aware, any zone) in UTC, its fraction of a second cut off."""
    if instant.tzinfo is None:
        raise ValueError(f"{instant!r} has no zone, so it is not an instant")
    return instant.astimezone(UTC).replace(microsecond=0)


def _check_instant(name: str, instant: datetime | None) -> None:
    if instant is None:
        return
    if instant.tzinfo is not UTC or instant.microsecond:
        raise ValueError(f"{name} must be UTC in whole seconds, not {instant!r}")


class State(StrEnum):
    """Where an entry is in its life. Readers see ``PUBLISHED`` and nothing else."""

    DRAFT = "draft"
    SCHEDULED = "scheduled"
    PUBLISHED = "published"
    WITHDRAWN = "withdrawn"
    # A draft that will not become an article; it can be taken up again.
    DISCARDED = "discarded"


class Format(StrEnum):
    """A feed format; the value is the extension of its path."""

    RSS = "rss"
    ATOM = "atom"
    JSON = "json"

    @property
    def media_type(self) -> str:
        """The media type that readers know it by, without parameters."""
        if self is Format.JSON:
            return "application/feed+json"
        return f"application/{self.value}+xml"

    @property
    def label(self) -> str:
        """What people call it."""
        return {"rss": "RSS", "atom": "Atom", "json": "JSON Feed"}[self.value]


class Content(StrEnum):
    """How much of an entry a document carries; the value stands in a second document's path."""

    FULL = "full"
    SUMMARY = "summary"


# What a feed may be told to carry: in its documents, and behind the + in second ones beside them.
CONTENTS = ("full", "summary", "full+summary", "summary+full")


def contents_of(setting: str) -> tuple[Content, ...]:
    """One of ``CONTENTS``, taken apart."""
    return tuple(Content(one) for one in setting.split("+"))


@dataclass(frozen=True, slots=True)
class Source:
    """Where an article's facts come from: a name, and an address if there is one."""

    name: str
    url: str | None = None

    def __post_init__(self) -> None:
        if not self.name:
            raise ValueError("a source needs a name")
        if self.url is not None and not self.url.startswith(("https://", "http://")):
            raise ValueError(f"a source's address must be http or https, not {self.url!r}")


# A type, or the range of types of which more is not known yet (RFC 9110 section 12.5.1).
_MEDIA_TYPE = re.compile(r"(image|audio|video)/(\*|[a-z0-9][a-z0-9!#$&^_.+-]*)")


@dataclass(frozen=True, slots=True)
class Enclosure:
    """A picture or a recording that goes with an article (RFC 4287 section 4.2.7.2).

    :param url: absolute, or a path of this site.
    :param media_type: without parameters; ``image/*`` or ``audio/*`` where nobody knows more.
    :param length_bytes: 0 where nobody knows it.
    :param alt: what a picture shows, for those who do not see it.
    :param width: in pixels; 0 where nobody knows it, ``height`` likewise.
    :param checked_at: when its host was asked for type and length, if it was.
    :param episode: what is said of a recording as one of a podcast.
    """

    url: str
    media_type: str
    length_bytes: int
    alt: str = ""
    width: int = 0
    height: int = 0
    checked_at: datetime | None = field(default=None, compare=False)
    episode: Episode = NO_EPISODE

    def __post_init__(self) -> None:
        if not re.match(r"https?://|/(?!/)", self.url):
            raise ValueError(f"an enclosure's address must be http or https, not {self.url!r}")
        if not _MEDIA_TYPE.fullmatch(self.media_type):
            raise ValueError(f"{self.media_type!r} is no type of a picture or a recording")
        if min(self.length_bytes, self.width, self.height) < 0:
            raise ValueError("an enclosure's length and size are not below zero")
        _check_instant("checked_at", self.checked_at)

    @property
    def is_picture(self) -> bool:
        """Whether it is to be seen in the text, not to be played."""
        return self.media_type.startswith("image/")

    @property
    def is_known(self) -> bool:
        """Whether its type and length are, which a feed has to say."""
        return "*" not in self.media_type and self.length_bytes > 0


def picture_of(enclosures: Sequence[Enclosure]) -> Enclosure | None:
    """The one that is a picture."""
    return next((one for one in enclosures if one.is_picture), None)


def recording_of(enclosures: Sequence[Enclosure]) -> Enclosure | None:
    """The one that is to be played."""
    return next((one for one in enclosures if not one.is_picture), None)


@dataclass(frozen=True, slots=True)
class Category:
    """A subject readers subscribe to.

    :param language: BCP 47 tag of its articles; "" means the site's.
    :param content: what its feeds carry of an article, one of ``CONTENTS``; "": as the site's do.
    :param podcast: what makes it a podcast, if it is one.
    """

    slug: str
    name: str
    description: str = ""
    id: int = 0
    language: str = ""
    content: str = ""
    podcast: Podcast = NO_PODCAST

    def __post_init__(self) -> None:
        if not self.slug or not self.name:
            raise ValueError("a category needs a slug and a name")
        if self.content and self.content not in CONTENTS:
            raise ValueError(f"feeds carry {', '.join(CONTENTS)}, not {self.content!r}")
        if self.slug in RESERVED_SLUGS:
            raise ValueError(f"the slug {self.slug!r} is reserved")


@dataclass(frozen=True, slots=True)
class Author:
    """Who signs articles: a name, and the feed of what it stands on.

    :param slug: the name in the feed's address, behind ``authors/``.
    """

    slug: str
    name: str
    id: int = 0

    def __post_init__(self) -> None:
        if not self.slug or not self.name:
            raise ValueError("an author needs a slug and a name")


@dataclass(frozen=True, slots=True)
class Entry:
    """An article.

    Two clocks: ``published`` is what readers are shown; ``visible_at`` is when
    it enters the feeds. They differ for a backdated or imported article.

    :param id: ``urn:uuid:...``, permanent (RFC 4287 section 4.2.6).
    :param author: several with semicolons between them; "" means the site's.
    :param body: Markdown.
    :param categories: the first is the principal one.
    :param enclosures: a picture and a recording at most.
    :param wall_time: the time as the editor typed it, beside the instant it meant.
    :param wall_zone: the IANA zone it was typed in.
    :param revision: counts saves, so that a stale form is noticed.
    :param changed_at: the instant of the last save.
    """

    id: str
    slug: str
    title: str
    author: str
    summary: str
    body: str
    categories: tuple[Category, ...]
    state: State
    sources: tuple[Source, ...] = ()
    published: datetime | None = None
    updated: datetime | None = None
    visible_at: datetime | None = None
    wall_time: str = ""
    wall_zone: str = ""
    revision: int = 1
    changed_at: datetime | None = None
    enclosures: tuple[Enclosure, ...] = ()

    def __post_init__(self) -> None:
        if not self.id.startswith(ID_PREFIX):
            raise ValueError(f"an entry's id is urn:uuid:..., not {self.id!r}")
        UUID(self.id[len(ID_PREFIX) :])
        for name in ("published", "updated", "visible_at", "changed_at"):
            _check_instant(name, getattr(self, name))
        kinds = [enclosure.is_picture for enclosure in self.enclosures]
        if len(kinds) != len(set(kinds)):
            raise ValueError("an entry has one picture and one recording at most")
        if self.state in (State.DRAFT, State.DISCARDED):
            return
        missing = [
            name
            for name in ("slug", "title", "categories", "published", "updated", "visible_at")
            if not getattr(self, name)
        ]
        if missing:
            raise ValueError(f"a {self.state} entry needs {', '.join(missing)}")

    def __hash__(self) -> int:
        # What is remembered of entries is looked up by them, fifty for a feed.
        return hash((self.id, self.revision))

    @property
    def uuid(self) -> str:
        """The id without its prefix, for addresses in the editor."""
        return self.id[len(ID_PREFIX) :]

    @property
    def authors(self) -> tuple[str, ...]:
        """Who signed it."""
        return names_in(self.author)

    @property
    def path(self) -> str:
        """Its page's path."""
        return f"/articles/{quote(self.slug)}"

    def language(self, site: Site) -> str:
        """The tag of the language it is written in: its principal category's, or the site's."""
        return (self.categories[0].language if self.categories else "") or site.language

    @property
    def picture(self) -> Enclosure | None:
        """The one of its enclosures that is a picture."""
        return picture_of(self.enclosures)

    @property
    def recording(self) -> Enclosure | None:
        """The one of its enclosures that is to be played."""
        return recording_of(self.enclosures)


@dataclass(frozen=True, slots=True)
class Feed:
    """One subscription: a category's articles, an author's, or everything (neither of both).

    :param urn: permanent id of the Atom feed.
    :param updated: instant of the last change of its documents; never goes back.
    :param fingerprint: digest of the inputs its stored documents were rendered from.
    :param next_due_at: when the next scheduled article enters it.
    :param archives: how many archive documents it has (RFC 5005 section 4).
    """

    id: int
    urn: str
    category: Category | None = None
    updated: datetime | None = None
    fingerprint: str = ""
    next_due_at: datetime | None = None
    author: Author | None = None
    archives: int = 0

    def __post_init__(self) -> None:
        _check_instant("updated", self.updated)
        _check_instant("next_due_at", self.next_due_at)
        if self.category and self.author:
            raise ValueError("a feed is a category's or an author's")

    @property
    def slug(self) -> str:
        """The name in its address."""
        if self.author:
            return f"authors/{self.author.slug}"
        return self.category.slug if self.category else "all"

    @property
    def name(self) -> str:
        """What people call it: the category or the author; "" of the one of everything."""
        named = self.category or self.author
        return named.name if named else ""

    def language(self, site: Site) -> str:
        """The tag of the language that it is in: its category's, or the site's."""
        return (self.category.language if self.category else "") or site.language

    @property
    def podcast(self) -> Podcast | None:
        """What its RSS says as a podcast, if it is one."""
        its = self.category.podcast if self.category else NO_PODCAST
        return its if its.is_on else None

    @property
    def page_path(self) -> str:
        """The page that shows the same articles to people."""
        if self.author:
            return self.reading_path
        return f"/categories/{quote(self.category.slug)}" if self.category else "/"

    @property
    def reading_path(self) -> str:
        """The page that shows people what it is, and what is in it."""
        return f"/feeds/{quote(self.slug)}"

    def urn_of(self, second: Content | None) -> str:
        """The permanent id of its Atom documents; second ones are a feed of their own."""
        if second is None:
            return self.urn
        return f"{ID_PREFIX}{uuid5(UUID(self.urn.removeprefix(ID_PREFIX)), second.value)}"

    def contents(self, window: Window) -> tuple[Content, ...]:
        """What its documents carry of an entry: the main ones, and the second ones if it has any.

        As its category says, or else as ``window`` does.
        """
        return contents_of((self.category.content if self.category else "") or window.content)

    def path(self, format: Format, second: Content | None = None) -> str:
        """The address of its document in ``format``; of a second one, beside it, by its content."""
        return f"/feeds/{quote(self.slug)}{f'/{second}' if second else ''}.{format}"

    def archive_path(self, number: int, format: Format, second: Content | None = None) -> str:
        """The address of one of its archive documents, 1 the oldest."""
        beside = f"/{second}" if second else ""
        return f"/feeds/{quote(self.slug)}{beside}/archive/{number}.{format}"


@dataclass(frozen=True, slots=True)
class FeedClock:
    """A feed's own clock, as it stood when an entry last entered or left it.

    :param moved_at: what it showed, or None where nothing ever entered.
    :param system_at: what the system's clock showed then.
    """

    moved_at: datetime | None = None
    system_at: datetime | None = None

    def __post_init__(self) -> None:
        _check_instant("moved_at", self.moved_at)
        _check_instant("system_at", self.system_at)

    def at(self, now: datetime) -> datetime:
        """What it shows at ``now``, an instant of the system's clock in whole seconds.

        The same, unless the system's clock was set back since: then it goes on from
        where it stood, at the system's pace. What entered a feed is so never behind
        what entered it before, and a clock that ran ahead for a while does not keep
        it from telling new from old until it is overtaken.
        """
        if self.moved_at is None or self.system_at is None or now >= self.moved_at:
            return now
        return self.moved_at + max(timedelta(), now - self.system_at)


@dataclass(frozen=True, slots=True)
class Tombstone:
    """An entry that was withdrawn (RFC 6721).

    :param deleted_at: when; its ``at:deleted-entry`` calls it ``when``.
    """

    entry_id: str
    deleted_at: datetime

    def __post_init__(self) -> None:
        _check_instant("deleted_at", self.deleted_at)


@dataclass(frozen=True, slots=True)
class FeedDocument:
    """A rendered feed in one encoding, as it is stored and served.

    :param path: its address below the site's.
    :param encoding: ``identity`` or a content coding of RFC 9110 section 8.4.1.
    :param etag: opaque strong validator without quotes, one for each encoding.
    :param updated: its Last-Modified.
    :param next_due_at: no cache may keep it longer than until then.
    :param second: its content, where it is one beside the feed's main ones.
    """

    path: str
    format: Format
    encoding: str
    etag: str
    body: bytes
    updated: datetime
    next_due_at: datetime | None
    second: Content | None = None


@dataclass(frozen=True, slots=True)
class StoredDocument:
    """One feed in one format as it is stored, in every encoding.

    :param version: grows with each change of the feed; of two the greater is newer.
    :param etags: by encoding.
    :param bodies: by encoding.
    """

    feed_id: int
    version: int
    format: Format
    updated: datetime
    next_due_at: datetime | None
    etags: Mapping[str, str]
    bodies: Mapping[str, bytes]
    second: Content | None = None


@dataclass(frozen=True, slots=True)
class Site:
    """What a feed says of its publisher.

    :param url: absolute, without a slash at the end.
    :param language: BCP 47 tag.
    :param rights: who may do what with the articles, in words (RFC 4287 section 4.2.10).
    :param logo: the address of a picture of it, whole; "" means our own.
    """

    title: str
    url: str
    language: str
    description: str = ""
    author: str = ""
    rights: str = ""
    logo: str = ""

    def absolute(self, path: str) -> str:
        """The full address of a path of this site."""
        return self.url + path


@dataclass(frozen=True, slots=True)
class Window:
    """How far back a feed reaches, and how much of each entry it carries.

    :param items: it holds at least so many entries,
    :param days: and all that entered it in the last so many days,
    :param content: one of ``CONTENTS``, for feeds whose category says nothing else.
    :param most_bytes: unless its document would be longer than this.
    :param max_age_seconds: how long caches are told to keep it; 0: that is left unsaid.
    """

    items: int = 50
    days: int = 14
    content: str = "full"
    most_bytes: int = 10_000_000
    max_age_seconds: int = 0


class Role(StrEnum):
    """What an account may do: write, or look after accounts, categories and the site, too."""

    EDITOR = "editor"
    ADMINISTRATOR = "administrator"


@dataclass(frozen=True, slots=True)
class Editor:
    """Someone who may write.

    :param password_hash: argon2 encoded hash; never shown or logged.
    """

    id: int
    name: str
    password_hash: str = field(repr=False)
    role: Role = Role.EDITOR

    @property
    def is_administrator(self) -> bool:
        """Whether accounts, categories and the site are this one's to look after."""
        return self.role is Role.ADMINISTRATOR
