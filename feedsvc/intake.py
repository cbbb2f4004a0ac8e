"""From a file to an article that is stored, as a command does it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from feedsvc.config import Config
from feedsvc.errors import ImportRefused, InvalidEntry, TimestampError
from feedsvc.importing import ImportedArticle, parse_article
from feedsvc.model import Category, State
from feedsvc.publishing import Action, Draft, Publisher, find_faults
from feedsvc.timestamps import describe, to_instant_unattended, zone_named


@dataclass(frozen=True, slots=True)
class Imported:
    """What became of one file.

    :param outcome: ``stored``, ``scheduled``, ``already there`` or ``would be stored``.
    :param warning: what was decided for the writer, or "".
    :param is_new_category: nobody had written in that category before.
    :param body: the text as Markdown.
    """

    title: str
    category: str
    when: str
    outcome: str
    warning: str
    body: str
    is_new_category: bool = False


def import_file(
    config: Config,
    publisher: Publisher | None,
    path: Path,
    now: datetime,
    *,
    category: str = "",
    dry_run: bool = False,
    announce: bool = False,
) -> Imported:
    """Store the article in one file; what is there already stays as it is.

    :param publisher: None where there is no database yet and nothing is to be stored.
    :param category: a slug or name, instead of the one in the file.
    :param announce: readers get it as news, however old it is.
    :raises ImportRefused: names the line and the reason; nothing was stored.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ImportRefused(f"cannot be read: {error.strerror}") from error
    article = parse_article(data, category=category)
    zone = zone_named(config.site.timezone)
    try:
        instant, warning = to_instant_unattended(article.wall, zone)
    except TimestampError as error:
        raise ImportRefused(str(error), article.time_line) from error
    is_new_category = False
    known = publisher.imported(article.origin) if publisher else None
    if known is not None:
        # As it is stored, which may be another category than this file names.
        names = ", ".join(one.name for one in known.categories)
        article = replace(article, title=known.title, category=names, body=known.body)
        instant, warning = known.published or instant, None
        outcome = "already there"
    elif dry_run or publisher is None:
        draft = _draft(article, Category("any", "Any"), instant, config.site.timezone)
        faults = find_faults(draft.cleaned(), Action.IMPORT)
        if faults:
            raise ImportRefused(str(InvalidEntry(faults)))
        outcome = "would be stored"
    else:
        is_new_category = not publisher.has_category(article.category)
        outcome = _store(publisher, article, instant, config.site.timezone, now, announce)
    return Imported(
        title=article.title,
        category=article.category,
        when=describe(instant, zone),
        outcome=outcome,
        warning=warning or "",
        body=article.body,
        is_new_category=is_new_category,
    )


def _store(
    publisher: Publisher,
    article: ImportedArticle,
    instant: datetime,
    zone: str,
    now: datetime,
    announce: bool,
) -> str:
    try:
        category = publisher.category_called(article.category, now)
        draft = _draft(article, category, instant, zone)
        entry, is_new = publisher.import_entry(draft, article.origin, now, announce=announce)
    except InvalidEntry as error:
        raise ImportRefused(str(error)) from error
    if not is_new:
        return "already there"
    return "scheduled" if entry.state is State.SCHEDULED else "stored"


def _draft(article: ImportedArticle, category: Category, instant: datetime, zone: str) -> Draft:
    return Draft(
        title=article.title,
        categories=(category,),
        body=article.body,
        sources=article.sources,
        published=instant,
        wall_time=article.wall_text,
        wall_zone=zone,
    )
