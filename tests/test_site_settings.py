"""Settings that administrators change while the service runs."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from feedsvc import app
from feedsvc.config import SETTINGS, load
from feedsvc.errors import EditConflict, StorageBusy
from feedsvc.site_settings import NAMES, over, read, typed_value, value_of, written
from feedsvc.storage import Storage
from feedsvc.storage.settings import SettingRows
from tests.conftest import utc
from tests.contract import InProcess
from tests.service import Answer, Service, form_as_browser

NOW = utc(2026, 1, 21, 18, 30)
PAGE = "/editor/settings"


@pytest.fixture
def desk(storage_url: str, tmp_path: Path) -> Iterator[InProcess]:
    """Two workers in this process, as on two machines; the first one's editor signed in."""
    service = InProcess(tmp_path, storage_url)
    service.settings = {}
    service.set_clock(NOW)
    service.start()
    service.sign_up()
    yield service
    service.stop()


def save(desk: Service, seen: Answer | None = None, **typed: str) -> Answer:
    """Open the page unless it was seen before, change some fields, send the form."""
    return desk.send(PAGE, form_as_browser(seen or desk.browse(PAGE), PAGE) | typed)


def set_only(desk: Service, **typed: str) -> Answer:
    """As a script that knows of these fields alone."""
    token = form_as_browser(desk.browse(PAGE), PAGE)["csrf_token"]
    return desk.send(PAGE, {"csrf_token": token, **typed})


def title_of(desk: Service, path: str = "/feeds/all.rss") -> str:
    return str(etree.fromstring(desk.get(path).body).findtext(".//{*}title"))


def test_a_change_counts_in_every_worker_for_pages_feeds_and_headers(desk: InProcess) -> None:
    for number in range(3):
        desk.write(title=f"Number {number}", author="", body="First.\n\nSecond.")
    desk.set_clock(NOW + timedelta(minutes=1))
    before = {path: desk.get(path) for path in ("/feeds/all.rss", "/feeds/health.atom")}
    desk.asked = 1
    assert "The editors" in desk.get("/articles/number-0").text
    assert title_of(desk) == "The Example"
    desk.asked = 0
    typed = {"title": "The Öther", "author": "All of us", "language": "de", "window_items": "2"}
    typed |= {"window_days": "0", "content": "summary", "max_age_seconds": "7"}
    typed |= {"description": "In “short”"}
    done = save(desk, **typed)
    assert done.status == 303, done.text
    desk.set_clock(NOW + timedelta(minutes=2))
    for desk.asked in (0, 1):
        if desk.asked:
            desk.workers[1].documents.refresh()  # as the database tells it
        for path, old in before.items():
            new = desk.get(path)
            assert new.headers["etag"] != old.headers["etag"]
            assert new.headers["last-modified"] > old.headers["last-modified"]
            assert new.headers["cache-control"].startswith("public, max-age=7,")
        feed = desk.get("/feeds/all.rss").text
        assert "<title>The Öther</title>" in feed
        assert "<language>de</language>" in feed
        assert feed.count("<item>") == 2
        assert "Second." not in feed
        assert "<description>In “short”</description>" in feed
        page = desk.get("/articles/number-0").page
        assert "The Öther" in page.findtext(".//title")
        assert page.xpath("//article/@lang") == ["de"]
        assert "All of us" in page.text_content()
    shown = desk.browse(PAGE)
    assert shown.field("title") == "The Öther"
    # The page speaks German by now, as the site does.
    assert 'in config.toml steht <strong dir="auto">The Example</strong>' in shown.text
    assert 'in config.toml steht <strong dir="auto">den ganzen Text</strong>' in shown.text
    # What is not different is not kept: config.toml goes on saying it.
    assert len(shown.page.xpath("//button[@name='give_back']")) == 8
    # Given back, one by one, what else was typed stays; in the other worker too.
    back = save(desk, shown, give_back="site.title", author="Typed beside")
    assert (back.status, back.field("author")) == (200, "Typed beside")
    assert "noch nicht gespeichert" in back.text
    assert back.field("title") == "The Example"
    assert save(desk, give_back="feeds.content").status == 303
    desk.asked = 0
    desk.workers[0].documents.refresh()  # as the database tells it
    assert title_of(desk) == "The Example"
    assert "Second." in desk.get("/feeds/all.rss").text
    assert "All of us" in desk.get("/articles/number-0").text


def test_a_refused_form_says_all_that_is_wrong_and_keeps_what_was_typed(desk: InProcess) -> None:
    wrong = {"title": " ", "language": "german!", "window_items": "0", "window_days": "many"}
    wrong |= {"max_age_seconds": "-1", "grace_seconds": "3601", "content": "half"}
    refused = save(desk, author="Kept", **wrong)
    assert refused.status == 422
    for field, fault in {
        "title": "must not be empty",
        "language": "'german!' is not a BCP 47 language tag",
        "window_items": "must be from 1 to 1000",
        "window_days": "must be a whole number",
        "max_age_seconds": "must be from 0 to 86400",
        "grace_seconds": "must be from 0 to 3600",
        "content": 'must be "full", "summary", "full+summary" or "summary+full"',
    }.items():
        control = refused.page.get_element_by_id(f"set-{field}")
        assert control.get("aria-invalid") == "true"
        about = refused.page.get_element_by_id(control.get("aria-describedby"))
        assert fault in about.text_content()
        if field not in ("title", "content"):
            assert refused.field(field) == wrong[field]
    assert refused.field("author") == "Kept"
    assert title_of(desk) == "The Example"
    assert set_only(desk, title="a\u0007b").status == 422
    assert set_only(desk, window_items="9" * 5000).status == 422
    assert set_only(desk, give_back="site.url").status == 400


def test_two_at_once_see_what_the_other_changed(desk: InProcess) -> None:
    seen = desk.browse(PAGE)
    assert save(desk, seen, title="First", author="First").status == 303
    desk.asked = 1
    conflict = save(desk, seen, title="Second")
    assert conflict.status == 409
    assert 'Stored now: <strong dir="auto">First</strong>' in conflict.text
    assert conflict.field("title") == "Second"
    assert conflict.field("author") == "First"  # nobody typed there
    assert save(desk, conflict).status == 303
    assert title_of(desk) == "Second"
    assert desk.browse(PAGE).field("author") == "First"
    # A script that sends one field changes that one.
    assert set_only(desk, window_items="9").status == 303
    with desk.workers[0].storage.reading() as tx:
        kept = read(tx.settings.kept())
    assert kept == {"site.title": "Second", "site.author": "First", "feeds.window_items": 9}

    # At the very same moment one of two is first.
    def is_first(number: int) -> bool:
        new = desk.workers[number].in_force.standing(written({"site.title": f"By {number}"}))
        try:
            new.publisher.take_effect(NOW, instead_of=written(kept), max_age_seconds=300)
        except EditConflict:
            return False
        return True

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(is_first, (0, 1))) == [False, True]


def test_a_worker_that_has_not_heard_renders_with_what_counts(desk: InProcess) -> None:
    desk.write(title="Here")
    stale = desk.workers[1].publisher
    assert save(desk, title="Changed").status == 303
    with desk.workers[1].storage.writing() as tx:
        tx.feeds.announce_all(NOW)
    assert stale.site.title == "The Example"
    stale.regenerate_owed(NOW)
    stale.regenerate_all(NOW, force=True)
    for worker in desk.workers:
        worker.documents.refresh()
    assert title_of(desk) == "Changed"
    # Nor does a start whose settings were put together just before undo it.
    assert not stale.note_settings(NOW)
    assert title_of(desk, "/feeds/health.atom").endswith(" – Changed")


def test_a_restart_keeps_them_commands_go_by_them_and_the_environment_wins(
    desk: InProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert save(desk, title="Kept", window_items="7").status == 303
    desk.stop()
    desk.start()
    assert title_of(desk) == "Kept"
    config = load(desk.config, {})
    storage = Storage(desk.storage_url)
    beside = app.prepare(config, storage, NOW)
    assert (beside.site.title, beside.window.items) == ("Kept", 7)
    assert beside.regenerate_all(NOW, force=True) == 0
    storage.close()
    assert app.kept_settings(config) == [
        "site.title: the database says 'Kept' over 'The Example' of config.toml; the page"
        " Settings gives it back",
        "feeds.window_items: the database says 7 over 50 of config.toml; the page Settings gives"
        " it back",
    ]
    desk.stop()
    desk.settings = {"FEEDSVC_SITE_TITLE": "Fixed"}
    desk.start()
    assert title_of(desk) == "Fixed"
    shown = desk.browse(PAGE)
    assert "Fixed by FEEDSVC_SITE_TITLE in the environment" in shown.text
    assert shown.page.get_element_by_id("set-title").get("disabled") is not None
    assert save(desk, author="Another").status == 303
    assert set_only(desk, title="Mine").status == 422
    assert title_of(desk) == "Fixed"
    assert "to no effect" in app.kept_settings(load(desk.config, desk.settings))[0]

    def busy(_: SettingRows, kept: str) -> None:
        raise StorageBusy("the database is held")

    with monkeypatch.context() as patch:
        patch.setattr(SettingRows, "keep", busy)
        refused = save(desk, author="Not lost")
    assert (refused.status, refused.field("author")) == (503, "Not lost")
    # Nor is it with a session that has ended.
    seen = form_as_browser(desk.browse(PAGE), PAGE)
    desk.cookie = ""
    again = desk.send(PAGE, seen | {"author": "Not lost"}, Sec_Fetch_Site="same-origin")
    assert again.status == 401
    assert again.page.xpath("//input[@name='kept_author']/@value") == ["Not lost"]


def test_what_caches_were_told_outlives_a_restart(desk: InProcess) -> None:
    for seconds in ("86400", "0"):
        assert save(desk, max_age_seconds=seconds).status == 303
    desk.stop()
    desk.start()
    desk.write(title="News")

    def asked_of(now: datetime) -> int:
        desk.set_clock(now)
        since = format_datetime(now - timedelta(seconds=1), usegmt=True)
        return desk.get("/feeds/all.rss", If_Modified_Since=since).status

    # A cache may have given that reader what was there before.
    assert asked_of(NOW + timedelta(seconds=40)) == 200
    desk.stop()
    desk.set_clock(NOW + timedelta(days=3))
    desk.start()
    assert asked_of(NOW + timedelta(days=3)) == 304


def test_what_is_set_can_always_be_changed_again(desk: InProcess) -> None:
    refused = save(desk, description="\u0639" * 6_000)
    assert refused.status == 422
    assert "must have at most 1000 characters" in refused.text
    assert save(desk, description="\u0639" * 1_000).status == 303
    assert save(desk, description="Short").status == 303


def test_a_category_whose_language_is_the_sites_changes_no_feed(desk: InProcess) -> None:
    path = "/editor/categories/health"
    desk.write(title="In English")
    before = desk.get("/feeds/health.atom").headers["etag"]
    form = form_as_browser(desk.browse("/editor/categories"), path)
    assert desk.send(path, form | {"language": "en"}).status == 303
    assert desk.get("/feeds/health.atom").headers["etag"] == before


def test_three_workers_go_by_them_within_a_second(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/feedsvc.db"
    with Service(tmp_path, url, clock=False, arguments=("--workers", "3")) as service:
        service.start()
        service.sign_up()
        service.write(title="Here")
        begun = time.monotonic()
        assert save(service, title="Changed", max_age_seconds="9", grace_seconds="3").status == 303
        seen = set()
        while seen != {("Changed", True, True)} and time.monotonic() - begun < 5:
            seen = set()
            for _ in range(20):  # each by another worker, as the kernel likes
                is_short = "max-age=9," in service.get("/feeds/all.atom").headers["cache-control"]
                page = service.get("/").page.findtext(".//title")
                seen.add((title_of(service), "Changed" in str(page), is_short))
        assert seen == {("Changed", True, True)}
        # Held back, by a setting that no feed is made from.
        path = service.write(title="Held back")
        assert "Held back" not in service.get("/feeds/all.rss").text
        assert service.browse(path).status == 200


@given(
    st.dictionaries(
        st.sampled_from(NAMES), st.one_of(st.text(max_size=8), st.integers(-5, 2000), st.none())
    )
)
def test_whatever_is_kept_the_configuration_is_one_that_config_toml_could_be(
    kept: dict[str, object],
) -> None:
    found = read(written(kept))  # type: ignore[arg-type]
    config = over(_CONFIG, found)
    for name in NAMES:
        section, _, key = name.partition(".")
        value = value_of(config, name)
        assert value in (found.get(name), value_of(_CONFIG, name))
        assert SETTINGS[section][key].check(value) is None
        # What stands on the page, sent as it is, is what counts.
        assert typed_value(name, str(value))[0] == (
            value.strip() if isinstance(value, str) else value
        )
    assert written(found) == written(read(written(found)))
    assert read("not JSON") == {}


_CONFIG = load(Path(__file__).parents[1] / "config.toml", {})
