"""What else a configuration may be."""

from __future__ import annotations

from ipaddress import ip_network
from pathlib import Path

import pytest

from feedsvc.config import FeedsConfig, ServerConfig, SiteConfig, load
from feedsvc.errors import ConfigError

ZONE = {"FEEDSVC_SITE_TIMEZONE": "Europe/Rome"}


def faults(path: Path | None, environ: dict[str, str]) -> list[str]:
    with pytest.raises(ConfigError) as refusal:
        load(path, environ)
    return list(refusal.value.faults)


def test_every_default_is_as_documented(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.sched_getaffinity", lambda _: {0}, raising=False)
    config = load(None, ZONE)
    assert config.site == SiteConfig(
        "feedsvc", "http://127.0.0.1:8000", "en", "Europe/Rome", "", "", "", ""
    )
    assert config.server == ServerConfig(
        "127.0.0.1",
        8000,
        1,
        "protocol",
        (),
        16,
        60,
        (ip_network("127.0.0.1"), ip_network("::1")),
        "",
        False,
    )
    assert config.feeds == FeedsConfig(50, 14, 10_000_000, 0, "full", True, 300, 1.0)


def test_without_a_file_only_the_zone_is_missing() -> None:
    (fault,) = faults(None, {})
    assert fault.startswith('site.timezone: is missing; write for example timezone = "')


@pytest.mark.parametrize(
    ("section", "key", "value"),
    [
        ("site", "title", "true"),
        ("site", "language", "1"),
        ("server", "port", "false"),
        ("server", "port", '"80"'),
        ("server", "port", "80.0"),
        ("server", "trusted_proxies", '"127.0.0.1"'),
        ("server", "trusted_proxies", "[1]"),
        ("storage", "url", "[]"),
        ("feeds", "regenerate_every_seconds", "true"),
        ("feeds", "regenerate_every_seconds", "nan"),
        ("feeds", "window_days", "367"),
    ],
)
def test_an_ill_typed_value_is_refused_by_its_path(
    tmp_path: Path, section: str, key: str, value: str
) -> None:
    file = tmp_path / "config.toml"
    file.write_text(f"[{section}]\n{key} = {value}\n", "utf-8")
    (fault,) = faults(file, ZONE)
    assert fault.startswith(f"{section}.{key}: must be")


def test_the_front_is_one_of_two() -> None:
    assert load(None, {**ZONE, "FEEDSVC_SERVER_FRONT": "wsgi"}).server.front == "wsgi"
    (fault,) = faults(None, {**ZONE, "FEEDSVC_SERVER_FRONT": "asgi"})
    assert fault == 'server.front: must be "protocol" or "wsgi"'


def test_a_whole_number_is_a_number(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_text("[feeds]\nregenerate_every_seconds = 2\n", "utf-8")
    assert load(file, ZONE).feeds.regenerate_every_seconds == 2.0


def test_a_given_address_wins_and_loses_its_last_slash() -> None:
    given = {**ZONE, "FEEDSVC_SITE_URL": "https://news.example.org/"}
    assert load(None, given).site.url == "https://news.example.org"


def test_a_file_that_is_not_utf_8_is_named_with_the_byte(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_bytes(b"# \xff\n")
    (fault,) = faults(file, ZONE)
    assert fault.endswith("config.toml: is not UTF-8 at byte 2")


def test_the_variable_that_names_the_file_is_no_fault() -> None:
    assert load(None, {**ZONE, "FEEDSVC_CONFIG": "x", "OTHER": "y"}).site.timezone == "Europe/Rome"


@pytest.mark.parametrize("number", ["9" * 400, "9" * 5000, "-" + "9" * 400])
def test_a_number_too_large_is_a_fault_and_no_crash(tmp_path: Path, number: str) -> None:
    path = tmp_path / "config.toml"
    path.write_text(
        f'[site]\ntimezone = "Europe/Rome"\n[feeds]\nregenerate_every_seconds = {number}\n'
    )
    with pytest.raises(ConfigError):
        load(path, {})
    with pytest.raises(ConfigError):
        load(None, {"FEEDSVC_FEEDS_REGENERATE_EVERY_SECONDS": "1e999"})


@pytest.mark.parametrize("name", ["localtime", "Factory"])
def test_the_hosts_zone_is_not_a_zone(name: str) -> None:
    with pytest.raises(ConfigError, match="not an IANA time zone"):
        load(None, {"FEEDSVC_SITE_TIMEZONE": name})
