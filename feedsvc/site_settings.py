"""The settings that administrators may change while the service runs.

What they say is kept in the database and stands over config.toml until it is given back. What
the environment says stands over both. Pure functions of a configuration and of what is kept.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import replace

from feedsvc.config import SETTINGS, Config, fault_of
from feedsvc.phrases import Phrase

Value = str | int
# By section and key; neither the address, which readers know, nor the zone, in which times
# were typed, nor what only a restart can change.
NAMES = (
    "site.title",
    "site.description",
    "site.author",
    "site.language",
    "site.rights",
    "site.logo",
    "feeds.window_items",
    "feeds.window_days",
    "feeds.content",
    "feeds.max_age_seconds",
    "feeds.grace_seconds",
)


def value_of(config: Config, name: str) -> Value:
    """What a configuration says of one of ``NAMES``."""
    section, _, key = name.partition(".")
    found: Value = getattr(getattr(config, section), key)
    return found


def variable_of(name: str) -> str:
    """The variable of the environment that sets one of ``NAMES``."""
    return f"FEEDSVC_{name}".replace(".", "_").upper()


def typed_value(name: str, typed: str) -> tuple[Value, str | None]:
    """What was typed for one of ``NAMES`` as its value, and what is wrong with it."""
    section, _, key = name.partition(".")
    setting = SETTINGS[section][key]
    text = typed.strip()
    if setting.kind is not int:
        return text, fault_of(setting, text)
    if not re.fullmatch("-?[0-9]{1,12}", text):
        return text, Phrase("must be a whole number")
    return int(text), fault_of(setting, int(text))


def read(kept: str) -> dict[str, Value]:
    """What the database holds, by name; without what this version cannot go by."""
    try:
        found = json.loads(kept or "{}")
    except ValueError:
        return {}
    known = {name: found[name] for name in NAMES if name in found}
    return {
        name: value
        for name, value in known.items()
        if fault_of(SETTINGS[name.partition(".")[0]][name.partition(".")[2]], value) is None
    }


def written(kept: Mapping[str, Value]) -> str:
    """The same as the database holds it; "" of nothing."""
    return json.dumps(dict(sorted(kept.items())), ensure_ascii=False) if kept else ""


def over(config: Config, kept: Mapping[str, Value]) -> Config:
    """The configuration to go by: with what is kept, but where the environment says something."""
    given = {name: value for name, value in kept.items() if name not in config.fixed}

    def of(section: str) -> dict[str, Value]:
        parts = ((name.partition("."), value) for name, value in given.items())
        return {key: value for (its, _, key), value in parts if its == section}

    return replace(
        config,
        site=replace(config.site, **of("site")),  # type: ignore[arg-type]
        feeds=replace(config.feeds, **of("feeds")),  # type: ignore[arg-type]
    )


def differences(config: Config, kept: Mapping[str, Value]) -> list[str]:
    """One line for each setting that the database holds, for operators."""
    said = []
    for name, value in kept.items():
        if name in config.fixed:
            said.append(
                f"{name}: the database says {value!r}, to no effect: {variable_of(name)} in the"
                f" environment says {value_of(config, name)!r}"
            )
        else:
            said.append(
                f"{name}: the database says {value!r} over {value_of(config, name)!r} of"
                " config.toml; the page Settings gives it back"
            )
    return said
