"""Two texts of one article: where they differ, and who was faster."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import tzinfo

from flask import g

from feedsvc.model import Entry, State
from feedsvc.phrases import Phrase
from feedsvc.publishing import DUE
from feedsvc.web import wording
from feedsvc.web.differences import Piece, compare
from feedsvc.web.forms import LABELS, ArticleForm, is_editable
from feedsvc.web.languages import say
from feedsvc.web.services import services


def has_more(form: ArticleForm, entry: Entry, zone: tzinfo) -> bool:
    """Whether a form that was sent holds what the stored article does not."""
    return bool(form.faults or form.new_category.strip() or _differences(form, entry, zone))


def _differences(form: ArticleForm, entry: Entry, zone: tzinfo) -> list[tuple[str, str]]:
    """Where the stored article says something else: the field, and what is stored."""
    stored = ArticleForm.from_entry(entry, zone)
    return [
        (name, show(stored))
        for name, show in _SHOWN.items()
        if show(stored) != show(form)
        and not (name == "slug" and form.slug.strip() in ("", entry.slug))
    ]


@dataclass(frozen=True, slots=True)
class Difference:
    """A field in which two texts of an article differ.

    :param pieces: what makes the typed one of the stored one.
    :param is_taken: the editor had not changed it, so the form shows what is stored.
    """

    label: Phrase
    stored: str
    typed: str
    pieces: list[Piece]
    is_taken: bool


def beside(
    form: ArticleForm, entry: Entry, zone: tzinfo, untouched: Sequence[str]
) -> list[Difference]:
    """Where what was sent and what is stored differ."""
    found = []
    for name, stored in _differences(form, entry, zone):
        typed = _SHOWN[name](form)
        pieces = compare(stored, typed)
        found.append(Difference(LABELS[name], stored, typed, pieces, name in untouched))
    return found


def _lines(text: str) -> str:
    return "\n".join(line.rstrip() for line in text.strip().splitlines())


def _time(form: ArticleForm) -> str:
    """The time, and which one of two it is."""
    time = form.publish_at.strip()
    if form.fold == "0":
        return str(say(Phrase("%(time)s (the first)", time=time)))
    if form.fold == "1":
        return str(say(Phrase("%(time)s (the second)", time=time)))
    return time


# What an editor writes of an article, in the form's order.
_SHOWN: dict[str, Callable[[ArticleForm], str]] = {
    "title": lambda form: " ".join(form.title.split()),
    "category": lambda form: ", ".join(filter(None, (form.category, *form.also_in))),
    "author": lambda form: " ".join(form.author.split()),
    "slug": lambda form: form.slug.strip(),
    "summary": lambda form: " ".join(form.summary.split()),
    "body": lambda form: _lines(form.body),
    "sources": lambda form: _lines(form.sources),
    "picture": lambda form: form.picture.shown,
    "audio": lambda form: form.audio.shown,
    "publish_at": _time,
}


# What stands in the form of each of them.
_PARTS = {name: (name,) for name in _SHOWN} | {
    "category": ("category", "also_in"),
    "publish_at": ("publish_at", "fold", "fold_choices"),
}


def untouched_in(form: ArticleForm, stored: Entry, zone: tzinfo) -> list[str]:
    """The fields that the editor had not changed since the form was opened.

    Against the version that it was opened with; none where that was never kept.
    """
    with services().storage.reading() as tx:
        opened = tx.history.version(stored.id, form.revision)
    if opened is None:
        return []
    before = ArticleForm.from_version(opened, stored, zone)
    return [name for name, show in _SHOWN.items() if show(form) == show(before)]


def with_stored(
    form: ArticleForm, stored: Entry, zone: tzinfo, names: Sequence[str]
) -> ArticleForm:
    """The form with what is stored now in those fields."""
    now = ArticleForm.from_entry(stored, zone)
    parts = {part: getattr(now, part) for name in names for part in _PARTS[name]}
    return replace(form, **parts)


def what_happened(stored: Entry) -> Phrase:
    """Who did what to the stored article last, and when."""
    with services().storage.reading() as tx:
        last = tx.history.version(stored.id, stored.revision)
    when = wording.described(stored.changed_at)
    if last is not None and last.action == DUE:
        return Phrase("Its time came: the article was published on %(when)s", when=when)
    who = last.editor if last is not None else ""
    is_mine = bool(who) and who == g.editor.name
    return _DID[stored.state if not is_editable(stored) else None, is_mine](
        who or Phrase("Somebody"), when
    )


# By the state that it was brought to, and whether it was this editor in another window.
_DID: dict[tuple[State | None, bool], Callable[[str, str], Phrase]] = {
    (None, True): lambda _, when: Phrase(
        "In another window you saved this article on %(when)s", when=when
    ),
    (None, False): lambda who, when: Phrase(
        "%(who)s saved this article on %(when)s", who=who, when=when
    ),
    (State.WITHDRAWN, True): lambda _, when: Phrase(
        "In another window you withdrew this article on %(when)s", when=when
    ),
    (State.WITHDRAWN, False): lambda who, when: Phrase(
        "%(who)s withdrew this article on %(when)s", who=who, when=when
    ),
    (State.DISCARDED, True): lambda _, when: Phrase(
        "In another window you discarded this draft on %(when)s", when=when
    ),
    (State.DISCARDED, False): lambda who, when: Phrase(
        "%(who)s discarded this draft on %(when)s", who=who, when=when
    ),
}
