"""Make, rename and move categories, and say what their feeds carry."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

import structlog

from feedsvc.characters import clean_line, is_language_tag
from feedsvc.errors import EditConflict, InvalidEntry, NotFound
from feedsvc.model import Category, whole_second
from feedsvc.phrases import Grouped, Phrase
from feedsvc.podcasts import NO_PODCAST, Podcast
from feedsvc.publishing.podcasts import Cover, as_kept, cover_digest, feed_url, podcast_faults
from feedsvc.publishing.regeneration import Regenerator
from feedsvc.slugs import category_slug_of, is_reserved
from feedsvc.storage import BY_COMMAND, Transaction

log = structlog.get_logger("feedsvc.publishing")

LONGEST_CATEGORY = 100
LONGEST_DESCRIPTION = 1_000
# So many feeds are rendered while an editor waits.
MOST_AT_ONCE = 20
_NAME_FAULT = Phrase(
    "a category needs a name, of at most %(longest)s characters", longest=LONGEST_CATEGORY
)


class Move(StrEnum):
    """Where a category is to stand."""

    UP = "up"
    DOWN = "down"
    FIRST = "first"
    LAST = "last"


@dataclass(frozen=True, slots=True)
class CategoryKeeper(Regenerator):
    """Everything that changes categories; each change is announced to the feeds that show it."""

    def has_category(self, name_or_slug: str) -> bool:
        """Whether ``category_called`` would find one."""
        with self.storage.reading() as tx:
            return tx.feeds.category_called(name_or_slug) is not None

    def category_called(self, name_or_slug: str, now: datetime) -> Category:
        """The category of that slug, or of that name, or a new one of that name."""
        with self.storage.reading() as tx:
            try:
                return tx.feeds.category(name_or_slug)
            except NotFound:
                pass
        return self.ensure_category(name_or_slug, now)

    def ensure_category(
        self,
        name: str,
        now: datetime,
        *,
        slug: str = "",
        description: str = "",
        language: str = "",
        content: str = "",
        by: str = "",
    ) -> Category:
        """The category of that slug or name, made if it is missing.

        :param by: the name of the editor's account.
        :raises InvalidEntry: the name is empty or too long.
        """
        name, description = clean_line(name), clean_line(description)
        if not 0 < len(name) <= LONGEST_CATEGORY:
            raise InvalidEntry({"category": _NAME_FAULT})
        with self.storage.writing() as tx:
            tx.feeds.lock_categories()
            if slug:
                try:
                    return tx.feeds.category(slug)
                except NotFound:
                    pass
            else:
                known = tx.feeds.category_named(name)
                if known:
                    return known
                slug = tx.feeds.free_category_slug(category_slug_of(name))
            wanted = Category(slug, name, description, language=language, content=content)
            made = tx.feeds.add_category(wanted, whole_second(now))
            tx.audit.note(now, by=by, action=named_by("category.made", by), subject=made.name)
        log.info("category made", category=made.slug)
        return made

    def change_category(
        self,
        slug: str,
        now: datetime,
        *,
        name: str,
        new_slug: str,
        description: str,
        language: str | None = None,
        content: str | None = None,
        podcast: Podcast | None = None,
        expected: Category | None = None,
        by: str = "",
    ) -> Category:
        """Rename a category, or give it another address; the old one stays its own.

        :param new_slug: as it was typed; "" leaves it as it is.
        :param language: BCP 47 tag as it was typed, "" the site's; None leaves it as it is.
        :param content: one of ``CONTENTS``, "" the site's; None leaves it as it is.
        :param podcast: as it was typed, but for its UUID; None leaves it as it is.
        :param expected: what the editor was shown; its id does not count, nor do its
            language, content and podcast where none are given.
        :param by: the name of the editor's account.
        :raises EditConflict: it is another now; nothing was stored.
        :raises NotFound: there is no category ``slug``.
        :raises InvalidEntry: names each field that is wrong; nothing was stored.
        """
        with self.storage.writing() as tx:
            tx.feeds.lock_categories()
            current = tx.feeds.category(slug)
            if expected and language is None:
                expected = replace(expected, language=current.language)
            if expected and content is None:
                expected = replace(expected, content=current.content)
            if expected and podcast is None:
                expected = replace(expected, podcast=current.podcast)
            if expected and replace(expected, id=current.id) != current:
                raise EditConflict(
                    Phrase("somebody else changed this category since you opened it")
                )
            changed = Category(
                category_slug_of(new_slug) if new_slug.strip() else current.slug,
                clean_line(name) or "?",
                clean_line(description),
                current.id,
                current.language if language is None else clean_line(language),
                current.content if content is None else content,
            )
            changed = self._with_podcast(changed, podcast, current.podcast)
            self._check_category(tx, changed, name, new_slug)
            if changed == current:
                return current
            tx.feeds.change_category(changed)
            is_named_anew = (current.name, current.slug) != (changed.name, changed.slug)
            named = [
                name
                for name in ("description", "language", "content", "podcast")
                if getattr(current, name) != getattr(changed, name)
            ]
            if is_named_anew:
                named.insert(0, f"was {current.name}, {current.slug}")
            tx.audit.note(
                now, by=by, action="category.changed", subject=changed.name, detail="; ".join(named)
            )
            own = tx.feeds.feed(changed.slug).id
            touched = tx.feeds.sharing_with(changed)
            tx.feeds.announce(touched, whole_second(now))
        log.info("category changed", category=changed.slug, before=current.slug)
        # Its own first. Thousands may share an article with it: those can wait.
        touched.sort(key=lambda feed_id: feed_id != own)
        self._regenerate_quietly(touched[:MOST_AT_ONCE], now)
        return changed

    def new_category(
        self,
        now: datetime,
        *,
        name: str,
        slug: str = "",
        description: str = "",
        language: str = "",
        content: str = "",
        podcast: Podcast | None = None,
        by: str = "",
    ) -> Category:
        """A category that was not there before, with its feeds, behind the others.

        :param by: the name of the editor's account.
        :raises InvalidEntry: names each field that is wrong; nothing was stored.
        """
        category = Category(
            category_slug_of(slug if slug.strip() else clean_line(name)),
            clean_line(name) or "?",
            clean_line(description),
            language=clean_line(language),
            content=content,
        )
        category = self._with_podcast(category, podcast, NO_PODCAST)
        with self.storage.writing() as tx:
            tx.feeds.lock_categories()
            self._check_category(tx, category, name, slug)
            made = tx.feeds.add_category(category, whole_second(now))
            tx.audit.note(now, by=by, action="category.made", subject=made.name)
            own = tx.feeds.feed(made.slug).id
        log.info("category made", category=made.slug)
        self._regenerate_quietly([own], now)
        return made

    def move_category(
        self, slug: str, to: Move, now: datetime, *, beside: str | None = None, by: str = ""
    ) -> Category:
        """Put a category elsewhere in the order in which they are named.

        :param beside: the slug of the one that stood there when the editor looked, which it
            is to stand before (up) or behind (down). None: whichever stands there now.
        :param by: the name of the editor's account.
        :raises EditConflict: another one stands there now; nothing was stored.
        :raises NotFound: there is no category ``slug``.
        """
        with self.storage.writing() as tx:
            tx.feeds.lock_categories()
            category, order = tx.feeds.category(slug), tx.category_order
            there, opposite = order.before(category), order.after(category)
            if to in (Move.DOWN, Move.LAST):
                there, opposite = opposite, there
            if to in (Move.FIRST, Move.LAST):
                is_moved = there is not None
                if is_moved:
                    put = order.put_first if to is Move.FIRST else order.put_last
                    put(category)
            else:
                wanted = there
                if beside is not None:
                    shown = tx.feeds.category_called(beside)
                    wanted = shown.id if shown else -1
                if wanted not in (there, opposite):
                    raise EditConflict(
                        Phrase("somebody else moved categories since you opened the page")
                    )
                # On its other side it stands where it was to: the button was pressed twice.
                is_moved = there is not None and wanted == there
                if there is not None and is_moved:
                    order.exchange(category.id, there)
            if not is_moved:
                return category
            tx.audit.note(
                now, by=by, action="category.moved", subject=category.name, detail=to.value
            )
        log.info("category moved", category=category.slug, to=to.value)
        return category

    def _with_podcast(
        self, category: Category, typed: Podcast | None, current: Podcast
    ) -> Category:
        if typed is None:
            return replace(category, podcast=current)
        kept = as_kept(typed, current, feed_url(category, self.site), self.site)
        return replace(category, podcast=kept)

    def _check_category(
        self, tx: Transaction, wanted: Category, typed_name: str, typed_slug: str
    ) -> None:
        faults: dict[str, str] = {}
        named = tx.feeds.category_named(wanted.name)
        if not 0 < len(clean_line(typed_name)) <= LONGEST_CATEGORY:
            faults["name"] = _NAME_FAULT
        elif named and named.id != wanted.id:
            faults["name"] = Phrase("there is a category “%(name)s” already", name=named.name)
        try:
            owner = tx.feeds.category(wanted.slug)
        except NotFound:
            pass
        else:
            if owner.id != wanted.id:
                faults["slug"] = Phrase(
                    "“%(slug)s” is or was the address of “%(owner)s”",
                    slug=wanted.slug,
                    owner=owner.name,
                )
        if typed_slug.strip() and is_reserved(typed_slug):
            faults["slug"] = Phrase(
                "the service itself has an address of that name; write another, such as “%(slug)s”",
                slug=wanted.slug,
            )
        if len(wanted.description) > LONGEST_DESCRIPTION:
            faults["description"] = Phrase(
                "at most %(longest)s characters", longest=Grouped(LONGEST_DESCRIPTION)
            )
        if wanted.language and not is_language_tag(wanted.language):
            faults["language"] = Phrase(
                "“%(tag)s” is not a language tag (BCP 47); write for example “en”, “pt-BR” or"
                " “ar”, or nothing for the site's own",
                tag=wanted.language,
            )
        digest = cover_digest(wanted.podcast.image)
        stored = tx.pictures.find(digest) if digest else None
        cover = Cover(stored.media_type, stored.width, stored.height) if stored else None
        faults |= podcast_faults(wanted.podcast, cover)
        if faults:
            raise InvalidEntry(faults)


def named_by(action: str, by: str) -> str:
    """What the log calls it; where nobody is signed in it is done by a command."""
    return action if by else action + BY_COMMAND
