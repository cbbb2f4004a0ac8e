"""Pages in the language of whoever reads them."""

from __future__ import annotations

import ast
import pickle
import re
from collections.abc import Iterator
from gettext import GNUTranslations
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from feedsvc.phrases import Grouped, Phrase, counted
from feedsvc.web import discovery, languages
from tests import catalogue
from tests.browsing import needs_chromium, sign_up
from tests.contract import InProcess
from tests.service import PASSWORD, Answer, Service, form_as_browser
from tests.test_pictures import multipart, picture
from tests.test_second_factor import code_of, pass_time

UPDATE = "run: make catalogue (docs/notes/languages.md)"
TRANSLATIONS = sorted(languages.CATALOGUES.glob("*.po"))


class Desk(InProcess):
    """A service without a network, and a browser that asks for ``language``."""

    language = ""

    def request(self, method: str, path: str, body: bytes | None = None, **headers: str) -> Answer:
        asked = {"Accept_Language": self.language} if self.language else {}
        return super().request(method, path, body, **(asked | headers))


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """The same with an account."""
    service = Desk(tmp_path, f"sqlite:///{tmp_path}/feedsvc.db", 1)
    service.start()
    service.sign_up()
    yield service
    service.stop()


# Phrases


def test_a_phrase_is_its_english_text_and_keeps_what_it_was_made_of() -> None:
    inner = counted("%(number)s day", "%(number)s days", 2)
    said = Phrase("In %(when)s, at 100 %%", when=inner)
    assert said == "In 2 days, at 100 %"
    assert (said.template, said.values["when"]) == ("In %(when)s, at 100 %%", inner)
    assert counted("%(number)s day", "%(number)s days", 1) == "1 day"
    assert Phrase("at most %(most)s", most=Grouped(1_000_000)) == "at most 1,000,000"
    again = pickle.loads(pickle.dumps(said))  # noqa: S301
    assert (again, again.template, again.values) == (said, said.template, said.values)


def test_every_phrase_is_written_out_where_it_is_made() -> None:
    """What is put together before is found by nobody who translates."""
    for file in sorted(catalogue.CODE.rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
                continue
            texts = node.args[: {"Phrase": 1, "counted": 2}.get(node.func.id, 0)]
            for text in texts:
                assert isinstance(text, ast.Constant), f"{file.name}:{node.lineno}"


# Catalogues


def test_there_is_a_catalogue_of_every_language() -> None:
    tags = {languages.ENGLISH, *(file.stem for file in TRANSLATIONS)}
    assert tags == set(languages.AVAILABLE)


@pytest.mark.parametrize("file", TRANSLATIONS, ids=lambda file: file.stem)
def test_a_catalogue_says_every_text(file: Path) -> None:
    stored = catalogue.read(file)
    assert not stored.obsolete, UPDATE
    assert {one.id for one in stored} == {one.id for one in catalogue.extracted()}, UPDATE
    assert catalogue.updated(catalogue.read(file)) == file.read_bytes(), UPDATE
    for message in stored:
        if not message.id:
            continue
        assert not message.fuzzy, message.id
        ids = message.id if isinstance(message.id, tuple) else (message.id,)
        strings = message.string if isinstance(message.string, tuple) else (message.string,)
        for string in strings:
            assert string, f"not translated: {message.id}"
            for pattern in (r"%\(\w+\)s|%%", r"</?\w+"):
                wanted, found = (sorted(re.findall(pattern, text)) for text in (ids[-1], string))
                assert wanted == found, message.id


# Pages in a language of marks: what stands outside them was never marked for translation


class Marks(GNUTranslations):
    """A language in which each text that a catalogue would have stands in brackets."""

    def __init__(self) -> None:
        super().__init__()
        self.known = {
            text
            for message in catalogue.extracted()
            for text in (message.id if isinstance(message.id, tuple) else (message.id,))
        }

    def gettext(self, message: str) -> str:
        # What goes in stands outside: it may be a phrase that nobody said.
        marked = re.sub(r"(%\(\w+\)s)", r"⟧\1⟦", message)
        return f"⟦{marked}⟧" if message in self.known else message

    def ngettext(self, msgid1: str, msgid2: str, n: int) -> str:
        return self.gettext(msgid1 if n == 1 else msgid2)


MARKED = re.compile("⟦[^⟦⟧]*⟧")
# Names, codes, and what was written.
NAMES = re.compile(
    r"The Example|The editors|Health|Science|\bada\b|Deutsch|RSS 2\.0|RSS|Atom|JSON Feed|JSON"
    r"|(?:image|audio)/\w+|Europe/\w+|\bCES?T\b|\bUTC\b|\b[A-Z]\d\w*|http://\S+|/\w\S*"
    r"|feedsvc editor add NAME|www\.x1\.org|<video>|FEEDSVC_\w+|\bhealth\b|category-all"
    r"|\ben\b|\b(?:feeds|site)\.\w+(?: = '\w+')?"
)
READ_ALOUD = ("aria-label", "placeholder", "title", "alt", "content")


def unmarked(answer: Answer) -> list[str]:
    """The words of a page that are in English."""
    page = answer.page
    assert page.get("lang") == "de"
    found = [page.findtext(".//title") or ""]
    # The articles' language is the site's, whoever reads them.
    for foreign in page.xpath("//*[@lang='en' or self::script or self::time or self::textarea]"):
        for inner in foreign.xpath(".//*[@lang='de' and not(self::time)]"):
            found += inner.xpath(".//text()[not(ancestor::*[@lang='en' or self::time])]")
        foreign.tail = f" {foreign.tail or ''}"
        if foreign.getparent() is not None:
            foreign.drop_tree()
    for secret in page.xpath("//code"):
        secret.text = ""
    # In one piece, as a text may have markup in it.
    found.append(page.find("body").text_content())
    found += page.xpath("//input[@type='submit']/@value")
    for name in READ_ALOUD:
        found += page.xpath(f"//body//@{name}")
    words: list[str] = []
    for text in found:
        while MARKED.search(text):
            text = MARKED.sub(" ", text)
        words += re.findall(r"[^\W\d_]{2,}", NAMES.sub(" ", text))
    return words


def look(service: Desk, answer: Answer, status: int = 200) -> Answer:
    if answer.status == 303:
        answer = service.browse(answer.headers["location"])
    assert answer.status == status, answer.text
    assert unmarked(answer) == []
    assert "⟦" in answer.text
    return answer


def test_no_page_has_a_text_that_cannot_be_translated(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    marks = Marks()
    monkeypatch.setattr(languages, "_catalogue", lambda tag: marks if tag == "de" else None)
    path = desk.write(title="T1", body="B1", author="A1", summary="S1")
    desk.language = "de"
    _look_at_the_desk(desk, path)
    _look_at_refusals(desk, path)
    _look_at_files(desk, path)
    _look_at_categories_and_settings(desk)
    _look_at_public_pages(desk, path, monkeypatch)
    _look_at_accounts(desk)
    _look_at_the_second_factor(desk)


def _look_at_the_desk(desk: Desk, path: str) -> None:
    scheduled = desk.write("schedule", title="T2", publish_at="01/02/2026 10:00")
    look(desk, desk.edit(path, "update", title="T3", told="update", slug="t4"))
    look(desk, desk.edit(path, "update"))
    draft = desk.write("save_draft", title="T5", category="")
    desk.send(f"{draft}/typed", form_as_browser(desk.browse(draft)) | {"title": "T6"})
    for page in ("", "?state=scheduled", "?state=withdrawn", "?words=zzz", "new", "account"):
        look(desk, desk.browse(f"/editor/{page}"))
    for page in ("categories", "welcome/x"):
        look(desk, desk.browse(f"/editor/{page}"), 410 if "/" in page else 200)
    look(desk, desk.browse(f"{draft}?take=typed"))
    look(desk, desk.edit(draft, "discard"))
    for page in ("/editor/?state=discarded", draft):
        look(desk, desk.browse(page))
    look(desk, desk.edit(draft, "restore"))
    for page in ("", "/versions", "/versions/1", "/versions/2", "?take=1"):
        look(desk, desk.browse(path + page))
    look(desk, desk.browse(scheduled))
    look(desk, desk.edit(scheduled, "withdraw"))
    far = {"title": "T1 " * 60, "category": "", "body": "# \n\n#### H1\n\n[l1](www.x1.org) <video>"}
    preview = far | {"summary": "S2 " * 200, "publish_at": "01/02/2031 10:00", "body": far["body"]}
    look(desk, desk.edit(draft, "preview", **preview))


def _look_at_refusals(desk: Desk, path: str) -> None:
    many = {"title": "", "category": "c1", "body": "", "publish_at": "29/03/2026 02:30"}
    look(desk, desk.edit(path, "update", **many), 422)
    for time in (
        "25/10/2026 02:30",
        "x1",
        "32/01/2026 10:00",
        "30/02/2026 10:00",
        "01/13/2026 0:00",
    ):
        look(desk, desk.edit(path, "update", publish_at=time, author="A" * 1500), 422)
    look(desk, desk.edit(path, "schedule"), 422)
    stale = form_as_browser(desk.browse(path))
    look(desk, desk.edit(path, "withdraw"))
    look(desk, desk.send(path, stale | {"title": "T8", "action": "update"}), 409)
    look(desk, desk.edit(path, "restore"))
    look(desk, desk.send(path, stale | {"title": "T9", "action": "update"}), 409)
    look(desk, desk.send(path, stale | {"action": "x"}), 400)
    look(desk, desk.send(path, {**stale, "csrf_token": "x"}), 400)
    look(desk, desk.post("/editor/categories", {"name": "", "slug": "health"}), 422)
    look(desk, desk.post("/editor/categories", {"name": "Health", "description": "d" * 1001}), 422)
    look(desk, desk.post("/editor/categories", {"name": "C3"}))
    change = {"new_password": "x", "again": "y", "password": "z"}
    for one in (
        change,
        change | {"again": "x"},
        change | dict.fromkeys(("again", "new_password"), PASSWORD),
    ):
        look(desk, desk.post("/editor/account/password", one, page="/editor/account"), 422)


def _look_at_files(desk: Desk, path: str) -> None:
    """A picture and a recording that are not what they should be, and the question before."""
    for one in (
        {"picture": "x1", "audio": "http://a1:b1@x1.org/"},
        {"picture": f"/media/{'0' * 64}.png", "audio": "A1:" + "x" * 3000},
        {"picture": "http://127.0.0.1:9/x", "picture_type": "x1", "audio_length": "x1"},
        {"audio": "http://127.0.0.1:9/x", "audio_type": "x1", "picture_alt": "x1" * 2000},
        {"audio_duration": "x1", "audio_episode": "x1"},
        dict.fromkeys(("audio_duration", "audio_episode", "audio_explicit"), "x1")
        | {"audio": "http://127.0.0.1:9/x"},
    ):
        look(desk, desk.edit(path, "update", **one), 422)
    look(desk, desk.edit(path, "upload"), 422)
    typed = form_as_browser(desk.browse(path))
    whole = picture()
    for data in (b"", b"x", b"<svg", whole[:200], whole):
        body, kind = multipart(typed | {"action": "upload"}, "x1.png", data)
        answer = desk.request("POST", path, body, Content_Type=kind, Cookie=desk.cookie)
        look(desk, answer, 200 if data == whole else 422)
    new = form_as_browser(desk.browse("/editor/new"))
    new |= {"title": "T7", "body": "B7", "category": "health", "action": "publish"}
    [address] = desk.browse("/editor/new").page.xpath("//main//form/@action")
    asked = {"Accept": "text/html"}
    look(desk, desk.send(address, new, **asked))
    later = {"publish_at": "01/02/2031 10:00", "action": "schedule"}
    look(desk, desk.send(address, new | later, **asked))
    # A draft is saved all the same, and says what is not known.
    faults = {"audio": "http://127.0.0.1:9/x", "action": "save_draft"}
    look(desk, desk.send(address, new | faults))


def _look_at_categories_and_settings(desk: Desk) -> None:
    page = "/editor/categories"
    look(desk, desk.post(page, {"name": "C4", "language": "x1x1x1x1x1"}), 422)
    look(desk, desk.post(page, {"name": "C4", "slug": "all"}), 422)
    podcast = {"podcast": "yes", "podcast_category": "x1", "podcast_author": "x1" * 200}
    look(desk, desk.post(page, {"name": "C4", "podcast_image": "x1", **podcast}), 422)
    move = f"{page}/health/move"
    stale = form_as_browser(desk.browse(page), "/health/move")
    look(desk, desk.send(move, stale | {"to": "last"}))
    look(desk, desk.send(move, stale | {"to": "down"}), 409)
    look(desk, desk.send(move, stale | {"to": "x"}), 400)
    page = "/editor/settings"
    stale = form_as_browser(desk.browse(page))
    faults = {"title": "", "language": "x1", "window_items": "3", "grace_seconds": "x1"}
    look(desk, desk.send(page, stale | faults | {"max_age_seconds": "999999"}), 422)
    look(desk, desk.send(page, stale | {"description": "D1", "content": "summary"}))
    look(desk, desk.send(page, stale | {"description": "D2", "content": "full"}), 409)
    given = form_as_browser(desk.browse(page)) | {"give_back": "feeds.content"}
    look(desk, desk.send(page, given | {"author": "A2"}))
    look(desk, desk.send(page, given | {"give_back": "x1"}), 400)


def _look_at_accounts(desk: Desk) -> None:
    """Of an editor who is invited, promoted, helped and removed."""
    desk.language = ""
    desk.sign_in()
    desk.language = "de"
    page, mine = "/editor/accounts", desk.cookie
    links = {}
    for role in ("editor", "administrator"):
        invited = look(desk, desk.post(f"{page}/invite", {"role": role}, page=page))
        [link] = invited.page.xpath("//code[@class='secret']/text()")
        links[role] = link.partition("/editor/")[2]
    desk.cookie = ""
    for link in links.values():
        look(desk, desk.browse(f"/editor/{link}"))
    welcome = f"/editor/{links['editor']}"
    look(desk, desk.post(welcome, {"name": "ada", "password": "x"}), 422)
    look(desk, desk.post(welcome, {"name": "ada", "password": PASSWORD}), 422)
    assert desk.post(welcome, {"name": "E1", "password": PASSWORD}).status == 303
    for one in ("accounts", "account"):
        look(desk, desk.browse(f"/editor/{one}"), 403 if one == "accounts" else 200)
    desk.write("save_draft", title="T9")
    typed = form_as_browser(desk.browse("/editor/new"))
    [address] = desk.browse("/editor/new").page.xpath("//main//form/@action")
    desk.send(f"{address}/typed", typed | {"title": "T9"})
    desk.cookie = mine
    listed = desk.browse(page).page.xpath("//td/a")
    of = {link.text: link.get("href") for link in listed}
    own, other = of["ada"], of["E1"]
    look(desk, desk.browse(page))
    look(desk, desk.browse(other))
    look(desk, desk.post(f"{own}/role", {"role": "editor"}, page=own), 409)
    look(desk, desk.post(f"{own}/role", {"role": "x"}, page=own), 400)
    look(desk, desk.post(f"{own}/remove", {}), 409)
    for role in ("administrator", "editor"):
        look(desk, desk.post(f"{other}/role", {"role": role}, page=other))
    made = look(desk, desk.post(f"{other}/password-link", {}, page=other))
    look(desk, desk.post(f"{other}/sessions/end", {}, page=other))
    [link] = made.page.xpath("//code[@class='secret']/text()")
    desk.cookie = ""
    link = f"/editor/{link.partition('/editor/')[2]}"
    look(desk, desk.browse(link))
    look(desk, desk.post(link, {"password": "x"}), 422)
    look(desk, desk.post(link, {"password": PASSWORD}))
    desk.cookie = mine
    look(desk, desk.browse(f"{other}/remove"))
    look(desk, desk.post(f"{other}/remove", {}))
    assert desk.browse(other).status == 404
    look(desk, desk.send(f"{other}/role", {**form_as_browser(desk.browse(own)), "name": "E1"}))


def _look_at_the_second_factor(desk: Desk) -> None:
    page, path = "/editor/account", "/editor/account/second-factor"
    look(desk, desk.post(f"{path}/begin", {"password": "x"}, page=page), 422)
    begun = look(desk, desk.post(f"{path}/begin", {"password": PASSWORD}, page=page))
    [secret] = begun.page.xpath("//code[@class='secret']/text()")
    look(desk, desk.send(path, form_as_browser(begun) | {"code": "x"}), 422)
    look(
        desk,
        desk.send(path, form_as_browser(begun) | {"code": code_of(desk, secret.replace(" ", ""))}),
    )
    wrong = {"password": PASSWORD, "code": "x"}
    look(desk, desk.post(f"{path}/off", wrong, page=page), 422)
    desk.cookie = ""
    asked = look(desk, desk.post("/editor/sign-in", {"name": "ada", "password": PASSWORD}))
    look(desk, desk.send("/editor/sign-in/code", form_as_browser(asked) | {"code": "x"}), 401)
    desk.cookie = ""
    stale = form_as_browser(desk.browse("/editor/sign-in"))
    look(desk, desk.send("/editor/sign-in/code", stale), 401)
    pass_time(desk, minutes=1)
    desk.cookie = ""
    asked = desk.post("/editor/sign-in", {"name": "ada", "password": PASSWORD})
    code = code_of(desk, secret.replace(" ", ""))
    look(desk, desk.send("/editor/sign-in/code", form_as_browser(asked) | {"code": code}))
    look(desk, desk.browse(page))
    end = desk.browse(page).page.xpath("//main//form[@class='inline']/@action")[0]
    look(desk, desk.post(end, {}, page=page))
    pass_time(desk, minutes=1)
    right = {"password": PASSWORD, "code": code_of(desk, secret.replace(" ", ""))}
    look(desk, desk.post(f"{path}/off", right, page=page))
    for query in ("", "?kind=session", "?who=E1", "?words=zzz", "?before=9"):
        look(desk, desk.browse(f"/editor/log{query}"))


def _look_at_public_pages(desk: Desk, path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for page in ("/", "/categories/health", "/categories/science", "/articles/t4", "/feeds/all"):
        look(desk, desk.browse(page))
    monkeypatch.setattr(discovery, "FEEDS_PER_PAGE", 1)
    monkeypatch.setattr(discovery, "MOST_READ", 1)
    for page in ("/feeds/", "/feeds/?page=2", "/feeds/health", "/feeds/science"):
        look(desk, desk.browse(page))
    look(desk, desk.edit(path, "withdraw"))
    look(desk, desk.browse("/articles/t4"), 410)
    look(desk, desk.browse("/nothing"), 404)
    look(desk, desk.send("/", {}), 405)
    desk.cookie = ""
    look(desk, desk.browse("/editor/sign-in"))
    look(desk, desk.post("/editor/sign-in", {"name": "ada", "password": "x"}), 401)
    look(desk, desk.send(path, {"title": "T7"}), 401)
    look(desk, desk.send("/editor/categories/x", {"name": "C1"}), 401)


# Which language


def test_a_page_is_in_the_language_that_the_browser_asks_for(sqlite_service: Service) -> None:
    service = sqlite_service.start()
    answer = service.get("/", Accept_Language="fr, de-AT;q=0.8, en;q=0.5")
    assert "Zum Text springen" in answer.text
    assert (answer.page.get("lang"), answer.page.get("dir")) == ("de", "ltr")
    assert {"Accept-Language", "Cookie"} <= set(answer.headers["vary"].split(", "))
    assert "Skip to the text" in service.get("/", Accept_Language="fr").text
    assert "Skip to the text" in service.get("/").text
    # What feeds say is the same for everybody.
    feed = service.get("/feeds/all.atom", Accept_Language="de")
    assert feed.body == service.get("/feeds/all.atom").body
    assert "Accept-Language" not in feed.headers["vary"]


def test_a_reader_chooses_a_language_and_comes_back(desk: Desk) -> None:
    shown = desk.get("/categories/health").page
    link = shown.xpath("//footer//a[@lang='de']")[0]
    assert (link.text, link.get("hreflang")) == ("Deutsch", "de")
    answer = desk.get(link.get("href").replace("%2F", "/"))
    assert (answer.status, answer.headers["location"]) == (303, "/categories/health")
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith("feedsvc_language=de;")
    assert {"HttpOnly", "SameSite=Lax", "Path=/"} <= set(cookie.split("; "))
    chosen = desk.get("/", Cookie=cookie.split(";")[0], Accept_Language="en")
    assert chosen.page.get("lang") == "de"
    assert chosen.page.xpath("//footer//a[@aria-current]/text()") == ["Deutsch"]
    assert desk.get("/", Cookie="feedsvc_language=xx").page.get("lang") == "en"
    assert desk.get("/language/xx").status == 404


def test_a_choice_leads_to_no_other_host(desk: Desk) -> None:
    for target in (
        "//x.example",
        "/\\x.example",
        "https://x.example",
        "/%0d%0aX: y",
        "/%09/x",
        "x",
    ):
        assert desk.get(f"/language/de?next={target}").headers["location"] == "/", target


def test_a_form_that_came_back_offers_no_way_to_lose_it(desk: Desk) -> None:
    path = desk.write()
    assert desk.browse(path).page.xpath("//footer//a[@lang='de']")
    assert not desk.edit(path, title="").page.xpath("//footer//a[@lang='de']")


# What a language has its own customs of


def test_dates_numbers_and_lists_are_written_as_the_reader_writes_them(desk: Desk) -> None:
    desk.write(title="Quiet", also_in=["science"])
    german, english = (desk.get("/articles/quiet", Accept_Language=tag) for tag in ("de", "en"))
    assert str(languages._locale("en")) == "en_GB"
    for answer, text in (
        (german, "1. Januar 2026, 01:00 MEZ"),
        (english, "1 January 2026, 01:00 CET"),
    ):
        time = answer.page.xpath("//article//time")[0]
        assert (time.text, time.get("datetime")) == (text, "2026-01-01T00:00:00Z")
        assert time.get("lang") == answer.page.get("lang")
        assert answer.page.xpath("//article[@lang='en']/h1/text()") == ["Quiet"]
    desk.language = "de"
    path = desk.browse("/editor/?state=published").page.xpath("//td/a/@href")[0]
    refused = desk.edit(path, author="A" * 2001)
    assert "höchstens 200 Zeichen; hier sind es 2.001" in refused.text
    desk.edit(path, "withdraw")
    desk.edit(path, "restore")
    assert "in den Feeds von Health und Science" in desk.browse(path).text


def test_english_pages_need_neither_babel_nor_a_catalogue(desk: Desk) -> None:
    languages._locale.cache_clear()
    languages._catalogue.cache_clear()
    desk.write()
    for page in ("/", "/editor/", "/editor/new", "/nothing"):
        desk.browse(page)
    assert languages._locale.cache_info().currsize == 0
    assert languages._catalogue("en") is None


def test_the_interface_may_be_written_from_right_to_left(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(languages.AVAILABLE, "ar", "العربية")
    page = desk.get("/", Accept_Language="ar").page
    assert (page.get("lang"), page.get("dir")) == ("ar", "rtl")
    assert page.xpath("//footer//a[@lang='ar']/text()") == ["العربية"]
    path = desk.write("schedule", publish_at="01/02/2026 10:00")
    desk.language = "ar"
    # What is made of digits and Latin letters keeps its own order.
    assert "\u206601/02/2026 10:00 CET (09:00 UTC)\u2069" in desk.browse(path).text
    assert not re.search(
        r"(margin|padding|border)-(left|right)|(?<![-\w])(left|right)\s*:|: *(left|right)\b",
        (catalogue.CODE / "web/static/style.css").read_text("utf-8"),
    )


# In a browser

ARABIC = "متحف الأصوات 2026"


def left_of(page: Page, selector: str, text: str) -> float:
    """Where a text is painted, in pixels from the left."""
    found = page.evaluate(
        """([selector, text]) => {
            const walker = document.createTreeWalker(document.querySelector(selector), 4);
            while (walker.nextNode()) {
                const start = walker.currentNode.data.indexOf(text);
                if (start < 0) continue;
                const range = document.createRange();
                range.setStart(walker.currentNode, start);
                range.setEnd(walker.currentNode, start + text.length);
                return range.getBoundingClientRect().left;
            }
        }""",
        [selector, text],
    )
    assert isinstance(found, int | float), f"{text} is not in {selector}"
    return float(found)


@needs_chromium
def test_a_reader_with_another_language_and_articles_in_a_third(
    browser: Browser, live: Service
) -> None:
    """German around Arabic: scripts speak German, and each text runs its own way."""
    context = browser.new_context(base_url=f"http://127.0.0.1:{live.port}", locale="en-GB")
    page = context.new_page()
    sign_up(page, live)
    page.get_by_role("link", name="Deutsch").click()
    expect(page.get_by_role("heading", name="Redaktion")).to_be_visible()
    page.get_by_role("link", name="Neuer Artikel").first.click()
    page.get_by_label("Titel").fill(ARABIC)
    page.get_by_label("Name der Kategorie").evaluate("field => { field.value = 'ثقافة'; }")
    page.get_by_label("Text", exact=True).fill("نص عربي (2026).")
    expect(page.locator("#kept")).to_contain_text("Zwischengespeichert um")
    page.get_by_label("Zeitpunkt").fill("01/01/2999 10:00")
    for _ in ("asked", "answered"):
        with page.expect_navigation():
            page.get_by_role("button", name="Planen").click()
    expect(page.locator(".meta .countdown")).to_have_text(re.compile(r"^\d+ Tagen$"))
    page.get_by_label("Zeitpunkt").fill("")
    for _ in ("asked", "answered"):
        with page.expect_navigation():
            page.get_by_role("button", name="Veröffentlichen").click()
    expect(page.get_by_role("status")).to_contain_text("Veröffentlicht. Er steht jetzt in den")
    for path in ("/", "/articles/متحف-الأصوات-2026"):
        page.goto(path)
        time = page.locator(".meta time").first.inner_text()
        # A category's name does not draw the time to its other side.
        day, year = left_of(page, ".meta time", time[:2]), left_of(page, ".meta time", time[-8:])
        assert day < year
        title = page.locator("h2 a, h1").filter(has_text=ARABIC).first
        assert title.evaluate("one => getComputedStyle(one.closest('[dir]')).direction") == "rtl"
        meta = page.locator(".meta").first
        assert meta.evaluate("one => getComputedStyle(one).direction") == "ltr"
        link = page.locator(".meta a").first
        assert link.evaluate("one => getComputedStyle(one).unicodeBidi") == "isolate"
    assert page.locator(".text p").evaluate("one => getComputedStyle(one).direction") == "rtl"
    context.close()
