"""The article form: from what was typed to a draft, and back."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, tzinfo

from werkzeug.datastructures import MultiDict

from feedsvc.errors import GapError, OverlapError, TimestampError
from feedsvc.importing import parse_source, source_line
from feedsvc.model import Category, Enclosure, Entry, State
from feedsvc.phrases import Phrase
from feedsvc.publishing import Draft, is_held_back
from feedsvc.slugs import slug_of
from feedsvc.storage import Version
from feedsvc.timestamps import describe, fold_of, is_zone_name, parse_wall, to_instant, wall_text
from feedsvc.web.enclosures import AUDIO, NO_AUDIO, NO_PICTURE, PICTURE, EnclosureFields
from feedsvc.web.episodes import EPISODE_LABELS

# What each field of the form is called, by its name there.
LABELS = {
    "title": Phrase("Title"),
    "category": Phrase("Category"),
    "author": Phrase("Author"),
    "slug": Phrase("Address"),
    "summary": Phrase("Summary"),
    "body": Phrase("Body"),
    "sources": Phrase("Sources"),
    "picture": Phrase("Picture"),
    "picture_alt": Phrase("Alternative text"),
    "picture_file": Phrase("File"),
    "picture_type": Phrase("Type"),
    "picture_length": Phrase("Length in octets"),
    "audio": Phrase("Audio"),
    "audio_type": Phrase("Type"),
    "audio_length": Phrase("Length in octets"),
    **EPISODE_LABELS,
    "publish_at": Phrase("Publish at"),
    "state": Phrase("State"),
    "form": Phrase("Form"),
}
# The names in the form of what publishing calls a field.
FIELD_NAMES = {"published": "publish_at", "categories": "category"}


@dataclass(frozen=True, slots=True)
class ArticleForm:
    """The form as it stands in the browser, typed text and all.

    :param also_in: slugs of the further categories.
    :param new_category: name of one that is to be made and comes first.
    :param slug: the name of the page's address; "" leaves it to the title.
    :param fold: which of two equal wall times: "", "0" or "1".
    :param told: whether readers are told of a change: "correction" or "update".
    :param revision: of the entry that the editor was shown; 0 of a new one.
    :param zone_name: the IANA zone that stood beside the time field when it was
        shown: what was typed means that one, even if the site has moved since.
    :param window: tells the window it stands in from others: what is kept of one is not
        forgotten when another is saved.
    """

    title: str = ""
    category: str = ""
    also_in: tuple[str, ...] = ()
    new_category: str = ""
    summary: str = ""
    body: str = ""
    author: str = ""
    slug: str = ""
    publish_at: str = ""
    fold: str = ""
    sources: str = ""
    told: str = "correction"
    revision: int = 0
    zone_name: str = ""
    window: str = ""
    picture: EnclosureFields = NO_PICTURE
    audio: EnclosureFields = NO_AUDIO
    faults: Mapping[str, str] = field(default_factory=dict)
    # (value of ``fold``, what people read) where the time is shown twice.
    fold_choices: Sequence[tuple[str, str]] = ()
    # (what would be typed, what people read) where the time does not exist.
    gap_choices: Sequence[tuple[str, str]] = ()

    @classmethod
    def from_request(cls, typed: MultiDict[str, str], stored: Entry | None = None) -> ArticleForm:
        """Everything that was typed, as it was typed.

        :param stored: what counts for picture and recording where they were not sent.
        """
        revision = typed.get("revision", "0")
        zone_name = typed.get("zone", "")
        # A choice was made about one written time; of another it says nothing, and a
        # radio button once pressed cannot be released.
        written = typed.get("publish_at", "").strip()
        asked = typed.get("asked_about", written).strip()

        def is_chosen(name: str) -> bool:
            return bool(typed.get(name)) and written == asked

        return cls(
            title=typed.get("title", ""),
            category=typed.get("category", ""),
            also_in=tuple(typed.getlist("also_in")),
            new_category=typed.get("new_category", ""),
            summary=typed.get("summary", ""),
            body=typed.get("body", ""),
            author=typed.get("author", ""),
            slug=typed.get("slug", ""),
            publish_at=typed["instead"] if is_chosen("instead") else typed.get("publish_at", ""),
            fold=typed["fold"] if is_chosen("fold") and typed["fold"] in ("0", "1") else "",
            sources=typed.get("sources", ""),
            told="update" if typed.get("told") == "update" else "correction",
            revision=int(revision) if re.fullmatch("[0-9]{1,9}", revision) else 0,
            zone_name=zone_name if is_zone_name(zone_name) else "",
            window=typed.get("window", "")[:40],
            picture=EnclosureFields.from_request(
                PICTURE, typed, stored.picture if stored else None
            ),
            audio=EnclosureFields.from_request(AUDIO, typed, stored.recording if stored else None),
        )

    @classmethod
    def from_entry(cls, entry: Entry, zone: tzinfo) -> ArticleForm:
        """The form of a stored entry; its time as the clocks of ``zone`` show it."""
        form = cls(
            title=entry.title,
            category=entry.categories[0].slug if entry.categories else "",
            also_in=tuple(category.slug for category in entry.categories[1:]),
            summary=entry.summary,
            body=entry.body,
            author=entry.author,
            slug=entry.slug if not _is_derived(entry) else "",
            publish_at=wall_text(entry.published, zone) if entry.published else "",
            sources="\n".join(source_line(source) for source in entry.sources),
            picture=EnclosureFields.of(PICTURE, entry.picture),
            audio=EnclosureFields.of(AUDIO, entry.recording),
            revision=entry.revision,
        )
        if entry.published is None:
            return form
        if is_held_back(entry) and not entry.wall_time:
            # Nobody typed it: taken back and published later, it is of later.
            return replace(form, publish_at="")
        choices = time_choices(form.publish_at, zone)
        fold = str(fold_of(entry.published, zone)) if choices else ""
        return replace(form, fold=fold, fold_choices=choices)

    @classmethod
    def from_version(cls, version: Version, entry: Entry, zone: tzinfo) -> ArticleForm:
        """The form of a stored entry with what it said in an earlier version."""
        form = cls.from_entry(entry, zone)
        slugs = tuple(category.slug for category in version.categories)
        is_out = entry.state is State.PUBLISHED
        restored = replace(
            form,
            title=version.title,
            category=slugs[0] if slugs else "",
            also_in=slugs[1:],
            summary=version.summary,
            body=version.body,
            author=version.author,
            slug=version.slug if is_out and version.slug else form.slug,
            sources="\n".join(source_line(source) for source in version.sources),
            picture=EnclosureFields.of(PICTURE, version.picture),
            audio=EnclosureFields.of(AUDIO, version.recording),
        )
        if version.published is None or version.published == entry.published:
            return restored
        written = wall_text(version.published, zone)
        choices = time_choices(written, zone)
        fold = str(fold_of(version.published, zone)) if choices else ""
        return replace(restored, publish_at=written, fold=fold, fold_choices=choices)

    def to_draft(
        self, categories: Sequence[Category], current: Entry | None, zone: tzinfo, zone_name: str
    ) -> tuple[Draft, ArticleForm]:
        """What was typed as a draft, and the form with what is wrong in it.

        :param current: the entry as it is stored, if it is.
        """
        faults: dict[str, str] = {}
        by_slug = {category.slug: category for category in categories}
        wanted = [slug for slug in (self.category, *self.also_in) if slug]
        unknown = [slug for slug in wanted if slug not in by_slug]
        if self.also_in and not self.category:
            faults["category"] = Phrase(
                "choose the one it belongs to first; those ticked come after it"
            )
        if unknown:
            faults["category"] = Phrase(
                "there is no category “%(slug)s” any more; choose another", slug=unknown[0]
            )
        enclosures, wrong = self._enclosures()
        faults |= wrong
        instant: datetime | None = None
        choices: tuple[tuple[str, str], ...] = ()
        instead: tuple[tuple[str, str], ...] = ()
        try:
            instant = self._instant(current, zone)
        except OverlapError as error:
            choices = _as_choices(error)
            faults["publish_at"] = Phrase("%(why)s Choose which one is meant.", why=error.said)
        except GapError as error:
            instead = tuple(
                (text, describe(offered, zone)) for text, offered in (error.before, error.after)
            )
            faults["publish_at"] = error.said
        except TimestampError as error:
            faults["publish_at"] = error.said
        wall_time = self.publish_at.strip()[:40] if instant else ""
        wall_zone = zone_name if instant else ""
        if instant and current and instant == current.published:
            # Nobody typed it anew: what was typed then stays beside it.
            wall_time, wall_zone = current.wall_time, current.wall_zone
        draft = Draft(
            title=self.title,
            categories=tuple(by_slug[slug] for slug in wanted if slug in by_slug),
            body=self.body,
            summary=self.summary,
            author=self.author,
            sources=tuple(
                source for line in self.sources.splitlines() if (source := parse_source(line))
            ),
            published=instant,
            wall_time=wall_time,
            wall_zone=wall_zone,
            slug=self.slug,
            enclosures=enclosures,
        )
        choices = choices or time_choices(self.publish_at, zone)
        return draft, replace(self, faults=faults, fold_choices=choices, gap_choices=instead)

    def _enclosures(self) -> tuple[tuple[Enclosure, ...], dict[str, str]]:
        """Picture and recording, and what is wrong with them."""
        found = [fields.enclosure() for fields in (self.picture, self.audio)]
        faults = {name: fault for _, wrong in found for name, fault in wrong.items()}
        return tuple(one for one, _ in found if one is not None), faults

    def _instant(self, current: Entry | None, zone: tzinfo) -> datetime | None:
        """The instant typed, or None where the field is empty.

        A field that shows the stored instant still means that very instant, to
        the second.
        """
        text = self.publish_at.strip()
        if not text:
            return None
        wall = parse_wall(text)
        stored = current.published if current else None
        if stored and self._shows(stored, wall, zone):
            return stored
        return to_instant(wall, zone, fold=int(self.fold) if self.fold else None)

    def _shows(self, instant: datetime, wall: datetime, zone: tzinfo) -> bool:
        if wall_text(instant, zone) != wall_text_of(wall):
            return False
        is_told_apart = bool(self.fold and time_choices(self.publish_at, zone))
        return not is_told_apart or self.fold == str(fold_of(instant, zone))

    def with_faults(self, faults: Mapping[str, str]) -> ArticleForm:
        """The same with more said to be wrong, by the names of the form's fields."""
        named = {FIELD_NAMES.get(name, name): fault for name, fault in faults.items()}
        return replace(self, faults={**named, **self.faults})


def _is_derived(entry: Entry) -> bool:
    """Whether the address of an article that nobody has seen follows its title."""
    if entry.state not in (State.DRAFT, State.SCHEDULED):
        return False
    derived = re.escape(slug_of(entry.title))
    told_apart = f"[2-9]|1[0-9]|20|{entry.uuid[:8]}|{entry.uuid}"
    return re.fullmatch(f"{derived}(-({told_apart}))?", entry.slug) is not None


def wall_text_of(wall: datetime) -> str:
    """A naive wall time in the form in which the field shows it."""
    return f"{wall.day:02d}/{wall.month:02d}/{wall.year:04d} {wall:%H:%M}"


def time_choices(text: str, zone: tzinfo) -> tuple[tuple[str, str], ...]:
    """The two instants of a time that is shown twice, to choose from; else nothing."""
    try:
        to_instant(parse_wall(text), zone)
    except OverlapError as error:
        return _as_choices(error)
    except TimestampError:
        pass
    return ()


def _as_choices(error: OverlapError) -> tuple[tuple[str, str], ...]:
    return (
        ("0", Phrase("the first: %(time)s", time=error.first[0])),
        ("1", Phrase("the second: %(time)s", time=error.second[0])),
    )


def is_editable(entry: Entry | None) -> bool:
    """Whether the form of this entry takes changes."""
    return entry is None or entry.state not in (State.WITHDRAWN, State.DISCARDED)
