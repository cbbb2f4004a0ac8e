"""Every fault of a configuration is reported together, by dotted path."""

from __future__ import annotations

from pathlib import Path

import pytest

from feedsvc.config import Config, load
from feedsvc.errors import ConfigError
from tests.service import ROOT

ZONE = '[site]\ntimezone = "Europe/Rome"\n'


def read(tmp_path: Path, text: str, **environ: str) -> Config:
    file = tmp_path / "config.toml"
    file.write_text(text, "utf-8")
    return load(file, environ)


def faults(tmp_path: Path, text: str, **environ: str) -> list[str]:
    with pytest.raises(ConfigError) as refusal:
        read(tmp_path, text, **environ)
    return list(refusal.value.faults)


def test_the_zone_alone_is_enough(tmp_path: Path) -> None:
    config = read(tmp_path, ZONE)
    assert config.site.url == "http://127.0.0.1:8000"
    assert config.storage_url == "sqlite:///data/feedsvc.db"
    assert (config.feeds.window_items, config.feeds.content) == (50, "full")
    assert config.categories == ()


def test_the_shipped_file_loads() -> None:
    config = load(ROOT / "config.toml", {})
    assert "health" in [category.slug for category in config.categories]


def test_all_faults_are_reported_together(tmp_path: Path) -> None:
    text = """
    nothing = 1
    [site]
    title = 3
    url = "news.example.org"
    colour = "red"
    [server]
    port = true
    workers = 0
    trusted_proxies = ["nowhere"]
    [feeds]
    content = "half"
    [[categories]]
    slug = "all"
    name = "A"
    size = 1
    [[categories]]
    slug = "Big News"
    """
    found = faults(tmp_path, text)
    for path in (
        "site.timezone: is missing",
        "site.title: must be text",
        "site.url:",
        "site.colour: no such setting",
        "server.port: must be a whole number",
        "server.workers: must be from 1 to 64",
        "server.trusted_proxies:",
        "feeds.content:",
        "categories[0].slug: 'all' is reserved",
        "categories[0].size: no such setting",
        "categories[1].slug:",
        "categories[1].name: is missing",
        "nothing: no such section",
    ):
        assert [one for one in found if one.startswith(path)], path
    assert len(found) == 13


@pytest.mark.parametrize("zone", ["CET+1", "Mars/Base", "", "EST5EDT4", "localtime-ish"])
def test_a_zone_that_is_none_is_refused(tmp_path: Path, zone: str) -> None:
    (fault,) = faults(tmp_path, f'[site]\ntimezone = "{zone}"\n')
    assert fault.startswith("site.timezone:")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[site", "is not TOML"),
        ('[site]\ntimezone = "Europe/Rome"\nurl = "https://x.example/path"', "no path"),
        (ZONE + 'title = "a\\u0001b"', "control characters"),
        (ZONE + "[feeds]\nwindow_items = 1.5", "must be a whole number"),
        ("site = 3", "written [site]"),
        ("categories = 3\n" + ZONE, "written [[categories]]"),
        (ZONE + ('[[categories]]\nslug = "a"\nname = "A"\n' * 2), "is there twice"),
    ],
)
def test_what_is_wrong_is_said(tmp_path: Path, text: str, said: str) -> None:
    assert any(said in fault for fault in faults(tmp_path, text))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"none\.toml: cannot be read"):
        load(tmp_path / "none.toml", {"FEEDSVC_SITE_TIMEZONE": "Europe/Rome"})


def test_the_environment_overrides_the_file(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("postgresql://u:p@db/feedsvc\n")
    config = read(
        tmp_path,
        ZONE,
        FEEDSVC_SERVER_PORT="9000",
        FEEDSVC_STORAGE_URL_FILE=str(secret),
        FEEDSVC_SERVER_TRUSTED_PROXIES="127.0.0.1, 10.0.0.0/8",
        FEEDSVC_FEEDS_REGENERATE_EVERY_SECONDS="0.5",
    )
    assert config.server.port == 9000
    assert config.storage_url == "postgresql://u:p@db/feedsvc"
    assert [str(one) for one in config.server.trusted_proxies] == ["127.0.0.1/32", "10.0.0.0/8"]
    assert config.feeds.regenerate_every_seconds == 0.5


def test_faults_of_the_environment_are_named(tmp_path: Path) -> None:
    found = faults(
        tmp_path,
        ZONE,
        FEEDSVC_SERVER_PORT="eighty",
        FEEDSVC_SERVER_COLOUR="red",
        FEEDSVC_SITE_TITLE="a",
        FEEDSVC_SITE_TITLE_FILE="b",
        FEEDSVC_STORAGE_URL_FILE=str(tmp_path / "none"),
    )
    for said in ("server.port", "FEEDSVC_SERVER_COLOUR", "not both", "cannot be read"):
        assert any(said in fault for fault in found), said


@pytest.mark.parametrize(
    ("host", "url"),
    [("0.0.0.0", "http://127.0.0.1:8000"), ("::1", "http://[::1]:8000")],  # noqa: S104
)
def test_the_address_follows_from_host_and_port(tmp_path: Path, host: str, url: str) -> None:
    assert read(tmp_path, f'{ZONE}[server]\nhost = "{host}"\n').site.url == url


@pytest.mark.parametrize(
    "url",
    [
        "http://[bad",
        "http://x:99999",
        "http://x:abc",
        "http://exa mple",
        "http://a:b@x",
        "https://x?",
    ],
)
def test_an_address_that_is_none_is_refused(tmp_path: Path, url: str) -> None:
    (fault,) = faults(tmp_path, f'{ZONE}url = "{url}"\n')
    assert fault.startswith("site.url:")


@pytest.mark.parametrize("slug", ["all", "authors", "Health", "a b", "a--b", "-a", "é", ""])
def test_a_slug_that_cannot_stand_in_an_address_is_refused(tmp_path: Path, slug: str) -> None:
    (fault,) = faults(tmp_path, f'{ZONE}[[categories]]\nslug = "{slug}"\nname = "A"\n')
    assert fault.startswith("categories[0].slug:")


@pytest.mark.parametrize("language", ["en_GB", "english language", ""])
def test_a_language_that_is_no_tag_is_refused(tmp_path: Path, language: str) -> None:
    (fault,) = faults(tmp_path, f'{ZONE}language = "{language}"\n')
    assert fault.startswith("site.language:")


def test_a_variable_that_is_set_wins_over_a_fault_in_the_file(tmp_path: Path) -> None:
    assert read(tmp_path, f"{ZONE}title = 3\n", FEEDSVC_SITE_TITLE="News").site.title == "News"


def test_a_secret_given_twice_is_named_with_both_variables(tmp_path: Path) -> None:
    (fault,) = faults(
        tmp_path, ZONE, FEEDSVC_STORAGE_URL="sqlite:///x", FEEDSVC_STORAGE_URL_FILE="y"
    )
    assert fault == ("storage.url: set FEEDSVC_STORAGE_URL or FEEDSVC_STORAGE_URL_FILE, not both")


@pytest.mark.parametrize(
    ("processors", "limit", "workers"),
    [
        (1, "max 100000", 1),
        (2, "max 100000", 2),
        (2, None, 2),
        (64, "max 100000", 4),
        (8, "150000 100000", 2),
        (8, "50000 100000", 1),
        (8, "nonsense", 4),
    ],
)
def test_there_are_as_many_workers_as_the_machine_has_processors_for_us(
    processors: int,
    limit: str | None,
    workers: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("os.sched_getaffinity", lambda _: set(range(processors)), raising=False)
    monkeypatch.setattr("feedsvc.config.CGROUP_LIMIT", tmp_path / "cpu.max")
    if limit is not None:
        (tmp_path / "cpu.max").write_text(f"{limit}\n")
    assert read(tmp_path, ZONE).server.workers == workers
    assert read(tmp_path, f"{ZONE}[server]\nworkers = 7\n").server.workers == 7
