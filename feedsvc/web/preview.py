"""An article as readers will have it, and what may be mended before."""

from __future__ import annotations

from dataclasses import dataclass, replace
from uuid import UUID

from feedsvc.characters import is_right_to_left, names_in
from feedsvc.model import ID_PREFIX, Entry, State
from feedsvc.publishing import Action, Draft, Remark, find_faults, remarks
from feedsvc.rendering import entry_html, summary_text
from feedsvc.slugs import slug_of
from feedsvc.storage import Storage
from feedsvc.web.forms import FIELD_NAMES, LABELS, ArticleForm
from feedsvc.web.services import services
from feedsvc.web.wording import EVERYTHING

# Of what will be refused so much is shown.
LONGEST = 500


@dataclass(frozen=True, slots=True)
class Preview:
    """What is shown of it.

    :param proposed: the summary that is taken from the body where none is written.
    :param language: BCP 47 tag of what it is written in.
    :param feeds: names of the feeds that it will be in.
    :param html: the very HTML that pages and feeds carry.
    :param remarks: (name of the form's field, its label, what is to be said of it).
    """

    title: str
    author: str
    summary: str
    proposed: str
    html: str
    is_right_to_left: bool
    language: str
    feeds: tuple[str, ...]
    remarks: tuple[tuple[str, str, str], ...]

    @classmethod
    def of(cls, draft: Draft, form: ArticleForm, uuid: UUID) -> Preview:
        """Of what was typed, whatever is wrong with it."""
        given, draft = services(), draft.cleaned()
        slug = draft.slug.strip() or draft.title
        entry = Entry(
            id=f"{ID_PREFIX}{uuid}",
            slug=slug_of(slug) if slug.strip() else "",
            title=draft.title,
            author=draft.author,
            summary=draft.summary,
            body=draft.body,
            categories=draft.categories,
            state=State.DRAFT,
            sources=draft.sources,
            enclosures=draft.enclosures,
        )
        # What would be refused, as it would be put; of what is far too long nothing is made.
        faults = {**find_faults(draft, Action.SAVE_DRAFT), **form.faults}
        said = [Remark(name, fault) for name, fault in faults.items()]
        if {"title", "summary", "body", "sources"}.isdisjoint(faults):
            is_used = _is_title_used(given.storage, entry)
            said += remarks(draft, given.clock(), is_title_used=is_used)
        else:
            entry = replace(entry, title=entry.title[:LONGEST], summary="", body="", sources=())
        named = ((FIELD_NAMES.get(one.field, one.field), one.text) for one in said)
        return cls(
            title=entry.title,
            author=draft.author or given.site.author or given.site.title,
            summary=summary_text(entry),
            proposed=summary_text(replace(entry, title="", summary="")),
            html=entry_html(entry, given.site),
            is_right_to_left=is_right_to_left(draft.body),
            language=entry.language(given.site),
            feeds=(*(one.name for one in draft.categories), *names_in(draft.author), EVERYTHING)
            if draft.categories
            else (),
            remarks=tuple((name, LABELS.get(name, name), text) for name, text in named),
        )


def _is_title_used(storage: Storage, entry: Entry) -> bool:
    if not entry.title:
        return False
    with storage.reading() as tx:
        return tx.entries.is_title_used(entry.title, but=entry.id)
