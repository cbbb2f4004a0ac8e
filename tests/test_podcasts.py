"""A category that is a podcast, and recordings that are its episodes."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import feedparser
import podcastparser
import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree
from werkzeug.datastructures import MultiDict

from feedsvc.model import Enclosure, Format
from feedsvc.podcasts import (
    APPLE_CATEGORIES,
    LONGEST_SECONDS,
    Episode,
    EpisodeKind,
    Podcast,
    apple_category,
    guid_of,
    packed,
    unpacked,
)
from feedsvc.publishing import Action, Draft, find_faults, remarks
from feedsvc.publishing.podcasts import Cover, podcast_faults
from feedsvc.rendering import fingerprint
from feedsvc.web.episodes import NO_FIELDS, EpisodeFields
from tests.builders import FULL, HEALTH, HEALTH_FEED, SITE, make_entry, rendered
from tests.conftest import utc
from tests.contract import InProcess
from tests.judge import findings
from tests.service import Answer, form_as_browser

NOW = utc(2026, 1, 21, 18, 30)
SOUND = {
    "audio": "https://sounds.example/a.mp3",
    "audio_type": "audio/mpeg",
    "audio_length": "12300000",
}
EPISODE = {
    "audio_duration": "1:02:03",
    "audio_episode": "4",
    "audio_season": "2",
    "audio_episode_type": "bonus",
    "audio_explicit": "yes",
}


def said(answer: Answer, id: str) -> str:
    return " ".join(answer.page.xpath(f"string(//*[@id='{id}'])").split())


def shown(answer: Answer) -> dict[str, Any]:
    typed = form_as_browser(answer)
    return {name: typed[name] for name in EPISODE}


# The form


@given(
    st.builds(
        Episode,
        duration_seconds=st.integers(0, LONGEST_SECONDS),
        number=st.integers(0, 999_999),
        season=st.integers(0, 999_999),
        kind=st.sampled_from(EpisodeKind),
        is_explicit=st.sampled_from([None, True, False]),
    )
)
def test_what_is_stored_of_an_episode_is_what_its_form_says(episode: Episode) -> None:
    fields = EpisodeFields.of(episode)
    assert fields.episode() == (episode, {})
    assert EpisodeFields.from_request(MultiDict(), fields) == fields
    assert (fields == NO_FIELDS) == (episode == Episode())


@pytest.mark.parametrize(
    ("episode", "field"),
    [
        (Episode(LONGEST_SECONDS + 1), "audio_duration"),
        (Episode(number=10**6), "audio_episode"),
        (Episode(season=10**17), "audio_season"),
    ],
)
def test_no_episode_has_more_than_can_be_said(episode: Episode, field: str) -> None:
    sound = Enclosure(SOUND["audio"], "audio/mpeg", 5, episode=episode)
    draft = Draft("A title", (HEALTH,), "A text.", enclosures=(sound,))
    for action in (Action.SAVE_DRAFT, Action.PUBLISH, Action.IMPORT):
        assert list(find_faults(draft, action)) == [field]


def test_a_recording_is_described_as_an_episode(in_process: InProcess) -> None:
    desk = in_process
    path = desk.write("save_draft", **SOUND)
    assert shown(desk.browse(path)) == dict.fromkeys(EPISODE, "") | {"audio_episode_type": "full"}
    for name, wrong in [
        ("audio_duration", "1:2:3"),
        ("audio_duration", "an hour"),
        ("audio_episode", "0"),
        ("audio_season", "two"),
        ("audio_season", "9" * 9),
        ("audio_episode_type", "rerun"),
        ("audio_explicit", "perhaps"),
    ]:
        for action in ("save_draft", "publish"):
            refused = desk.edit(path, action, **EPISODE | {name: wrong})
            assert (refused.status, bool(said(refused, f"{name}-fault"))) == (422, True), wrong
            if "select" not in str(refused.page.xpath(f"//*[@id='{name}']")[0].tag):
                assert refused.field(name) == wrong
            assert refused.page.xpath(f"//details[@open]//*[@id='{name}']")
    assert desk.edit(path, "publish", **EPISODE).status == 303
    assert shown(desk.browse(path)) == EPISODE
    attached = json.loads(desk.get("/feeds/health.json").body)["items"][0]["attachments"]
    assert attached[0]["duration_in_seconds"] == 3723
    # A script that knows nothing of it leaves it; of another file the length is not known.
    hidden = form_as_browser(desk.browse(path))
    kept = {name: hidden[name] for name in ("csrf_token", "revision", "title", "category")}
    assert desk.send(path, kept | {"body": "A third.", "action": "update"}).status == 303
    assert shown(desk.browse(path)) == EPISODE
    kept["revision"] = form_as_browser(desk.browse(path))["revision"]
    other = SOUND | {"audio": "https://sounds.example/b.mp3", "body": "A fourth."}
    assert desk.send(path, kept | other | {"action": "update"}).status == 303
    assert shown(desk.browse(path)) == EPISODE | {"audio_duration": ""}
    # What is kept of a form while it is typed has it, too.
    typed = form_as_browser(desk.browse(path)) | {"audio_duration": "9:9"}
    assert desk.send(f"{path}/typed", typed).status == 200
    taken = desk.browse(f"{path}?take=typed")
    assert shown(taken) == EPISODE | {"audio_duration": "9:9"}
    # Versions tell, can be taken up, and colleagues see what was said meanwhile.
    assert "Duration: 1:02:03\nEpisode: 4\nSeason: 2" in desk.browse(f"{path}/versions/2").text
    assert shown(desk.browse(f"{path}?take=2")) == EPISODE
    stale = form_as_browser(desk.browse(path)) | {"audio_episode": "5", "action": "update"}
    assert desk.edit(path, audio_season="3").status == 303
    conflict = desk.send(path, stale)
    assert conflict.status == 409
    assert conflict.field("audio_episode") == "5"
    stored = conflict.page.xpath("//section[@class='rival']//pre")
    assert ["Season: 3" in one.text for one in stored[:2]] == [True, False]
    # Taken away, the recording takes with it what was said of it.
    assert desk.edit(path, audio="").status == 303
    assert shown(desk.browse(path))["audio_season"] == ""


def test_what_is_typed_of_an_episode_waits_for_its_address(in_process: InProcess) -> None:
    refused = in_process.post(
        in_process.opened("/editor/new").page.xpath("//main//form/@action")[0],
        {"title": "A title", "body": "A text.", "action": "save_draft"} | EPISODE,
        page="/editor/new",
    )
    assert refused.status == 422
    assert "write the address of the recording" in said(refused, "audio-fault")
    assert shown(refused) == EPISODE


# The category


PAGE = "/editor/categories"
SHOW = {
    "podcast": "yes",
    "podcast_category": "news:politics",
    "podcast_image": "https://example.org/cover.png",
    "podcast_author": "The desk",
    "podcast_owner": "Ada Rossi",
    "podcast_email": "shows@example.org",
    "podcast_explicit": "no",
    "podcast_type": "serial",
    "podcast_locked": "yes",
}
RSS = "/feeds/health.rss"
FEEDS_RSS = (RSS, "/feeds/science.rss", "/feeds/all.rss")
FEEDS = [path.replace(".rss", f".{format}") for path in FEEDS_RSS for format in Format]
ITUNES = "{http://www.itunes.com/dtds/podcast-1.0.dtd}"
PODCAST = "{https://podcastindex.org/namespace/1.0}"


def change(desk: InProcess, category: str = "health", **typed: str) -> Answer:
    """Open the page, change some fields of a category's form, send it."""
    path = f"{PAGE}/{category}"
    return desk.send(path, form_as_browser(desk.browse(PAGE), path) | typed)


def channel(desk: InProcess, path: str = RSS) -> Any:
    return etree.fromstring(desk.get(path).body)[0]


def guid(desk: InProcess, path: str = RSS) -> str:
    return str(channel(desk, path).findtext(f"{PODCAST}guid"))


def test_a_category_is_a_podcast_as_soon_as_all_is_said(either: InProcess) -> None:
    desk = either
    desk.write(title="First", category="health", also_in=["science"], **SOUND, **EPISODE)
    path = desk.write(title="In words", category="health")
    desk.set_clock(NOW + timedelta(minutes=1))
    before = {path: desk.get(path).headers["etag"] for path in FEEDS}
    for name, wrong in [
        ("podcast_category", "Weather"),
        ("podcast_category", ""),
        ("podcast_image", "cover.png"),
        ("podcast_image", "https://example.org/cover.webp"),
        ("podcast_image", f"/media/{'0' * 32}.png"),
        ("podcast_email", "shows"),
        ("podcast_author", "x" * 256),
    ]:
        refused = change(desk, **SHOW | {name: wrong})
        assert (refused.status, bool(said(refused, f"{name}-1-fault"))) == (422, True), name
        typed = form_as_browser(refused, f"{PAGE}/health")
        assert {field: typed[field] for field in SHOW} == SHOW | {name: wrong}
    assert change(desk, **SHOW).status == 303
    desk.set_clock(NOW + timedelta(minutes=2))
    # Other feeds are not concerned, though one shares an article; Atom has the feed's instant.
    changed = [path for path in FEEDS if desk.get(path).headers["etag"] != before[path]]
    assert changed == [RSS, "/feeds/health.atom"]
    assert [len(channel(desk, path).findall(f"item/{ITUNES}duration")) for path in FEEDS_RSS] == [
        1,
        0,
        0,
    ]
    assert all(b"itunes" not in desk.get(path).body for path in FEEDS if path != RSS)
    first = guid(desk)
    address = channel(desk).find("{*}link[@rel='self']").get("href")
    assert first == guid_of(address) == guid_of(f"{address.replace('http:', 'https:')}/")
    # Its articles are not changed by that: saved as they are, they have no new version.
    revision = desk.browse(path).field("revision")
    assert desk.edit(path).status == 303
    assert desk.browse(path).field("revision") == revision
    # A form of before there were podcasts leaves it, and so does another name; the guid stays.
    kept = form_as_browser(desk.browse(PAGE), f"{PAGE}/health")
    old = {name: value for name, value in kept.items() if "podcast" not in name}
    assert desk.send(f"{PAGE}/health", old | {"name": "Care", "slug": "care"}).status == 303
    desk.set_clock(NOW + timedelta(minutes=3))
    assert guid(desk, "/feeds/care.rss") == first
    # Two at once: the second sees what the first has stored.
    stale = form_as_browser(desk.browse(PAGE), f"{PAGE}/care")
    assert change(desk, "care", podcast_owner="Grace").status == 303
    conflict = desk.send(f"{PAGE}/care", stale | {"podcast_owner": "Alan"})
    assert (conflict.status, ", Grace, " in conflict.text) == (409, True)
    assert form_as_browser(conflict, f"{PAGE}/care")["podcast_owner"] == "Alan"
    # Taken back, what was said of it waits.
    assert change(desk, "care", podcast="no").status == 303
    desk.set_clock(NOW + timedelta(minutes=4))
    assert b"itunes" not in desk.get("/feeds/care.rss").body
    assert change(desk, "care", podcast="yes").status == 303
    desk.set_clock(NOW + timedelta(minutes=5))
    assert guid(desk, "/feeds/care.rss") == first


def test_what_directories_would_miss_is_remarked() -> None:
    show = replace(HEALTH, podcast=WHOLE)
    told = replace(TALK, url="https://sounds.example/talk?id=4")
    for category, enclosures, fields in [
        (show, (), ["audio"]),
        (show, (COVER, TALK), []),
        (show, (PLAIN,), ["audio_duration"]),
        (show, (told,), ["audio"]),
        (HEALTH, (), []),
        (HEALTH, (PLAIN,), []),
    ]:
        draft = Draft("A title", (category,), "A text.", enclosures=enclosures)
        assert [one.field for one in remarks(draft, NOW)] == fields


# The feed, as its readers read it


COVER = Enclosure("/media/" + "a" * 32 + ".jpg", "image/jpeg", 5000, "A cup", 1500, 1500)
TALK = Enclosure(
    "https://sounds.example/a.mp3",
    "audio/mpeg",
    12_300_000,
    episode=Episode(3723, 4, 2, EpisodeKind.BONUS, True),
)
PLAIN = Enclosure("https://sounds.example/b.mp3", "audio/mpeg", 5)
WHOLE = Podcast(
    is_on=True,
    category="News: Politics",
    image="https://example.org/cover.png",
    author="The desk",
    owner="Ada Rossi",
    email="shows@example.org",
    is_explicit=False,
    is_serial=True,
    is_locked=True,
    guid=guid_of("https://news.example.org/feeds/health.rss"),
)
EPISODES = (
    make_entry(1, enclosures=(COVER, TALK)),
    make_entry(2, enclosures=(PLAIN,)),
    make_entry(3, enclosures=(COVER,)),
)


def feed_of(podcast: Podcast) -> Any:
    return replace(HEALTH_FEED, category=replace(HEALTH, podcast=podcast))


def test_a_podcast_is_read_by_readers_of_podcasts() -> None:
    body = rendered(Format.RSS, *EPISODES, feed=feed_of(WHOLE))
    show = podcastparser.parse("https://news.example.org/feeds/health.rss", io.BytesIO(body))
    assert {name: value for name, value in show.items() if name != "episodes"} == {
        "title": "Health – The Daily Example",
        "link": "https://news.example.org/categories/health",
        "description": "Medicine and care",
        "generator": "feedsvc",
        "language": "en",
        "itunes_author": "The desk",
        "itunes_owner": {"name": "Ada Rossi", "email": "shows@example.org"},
        "cover_url": WHOLE.image,
        "itunes_categories": [["News", "Politics"]],
        "explicit": False,
        "type": "serial",
    }
    bonus, plain = sorted(show["episodes"], key=lambda one: one["title"])[:2]
    assert bonus["guid"] == EPISODES[0].id
    read = {name: bonus.get(name) for name in ("total_time", "number", "season", "type")}
    assert read == {"total_time": 3723, "number": 4, "season": 2, "type": "bonus"}
    assert (bonus["explicit"], bonus["episode_art_url"]) == (
        True,
        f"https://news.example.org{COVER.url}",
    )
    assert bonus["enclosures"][0]["url"] == TALK.url
    assert (plain["type"], "explicit" in plain, "number" in plain) == ("full", False, False)


def test_a_podcast_is_read_by_feedparser() -> None:
    read = feedparser.parse(rendered(Format.RSS, *EPISODES, feed=feed_of(WHOLE)))
    assert not read.bozo
    assert read.feed.publisher_detail == {"name": "Ada Rossi", "email": "shows@example.org"}
    assert read.feed.image.href == WHOLE.image
    assert [tag.term for tag in read.feed.tags] == ["News", "Politics"]
    assert (read.feed.podcast_guid, read.feed.itunes_type) == (WHOLE.guid, "serial")
    bonus, plain, in_words = read.entries
    assert bonus.image.href == f"https://news.example.org{COVER.url}"
    names = ("itunes_duration", "itunes_episode", "itunes_season", "itunes_episodetype")
    assert [bonus[name] for name in names] == ["3723", "4", "2", "bonus"]
    assert [bonus[f"podcast_{name}"] for name in ("episode", "season")] == ["4", "2"]
    assert bonus.author == "Ada Rossi"
    assert [one.href for one in bonus.enclosures] == [TALK.url]
    assert "itunes_duration" not in plain
    # Nothing of it is to be played, but it is still there.
    assert (in_words.enclosures, in_words.title) == ([], "Article 3")
    # It knows "yes" and "clean" alone of Apple's words, not true and false (itunes.py,
    # _end_itunes_explicit); W3C's validator takes no others than those.
    assert bonus.itunes_explicit is None


def test_all_that_apple_asks_for_is_in_a_channel() -> None:
    body = rendered(Format.RSS, *EPISODES, feed=feed_of(WHOLE))
    assert findings(body, Format.RSS, "https://news.example.org/feeds/health.rss") == []
    root = etree.fromstring(body)
    assert {"itunes", "podcast"} <= set(root.nsmap)
    assert b"xmlns:itunes" not in etree.tostring(root[0]).split(b">", 1)[1]
    (channel,) = root
    for name in ("title", "description", "link", "language"):
        assert channel.findtext(name)
    said = {one.tag.removeprefix(ITUNES): one.text for one in channel if one.tag.startswith(ITUNES)}
    assert said == {
        "author": "The desk",
        "owner": None,
        "image": None,
        "category": None,
        "explicit": "false",
        "type": "serial",
    }
    locked = channel.find(f"{PODCAST}locked")
    assert (locked.text, locked.get("owner")) == ("yes", "shows@example.org")
    bare = replace(
        WHOLE, author="", owner="", is_explicit=True, category="Technology", image=COVER.url
    )
    (channel,) = etree.fromstring(rendered(Format.RSS, feed=feed_of(bare)))
    assert channel.findtext(f"{ITUNES}author") == "The editors"
    assert channel.findtext(f"{ITUNES}owner/{ITUNES}name") == "The editors"
    assert channel.findtext(f"{ITUNES}explicit") == "true"
    assert channel.find(f"{ITUNES}image").get("href") == f"https://news.example.org{COVER.url}"
    assert len(channel.find(f"{ITUNES}category")) == 0


def test_what_is_no_podcast_stays_what_it_was() -> None:
    waiting = feed_of(replace(WHOLE, is_on=False))
    plain, other = (fingerprint(one, EPISODES, SITE, FULL) for one in (HEALTH_FEED, waiting))
    assert plain == other != fingerprint(feed_of(WHOLE), EPISODES, SITE, FULL)
    for format in Format:
        same = [rendered(format, *EPISODES, feed=one) for one in (HEALTH_FEED, waiting)]
        # An article may stand in a podcast and in another feed at once.
        assert rendered(Format.RSS, *EPISODES, feed=feed_of(WHOLE)).count(b"<itunes:duration") == 1
        same.append(rendered(format, *EPISODES, feed=HEALTH_FEED))
        assert len(set(same)) == 1
        assert b"itunes" not in same[0]
    for format in (Format.ATOM, Format.JSON):
        assert rendered(format, *EPISODES, feed=feed_of(WHOLE)) == rendered(format, *EPISODES)


@pytest.mark.parametrize(
    ("cover", "is_right"),
    [
        (Cover("image/jpeg", 1400, 1400), True),
        (Cover("image/jpeg", 3000, 3000), True),
        (Cover("image/jpeg", 1600, 1599), False),
        (Cover("image/jpeg", 1399, 1399), False),
        (Cover("image/webp", 1500, 1500), False),
        (Cover("image/png", 1500, 1500), False),
        (None, False),
    ],
)
def test_a_cover_that_is_stored_here_is_measured(cover: Cover | None, is_right: bool) -> None:
    faults = podcast_faults(replace(WHOLE, image=COVER.url), cover)
    assert list(faults) == ([] if is_right else ["podcast_image"])
    assert podcast_faults(replace(WHOLE, image=COVER.url, is_on=False), cover) == {}


def test_podcasts_are_stored_and_named_as_they_are() -> None:
    assert unpacked(packed(WHOLE)) == WHOLE
    assert packed(Podcast()) == ""
    assert unpacked("") == unpacked("{") == unpacked('{"x": 1}') == unpacked("[]") == Podcast()
    # The example of https://podcastindex.org/namespace/1.0#guid
    assert guid_of("https://podnews.net/rss/") == "9b024349-ccf0-5f69-a609-6b82873eab3c"
    assert all(apple_category(f" {one.upper()} ") == one for one in APPLE_CATEGORIES)
    assert len(APPLE_CATEGORIES) == 109
    assert apple_category("News: Books") == ""
