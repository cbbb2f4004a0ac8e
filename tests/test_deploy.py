"""The files in deploy/, each as it would be used: proxies, service manager, image."""

from __future__ import annotations

import fnmatch
import http.client
import json
import os
import re
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime, parsedate_to_datetime
from pathlib import Path
from urllib.parse import urlencode

import pytest

from feedsvc.config import load
from feedsvc.model import State
from feedsvc.storage import Storage
from tests.builders import HEALTH, make_entry
from tests.proxies import (
    CADDY,
    DEPLOY,
    HOST,
    NGINX,
    Relay,
    Through,
    caddy,
    nginx,
    nginx_text,
    substituted,
)
from tests.service import PASSWORD, ROOT, Answer, Service, free_port

FEED = "/feeds/health.rss"
CODINGS = ("br", "zstd", "gzip", "identity")

# CI installs them; a developer is told how to.
needs_nginx = pytest.mark.skipif(
    NGINX is None and not os.environ.get("CI"),
    reason="these tests need nginx: apt install nginx-light",
)
needs_caddy = pytest.mark.skipif(
    CADDY is None and not os.environ.get("CI"),
    reason="these tests need Caddy: apt install caddy",
)
SYSTEMD = shutil.which("systemd-analyze")


def _service(folder: Path, max_age_seconds: int) -> Service:
    return Service(
        folder,
        f"sqlite:///{folder}/feedsvc.db",
        clock=False,
        environment={
            "FEEDSVC_FEEDS_MAX_AGE_SECONDS": str(max_age_seconds),
            "FEEDSVC_SERVER_TRUSTED_PROXIES": HOST,
        },
    )


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service whose feeds are kept for five minutes, or until the next article."""
    with _service(tmp_path_factory.mktemp("live"), 300) as running:
        running.start()
        running.sign_up()
        running.write(title="First", body="A text. " * 300)
        time.sleep(2.5)  # until Last-Modified is no more in the future
        yield running


@pytest.fixture(scope="module")
def brisk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service whose feeds are kept for a second."""
    with _service(tmp_path_factory.mktemp("brisk"), 1) as running:
        running.start()
        running.sign_up()
        running.write(title="First")
        yield running


@pytest.fixture
def relay(live: Service) -> Iterator[Relay]:
    """Between the proxy and the service: counts, delays, breaks."""
    with Relay(live.port) as made:
        yield made


@pytest.fixture
def behind_nginx(live: Service, relay: Relay, tmp_path: Path) -> Iterator[Through]:
    """The service through an nginx with an empty cache."""
    port = free_port()
    with nginx(tmp_path, port, nginx_text(tmp_path, port, relay.port)):
        yield Through(port)


@pytest.fixture
def brisk_relay(brisk: Service) -> Iterator[Relay]:
    with Relay(brisk.port) as made:
        yield made


@pytest.fixture
def brisk_nginx(brisk: Service, brisk_relay: Relay, tmp_path: Path) -> Iterator[Through]:
    port = free_port()
    with nginx(tmp_path, port, nginx_text(tmp_path, port, brisk_relay.port)):
        yield Through(port)


@pytest.fixture
def behind_caddy(live: Service, relay: Relay, tmp_path: Path) -> Iterator[Through]:
    port = free_port()
    with caddy(tmp_path, port, relay.port):
        yield Through(port)


# nginx


@needs_nginx
def test_many_polls_are_one_request_for_each_coding(
    behind_nginx: Through, live: Service, relay: Relay
) -> None:
    spellings = [
        "",
        "identity",
        "deflate",
        "gzip",
        "gzip, deflate",
        "GZIP,deflate",
        "x-gzip",
        "gzip;q=1.0,deflate;q=0.6,identity;q=0.3",
        "deflate, gzip;q=0.5",
        "br",
        "gzip, deflate, br",
        "gzip, deflate, br, zstd",
        "br;q=1.0, gzip;q=0.8, *;q=0.1",
        "zstd",
        "gzip, zstd",
        "brotli, xbr, gzip-9",
    ]
    paths = [FEED, f"{FEED}?utm_source=a", f"{FEED}?x=1&y=2", "/feeds/%68ealth%2Erss"]
    for accept in spellings:
        ours = live.get(FEED, Accept_Encoding=accept)
        for path in paths:
            for more in ({"Cookie": "a=b"}, {"Host": "other.example"}, {}):
                answer = behind_nginx.get(path, Accept_Encoding=accept, **more)
                assert answer.status == 200
                assert answer.body == ours.body, accept
                for name in ("etag", "vary", "content-type", "cache-control", "content-encoding"):
                    assert answer.headers.get(name) == ours.headers.get(name), (accept, name)
    assert behind_nginx.get(FEED).headers["etag"] == live.get(FEED).headers["etag"]
    heads = relay.take()
    assert len(heads) == len(CODINGS), heads
    assert not any("cookie" in head.lower() for head in heads)


@needs_nginx
def test_who_reads_nginxs_copy_is_told_how_old_it_is(behind_nginx: Through) -> None:
    first = behind_nginx.get(FEED)
    assert first.headers["x-cache-status"] == "MISS"
    time.sleep(1.1)
    later = behind_nginx.get(FEED)
    assert later.headers["x-cache-status"] == "HIT"
    # An age that those behind count from Date (RFC 9111 section 4.2.3).
    assert later.headers["date"] == first.headers["date"]
    assert later.headers["last-modified"] == first.headers["last-modified"]


@needs_nginx
@pytest.mark.parametrize("coding", CODINGS)
def test_conditional_polls_are_answered_from_nginxs_copy(
    behind_nginx: Through, relay: Relay, coding: str
) -> None:
    first = behind_nginx.get(FEED, Accept_Encoding=coding)
    tag, modified = first.headers["etag"], first.headers["last-modified"]
    other = behind_nginx.get(FEED, Accept_Encoding="gzip" if coding != "gzip" else "br")
    relay.take()
    for same in (tag, f"W/{tag}", f'"old", W/"older" , {tag}', f'W/{tag},"old"', "*"):
        answer = behind_nginx.get(FEED, Accept_Encoding=coding, If_None_Match=same)
        assert (answer.status, answer.body) == (304, b""), same
        assert answer.headers["etag"] == tag
        assert answer.headers["vary"] == "Accept-Encoding"
        assert answer.headers["cache-control"].startswith("public, max-age=")
        assert answer.headers["x-cache-status"] == "HIT"
    for stale in ('"old"', 'W/"old", "older"', other.headers["etag"], tag[:-2] + '"'):
        # A date beside a tag counts nothing (RFC 9110 section 13.2.2).
        conditions = {"If_None_Match": stale, "If_Modified_Since": modified}
        answer = behind_nginx.get(FEED, Accept_Encoding=coding, **conditions)
        assert (answer.status, answer.body) == (200, first.body), stale
    assert behind_nginx.get(FEED, Accept_Encoding=coding, If_Modified_Since=modified).status == 304
    # Nor does one of the reader's own: the copy may be older than that.
    later = parsedate_to_datetime(modified) + timedelta(seconds=1)
    own = format_datetime(later, usegmt=True)
    for date in (own, "Thu, 26 Nov 2015 08:00:00 GMT", "yesterday"):
        answer = behind_nginx.get(FEED, Accept_Encoding=coding, If_Modified_Since=date)
        assert answer.status == 200, date
    assert relay.take() == []


@needs_nginx
def test_head_and_range_are_answered_from_nginxs_copy_and_post_is_not(
    behind_nginx: Through, relay: Relay
) -> None:
    head = behind_nginx.request("HEAD", FEED, Accept_Encoding="gzip")
    whole = behind_nginx.get(FEED, Accept_Encoding="gzip", Range="bytes=0-9")
    assert (head.status, head.body, whole.status) == (200, b"", 200)
    assert head.headers["content-length"] == str(len(whole.body))
    assert head.headers["etag"] == whole.headers["etag"]
    assert "accept-ranges" not in whole.headers
    assert len(relay.take()) == 1
    assert behind_nginx.request("POST", FEED, b"").status == 405
    assert behind_nginx.get(FEED, Accept_Encoding="gzip").status == 200
    assert len(relay.take()) == 1


@needs_nginx
@pytest.mark.parametrize(
    "headers",
    [{"A_IM": "feed"}, {"Accept_Encoding": "gzip;q=0, br"}, {"Accept_Encoding": "br; q=0.000"}],
)
def test_what_only_the_service_can_answer_passes_by_the_cache(
    behind_nginx: Through, relay: Relay, headers: dict[str, str]
) -> None:
    tag = behind_nginx.get(FEED).headers["etag"]
    relay.take()
    for _ in range(2):
        behind_nginx.get(FEED, **headers)
        assert behind_nginx.get(FEED, If_None_Match=tag, **headers).status in (304, 226)
    heads = relay.take()
    assert len(heads) == 4
    for name, value in headers.items():
        wanted = f"{name.replace('_', '-')}: {value}"
        assert all(wanted.lower() in head.lower() for head in heads)
    # With its condition, which a cached request goes without.
    assert [tag in head for head in heads] == [False, True] * 2
    assert behind_nginx.get(FEED).headers["x-cache-status"] == "HIT"


@needs_nginx
def test_refused_codings_and_unknown_feeds_are_kept_for_nobody(
    behind_nginx: Through, relay: Relay
) -> None:
    assert behind_nginx.get(FEED, Accept_Encoding="identity;q=0").status == 406
    assert behind_nginx.get(FEED).status == 200
    assert len(relay.take()) == 2
    for path in ("/feeds/nothing.rss", "/feeds/nothing", "/articles/nothing"):
        for _ in range(2):
            assert behind_nginx.get(path).status == 404, path
        assert len(relay.take()) == 2, path
    # An encoded question mark belongs to the path.
    assert behind_nginx.get("/feeds/health.rss%3Fx.rss").status == 404


@needs_nginx
def test_a_feed_that_is_not_there_yet_is_fetched_once(behind_nginx: Through, relay: Relay) -> None:
    relay.delay = 0.03
    fetches = []
    # On a busy machine a fetch may last longer than others wait for it; not three times.
    for path in (FEED, "/feeds/health.atom", "/feeds/science.rss"):
        with ThreadPoolExecutor(30) as readers:
            answers = list(readers.map(behind_nginx.get, [path] * 30))
        assert {one.status for one in answers} == {200}
        assert len({one.headers["etag"] for one in answers}) == 1
        fetches.append(len(relay.take()))
    assert 1 in fetches, fetches


@needs_nginx
def test_what_is_published_is_seen_after_max_age_and_polls_stay_few(
    brisk: Service, brisk_nginx: Through, brisk_relay: Relay
) -> None:
    tag = brisk_nginx.get(FEED).headers["etag"]
    brisk_relay.take()
    brisk.write(title="Published now")
    published = time.monotonic()
    polls = 0
    while (answer := brisk_nginx.get(FEED, If_None_Match=tag)).status == 304:
        polls += 1
        # nginx counts whole seconds and lets the last one end.
        assert time.monotonic() - published < 1 + 1 + 0.5
        time.sleep(0.005)
    assert b"Published now" in answer.body
    assert answer.headers["etag"] != tag
    assert len(brisk_relay.take()) <= 3 < polls


@needs_nginx
def test_a_scheduled_article_is_seen_at_its_due_second_and_not_before(
    live: Service, behind_nginx: Through, relay: Relay
) -> None:
    due = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=5)
    _schedule(live, "Due now", due)
    time.sleep(0.7)
    assert live.get("/feeds/all.atom").headers["cache-control"] < "public, max-age=5"
    seen: list[tuple[datetime, datetime, bool]] = []
    stopped = threading.Event()

    def read() -> None:
        while not stopped.is_set():
            asked = datetime.now(UTC)
            answer = behind_nginx.get("/feeds/all.atom", Accept_Encoding="identity")
            seen.append((asked, datetime.now(UTC), b"Due now" in answer.body))
            time.sleep(0.005)

    # Until the last second all polls are one request.
    behind_nginx.get("/feeds/all.atom", Accept_Encoding="identity")
    relay.take()
    with ThreadPoolExecutor(4) as readers:
        for _ in range(4):
            readers.submit(read)
        time.sleep((due - datetime.now(UTC)).total_seconds() - 1.2)
        early, before = relay.take(), len(seen)
        time.sleep(2.4)
        stopped.set()
    assert before > 50
    assert len(early) <= 1
    first = min(answered for _, answered, has in seen if has)
    assert first >= due
    # What was asked for half a second later (a tick of the service is a fifth) has it.
    late = [has for asked, _, has in seen if asked > due + timedelta(seconds=0.5)]
    assert len(late) > 20
    assert all(late)
    # And from then on it is kept.
    relay.take()
    assert behind_nginx.get("/feeds/all.atom").headers["x-cache-status"] == "HIT"
    assert relay.take() == []


def _schedule(service: Service, title: str, due: datetime) -> None:
    """As the form does, but to the second, and due sooner than a form can say."""
    storage = Storage(service.storage_url)
    now = datetime.now(UTC).replace(microsecond=0)
    with storage.writing() as tx:
        health = tx.feeds.category(HEALTH.slug)
        entry = make_entry(
            title=title,
            slug="due-now",
            categories=(health,),
            state=State.SCHEDULED,
            published=due,
            updated=due,
            visible_at=due,
            changed_at=now,
        )
        tx.entries.add(entry)
        tx.feeds.place(entry, {}, now)
        tx.feeds.announce_all(now)
    storage.close()


@needs_nginx
def test_feeds_go_on_while_the_service_is_down(brisk_nginx: Through, brisk_relay: Relay) -> None:
    first = brisk_nginx.get(FEED)
    brisk_relay.close()
    time.sleep(2.1)
    stale = brisk_nginx.get(FEED)
    assert (stale.status, stale.body) == (200, first.body)
    assert stale.headers["x-cache-status"] == "STALE"
    assert brisk_nginx.get(FEED, If_None_Match=first.headers["etag"]).status == 304
    for path in ("/feeds/science.rss", "/", "/editor/"):
        answer = brisk_nginx.get(path)
        assert answer.status == 503
        assert answer.headers["retry-after"] == "30"
        assert answer.headers["cache-control"] == "no-store"
        assert "being restarted" in answer.text
    brisk_relay.open()
    assert brisk_nginx.get(FEED).headers["x-cache-status"] == "EXPIRED"
    assert brisk_nginx.get("/").status == 200


@needs_nginx
def test_an_old_copy_will_do_while_another_is_fetched_unless_an_article_has_fallen_due(
    brisk: Service, brisk_nginx: Through, brisk_relay: Relay
) -> None:
    def two_at_once() -> list[Answer]:
        brisk_relay.delay = 0.3
        with ThreadPoolExecutor(2) as readers:
            answers = list(readers.map(lambda _: brisk_nginx.get(FEED), range(2)))
        brisk_relay.delay = 0
        return answers

    brisk_nginx.get(FEED)
    # nginx counts whole seconds: what may be kept for one is fresh for nearly two.
    time.sleep(2.05)
    statuses = {one.headers["x-cache-status"] for one in two_at_once()}
    assert statuses <= {"EXPIRED", "UPDATING"}
    due = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=4)
    _schedule(brisk, "Due now", due)
    time.sleep(1)
    brisk_nginx.get(FEED)
    time.sleep(max(0.0, (due - datetime.now(UTC)).total_seconds()) + 0.5)
    for answer in two_at_once():
        assert answer.headers["x-cache-status"] == "EXPIRED"
        assert b"Due now" in answer.body


@needs_nginx
def test_tls_and_the_redirect_are_as_written(live: Service, tmp_path: Path) -> None:
    if shutil.which("openssl") is None:
        pytest.skip("a certificate is made by openssl: apt install openssl")
    for name in ("fullchain.pem", "privkey.pem"):
        assert f"/etc/letsencrypt/live/news.example.org/{name}" in substituted("nginx.conf", {})
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-nodes", "-subj", "/CN=news.example.org"),
            *("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"),
            *("-addext", "subjectAltName=DNS:news.example.org"),
            *("-keyout", tmp_path / "privkey.pem", "-out", tmp_path / "fullchain.pem"),
        ],
        check=True,
        capture_output=True,
    )
    plain, port = free_port(), free_port()
    text = substituted(
        "nginx.conf",
        {
            "server 127.0.0.1:8000;": f"server {HOST}:{live.port};",
            "/var/cache/feedsvc": f"{tmp_path}/cache",
            "/etc/letsencrypt/live/news.example.org": str(tmp_path),
            "listen 80;": f"listen {HOST}:{plain};",
            "listen [::]:80;": "",
            "listen 443 ssl": f"listen {HOST}:{port} ssl",
            "listen [::]:443 ssl http2;": "",
        },
    )
    context = ssl.create_default_context(cafile=str(tmp_path / "fullchain.pem"))
    context.set_alpn_protocols(["h2", "http/1.1"])
    with nginx(tmp_path, port, text):
        moved = Through(plain).get(f"{FEED}?x=1", Host="news.example.org")
        assert moved.status == 301
        assert moved.headers["location"] == f"https://news.example.org{FEED}?x=1"
        with (
            socket.socket() as near,
            context.wrap_socket(near, server_hostname="news.example.org") as secure,
        ):
            secure.connect((HOST, port))
            assert secure.selected_alpn_protocol() == "h2"
        context.set_alpn_protocols(["http/1.1"])
        for path in (FEED, "/", "/editor/sign-in"):
            answer = _ask_tls(context, port, path)
            assert b"HTTP/1.1 200 OK" in answer
            assert b"Strict-Transport-Security: max-age=31536000\r\n" in answer


def _ask_tls(context: ssl.SSLContext, port: int, path: str) -> bytes:
    with (
        socket.socket() as near,
        context.wrap_socket(near, server_hostname="news.example.org") as secure,
    ):
        secure.connect((HOST, port))
        secure.sendall(
            f"GET {path} HTTP/1.1\r\nHost: news.example.org\r\nConnection: close\r\n\r\n".encode()
        )
        return b"".join(iter(lambda: secure.recv(65536), b""))


# Either proxy


@pytest.fixture(
    params=[
        pytest.param("behind_nginx", marks=needs_nginx),
        pytest.param("behind_caddy", marks=needs_caddy),
    ]
)
def behind(request: pytest.FixtureRequest) -> Through:
    """The service behind each of the two."""
    through: Through = request.getfixturevalue(request.param)
    return through


def test_an_editor_works_through_the_proxy(behind: Through, live: Service, relay: Relay) -> None:
    assert behind.sign_in().status == 303
    relay.take()
    title = f"Written through port {behind.port}"
    path = behind.write(title=title, category="science")
    answer = behind.browse(path)
    assert title in answer.text
    assert "x-cache-status" not in answer.headers
    assert "content-encoding" not in answer.headers
    assert behind.get("/editor/", Cookie=behind.cookie).status == 200
    assert behind.get("/editor/").status == 303
    assert title.encode() in behind.get("/feeds/science.rss").body
    assert title in behind.get("/categories/science").text


def test_the_service_learns_the_address_that_the_proxy_saw(behind: Through, relay: Relay) -> None:
    # What a client says of itself counts nothing.
    pretended = {"X_Forwarded_For": "192.0.2.1", "X_Forwarded_Proto": "https"}
    for path in (FEED, "/", "/editor/sign-in"):
        Through(behind.port, "127.0.0.2").get(path, **pretended)
    heads = relay.take()
    assert len(heads) == 3
    for head in heads:
        told = [line for line in head.lower().splitlines() if line.startswith("x-forwarded-")]
        assert "x-forwarded-for: 127.0.0.2" in told
        assert "x-forwarded-proto: http" in told
        assert "192.0.2.1" not in head


@needs_nginx
def test_who_guesses_is_refused_and_others_are_not(behind_nginx: Through) -> None:
    pretended = [{"X_Forwarded_For": f"192.0.2.{number}"} for number in range(6)]
    guesser = Through(behind_nginx.port, "127.0.0.2")
    assert [_guess(guesser, headers) for headers in pretended] == [401] * 5 + [429]
    assert _guess(Through(behind_nginx.port, "127.0.0.3"), {}) == 401


def _guess(through: Through, headers: dict[str, str]) -> int:
    page = through.browse("/editor/sign-in").page
    token = page.xpath("//input[@name='csrf_token']/@value")[0]
    body = urlencode({"csrf_token": token, "name": "ada", "password": "a guess"}).encode()
    return through.request(
        "POST",
        "/editor/sign-in",
        body,
        Content_Type="application/x-www-form-urlencoded",
        Cookie=through.cookie,
        **headers,
    ).status


def test_metrics_are_not_for_those_outside(behind: Through, relay: Relay) -> None:
    for path in ("/metrics", "/metrics/", "/metrics?x", "/%6Detrics", "//metrics"):
        assert behind.get(path).status == 404
    # Spelt with two slashes it is another address to the service as well.
    assert all(head.startswith("GET //metrics") for head in relay.take())


def test_forms_may_be_as_long_as_the_service_takes_them(behind: Through) -> None:
    def send(path: str, length: int) -> Answer:
        body = b"body=" + b"x" * (length - 5)
        kind = "application/x-www-form-urlencoded"
        return behind.request("POST", path, body, Content_Type=kind)

    # Refused by the service, since the form lacks its token.
    assert send("/editor/sign-in", 13_900_000).status == 400
    assert send("/editor/sign-in", 15_000_000).status == 413
    # By nginx; what Caddy passes on the service bounds.
    assert send("/", 100_000).status in (405, 413)


@pytest.mark.parametrize("coding", CODINGS)
def test_feeds_come_as_the_service_compressed_them(
    behind: Through, live: Service, coding: str
) -> None:
    ours = live.get(FEED, Accept_Encoding=coding)
    for path in (FEED, "/feeds/all.atom"):
        ours, theirs = (one.get(path, Accept_Encoding=coding) for one in (live, behind))
        assert theirs.body == ours.body
        for name in ("etag", "content-encoding", "vary", "content-type", "last-modified"):
            assert theirs.headers.get(name) == ours.headers.get(name), name
        fresh = behind.get(path, Accept_Encoding=coding, If_None_Match=ours.headers["etag"])
        assert (fresh.status, fresh.body) == (304, b"")


@needs_caddy
def test_caddy_asks_for_no_coding_that_the_client_does_not_take(
    behind_caddy: Through, live: Service
) -> None:
    plain = live.get(FEED).headers["etag"]
    # http.client asks for identity by itself; an empty field is none to Go's client.
    assert behind_caddy.get(FEED, Accept_Encoding="").headers["etag"] == plain
    assert behind_caddy.get("/", Accept_Encoding="gzip").headers["content-encoding"] == "gzip"


@needs_caddy
def test_polls_wait_while_the_service_behind_caddy_restarts(
    behind_caddy: Through, relay: Relay
) -> None:
    relay.close()
    with ThreadPoolExecutor(1) as readers:
        waiting = readers.submit(behind_caddy.get, FEED)
        time.sleep(0.5)
        relay.open()
        assert waiting.result().status == 200
    relay.close()
    answer = behind_caddy.get("/")
    assert answer.status == 503
    assert answer.headers["retry-after"] == "30"
    assert "being restarted" in answer.text


# systemd

# Refuses memory that is writable and executable, as MemoryDenyWriteExecute does, and
# becomes the command that is given. PR_SET_MDWE, since Linux 6.3.
CONFINED = """
import ctypes, os, sys
ctypes.CDLL(None).prctl(65, 1, 0, 0, 0)
ctypes.CDLL(None).prctl(38, 1, 0, 0, 0)
os.execv(sys.argv[1], sys.argv[1:])
"""


def _unit() -> dict[str, list[str]]:
    """The settings of the unit, each with its values in order."""
    found: dict[str, list[str]] = {}
    for line in (DEPLOY / "feedsvc.service").read_text("utf-8").splitlines():
        if line[:1] not in ("#", "[", ""):
            name, _, value = line.partition("=")
            found.setdefault(name, []).append(value)
    return found


@pytest.mark.skipif(SYSTEMD is None, reason="the unit is verified by systemd: apt install systemd")
def test_systemd_finds_no_fault_with_the_unit(tmp_path: Path) -> None:
    unit = tmp_path / "feedsvc.service"
    with_credential = substituted(
        "feedsvc.service",
        {
            "/opt/feedsvc/bin/feedsvc": str(Path(sys.executable).with_name("feedsvc")),
            "#LoadCredential=": "LoadCredential=",
            "#Environment=": "Environment=",
        },
    )
    unit.write_text(with_credential, "utf-8")
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", unit], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    done = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--json=short", unit],
        capture_output=True,
        text=True,
        check=False,
    )
    if "unrecognized option" in done.stderr:  # before systemd 250
        return
    weak = {one["name"] for one in json.loads(done.stdout) if float(one["exposure"] or 0) >= 0.2}
    # What it is for: the network; and it may be nice.
    assert weak <= {
        "PrivateNetwork=",
        "RestrictAddressFamilies=~AF_(INET|INET6)",
        "IPAddressDeny=",
        "SystemCallFilter=~@resources",
    }


def test_the_units_commands_start_reload_and_stop_it(tmp_path: Path) -> None:
    unit = _unit()
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("FEEDSVC_") and name != "PYTHONPATH"
    }
    config = tmp_path / "config.toml"
    port = free_port()

    def configure(max_age: str) -> None:
        text = substituted(
            "config.toml",
            {
                "/var/lib/feedsvc": str(tmp_path),
                "[server]": f"[server]\nworkers = 1\nport = {port}",
                "max_age_seconds = 30": f"max_age_seconds = {max_age}",
            },
        )
        config.write_text(text, "utf-8")

    configure("30")
    assert unit["Environment"] == ["FEEDSVC_CONFIG=/etc/feedsvc/config.toml"]
    environment["FEEDSVC_CONFIG"] = str(config)
    (start,), (reload,) = unit["ExecStart"], unit["ExecReload"]
    program, *arguments = start.split()
    assert program == "/opt/feedsvc/bin/feedsvc"
    command = [str(Path(sys.executable).with_name("feedsvc")), *arguments]
    process = subprocess.Popen(
        [sys.executable, "-c", CONFINED, *command],
        cwd=tmp_path,
        env=environment,
        stdout=subprocess.DEVNULL,
    )
    service = Through(port)
    try:
        _await(lambda: _max_age(service) == 30)
        configure("7")
        assert reload == "/bin/kill -HUP $MAINPID"
        process.send_signal(signal.SIGHUP)
        _await(lambda: _max_age(service) == 7)
        assert (tmp_path / "feedsvc.db").exists()
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(float(unit["TimeoutStopSec"][0])) == 0


def _max_age(service: Service) -> int:
    try:
        found = re.search("max-age=([0-9]+)", str(service.get("/feeds/all.rss").headers))
    # While nobody listens on it, a port may be connected with itself.
    except (OSError, http.client.HTTPException):
        return -1
    return int(found[1]) if found else -1


def _await(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_secret_comes_from_the_credential_that_the_unit_shows(tmp_path: Path) -> None:
    shown = (DEPLOY / "feedsvc.service").read_text("utf-8")
    assert "#LoadCredential=storage-url:" in shown
    assert "#Environment=FEEDSVC_STORAGE_URL_FILE=%d/storage-url\n" in shown
    secret = tmp_path / "storage-url"
    secret.write_text("postgresql://feedsvc:password@db.example.org/feedsvc\n")
    config = load(DEPLOY / "config.toml", {"FEEDSVC_STORAGE_URL_FILE": str(secret)})
    assert config.storage_url == secret.read_text().strip()


# The image, which is built nowhere here


def _instructions() -> list[tuple[str, str]]:
    """Each instruction of the Containerfile and what follows it."""
    text = (DEPLOY / "Containerfile").read_text("utf-8").replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return [(name, rest.strip()) for name, _, rest in (line.partition(" ") for line in lines)]


def _copied() -> list[str]:
    """What is copied from the repository."""
    return [
        source
        for name, rest in _instructions()
        if name == "COPY" and not rest.startswith("--from")
        for source in rest.split()[:-1]
    ]


def test_what_the_image_copies_is_there_and_is_sent_to_the_builder() -> None:
    ignored = (ROOT / ".dockerignore").read_text().split()
    assert ignored[0] == "*"
    for source in _copied():
        assert (ROOT / source).exists(), source
        assert f"!{source}" in ignored
    assert not any(fnmatch.fnmatch("feedsvc/app.py", pattern) for pattern in ignored[1:])
    for name, rest in _instructions():
        if name in ("RUN", "ENTRYPOINT", "CMD"):
            assert json.loads(rest), "in exec form, so that no shell stands in between"
        assert not re.search(r"index|https://(?!news)", rest), "no address of an index"


def test_the_images_command_runs_from_what_it_copies(tmp_path: Path) -> None:
    """All but the base image and the requirements: installed, started, healthy, ended."""
    build, installed, data = (tmp_path / name for name in ("build", "installed", "data"))
    for source in _copied():
        place = build / Path(source).name
        place.parent.mkdir(exist_ok=True)
        if (ROOT / source).is_dir():
            shutil.copytree(ROOT / source, place, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / source, place)
    (install,) = (
        json.loads(rest) for name, rest in _instructions() if name == "RUN" and '"."' in rest
    )
    pip = [sys.executable, *install[1:], "--target", str(installed), "--disable-pip-version-check"]
    done = subprocess.run(
        [*pip, "-q", "--root-user-action=ignore"],
        cwd=build,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    port = free_port()
    stated = dict(
        pair.split("=", 1)
        for name, rest in _instructions()
        if name == "ENV"
        for pair in rest.split()
    )
    assert stated["FEEDSVC_STORAGE_URL"] == "sqlite:////data/feedsvc.db"
    environment = stated | {
        "PATH": f"{installed}/bin",
        "PYTHONPATH": str(installed),
        "FEEDSVC_CONFIG": str(build / "config.toml"),
        "FEEDSVC_STORAGE_URL": f"sqlite:///{data}/feedsvc.db",
        "FEEDSVC_SERVER_PORT": str(port),
        "FEEDSVC_SERVER_HOST": HOST,
    }
    words = dict(_instructions())
    (entry,), command = json.loads(words["ENTRYPOINT"]), json.loads(words["CMD"])
    data.mkdir()
    process = subprocess.Popen(
        [sys.executable, str(installed / "bin" / entry), *command],
        cwd=data,
        env=environment,
        stdout=subprocess.DEVNULL,
    )
    try:
        service = Through(port)
        _await(lambda: _max_age(service) == 30)
        check = words["HEALTHCHECK"].partition("CMD ")[2].replace(":8000/", f":{port}/")
        probe = [sys.executable, *json.loads(check)[1:]]
        assert subprocess.run(probe, check=False).returncode == 0
        assert [one.name for one in data.glob("*.db")] == ["feedsvc.db"]
        assert service.get("/static/style.css").status == 200
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(15) == 0
    broken = subprocess.run(probe, check=False, capture_output=True)
    assert broken.returncode != 0


def test_the_example_configuration_is_valid() -> None:
    config = load(DEPLOY / "config.toml", {})
    assert config.storage_url == "sqlite:////var/lib/feedsvc/feedsvc.db"
    assert [str(one) for one in config.server.trusted_proxies] == ["127.0.0.1/32", "::1/128"]
    assert config.site.url == "https://news.example.org"
    assert PASSWORD not in (DEPLOY / "config.toml").read_text()
