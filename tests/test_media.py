"""The picture of an article as readers look for it, and what is known of its recording."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from typing import Any

import feedparser
import podcastparser
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from feedsvc.model import Enclosure, Format
from feedsvc.podcasts import LONGEST_SECONDS, Episode, parse_duration, written_duration
from feedsvc.rendering import fingerprint
from feedsvc.storage import enclosures
from tests.builders import FULL, HEALTH_FEED, SITE, make_entry, rendered
from tests.test_json_feed import schema
from tests.test_rendering import SCHEMAS, anything

MEDIA = "{http://search.yahoo.com/mrss/}"
PICTURE = Enclosure("/media/" + "a" * 32 + ".jpg", "image/jpeg", 5000, "A “cup” & more", 900, 600)
SOUND = Enclosure("https://sounds.example/a.mp3", "audio/mpeg", 12_300_000)
XML = (Format.RSS, Format.ATOM)


@pytest.mark.parametrize("format", XML)
def test_a_picture_is_said_with_its_size_and_what_it_shows(format: Format) -> None:
    body = rendered(format, make_entry(enclosures=(PICTURE, SOUND)), make_entry(2))
    (content,) = etree.fromstring(body).iter(f"{MEDIA}content")
    address = f"https://news.example.org{PICTURE.url}"
    assert dict(content.attrib) == {
        "url": address,
        "type": "image/jpeg",
        "medium": "image",
        "fileSize": "5000",
        "width": "900",
        "height": "600",
    }
    (said,) = content
    assert (said.tag, said.attrib["type"], said.text) == (
        f"{MEDIA}description",
        "plain",
        "A “cup” & more",
    )
    read = feedparser.parse(body).entries[0]
    assert [one["url"] for one in read.media_content] == [address]
    assert f'alt="{PICTURE.alt.replace("&", "&amp;")}"' in read.content[0].value
    assert [one.href for one in read.enclosures if one.type == "audio/mpeg"] == [SOUND.url]
    # What has no picture does not name them.
    assert b"mrss" not in rendered(format, make_entry(enclosures=(SOUND,)))


def test_rss_keeps_its_one_enclosure_for_the_recording() -> None:
    body = rendered(Format.RSS, make_entry(enclosures=(PICTURE, SOUND)))
    assert [one.get("url") for one in etree.fromstring(body).iter("enclosure")] == [SOUND.url]
    (episode,) = podcastparser.parse("https://news.example.org/", io.BytesIO(body))["episodes"]
    assert episode["enclosures"][0] == {
        "url": SOUND.url,
        "file_size": SOUND.length_bytes,
        "mime_type": "audio/mpeg",
    }


@settings(max_examples=60)
@given(
    alt=st.one_of(anything, st.sampled_from(["a <b>cup</b>", "AT&amp;T", "x &#62; <!--", "1 < 2"])),
    size=st.tuples(*[st.integers(0, 10**6)] * 3),
)
def test_whatever_is_known_is_said_by_the_rules(alt: str, size: tuple[int, ...]) -> None:
    length, width, height = size
    picture = Enclosure("https://x.example/p", "image/*", length, alt.strip(), width, height)
    try:
        bodies = [rendered(one, make_entry(enclosures=(picture,))) for one in XML]
    except AssertionError:
        return  # a character that XML cannot carry: left out, and told
    for body in bodies:
        (content,) = etree.fromstring(body).iter(f"{MEDIA}content")
        # The W3C's validator wants positive integers, and no type that is a range.
        numbers = [content.get(name, "1") for name in ("fileSize", "width", "height")]
        assert all(int(number) > 0 for number in numbers)
        assert (content.get("type"), content.get("medium")) == (None, "image")
        for said in content:
            is_html = said.get("type") == "html"
            assert is_html or not any(tag in said.text for tag in ("<b>", "</b>", "&amp;"))
            text = etree.HTML(said.text).xpath("string()") if is_html else said.text
            assert " ".join(text.split()) == " ".join(alt.split())


def test_atom_with_media_is_valid_by_its_grammar() -> None:
    if not (SCHEMAS / "atom.rng").exists():
        pytest.skip("the Atom grammar is not here: ../shared/schemas/atom.rng is absent")
    document = etree.fromstring(rendered(Format.ATOM, make_entry(enclosures=(PICTURE, SOUND))))
    etree.RelaxNG(etree.parse(SCHEMAS / "atom.rng")).assertValid(document)


def test_json_feed_says_how_long_a_recording_is() -> None:
    told = replace(SOUND, episode=Episode(duration_seconds=3723))
    feed: dict[str, Any] = json.loads(rendered(Format.JSON, make_entry(enclosures=(PICTURE, told))))
    sound, picture = feed["items"][0]["attachments"]
    assert "duration_in_seconds" not in picture
    assert sound["duration_in_seconds"] == 3723
    schema().validate(feed)


def test_what_says_nothing_of_an_episode_is_stored_as_it_was() -> None:
    told = replace(SOUND, episode=Episode(61, 3, 2, is_explicit=False))
    for kept in ((PICTURE, SOUND), (PICTURE, told)):
        assert enclosures.unpacked(json.loads(json.dumps(enclosures.packed(kept)))) == kept
    assert all("episode" not in one for one in enclosures.packed((PICTURE, SOUND)))
    before, after = (
        fingerprint(HEALTH_FEED, [make_entry(enclosures=(one,))], SITE, FULL)
        for one in (SOUND, told)
    )
    assert before != after


@given(st.integers(1, LONGEST_SECONDS))
def test_a_duration_is_read_as_it_is_written(seconds: int) -> None:
    assert parse_duration(written_duration(seconds)) == seconds


@given(st.one_of(anything, st.from_regex(r"[0-9]{0,3}:?[0-9]{1,3}:[0-9]{1,2}", fullmatch=True)))
def test_what_is_taken_for_a_duration_is_one(text: str) -> None:
    try:
        seconds = parse_duration(text)
    except ValueError:
        return
    parts = [int(part) for part in text.strip().split(":")]
    assert seconds == sum(part * 60**place for place, part in enumerate(reversed(parts)))
    assert 0 < seconds <= LONGEST_SECONDS


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("1:02:03", 3723), ("62:03", 3723), ("2:03", 123), (" 00:00:07 ", 7), ("123:00", 7380)],
)
def test_durations_are_hours_minutes_and_seconds(text: str, seconds: int) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize(
    "text",
    ["", "0:00", "7", "1:2:03", "1:02:3", "1:60", "1:75:00", "100:00:00", "-1:00", "1h", "١:٠٠"],
)
def test_what_may_mean_something_else_is_no_duration(text: str) -> None:
    with pytest.raises(ValueError, match="no duration"):
        parse_duration(text)
