"""The picture and the recording of an article in its form, and what is known of each."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from flask import current_app
from itsdangerous import BadData, URLSafeSerializer
from werkzeug.datastructures import MultiDict
from werkzeug.urls import iri_to_uri

from feedsvc.asking import ask, checked_url
from feedsvc.characters import clean_line
from feedsvc.errors import AddressRefused
from feedsvc.model import Enclosure, Entry, whole_second
from feedsvc.phrases import Phrase
from feedsvc.pictures import EXTENSIONS
from feedsvc.rendering import OWN_PICTURE
from feedsvc.storage import StoredPicture
from feedsvc.web.episodes import NO_FIELDS, EpisodeFields
from feedsvc.web.services import services

if TYPE_CHECKING:
    from feedsvc.web.forms import ArticleForm

PICTURE, AUDIO = "picture", "audio"
# What stands for the type until it is known, and what types may be.
_RANGES = {PICTURE: "image/*", AUDIO: "audio/*"}
_TYPES = {
    PICTURE: re.compile(r"image/[a-z0-9][a-z0-9!#$&^_.+-]*"),
    AUDIO: re.compile(r"(?:audio|video)/[a-z0-9][a-z0-9!#$&^_.+-]*"),
}


@dataclass(frozen=True, slots=True)
class EnclosureFields:
    """One of the two sections, as it stands in the browser.

    :param kind: ``picture`` or ``audio``.
    :param media_type: typed by somebody who knows better than the host.
    :param length: in octets, typed likewise.
    :param checked: what was found out of an address, which may have been changed since.
    :param episode: what is said of a recording as one of a podcast.
    """

    kind: str
    address: str = ""
    alt: str = ""
    media_type: str = ""
    length: str = ""
    checked: Enclosure | None = None
    episode: EpisodeFields = NO_FIELDS

    @classmethod
    def of(cls, kind: str, stored: Enclosure | None) -> EnclosureFields:
        """Those of what is stored."""
        if stored is None:
            return cls(kind)
        episode = EpisodeFields.of(stored.episode)
        if stored.is_known:
            return cls(kind, stored.url, stored.alt, checked=stored, episode=episode)
        return cls(
            kind,
            stored.url,
            stored.alt,
            media_type="" if "*" in stored.media_type else stored.media_type,
            length=str(stored.length_bytes or ""),
            episode=episode,
        )

    @classmethod
    def from_request(
        cls, kind: str, typed: MultiDict[str, str], stored: Enclosure | None
    ) -> EnclosureFields:
        """What was typed; of what was not sent, what is stored."""
        before = cls.of(kind, stored)
        address = typed.get(kind, before.address)
        # What was said of another file does not go with this one.
        is_same = _normal(address) == before.address
        known = before if is_same else cls(kind, episode=before.episode.of_another_file())
        return cls(
            kind,
            address,
            typed.get(f"{kind}_alt", known.alt),
            typed.get(f"{kind}_type", known.media_type),
            typed.get(f"{kind}_length", known.length),
            _unpacked(kind, typed.get(f"{kind}_checked", "")) or known.checked,
            EpisodeFields.from_request(typed, known.episode) if kind == AUDIO else known.episode,
        )

    @property
    def url(self) -> str:
        """The address as it is stored: of what is ours the path alone."""
        return _normal(self.address)

    @property
    def is_own(self) -> bool:
        """Whether it is the address of a picture that is stored here, or would be."""
        return self.url.startswith("/media/")

    @property
    def shown(self) -> str:
        """What is compared when two differ."""
        if not self.url:
            return ""
        alt = " ".join(self.alt.split())
        said = (self.url, alt, self.media_type, self.length, self.episode.shown)
        return "\n".join(filter(None, said))

    @property
    def known(self) -> Enclosure | None:
        """What was found out of the address that stands there now."""
        return self.checked if self.checked and self.checked.url == self.url else None

    @property
    def packed(self) -> str:
        """``checked``, for a hidden field; signed, so that nobody claims a check that was none."""
        one = self.checked
        if one is None:
            return ""
        at = one.checked_at.isoformat() if one.checked_at else ""
        return _signer(self.kind).dumps(
            [one.url, one.media_type, one.length_bytes, one.width, one.height, at]
        )

    @property
    def is_to_be_asked(self) -> bool:
        """Whether somebody has to be asked before readers can be told what it is."""
        is_typed = bool(self.media_type.strip() and self.length.strip())
        return bool(self.url) and self.known is None and not is_typed

    def enclosure(self) -> tuple[Enclosure | None, dict[str, str]]:
        """What it says, and what is wrong with it by the names of the form's fields."""
        if not self.url:
            return None, self._homeless()
        episode, faults = self.episode.episode()
        if self.is_own and self.kind == AUDIO:
            return None, {AUDIO: Phrase("this is the address of a picture, not of a recording")}
        if not self.is_own:
            try:
                checked_url(self.url)
            except AddressRefused as error:
                return None, {self.kind: error.said}
        known = self.known
        media_type = self.media_type.strip().lower()
        if media_type and not _TYPES[self.kind].fullmatch(media_type):
            faults[f"{self.kind}_type"] = _type_fault(self.kind)
            media_type = ""
        length = re.sub(r"[ ,._'\u00a0\u202f]", "", self.length)
        if length and not re.fullmatch("[0-9]{1,15}", length):
            faults[f"{self.kind}_length"] = Phrase("a number of octets, such as 12345678")
            length = ""
        return Enclosure(
            self.url,
            media_type or (known.media_type if known else _RANGES[self.kind]),
            int(length or (known.length_bytes if known else 0)),
            alt=clean_line(self.alt) if self.kind == PICTURE else "",
            width=known.width if known else 0,
            height=known.height if known else 0,
            checked_at=known.checked_at if known else None,
            episode=episode,
        ), faults

    def _homeless(self) -> dict[str, str]:
        """What would be lost of an episode whose recording has no address yet.

        Where there was one, it was taken away, and what was said of it goes with it.
        """
        if self.checked or self.episode == NO_FIELDS:
            return {}
        return {
            AUDIO: Phrase(
                "write the address of the recording that is described as an episode below"
            )
        }


NO_PICTURE, NO_AUDIO = EnclosureFields(PICTURE), EnclosureFields(AUDIO)


def _type_fault(kind: str) -> Phrase:
    if kind == PICTURE:
        return Phrase("a type of pictures, such as image/jpeg")
    return Phrase("a type of audio or video, such as audio/mpeg")


def _normal(address: str) -> str:
    # In any case: telephones begin what is typed with a capital letter (RFC 3986 section 3.1).
    address = re.sub("^https?:", lambda it: it[0].lower(), clean_line(address), flags=re.IGNORECASE)
    if "/media/" in address and address.startswith(f"{services().site.url}/media/"):
        return address.removeprefix(services().site.url)
    if address.isascii():
        return address
    try:
        return iri_to_uri(address)
    except ValueError:
        return address


def _unpacked(kind: str, text: str) -> Enclosure | None:
    """What the hidden field holds; None of anything else that may have been sent."""
    if not text:
        return None
    try:
        url, media_type, length, width, height, at = _signer(kind).loads(text)
        checked_at = datetime.fromisoformat(at) if at else None
        return Enclosure(url, media_type, length, "", width, height, checked_at)
    except (BadData, ValueError, TypeError):
        return None


def _signer(kind: str) -> URLSafeSerializer:
    return URLSafeSerializer(current_app.secret_key or "", salt=f"checked {kind}")


def path_of(picture: StoredPicture, *, width: int = 0) -> str:
    """The address of a stored picture, which lasts."""
    size = f"-{width}" if width else ""
    return f"/media/{picture.digest}{size}.{EXTENSIONS[picture.media_type]}"


def of_stored(picture: StoredPicture) -> Enclosure:
    """A stored picture as an article's."""
    return Enclosure(
        path_of(picture),
        picture.media_type,
        picture.length_bytes,
        width=picture.width,
        height=picture.height,
    )


# What is known of the addresses


def looked_up(form: ArticleForm) -> tuple[ArticleForm, dict[str, str]]:
    """The form with what is known of a picture of our own; nobody else is asked.

    What is stored counts, whatever was typed or claimed.
    """
    fields = form.picture
    if not fields.is_own:
        return form, {}
    own, found = OWN_PICTURE.fullmatch(fields.url), None
    if own is not None:
        with services().storage.reading() as tx:
            found = tx.pictures.find(own["digest"])
    if found is None:
        fields = replace(fields, media_type="", length="", checked=None)
        fault = Phrase("there is no such picture here: upload it")
        return replace(form, picture=fields), {PICTURE: fault}
    # The extension may have been typed: the stored one counts.
    known = of_stored(found)
    fields = replace(fields, address=known.url, media_type="", length="", checked=known)
    return replace(form, picture=fields), {}


def asked(
    form: ArticleForm, current: Entry | None = None, *, is_draft: bool = False
) -> tuple[ArticleForm, dict[str, str]]:
    """The form with what the hosts say of addresses that are new in it, and what is wrong.

    No transaction is open meanwhile. An address that was checked in this form is not
    asked again, and of a draft neither is one that was saved without an answer.
    """
    form, troubles = looked_up(form)
    for name in (PICTURE, AUDIO):
        fields: EnclosureFields = getattr(form, name)
        if name in troubles or not fields.is_to_be_asked or fields.enclosure()[1]:
            continue
        if is_draft and fields.url in _urls(current):
            troubles[name] = Phrase(
                "its host had no answer that is of use, and is asked again before readers get it"
            )
            continue
        try:
            found = _found(fields)
        except AddressRefused as error:
            troubles[name] = error.said
        else:
            changed: Mapping[str, EnclosureFields] = {name: replace(fields, checked=found)}
            form = replace(form, **changed)  # type: ignore[arg-type]
    return form, troubles


def _urls(entry: Entry | None) -> list[str]:
    return [one.url for one in entry.enclosures] if entry else []


def _found(fields: EnclosureFields) -> Enclosure:
    """What the host says, mended by what was typed.

    :raises AddressRefused: that is not enough.
    """
    given = services()
    told = ask(
        fields.url,
        own_host=urlsplit(given.site.url).netloc,
        allows_private=given.private_enclosures,
    )
    media_type = fields.media_type.strip().lower() or told.media_type
    if not _TYPES[fields.kind].fullmatch(media_type):
        expected = _type_fault(fields.kind)
        raise AddressRefused(
            Phrase(
                "its host says that it is “%(found)s”, not %(expected)s; if you know better, type"
                " type and length below",
                found=media_type[:100] or "?",
                expected=expected,
            )
        )
    length = fields.length.strip()
    if not told.length_bytes and not length:
        raise AddressRefused(
            Phrase("its host does not say how long it is; if you know it, type it below")
        )
    return Enclosure(
        fields.url,
        media_type,
        told.length_bytes or 1,
        checked_at=whole_second(given.clock()),
    )
