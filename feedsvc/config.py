"""``config.toml`` and the environment, read once into one frozen ``Config``.

Every fault is found and reported together by dotted path; a service never
starts on half a configuration. ``FEEDSVC_<SECTION>_<KEY>`` overrides a setting,
``FEEDSVC_<SECTION>_<KEY>_FILE`` reads it from a file (for secrets).
"""

from __future__ import annotations

import ipaddress
import math
import os
import re
import tomllib
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from feedsvc.characters import clean_line, is_language_tag
from feedsvc.errors import ConfigError
from feedsvc.model import CONTENTS
from feedsvc.phrases import Phrase
from feedsvc.slugs import RESERVED_SLUGS
from feedsvc.timestamps import is_zone_name

IPNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(frozen=True, slots=True)
class SiteConfig:
    """``[site]``. ``url`` is absolute and has no slash at the end."""

    title: str
    url: str
    language: str
    timezone: str
    description: str
    author: str
    rights: str
    logo: str


@dataclass(frozen=True, slots=True)
class ServerConfig:
    """``[server]``. Only ``trusted_proxies`` may say who the client is.

    ``full_polls_per_hour``: how often a client may have one feed in full; 0: as it likes.
    ``metrics_from``: who may read ``/metrics``.
    ``access_log``: a file, ``-`` for standard output, or nothing.
    ``private_enclosures``: whether editors may name files on private networks.

    :param front: ``protocol``: our own HTTP answers polls; ``wsgi``: a WSGI server does.
    ``cache_megabytes`` bounds the feed documents that a worker holds in memory.
    """

    host: str
    port: int
    workers: int
    front: str
    trusted_proxies: tuple[IPNetwork, ...]
    cache_megabytes: int
    full_polls_per_hour: int
    metrics_from: tuple[IPNetwork, ...]
    access_log: str
    private_enclosures: bool


@dataclass(frozen=True, slots=True)
class FeedsConfig:
    """``[feeds]``."""

    window_items: int
    window_days: int
    window_bytes: int
    grace_seconds: int
    content: str
    deltas: bool
    max_age_seconds: int
    regenerate_every_seconds: float


@dataclass(frozen=True, slots=True)
class CategoryConfig:
    """One of ``[[categories]]``: created at the first start if missing."""

    slug: str
    name: str
    description: str
    language: str
    content: str


@dataclass(frozen=True, slots=True)
class Config:
    """Everything an operator may set.

    :param fixed: dotted paths of what the environment sets.
    """

    site: SiteConfig
    server: ServerConfig
    storage_url: str
    feeds: FeedsConfig
    categories: tuple[CategoryConfig, ...]
    fixed: frozenset[str] = frozenset()


Check = Callable[[Any], str | None]


@dataclass(frozen=True, slots=True)
class Setting:
    """One key: what it holds, and what is wrong with a value."""

    kind: type
    default: Any = None
    required: bool = False
    check: Check = lambda value: None


def _filled(value: str) -> str | None:
    return None if value.strip() else Phrase("must not be empty")


def _at_most(characters: int) -> Callable[[str], str | None]:
    def check(value: str) -> str | None:
        if len(value) <= characters:
            return None
        return Phrase("must have at most %(most)s characters", most=characters)

    return check


def _title(value: str) -> str | None:
    return _filled(value) or _at_most(200)(value)


def _is_address(value: str) -> bool:
    """Whether it is an absolute http or https address without a user's name."""
    try:
        parts = urlsplit(value)
        is_absolute = parts.scheme in ("http", "https") and bool(parts.hostname)
        _ = parts.port
    except ValueError:  # such as http://[x or http://x:99999
        return False
    return is_absolute and parts.username is None and not re.search(r"\s", value)


def _url(value: str) -> str | None:
    if not _is_address(value):
        return "must be an absolute http or https address, such as https://news.example.org"
    if "?" in value or "#" in value or urlsplit(value).path not in ("", "/"):
        return "must be a site's root: no path, query or fragment"
    return None


def _logo(value: str) -> str | None:
    is_own = re.fullmatch(r"/(?!/)[\x21-\x7e]*", value) is not None
    if not value or ((is_own or _is_address(value)) and len(value) <= 2_000):
        return None
    return Phrase(
        "must be the address of a picture, such as https://example.org/logo.png, or nothing"
    )


def _zone(value: str) -> str | None:
    if is_zone_name(value):
        return None
    return f'{value!r} is not an IANA time zone; write for example "Europe/Rome"'


def _language(value: str) -> str | None:
    if is_language_tag(value):
        return None
    return Phrase(
        '%(tag)s is not a BCP 47 language tag; write for example "en" or "pt-BR"', tag=repr(value)
    )


def _between(low: float, high: float) -> Check:
    lowest, highest = f"{low:g}", f"{high:g}"
    fault = Phrase("must be from %(low)s to %(high)s", low=lowest, high=highest)
    return lambda value: None if low <= value <= high else fault


def _one_of(*values: str) -> Check:
    *others, last = (f'"{value}"' for value in values)
    allowed = f"{', '.join(others)} or {last}"
    return lambda value: None if value in values else f"must be {allowed}"


def _storage(value: str) -> str | None:
    if value.startswith("sqlite:///"):
        return None if value.strip("/") != "sqlite:" else "must name a file behind sqlite:///"
    try:
        parts = urlsplit(value)
        _ = parts.port
    except ValueError as error:  # such as postgresql://host:abc/name
        return f"is no address: {error}"
    if parts.scheme == "postgresql" and value.startswith("postgresql://"):
        return None
    return 'must begin with "sqlite:///" or "postgresql://"'


_content = _one_of(*CONTENTS)


def _networks(values: list[str]) -> str | None:
    for value in values:
        try:
            ipaddress.ip_network(value, strict=False)
        except ValueError:
            return f"{value!r} is not an address or network such as 127.0.0.1 or 10.0.0.0/8"
    return None


def _slug(value: str) -> str | None:
    if value in RESERVED_SLUGS:
        return f"{value!r} is reserved"
    if re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", value):
        return None
    return f"{value!r} must be lower-case letters, digits and hyphens"


# A worker answers some 20,000 polls a second and takes a tenth of a gigabyte.
MOST_WORKERS_UNASKED = 4
# Where Linux says how much of the processors a container may have.
CGROUP_LIMIT = Path("/sys/fs/cgroup/cpu.max")


def _workers_for_this_machine() -> int:
    """One for each processor that this process may use, up to a few."""
    try:
        processors = len(os.sched_getaffinity(0))
    except AttributeError:  # not on macOS
        processors = os.cpu_count() or 1
    with suppress(OSError, ValueError):  # no such file, or "max": no limit
        allowed, period = CGROUP_LIMIT.read_text().split()
        processors = min(processors, math.ceil(int(allowed) / int(period)))
    return max(1, min(processors, MOST_WORKERS_UNASKED))


SETTINGS: Mapping[str, Mapping[str, Setting]] = {
    "site": {
        "title": Setting(str, "feedsvc", check=_title),
        "url": Setting(str, check=_url),
        "language": Setting(str, "en", check=_language),
        "timezone": Setting(str, required=True, check=_zone),
        "description": Setting(str, "", check=_at_most(1_000)),
        "author": Setting(str, "", check=_at_most(200)),
        "rights": Setting(str, "", check=_at_most(500)),
        "logo": Setting(str, "", check=_logo),
    },
    "server": {
        "host": Setting(str, "127.0.0.1", check=_filled),
        "port": Setting(int, 8000, check=_between(1, 65535)),
        "workers": Setting(int, check=_between(1, 64)),
        "front": Setting(str, "protocol", check=_one_of("protocol", "wsgi")),
        "cache_megabytes": Setting(int, 16, check=_between(1, 65536)),
        "trusted_proxies": Setting(list, (), check=_networks),
        "full_polls_per_hour": Setting(int, 60, check=_between(0, 3600)),
        "metrics_from": Setting(list, ("127.0.0.1", "::1"), check=_networks),
        "access_log": Setting(str, ""),
        "private_enclosures": Setting(bool, False),
    },
    "storage": {"url": Setting(str, "sqlite:///data/feedsvc.db", check=_storage)},
    "feeds": {
        "window_items": Setting(int, 50, check=_between(1, 1000)),
        "window_days": Setting(int, 14, check=_between(0, 366)),
        "window_bytes": Setting(int, 10_000_000, check=_between(10_000, 1_000_000_000)),
        "grace_seconds": Setting(int, 0, check=_between(0, 3600)),
        "content": Setting(str, "full", check=_one_of(*CONTENTS)),
        "deltas": Setting(bool, True),
        "max_age_seconds": Setting(int, 300, check=_between(0, 86400)),
        "regenerate_every_seconds": Setting(float, 1.0, check=_between(0.1, 3600)),
    },
}
CATEGORY_SETTINGS: Mapping[str, Setting] = {
    "slug": Setting(str, required=True, check=_slug),
    "name": Setting(str, required=True, check=_filled),
    "description": Setting(str, ""),
    "language": Setting(str, "", check=lambda value: _language(value) if value else None),
    "content": Setting(str, "", check=lambda value: _content(value) if value else None),
}
_KIND_NAMES = {
    str: "text",
    int: "a whole number",
    float: "a number",
    list: "a list of texts",
    bool: "true or false",
}


def load(path: Path | None, environ: Mapping[str, str]) -> Config:
    """Read ``path`` (if any) and the environment's overrides.

    :raises ConfigError: every fault, each by its dotted path.
    """
    faults: list[str] = []
    document = _read(path, faults)
    if faults:  # nothing can be said of settings that could not be read
        raise ConfigError(faults)
    fixed: set[str] = set()
    values = {name: _section(name, document, environ, fixed, faults) for name in SETTINGS}
    categories = _categories(document, faults)
    known = {*SETTINGS, "categories"}
    faults += [
        f"{name}: no such section; there are {', '.join(sorted(known))}"
        for name in document
        if name not in known
    ]
    faults += _unknown_overrides(environ)
    if faults:
        raise ConfigError(faults)
    site, server, feeds = values["site"], values["server"], values["feeds"]
    if site["url"] is None:
        host = server["host"]
        shown = "127.0.0.1" if host in ("0.0.0.0", "::") else f"[{host}]" if ":" in host else host  # noqa: S104
        site["url"] = f"http://{shown}:{server['port']}"
    site["url"] = site["url"].rstrip("/")
    if server["workers"] is None:
        server["workers"] = _workers_for_this_machine()
    for key in ("trusted_proxies", "metrics_from"):
        server[key] = tuple(ipaddress.ip_network(value, strict=False) for value in server[key])
    return Config(
        site=SiteConfig(**site),
        server=ServerConfig(**server),
        storage_url=values["storage"]["url"],
        feeds=FeedsConfig(**feeds),
        categories=categories,
        fixed=frozenset(fixed),
    )


def _read(path: Path | None, faults: list[str]) -> dict[str, Any]:
    if path is None:
        return {}
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        faults.append(
            f"{path}: cannot be read: {error.strerror}; name the file with --config or"
            " FEEDSVC_CONFIG"
        )
    except UnicodeDecodeError as error:
        faults.append(f"{path}: is not UTF-8 at byte {error.start}")
    except ValueError as error:  # tomllib's own, and int's for one of too many digits
        faults.append(f"{path}: is not TOML: {error}")
    return {}


def _section(
    name: str,
    document: dict[str, Any],
    environ: Mapping[str, str],
    fixed: set[str],
    faults: list[str],
) -> dict[str, Any]:
    table = document.get(name, {})
    if not isinstance(table, dict):
        faults.append(f"{name}: must be a section, written [{name}]")
        table = {}
    given = dict(table)
    for key, setting in SETTINGS[name].items():
        override = _override(name, key, setting, environ, faults)
        if override is not None:
            given[key] = override
            fixed.add(f"{name}.{key}")
    return _checked(name, given, SETTINGS[name], faults)


def _override(
    section: str, key: str, setting: Setting, environ: Mapping[str, str], faults: list[str]
) -> Any:
    variable = f"FEEDSVC_{section}_{key}".upper()
    text = environ.get(variable)
    file = environ.get(f"{variable}_FILE")
    if text is not None and file is not None:
        faults.append(f"{section}.{key}: set {variable} or {variable}_FILE, not both")
        return None
    if file is not None:
        try:
            text = Path(file).read_text("utf-8").rstrip("\r\n")
        except (OSError, UnicodeDecodeError) as error:
            faults.append(f"{section}.{key}: {variable}_FILE cannot be read: {error}")
    if text is None:
        return None
    if setting.kind is list:
        return [part.strip() for part in text.split(",") if part.strip()]
    if setting.kind is bool:
        return {"true": True, "false": False}.get(text, text)
    if setting.kind in (int, float):
        try:
            return setting.kind(text)
        except ValueError:
            return text  # the check of its kind names it
    return text


# What Kubernetes sets in every container beside a service that is called feedsvc.
_KUBERNETES = re.compile("FEEDSVC_(SERVICE_(HOST|PORT(_[A-Z0-9_]+)?)|PORT(_[A-Z0-9_]+)?)")


def _unknown_overrides(environ: Mapping[str, str]) -> list[str]:
    known = {"FEEDSVC_CONFIG"}
    for section, settings in SETTINGS.items():
        for key in settings:
            variable = f"FEEDSVC_{section}_{key}".upper()
            known |= {variable, f"{variable}_FILE"}
    return [
        f"{name}: no such setting (in the environment)"
        for name in sorted(environ)
        if name.startswith("FEEDSVC_") and name not in known and not _KUBERNETES.fullmatch(name)
    ]


def _checked(
    where: str, given: dict[str, Any], settings: Mapping[str, Setting], faults: list[str]
) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for key in given:
        if key not in settings:
            faults.append(f"{where}.{key}: no such setting; there are {', '.join(settings)}")
    for key, setting in settings.items():
        if key not in given:
            values[key] = setting.default
            if setting.required:
                fault = setting.check("")
                reason = "" if fault is None else _example(key)
                faults.append(f"{where}.{key}: is missing{reason}")
            continue
        value = given[key]
        if setting.kind is float and isinstance(value, int) and not isinstance(value, bool):
            # A float cannot hold every whole number; what it cannot is out of range.
            value = float(value) if abs(value) < 2**53 else math.inf
        if fault := fault_of(setting, value):
            faults.append(f"{where}.{key}: {fault}")
        values[key] = value
    return values


def fault_of(setting: Setting, value: object) -> str | None:
    """What is wrong with a value of a setting, or None."""
    if not _is_a(setting.kind, value):
        return f"must be {_KIND_NAMES[setting.kind]}, not {value!r}"
    if isinstance(value, str) and clean_line(value) != value.strip():
        return Phrase("must be one line, without control characters")
    return setting.check(value)


def _example(key: str) -> str:
    return '; write for example timezone = "Europe/Rome"' if key == "timezone" else ""


def _is_a(kind: type, value: object) -> bool:
    if isinstance(value, bool):
        return kind is bool
    if kind is list:
        return isinstance(value, list) and all(isinstance(part, str) for part in value)
    return isinstance(value, kind)


def _categories(document: dict[str, Any], faults: list[str]) -> tuple[CategoryConfig, ...]:
    tables = document.get("categories", [])
    if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
        faults.append("categories: must be sections, each written [[categories]]")
        return ()
    found: list[CategoryConfig] = []
    slugs: set[str] = set()
    for number, table in enumerate(tables):
        before = len(faults)
        values = _checked(f"categories[{number}]", table, CATEGORY_SETTINGS, faults)
        if len(faults) > before:
            continue
        if values["slug"] in slugs:
            faults.append(f"categories[{number}].slug: {values['slug']!r} is there twice")
        slugs.add(values["slug"])
        found.append(CategoryConfig(**values))
    return tuple(found)
