"""Two texts of one article: where they differ, and who was faster."""

from __future__ import annotations

from collections.abc import Callable
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


def beside(
    form: ArticleForm, entry: Entry, zone: tzinfo
) -> list[tuple[Phrase, str, str, list[Piece]]]:
    """Label, what is stored, what was typed, and what makes the one of the other."""
    found = []
    for name, stored in _differences(form, entry, zone):
        typed = _SHOWN[name](form)
        found.append((LABELS[name], stored, typed, compare(stored, typed)))
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
