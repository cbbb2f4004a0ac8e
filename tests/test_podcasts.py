"""A category that is a podcast, and recordings that are its episodes."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.datastructures import MultiDict

from feedsvc.model import Enclosure
from feedsvc.podcasts import LONGEST_SECONDS, Episode, EpisodeKind
from feedsvc.publishing import Action, Draft, find_faults
from feedsvc.web.episodes import NO_FIELDS, EpisodeFields
from tests.builders import HEALTH
from tests.contract import InProcess
from tests.service import Answer, form_as_browser

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
