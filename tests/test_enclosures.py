"""A picture and a recording by address: asked, checked, stored with the article, in its feeds."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feedsvc.asking import ask, is_public
from feedsvc.errors import AddressRefused, InvalidEntry
from feedsvc.importing import parse_source
from feedsvc.model import Enclosure, Format
from feedsvc.publishing import MOST_SOURCES, Action, Draft, Publisher, find_faults, remarks
from feedsvc.rendering import entry_html, fingerprint, page_html
from feedsvc.storage import Storage, statements
from feedsvc.web.sources import rows_of
from tests.builders import FULL, HEALTH, HEALTH_FEED, SITE, make_entry, rendered
from tests.conftest import utc
from tests.contract import InProcess
from tests.service import Answer, form_as_browser

NOW = utc(2026, 1, 21, 18, 30)
PICTURE = Enclosure("/media/" + "a" * 32 + ".jpg", "image/jpeg", 5000, "A “cup”", 900, 600)
SOUND = Enclosure("https://sounds.example/a?b=1&c=2", "audio/mpeg", 12_300_000)


class Files:
    """A host of files, and what it was asked.

    :param files: path -> status, and the fields of its answer to HEAD and to GET.
    """

    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []
        self.files: dict[str, tuple[int, dict[str, str], dict[str, str] | None]] = {}
        host = self

        class Handler(BaseHTTPRequestHandler):
            def do_HEAD(self) -> None:
                host.asked.append((self.command, self.path))
                status, head, get = host.files.get(self.path, (404, {}, None))
                if self.command == "GET" and get is not None:
                    status, head = int(get.get("status", 206)), get
                elif get is not None and not head:
                    status = 405
                self.send_response(status)
                for name, value in head.items():
                    if name != "status":
                        self.send_header(name, value)
                self.end_headers()

            def do_GET(self) -> None:
                self.do_HEAD()

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.01,))
        self.thread.start()
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        mp3 = {"Content-Type": "audio/mpeg; x=y", "Content-Length": "12300000"}
        ranged = {"Content-Type": "audio/ogg", "Content-Range": "bytes 0-0/4321"}
        self.files |= {
            "/a.mp3": (200, mp3, None),
            "/b.ogg": (405, {}, ranged),
            "/moved": (302, {"Location": "/a.mp3"}, None),
            "/round": (301, {"Location": "/round"}, None),
            "/inside": (302, {"Location": "http://[::ffff:169.254.169.254]/x"}, None),
            "/page": (200, {"Content-Type": "text/html", "Content-Length": "9"}, None),
            "/endless": (200, {"Content-Type": "audio/mpeg"}, None),
            "/forbidden": (403, {}, None),
            "/nowhere": (302, {"Location": "http://["}, None),
            "/fields": (200, {f"X-{number}": "a" for number in range(300)}, None),
            "/line": (200, {"X": "a" * 100_000}, None),
            "/cup.png": (200, {"Content-Type": "image/png", "Content-Length": "700"}, None),
        }

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


@pytest.fixture(scope="module")
def files() -> Iterator[Files]:
    host = Files()
    yield host
    host.close()


# Asking


def test_a_host_is_asked_for_type_and_length(files: Files) -> None:
    for path, media_type, length in [
        ("/a.mp3", "audio/mpeg", 12_300_000),
        ("/b.ogg", "audio/ogg", 4321),
        ("/moved", "audio/mpeg", 12_300_000),
        ("/page", "text/html", 9),
        ("/endless", "audio/mpeg", 0),
    ]:
        told = ask(files.url + path, own_host="", allows_private=True)
        assert (told.media_type, told.length_bytes) == (media_type, length), path
    # The site's own host may be private: that very port of it.
    own = files.url.removeprefix("http://")
    assert ask(f"{files.url}/a.mp3", own_host=own).length_bytes == 12_300_000
    with pytest.raises(AddressRefused, match="public network"):
        ask(f"{files.url}/inside", own_host=own)


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("/gone", "nothing at this address"),
        ("/forbidden", "403"),
        ("/round", "one address to another"),
        ("/nowhere", "no HTTP"),
        ("/fields", "no HTTP"),
        ("/line", "no HTTP"),
        ("http://127.0.0.1:9/x", "cannot be reached"),
        ("http://nobody.invalid/x", "no host of that name"),
        ("ftp://example.org/x", "whole address"),
        ("http://[x/", "whole address"),
        ("http://example.org/a b", "whole address"),
        ("http://ada:secret@example.org/", "user name"),
    ],
)
def test_what_cannot_be_asked_says_why(files: Files, url: str, said: str) -> None:
    with pytest.raises(AddressRefused, match=said):
        ask(files.url + url if url.startswith("/") else url, own_host="", allows_private=True)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "127.8.8.8",
        "10.1.2.3",
        "172.20.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "0.0.0.0",  # noqa: S104
        "224.0.0.1",
        "239.1.1.1",
        "240.0.0.1",
        "255.255.255.255",
        "192.0.2.1",
        "198.18.0.1",
        "::1",
        "::",
        "fe80::1%eth0",
        "fc00::1",
        "fec0::1",
        "ff02::1",
        "ff0e::1",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "2002:7f00:1::1",
        "64:ff9b::a00:1",
        "64:ff9b:1::1",
        "2001:db8::1",
        "::127.0.0.1",
        "192.0.0.8",
        "192.88.99.1",
        "3fff::1",
        "nonsense",
    ],
)
def test_only_public_addresses_are_asked(address: str) -> None:
    assert not is_public(address)


@given(st.ip_addresses(v=4))
def test_an_address_means_the_same_inside_one_of_the_other_kind(inner: object) -> None:
    assert is_public(f"::ffff:{inner}") == is_public(f"64:ff9b::{inner}") == is_public(str(inner))
    assert is_public("93.184.216.34")
    assert is_public("2606:2800:220:1:248:1893:25c8:1946")


def test_names_that_lead_inside_are_not_asked(files: Files) -> None:
    before = len(files.asked)
    port = files.url.rpartition(":")[2]
    for host in ("localhost", "127.0.0.1", "[::ffff:127.0.0.1]", "0x7f.1", "2130706433", "0"):
        with pytest.raises(AddressRefused):
            ask(f"http://{host}:{port}/a.mp3", own_host="127.0.0.1:1")
    assert len(files.asked) == before


def test_a_host_that_answers_for_ever_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("feedsvc.asking.MOST_SECONDS", 0.3)
    ended = threading.Event()

    def drip(listening: socket.socket) -> None:
        connection, _ = listening.accept()
        with connection, suppress(OSError):
            connection.sendall(b"HTTP/1.1 200 OK\r\nX-A: ")
            while True:
                connection.sendall(b"a")
                time.sleep(0.05)
        ended.set()

    with socket.create_server(("127.0.0.1", 0)) as listening:
        threading.Thread(target=drip, args=(listening,), daemon=True).start()
        port = listening.getsockname()[1]
        with pytest.raises(AddressRefused, match="cannot be reached"):
            ask(f"http://127.0.0.1:{port}/", own_host="", allows_private=True)
        # It is not only left behind: the connection ends.
        assert ended.wait(10)


# What readers get


def test_feeds_and_page_carry_both() -> None:
    entry = make_entry(enclosures=(PICTURE, SOUND))
    address = f"https://news.example.org{PICTURE.url}"
    rss = rendered(Format.RSS, entry).decode()
    sound = "https://sounds.example/a?b=1&amp;c=2"
    # One of them, and the one that is played (RSS Best Practices).
    assert rss.count("<enclosure ") == 1
    assert f'<enclosure url="{sound}" length="12300000" type="audio/mpeg"/>' in rss
    only = rendered(Format.RSS, make_entry(enclosures=(PICTURE,))).decode()
    assert f'<enclosure url="{address}" length="5000" type="image/jpeg"/>' in only
    atom = rendered(Format.ATOM, entry).decode()
    link = '<link rel="enclosure" type="%s" length="%s" href="%s"/>'
    # The recording first: many readers keep one alone.
    both = link % ("audio/mpeg", 12_300_000, sound) + link % ("image/jpeg", 5000, address)
    assert both in atom
    (item,) = json.loads(rendered(Format.JSON, entry))["items"]
    assert [one["mime_type"] for one in item["attachments"]] == ["audio/mpeg", "image/jpeg"]
    html = entry_html(entry, SITE)
    assert html.startswith(
        f'<figure><img src="{address}" alt="A “cup”" width="900" height="600"></figure>'
    )
    assert html.index("second") < html.index(f'<a href="{sound}">Audio</a>') < html.index("Sources")
    page = page_html(entry, SITE)
    assert f'<audio controls preload="none" src="{sound}">' in page
    assert f"{address.replace('.jpg', '-640.jpg')} 640w, {address} 900w" in page
    # What is not known cannot be told; the words go out all the same.
    unknown = make_entry(enclosures=(replace(SOUND, media_type="audio/*"),))
    assert b"<enclosure" not in rendered(Format.RSS, unknown)
    quoted = make_entry(enclosures=(replace(PICTURE, alt='"><script>'),))
    assert "<script" not in entry_html(quoted, SITE)


def test_a_change_of_either_is_a_change_of_the_feed() -> None:
    def mark(*enclosures: Enclosure) -> str:
        entry = make_entry(enclosures=enclosures, revision=len(str(enclosures)))
        return fingerprint(HEALTH_FEED, [entry], SITE, FULL)

    marks = {
        mark(),
        mark(PICTURE),
        mark(PICTURE, SOUND),
        mark(replace(PICTURE, alt="x")),
        mark(replace(PICTURE, url="https://a.example/")),
        mark(replace(SOUND, length_bytes=1)),
    }
    assert len(marks) == 6
    assert mark(replace(SOUND, checked_at=NOW)) == mark(SOUND)


def test_what_is_not_known_stops_all_but_a_draft() -> None:
    draft = Draft("A title", (HEALTH,), "A text.", enclosures=(replace(SOUND, length_bytes=0),))
    assert "audio" in find_faults(draft, Action.PUBLISH)
    assert find_faults(draft, Action.SAVE_DRAFT) == {}
    silent = replace(draft, enclosures=(replace(PICTURE, alt=" "),))
    assert [one.field for one in remarks(silent, NOW)] == ["picture_alt"]
    assert "picture_alt" in find_faults(
        replace(draft, enclosures=(replace(PICTURE, alt="x" * 2000),)), Action.SAVE_DRAFT
    )
    for wrong in ("javascript:x", "//host/x", "data:image/png,x"):
        with pytest.raises(ValueError, match="http"):
            Enclosure(wrong, "image/png", 1)
    with pytest.raises(ValueError, match="one picture"):
        make_entry(enclosures=(PICTURE, PICTURE))


def test_both_are_stored_with_each_version(publisher: Publisher, storage: Storage) -> None:
    category = publisher.ensure_category("Health", NOW)
    draft = Draft("A title", (category,), "A text.", enclosures=(PICTURE, SOUND))
    id = make_entry().id
    publisher.save_entry(draft, Action.PUBLISH, NOW, id=id, expected_revision=0)
    later = NOW + timedelta(minutes=5)
    without = replace(draft, enclosures=())
    publisher.save_entry(without, Action.CORRECT, later, id=id, expected_revision=1)
    with storage.writing() as tx:
        assert tx.entries.get(id).enclosures == ()
        new, old = tx.history.versions_of(id, limit=5)
        assert (new.enclosures, old.enclosures) == ((), (PICTURE, SOUND))
        content = json.loads(
            tx.history._connection.exec_driver_sql(
                "SELECT content FROM versions WHERE revision = 1"
            ).scalar_one()
        )
        # As versions were kept before there were any.
        del content["enclosures"]
        tx.history._connection.exec_driver_sql("DELETE FROM versions WHERE revision = 1")
        row = {"revision": 1, "saved_at": NOW, "editor": "", "action": "publish"}
        tx.history._connection.execute(
            statements.ADD_VERSION, row | {"entry_id": id, "content": json.dumps(content)}
        )
        old_one = tx.history.version(id, 1)
        assert old_one is not None
        assert old_one.enclosures == ()
    with pytest.raises(InvalidEntry):
        publisher.save_entry(
            replace(draft, enclosures=(replace(SOUND, media_type="audio/*"),)),
            Action.CORRECT,
            later,
            id=id,
            expected_revision=2,
        )


# Sources as rows


@pytest.mark.parametrize(
    ("line", "row"),
    [
        ("A journal – https://a.example/x", ("A journal", "https://a.example/x", False)),
        ("• Mercury https://a.example/(x)", ("Mercury", "https://a.example/(x)", False)),
        ("https://a.example/", ("", "https://a.example/", False)),
        ("words alone", ("words alone", "", False)),
        ("Half – example.org/x", ("Half", "example.org/x", True)),
        ("Half – ftp://example.org", ("Half", "ftp://example.org", True)),
        ("Half – https://[x", ("Half", "https://[x", True)),
        ("www.example.org", ("", "www.example.org", True)),
        ("A. Rossi – Naples", ("A. Rossi – Naples", "", False)),
    ],
)
def test_a_line_is_a_row_of_the_table(line: str, row: tuple[str, str, bool]) -> None:
    found, last = rows_of(f"\n{line}\n\n")
    assert (found.line, tuple(found[1:])) == (line, row)
    assert last == ("", "", "", False)


@given(st.lists(st.text(max_size=40), max_size=5))
def test_any_text_has_rows_and_none_is_lost(lines: list[str]) -> None:
    text = "\n".join(lines)
    *found, last = rows_of(text)
    assert [one.line for one in found if parse_source(one.line)] == [one.line for one in found]
    assert last.line == ""
    assert len(found) == sum(parse_source(line) is not None for line in text.splitlines())


def test_no_more_rows_than_an_article_may_have() -> None:
    assert len(rows_of("x\n" * 100_000)) == MOST_SOURCES + 1


# The form


@pytest.fixture
def desk_in_process(tmp_path: Path) -> Iterator[InProcess]:
    service = InProcess(tmp_path, f"sqlite:///{tmp_path}/feedsvc.db", workers=1)
    service.settings["FEEDSVC_SERVER_PRIVATE_ENCLOSURES"] = "true"
    service.set_clock(NOW)
    service.start()
    service.sign_up()
    yield service
    service.stop()


def said(answer: Answer, id: str) -> str:
    return " ".join(answer.page.xpath(f"string(//*[@id='{id}'])").split())


def test_an_address_is_asked_once_and_shown_with_what_came_out(
    desk_in_process: InProcess, files: Files
) -> None:
    service = desk_in_process
    files.asked.clear()
    address = f"{files.url}/a.mp3"
    path = service.write("publish", audio=address, picture=f"{files.url}/cup.png", picture_alt="A")
    assert files.asked == [("HEAD", "/cup.png"), ("HEAD", "/a.mp3")]
    feed = service.get("/feeds/health.rss").text
    assert f'<enclosure url="{address}" length="12300000" type="audio/mpeg"/>' in feed
    form = service.browse(path)
    assert said(form, "audio-hint") == "audio/mpeg, 12.3 MB, checked today 19:30"
    # Saved again with what the form shows, by a script that knows of neither, and with
    # another text: nobody is asked again, and nothing is lost.
    service.edit(path, body="Another text.")
    hidden = form_as_browser(service.browse(path))
    kept = {name: hidden[name] for name in ("csrf_token", "revision", "title", "category")}
    assert service.send(path, kept | {"body": "A third.", "action": "update"}).status == 303
    assert len(files.asked) == 2
    form = service.browse(path)
    assert (form.field("audio"), form.field("picture_alt")) == (address, "A")
    # Refused for another reason, what came out stays in the form.
    refused = service.edit(path, audio=f"{files.url}/b.ogg", title="")
    assert (refused.status, len(files.asked)) == (422, 4)
    typed = form_as_browser(refused) | {"title": "Back", "action": "update"}
    assert service.send(path, typed).status == 303
    assert len(files.asked) == 4
    # Its versions tell, and an older one can be taken up.
    version = service.browse(f"{path}/versions/1").text
    assert address in version
    assert service.browse(f"{path}?take=1").field("audio") == address
    # Emptied, it goes.
    service.edit(path, audio="", picture="")
    assert "<enclosure" not in service.get("/feeds/health.rss").text
    assert service.browse(path).field("picture_alt") == ""


def test_faults_stop_publishing_and_no_draft(desk_in_process: InProcess, files: Files) -> None:
    service = desk_in_process
    path = service.write("save_draft", audio=f"{files.url}/page")
    form = service.browse(path)
    assert form.field("audio") == f"{files.url}/page"
    refused = service.edit(path, "publish")
    assert (refused.status, "text/html" in said(refused, "audio-fault")) == (422, True)
    for address, fault in [
        (f"{files.url}/gone", "nothing at this address"),
        (f"{files.url}/endless", "how long"),
        (f"{files.url}/cup.png", "image/png"),
        ("example.org/a.mp3", "whole address"),
        ("javascript:alert(1)", "whole address"),
    ]:
        refused = service.edit(path, "schedule", audio=address, publish_at="22/01/2026 10:00")
        assert (refused.status, fault in said(refused, "audio-fault")) == (422, True), address
        assert refused.field("audio") == address
    assert "no such picture" in said(
        service.edit(path, "publish", picture=f"/media/{'0' * 32}.jpg"), "picture-fault"
    )
    # Who knows better may say so.
    hand = {"audio_type": "audio/x-m4a", "audio_length": "12 345"}
    for wrong in ({"audio_type": "text/html"}, {"audio_length": "much"}):
        assert service.edit(path, "publish", **(hand | wrong)).status == 422
    before = len(files.asked)
    assert service.edit(path, "publish", **hand).status == 303
    assert len(files.asked) == before
    assert 'length="12345" type="audio/x-m4a"' in service.get("/feeds/health.rss").text


def test_nobody_claims_a_check_that_was_none(desk_in_process: InProcess, files: Files) -> None:
    service = desk_in_process
    path = service.write("save_draft", audio=f"{files.url}/a.mp3")
    signed = form_as_browser(service.browse(path))["audio_checked"]
    address = f"{files.url}/cup.png"
    files.asked.clear()
    for claimed in (
        f'["{address}", "audio/mpeg", 5, 0, 0, ""]',
        f'["{address}", "image/png", Infinity, 0, 0, ""]',
        signed[:-1],
    ):
        shown = service.edit(path, "preview", picture=address, picture_checked=claimed)
        assert (shown.status, form_as_browser(shown)["picture_checked"]) == (200, "")
    # Nor is what was found out of a recording said of a picture.
    recording = {"picture": f"{files.url}/a.mp3", "picture_checked": signed}
    assert service.edit(path, "publish", **recording).status == 422
    assert files.asked == [("HEAD", "/a.mp3")]
    # What is stored here is known: nothing that was typed of it counts.
    own = f"/media/{'0' * 32}.png"
    by_hand = {"picture_type": "image/gif", "picture_length": "5"}
    refused = service.edit(path, "publish", picture=own, **by_hand)
    assert "no such picture" in said(refused, "picture-fault")
    assert service.edit(path, "publish", audio=own).status == 422


def test_a_scheme_may_be_typed_in_capitals(desk_in_process: InProcess, files: Files) -> None:
    service = desk_in_process
    address = files.url.replace("http", "Http") + "/a.mp3"
    path = service.write("save_draft", audio=address)
    assert service.edit(path, "preview", audio=address).status == 200
    assert service.edit(path, "publish", audio=address).status == 303
    assert f'url="{files.url}/a.mp3"' in service.get("/feeds/health.rss").text


def test_a_draft_asks_no_host_in_vain_twice(desk_in_process: InProcess, files: Files) -> None:
    service = desk_in_process
    path = service.write("save_draft", audio=f"{files.url}/nowhere")
    files.asked.clear()
    assert service.edit(path, "save_draft", title="Another").status == 303
    assert "is asked again" in service.browse(path).text
    assert files.asked == []
    refused = service.edit(path, "publish")
    assert "no HTTP" in said(refused, "audio-fault")
    assert files.asked == [("HEAD", "/nowhere")]


def test_private_addresses_are_refused_unless_allowed(in_process: InProcess, files: Files) -> None:
    page = in_process.browse("/editor/new")
    path = page.page.xpath("//main//form/@action")[0]
    typed = form_as_browser(page) | {"title": "A", "category": "health", "body": "B"}
    before = len(files.asked)
    sent = typed | {"audio": f"{files.url}/a.mp3", "action": "publish"}
    assert "public network" in said(in_process.send(path, sent), "audio-fault")
    assert len(files.asked) == before


def test_what_differs_is_shown_to_whoever_saves_second(
    desk_in_process: InProcess, files: Files
) -> None:
    service = desk_in_process
    path = service.write("publish", audio=f"{files.url}/a.mp3")
    mine = form_as_browser(service.browse(path))
    service.edit(path, audio=f"{files.url}/b.ogg")
    conflict = service.send(path, mine | {"action": "update", "body": "Mine."})
    assert conflict.status == 409
    rival = conflict.page.xpath("string(//section[@class='rival'])")
    assert f"{files.url}/b.ogg" in rival
    assert f"{files.url}/a.mp3" in rival
