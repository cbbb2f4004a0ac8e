"""What a category's form says of it as a podcast."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from feedsvc.podcasts import Podcast

# The form's fields, by what they are of a podcast.
TEXTS = {name: f"podcast_{name}" for name in ("category", "image", "author", "owner", "email")}
# Each chosen from two; the second means yes.
CHOICES = {
    "is_on": ("podcast", "no", "yes"),
    "is_explicit": ("podcast_explicit", "no", "yes"),
    "is_serial": ("podcast_type", "episodic", "serial"),
    "is_locked": ("podcast_locked", "no", "yes"),
}


def podcast_from(typed: Mapping[str, str], stored: Podcast) -> Podcast | None:
    """What was typed; of fields that were not sent, what is stored. None where none was sent."""
    names = {*TEXTS.values(), *(name for name, *_ in CHOICES.values())}
    if names.isdisjoint(typed):
        return None
    texts: dict[str, Any] = {
        name: typed.get(field, getattr(stored, name)) for name, field in TEXTS.items()
    }
    choices: dict[str, Any] = {
        name: typed[field] == yes if field in typed else getattr(stored, name)
        for name, (field, _, yes) in CHOICES.items()
    }
    return replace(stored, **texts, **choices)


def fields_of(podcast: Podcast) -> dict[str, str]:
    """The form's fields and what stands in them."""
    texts = {field: getattr(podcast, name) for name, field in TEXTS.items()}
    chosen = {
        field: yes if getattr(podcast, name) else no for name, (field, no, yes) in CHOICES.items()
    }
    return texts | chosen
