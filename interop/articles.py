"""Articles as an editor writes them in the form, and what every reader must make of them.

The truth is written here by hand: it is what was typed, in the words of a person, and
nothing that feedsvc made of it. Instants are UTC literals.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

# When the last two are published. Two each share a second, as after an import.
FIRST = datetime(2026, 1, 21, 18, 30, tzinfo=UTC)
SITE_AUTHOR = "The editors"
PICTURE = "https://pictures.example/cup.jpg?size=big&v=2"
RECORDING = "https://sounds.example/tea.mp3?a=1&b=2"


class Desk(Protocol):
    """A running service whose clock is ours, and its editor."""

    def set_clock(self, now: datetime) -> None: ...
    def write(self, action: str = "publish", **fields: Any) -> str: ...
    def edit(self, path: str, action: str = "update", **fields: Any) -> Any: ...
    def post(self, path: str, fields: Mapping[str, Any]) -> Any: ...


@dataclass(frozen=True, slots=True)
class Article:
    """What is typed, and what of it readers must see.

    :param slug: the name of its address, typed.
    :param typed: the other fields of the form.
    :param text: of its content, as a person reads it; runs of white space are one space.
    :param links: addresses that its content leads to, and of pictures it shows.
    :param published: what it says where it was not published when it was written; else that
        instant, as ``updated``.
    :param enclosures: (address, media type, octets); RSS encloses the first alone.
    """

    slug: str
    title: str
    typed: Mapping[str, Any]
    text: str
    author: str = "Ada Rossi"
    categories: tuple[str, ...] = ("Health",)
    links: tuple[str, ...] = ()
    enclosures: tuple[tuple[str, str, int], ...] = ()
    published: str = ""
    updated: str = ""
    acts: Sequence[tuple[datetime, str, Mapping[str, Any]]] = field(default=())


@dataclass(frozen=True, slots=True)
class Truth:
    """What a reader must see of one article in one format; ``content`` is text and links."""

    slug: str
    title: str
    id: str
    link: str
    published: str
    updated: str
    author: str
    categories: tuple[str, ...]
    content: tuple[str, tuple[str, ...]]
    enclosure: tuple[tuple[str, str, int], ...]
    # What RSS has no room to enclose and says by Media RSS, which a reader may know.
    media: tuple[tuple[str, str, int], ...] = ()


def _picture(alt: str = "A cup & a “saucer”") -> dict[str, str]:
    return {
        "picture": PICTURE,
        "picture_alt": alt,
        "picture_type": "image/jpeg",
        "picture_length": "54321",
    }


_RECORDING = {"audio": RECORDING, "audio_type": "audio/mpeg", "audio_length": "12300000"}
_PICTURE_SEEN = (PICTURE, "image/jpeg", 54321)
_RECORDING_SEEN = (RECORDING, "audio/mpeg", 12_300_000)

LIVE = [
    Article("plain", "An ordinary article", {"body": "One.\n\nTwo."}, "One. Two."),
    Article(
        "summary",
        "With a summary of its own",
        {"summary": "In short: tea & cake < £5.", "body": "The *whole* text."},
        "The whole text.",
    ),
    Article(
        "signs",
        'Salt & pepper: 3 < 5 > 2, "so"',
        {"body": "Salt & pepper, 3 < 5, AT&T."},
        "Salt & pepper, 3 < 5, AT&T.",
    ),
    Article(
        "markup",
        "Why <b> is not <strong>",
        {"body": "The `<b>` element."},
        "The <b> element.",
    ),
    Article(
        "entity",
        "How to write &eacute; and &amp;",
        {"body": "Write `&eacute;` for é."},
        "Write &eacute; for é.",
    ),
    Article(
        "emoji",
        "A family 👩‍👩‍👧‍👦 ❤️ 🇮🇹",
        {"body": "Hearts: ❤️ and 👍🏽."},
        "Hearts: ❤️ and 👍🏽.",
    ),
    Article(
        "right-to-left",
        "שלום עולם & مرحبا",
        {"body": "טקסט בעברית עם word באמצע."},
        "טקסט בעברית עם word באמצע.",
        author="דנה לוי",
    ),
    Article(
        "several",
        "In several categories",
        {"body": "A text.", "also_in": ["health", "science"], "new_category": "Food & drink"},
        "A text.",
        categories=("Food & drink", "Health", "Science"),
    ),
    Article(
        "two-authors",
        "By two people",
        {"body": "A text."},
        "A text.",
        author="Ada Rossi, Søren O’Neill & Co.",
    ),
    Article("no-author", "By nobody in particular", {"body": "A text."}, "A text.", SITE_AUTHOR),
    Article(
        "table",
        "A table and some code",
        {
            "body": "| Tea | Price |\n|---|--:|\n| Green | 3 |\n\n"
            "```\nif a < b && c:\n    print('<p>')\n```\n"
        },
        "Tea Price Green 3 if a < b && c: print('<p>')",
    ),
    Article(
        "sources",
        "With sources and a link",
        {
            "body": "See [the page](https://other.example/a?b=1&c=2#d).",
            "sources": "A journal & co. https://journal.example/1?x=1&y=2",
        },
        "See the page. Sources A journal & co.",
        links=("https://other.example/a?b=1&c=2#d", "https://journal.example/1?x=1&y=2"),
    ),
    Article(
        "picture",
        "With a picture",
        {"body": "A text.", **_picture()},
        "A text.",
        links=(PICTURE,),
        enclosures=(_PICTURE_SEEN,),
    ),
    Article(
        "recording",
        "With a recording",
        {"body": "A text.", **_RECORDING},
        "A text. Audio",
        links=(RECORDING,),
        enclosures=(_RECORDING_SEEN,),
    ),
    Article(
        "both",
        "With a picture and a recording",
        {"body": "A text.", **_picture(), **_RECORDING},
        "A text. Audio",
        links=(PICTURE, RECORDING),
        enclosures=(_RECORDING_SEEN, _PICTURE_SEEN),
    ),
    Article(
        "updated",
        "Updated after it was published",
        {"body": "The first text."},
        "The second text.",
        updated="2026-01-22T10:00:00Z",
        acts=[
            (
                datetime(2026, 1, 22, 10, 0, tzinfo=UTC),
                "update",
                {"body": "The second text.", "told": "update"},
            )
        ],
    ),
    Article(
        "corrected",
        "Corrected without a word",
        {"body": "A textt."},
        "A text.",
        acts=[(datetime(2026, 1, 22, 9, 0, tzinfo=UTC), "update", {"body": "A text."})],
    ),
    Article(
        "backdated",
        "Of last summer",
        {"body": "A text.", "publish_at": "21/07/2025 19:13"},
        "A text.",
        published="2025-07-21T17:13:00Z",
    ),
]

# The feeds that there are: name in the address -> whose it is, "" of everything. An author's
# holds what that one wrote, a category's what stands in it.
FEEDS = {
    "all": "",
    "health": "Health",
    "science": "Science",
    "food-drink": "Food & drink",
    "authors/ada-rossi": "Ada Rossi",
}

# Readers may see neither.
UNSEEN = [
    Article(
        "withdrawn",
        "Taken back",
        {"body": "A text."},
        "",
        acts=[(datetime(2026, 1, 22, 8, 0, tzinfo=UTC), "withdraw", {})],
    ),
    Article("scheduled", "Not yet", {"body": "A text.", "publish_at": "01/03/2026 10:00"}, ""),
]


def write_all(desk: Desk) -> dict[str, str]:
    """Write them, wait, change some; slug -> id. The clock stands a day later afterwards."""
    paths: dict[str, str] = {}
    for article in [*UNSEEN, *reversed(LIVE)]:
        desk.set_clock(written(article))
        action = "schedule" if article.slug == "scheduled" else "publish"
        author = "" if article.author == SITE_AUTHOR else article.author
        typed = {"title": article.title, "slug": article.slug, "author": author}
        paths[article.slug] = desk.write(action, **typed, **article.typed)
    acts = [(*act, article.slug) for article in [*LIVE, *UNSEEN] for act in article.acts]
    for now, action, typed, slug in sorted(acts, key=lambda act: act[0]):
        desk.set_clock(now)
        answer = desk.edit(paths[slug], action, **typed)
        assert answer.status == 303, (slug, answer.text)
    return {slug: "urn:uuid:" + path.rsplit("/", 1)[1] for slug, path in paths.items()}


def written(article: Article) -> datetime:
    """When it is written: in the feeds the newest stand first, in the order of this file."""
    if article in UNSEEN:
        return FIRST
    return FIRST + timedelta(minutes=(len(LIVE) - 1 - LIVE.index(article)) // 2)


def truths(ids: Mapping[str, str], site_url: str, format: str, whose: str = "") -> list[Truth]:
    """What must be seen of those that are live, in ``rss``, ``atom`` or ``json``.

    :param whose: name of the category or of the author whose feed it is.
    """
    found = []
    for one in LIVE:
        published = one.published or written(one).isoformat()
        found.append(
            Truth(
                slug=one.slug,
                title=one.title,
                id=ids[one.slug],
                link=f"{site_url}/articles/{one.slug}",
                published=published,
                updated=one.updated or published,
                author=one.author,
                categories=one.categories,
                content=(one.text, one.links),
                enclosure=one.enclosures[:1] if format == "rss" else one.enclosures,
                media=one.enclosures[1:] if format == "rss" else (),
            )
        )
    return [one for one in found if not whose or whose in (*one.categories, one.author)]
