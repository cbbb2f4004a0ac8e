"""What an editor may want to mend before an article goes out; nothing here is refused."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

from feedsvc.phrases import Grouped, Phrase
from feedsvc.publishing.decisions import Draft
from feedsvc.publishing.podcasts import episode_remarks
from feedsvc.rendering import Anatomy, anatomy

# What lists of articles show of them before they cut.
LONG_TITLE = 110
LONG_SUMMARY = 300
FAR_AHEAD = timedelta(days=366)
MOST_OF_A_KIND = 5
LONGEST_WORD = 200
_ABSOLUTE = re.compile(r"[a-z][a-z0-9+.-]*:", re.IGNORECASE)
_WITHOUT_SCHEME = re.compile(
    r"(?:www\.|[\w-]+(?:\.[\w-]+)*\.(?:com|org|net|edu|gov|eu|it|de|fr)\b)"
)


@dataclass(frozen=True, slots=True)
class Remark:
    """One of them.

    :param field: of the draft: ``title``, ``body`` and so on.
    """

    field: str
    text: str


def remarks(draft: Draft, now: datetime, *, is_title_used: bool = False) -> list[Remark]:
    """All that can be said of a draft.

    :param is_title_used: whether another article that readers have is called the same.
    """
    return [
        *_of_the_title(draft.title, is_title_used=is_title_used),
        *_of_the_categories(draft),
        *_of_the_summary(draft.summary),
        *_of_the_body(draft.body),
        *_of_the_enclosures(draft),
        *(Remark(*one) for one in episode_remarks(draft.categories, draft.enclosures)),
        *_of_the_sources(draft),
        *_of_the_time(draft.published, now),
    ]


def _of_the_categories(draft: Draft) -> Iterator[Remark]:
    if not draft.categories:
        yield Remark("categories", Phrase("no category yet: no feed gets it"))


def _of_the_title(title: str, *, is_title_used: bool) -> Iterator[Remark]:
    if not title.strip():
        yield Remark("title", Phrase("no title yet"))
    elif len(title) > LONG_TITLE:
        yield Remark(
            "title",
            Phrase(
                "%(length)s characters: many readers cut titles after %(longest)s",
                length=len(title),
                longest=LONG_TITLE,
            ),
        )
    if is_title_used:
        yield Remark("title", Phrase("another article is called the same"))


def _of_the_summary(summary: str) -> Iterator[Remark]:
    if len(summary) > LONG_SUMMARY:
        yield Remark(
            "summary",
            Phrase(
                "%(length)s characters: many readers cut summaries after %(longest)s",
                length=len(summary),
                longest=LONG_SUMMARY,
            ),
        )


def _of_the_body(body: str) -> Iterator[Remark]:
    if not body.strip():
        yield Remark("body", Phrase("no text yet"))
        return
    found = anatomy(body)
    yield from _of_the_headings(found)
    for link in _some(one for one in found.links if _is_doubtful(one)):
        yield Remark("body", _of_a_link(link))
    for address in _some(one for one, text in found.pictures if not (text or "").strip()):
        yield Remark(
            "body",
            Phrase(
                "the picture %(address)s has no description for those who do not see it:"
                " ![what it shows](address)",
                address=address,
            ),
        )
    if found.dropped:
        names = ", ".join(f"<{name}>" for name in found.dropped[:MOST_OF_A_KIND])
        yield Remark("body", Phrase("no reader gets %(names)s", names=names))


def _of_the_headings(found: Anatomy) -> Iterator[Remark]:
    # A title stands above them, so that # and ## are both the first level.
    levels = [(max(level, 2), words) for level, words in found.headings]
    for (before, _), (level, words) in pairwise([(1, ""), *levels]):
        if level > before + 1:
            yield Remark(
                "body",
                Phrase(
                    "the heading “%(words)s” skips a level: use %(signs)s",
                    words=words,
                    signs="#" * (before + 1),
                ),
            )
    for _, words in levels:
        if not words:
            yield Remark("body", Phrase("a heading has no words"))
            return


def _is_doubtful(link: str) -> bool:
    if link.startswith("#"):
        return False
    return not _ABSOLUTE.match(link) or bool(re.match(r"https?:(?!//[^/\s])", link, re.IGNORECASE))


def _of_a_link(link: str) -> Phrase:
    if not link:
        return Phrase("a link leads nowhere")
    if _ABSOLUTE.match(link):
        return Phrase("the link %(link)s is not whole: https:// and a name", link=link)
    if len(link) <= LONGEST_WORD and _WITHOUT_SCHEME.match(link):
        return Phrase(
            "the link %(link)s would lead to a page of this site: put https:// before it",
            link=link,
        )
    return Phrase(
        "the link %(link)s is relative: readers get it as an address of this site",
        link=link[:LONGEST_WORD],
    )


def _some(links: Iterator[str]) -> list[str]:
    return list(dict.fromkeys(links))[:MOST_OF_A_KIND]


def _of_the_enclosures(draft: Draft) -> Iterator[Remark]:
    for one in draft.enclosures:
        if one.is_picture and not one.alt.strip():
            yield Remark(
                "picture_alt",
                Phrase("the picture has no description for those who do not see it"),
            )


def _of_the_sources(draft: Draft) -> Iterator[Remark]:
    for source in draft.sources:
        words = [] if source.url else source.name.split()
        # An address is one word; what is far longer is none, and would take its time.
        found = [one for one in words if len(one) <= LONGEST_WORD and _WITHOUT_SCHEME.match(one)]
        if found:
            yield Remark(
                "sources",
                Phrase(
                    "%(words)s stands there as words: an address begins with https://",
                    words=found[0],
                ),
            )


def _of_the_time(published: datetime | None, now: datetime) -> Iterator[Remark]:
    if published is not None and published - now > FAR_AHEAD:
        days = (published - now).days
        # More than a year, so never one.
        yield Remark("published", Phrase("that is %(days)s days ahead", days=Grouped(days)))
