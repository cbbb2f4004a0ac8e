"""Slugs: the names of addresses, made from titles and names."""

from __future__ import annotations

import unicodedata

RESERVED_SLUGS = frozenset({"all", "authors"})
LONGEST_SLUG = 80

# Letters that have no decomposition into a base letter and a mark.
_FOLDED = str.maketrans(
    {
        "ß": "ss",
        "æ": "ae",
        "œ": "oe",
        "ø": "o",
        "ł": "l",
        "đ": "d",
        "ð": "d",
        "þ": "th",
        "ı": "i",
        # An apostrophe divides no word: "town’s" is "towns".
        "'": "",
        "’": "",
    }
)


def slug_of(text: str) -> str:
    """The name of an address made from a title or category name.

    Latin letters lose their marks; letters of other scripts stay, because a
    transliteration would be nobody's spelling. Never empty, never reserved.
    """
    slug = _slug_of(text) or "article"
    return f"{slug}-1" if slug in RESERVED_SLUGS else slug


def _slug_of(text: str) -> str:
    # Decomposed first: a sign such as ™ or 𝐀 only then shows its letters.
    folded = unicodedata.normalize("NFKD", text).lower().translate(_FOLDED)
    kept: list[str] = []
    for character in unicodedata.normalize("NFKD", folded):
        category = unicodedata.category(character)
        if category[0] == "M" and (not kept or kept[-1].isascii()):
            continue  # a mark of a Latin letter, or of no letter at all
        kept.append(character if category[0] in "LNM" else "-")
    words = unicodedata.normalize("NFC", "".join(kept)).split("-")
    slug = ""
    for word in filter(None, words):
        longer = f"{slug}-{word}" if slug else word[:LONGEST_SLUG]
        if len(longer) > LONGEST_SLUG:
            break
        slug = longer
    return slug


def is_reserved(slug: str) -> bool:
    """Whether an address that was typed for a category is one of the service's own."""
    return _slug_of(slug) in RESERVED_SLUGS


def category_slug_of(text: str) -> str:
    """The name of a category's address made from its name; none of the service's own."""
    slug = _slug_of(text) or "category"
    return f"category-{slug}" if slug in RESERVED_SLUGS else slug


def author_slug_of(name: str) -> str:
    """The name of an author's address made from a name."""
    return _slug_of(name) or "author"


def numbered(slug: str) -> list[str]:
    """``slug``, ``slug-2`` and so on to 20: what is tried until one is free."""
    return [slug, *(f"{slug}-{n}" for n in range(2, 21))]
