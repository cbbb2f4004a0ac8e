"""Sentences for people that can be said in another language.

What decides (``timestamps``, ``publishing``) knows no language but English and no reader. It
answers with phrases: text in English, beside what it was put together from, so that the
pages, which know who reads, say it in that one's language (``web/languages.py``).

An f-string and ``str()`` make text of a phrase that nobody can say otherwise any more.
"""

from __future__ import annotations

from collections.abc import Mapping


class Phrase(str):
    """A sentence in English, which can be looked up in a catalogue.

    :param template: what stands in the catalogue; ``%(name)s`` where a value goes, ``%%``
        for a percent sign. It must be written out where it is called, to be found.
    :param values: what goes in; a phrase among them is said in the same language.
    """

    template: str
    plural: str
    number: int
    values: Mapping[str, object]

    def __new__(cls, template: str, **values: object) -> Phrase:
        return cls._of(template, "", 1, values)

    @classmethod
    def _of(cls, template: str, plural: str, number: int, values: Mapping[str, object]) -> Phrase:
        chosen = plural if plural and number != 1 else template
        phrase = super().__new__(cls, chosen % values)
        phrase.template, phrase.plural = template, plural
        phrase.number, phrase.values = number, values
        return phrase

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return type(self)._of, (self.template, self.plural, self.number, self.values)


def counted(one: str, many: str, number: int, **values: object) -> Phrase:
    """A phrase that reads otherwise of one than of several; ``%(number)s`` stands in both."""
    return Phrase._of(one, many, number, {"number": number, **values})


def said_elsewhere(template: str, values: Mapping[str, object]) -> Phrase:
    """A phrase that another process told; it is written out there."""
    return Phrase._of(template, "", 1, values)


class Tenths(float):
    """A number that is shown with one digit behind its point: 12.3, or 12,3."""

    def __str__(self) -> str:
        return f"{float(self):.1f}"


class Grouped(int):
    """A number whose digits are shown in groups, as its reader's language does: 1,000."""

    def __str__(self) -> str:
        return f"{int(self):,}"
