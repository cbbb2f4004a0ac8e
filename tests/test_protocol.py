"""Our own HTTP: what a server owes, asked over real sockets."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import pytest

from feedsvc.web import pages, protocol
from feedsvc.web.application import LARGEST_UPLOAD_BYTES
from feedsvc.web.documents import Held
from feedsvc.web.front import Front
from tests.fronts import ProtocolServer, parse, read_to_end

BODY = b"<rss>" + b"a feed " * 9_000 + b"</rss>"
NOW = datetime(2026, 1, 21, 19, 0, tzinfo=UTC)
POLL = b'GET /feeds/health.rss HTTP/1.1\r\nHost: x\r\nIf-None-Match: "abc"\r\n\r\n'
WHOLE = b"GET /feeds/health.rss HTTP/1.1\r\nHost: x\r\n\r\n"
LAST = b"GET /feeds/health.rss HTTP/1.1\r\nHost: x\r\nIf-None-Match: *\r\nConnection: close\r\n\r\n"


def held(body: bytes = BODY) -> Held:
    return Held(
        digest="abc",
        updated=int(NOW.timestamp()) - 60,
        last_modified="Wed, 21 Jan 2026 18:59:00 GMT",
        next_due=None,
        content_type="application/rss+xml; charset=utf-8",
        bodies={"identity": body},
    )


class Application:
    """A WSGI application that waits when it is told to and tells what it was asked."""

    def __init__(self) -> None:
        self.environs: list[dict[str, Any]] = []
        self.bodies: list[bytes] = []
        self.gate = threading.Event()
        self.closed = 0

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        self.environs.append(environ)
        if environ["PATH_INFO"] == "/waits":
            self.gate.wait(10)
        if environ["PATH_INFO"] == "/fails":
            raise RuntimeError("on purpose")
        if environ["PATH_INFO"] == "/unread":
            start_response("413 Content Too Large", [("Content-Length", "0")])
            return []
        self.bodies.append(environ["wsgi.input"].read())
        start_response("200 OK", [("Content-Type", "text/plain")])
        return Closing(self, [b"by ", b"the application"])


class Closing:
    def __init__(self, owner: Application, parts: list[bytes]) -> None:
        self._owner = owner
        self._parts = parts

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._parts)

    def close(self) -> None:
        self._owner.closed += 1


class Documents:
    def __init__(self) -> None:
        self.held = {
            "/feeds/health.rss": held(),
            # As PEP 3333 has it: octets, each one a character.
            "/feeds/здоровье.rss".encode().decode("latin-1"): held(b"<rss>other</rss>"),
        }

    def find(self, path: str) -> Held | None:
        return None


@pytest.fixture
def application() -> Iterator[Application]:
    made = Application()
    yield made
    made.gate.set()


@pytest.fixture
def server(application: Application) -> Iterator[ProtocolServer]:
    front = Front(
        Documents(),  # type: ignore[arg-type]
        application,
        max_age_seconds=300,
        clock=lambda: NOW,
    )
    with ProtocolServer(front) as running:
        yield running


def statuses(received: bytes) -> list[bytes]:
    """The status of each response in a row."""
    return [part[:3] for part in received.split(b"HTTP/1.1 ")[1:]]


def eventually(check: Callable[[], object]) -> None:
    deadline = time.monotonic() + 5
    while not check():
        assert time.monotonic() < deadline
        time.sleep(0.005)


# Polls


def test_a_poll_is_answered_and_the_connection_kept(server: ProtocolServer) -> None:
    with server.connect() as connection:
        for _ in range(3):
            connection.sendall(POLL)
            received = connection.recv(65_536)
            assert received.startswith(b"HTTP/1.1 304 Not Modified\r\netag: ")
            assert b"\r\ndate: Wed, 21 Jan 2026 19:00:00 GMT\r\n" in received
            assert b"connection:" not in received
            assert b"server:" not in received
            assert received.endswith(b"\r\n\r\n")


@pytest.mark.parametrize(
    "head",
    [
        b"GET /feeds/health.rss?utm=x&y HTTP/1.1\r\nHost: x\r\n",
        b"GET /feeds/h%65alth.rss HTTP/1.1\r\nHost: x\r\n",
        b"GET /feeds/health%2Erss?a HTTP/1.1\r\nHost: x\r\n",
        b"GET http://news.example.org/feeds/health.rss HTTP/1.1\r\nHost: x\r\n",
        b"GET HTTP://news.example.org:8000/feeds/health.rss?x HTTP/1.1\r\nHost: x\r\n",
        b"\r\n\r\nGET /feeds/health.rss HTTP/1.1\r\nHost: x\r\n",
        b"GET /feeds/health.rss HTTP/1.1\r\nHOST:x\r\nUser-Agent: \xff\xfe\r\n",
        b"GET /feeds/health.rss HTTP/1.1\r\nHost: x\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n",
        b"GET /feeds/health.rss HTTP/1.1\r\nHost: x\r\nX: " + b"y" * 8_000 + b"\r\n",
    ],
)
def test_a_feed_is_found_however_it_is_named(server: ProtocolServer, head: bytes) -> None:
    for _ in range(2):
        answer = parse(
            server.exchange(head + b"Accept-Encoding: gzip\r\nConnection: close\r\n\r\n")
        )
        assert answer.status == "200 OK"
        assert answer.body == BODY


def test_a_feed_may_have_a_name_in_any_letters(server: ProtocolServer) -> None:
    path = quote("/feeds/здоровье.rss").encode()
    head = b"GET " + path + b" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    assert parse(server.exchange(head)).body == b"<rss>other</rss>"


def test_the_same_bytes_get_the_new_document_when_it_has_changed(server: ProtocolServer) -> None:
    assert server.front is not None
    with server.connect() as connection:
        connection.sendall(POLL)
        assert statuses(connection.recv(65_536)) == [b"304"]
        new = Held("def", 0, "Thu, 01 Jan 1970 00:00:00 GMT", None, "x/y", {"identity": b"new"})
        server.front.held["/feeds/health.rss"] = new
        connection.sendall(POLL)
        assert connection.recv(65_536).endswith(b"\r\n\r\nnew")
        del server.front.held["/feeds/health.rss"]
        connection.sendall(POLL)
        assert connection.recv(65_536).endswith(b"by the application")


def test_one_byte_at_a_time_is_read_like_all_at_once(server: ProtocolServer) -> None:
    pieces = [bytes([one]) for one in POLL + LAST]
    assert statuses(server.exchange(*pieces)) == [b"304", b"304"]


def test_what_is_remembered_is_bounded(
    server: ProtocolServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(protocol, "MOST_REMEMBERED", 10)
    with server.connect() as connection:
        for number in range(25):
            connection.sendall(POLL.replace(b"Host: x", b"Host: x%d" % number))
            connection.recv(65_536)
        connection.sendall(POLL.replace(b"Host: x", b"X: %s\r\nHost: x" % (b"x" * 600)))
        connection.recv(65_536)
        (one,) = server.state.connections
        remembered = one._polls.remembered
        assert 0 < len(remembered) <= 10
        assert max(map(len, remembered)) <= protocol.LONGEST_REMEMBERED_BYTES


# Versions, and whether the connection is kept


@pytest.mark.parametrize(
    ("version", "connection", "is_kept", "said"),
    [
        (b"1.1", b"", True, None),
        (b"1.1", b"keep-alive", True, None),
        (b"1.1", b"close", False, b"close"),
        (b"1.1", b"Foo, CLOSE", False, b"close"),
        (b"1.0", b"", False, b"close"),
        (b"1.0", b"close", False, b"close"),
        (b"1.0", b"Keep-Alive", True, b"keep-alive"),
    ],
)
def test_the_connection_is_kept_as_the_client_says(
    server: ProtocolServer, version: bytes, connection: bytes, is_kept: bool, said: bytes | None
) -> None:
    head = b"GET /feeds/health.rss HTTP/" + version + b"\r\nHost: x\r\nIf-None-Match: *\r\n"
    if connection:
        head += b"Connection: " + connection + b"\r\n"
    with server.connect() as client:
        client.sendall(head + b"\r\n")
        received = client.recv(65_536)
        assert received.startswith(b"HTTP/1.1 304 ")
        assert (
            (b"\r\nconnection: " + said + b"\r\n" in received)
            if said
            else (b"connection:" not in received)
        )
        if is_kept:
            client.sendall(head + b"\r\n")
            assert client.recv(65_536).startswith(b"HTTP/1.1 304 ")
        else:
            assert client.recv(1) == b""


def test_a_page_is_sent_to_an_older_client_whole_and_with_its_length(
    server: ProtocolServer,
) -> None:
    for more in (b"", b"Connection: keep-alive\r\n"):
        received = server.exchange(b"GET /page HTTP/1.0\r\n" + more + b"\r\n")
        assert b"content-length: 18\r\n" in received
        assert b"connection: close\r\n" in received
        assert received.endswith(b"\r\n\r\nby the application")


# What is refused


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (b"GET /feeds/health.rss HTTP/1.1\r\n\r\n", b"400"),
        (b"GET /page HTTP/1.1\r\n\r\n", b"400"),
        (b"GET /feeds/health.rss HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", b"400"),
        (b"GET /feeds/health.rss HTTP/1.1\nHost: x\n\n\r\n\r\n", b"400"),
        (b"GET /feeds/health.rss HTTP/1.1\r\nHost: x\nA: b\r\n\r\n", b"400"),
        (b"GET /feeds/health.rss HTTP/1.1\r\nHost: x\rA: b\r\n\r\n", b"400"),
        (b"GET /feeds/health.rss HTTP/1.1\r\nHost: x\r\nA: \0\r\n\r\n", b"400"),
        (b"GET /feeds/health.rss HTTP/1.1\r\nHost: x\r\nA: \x7f\r\n\r\n", b"400"),
        (b"GET /feeds/health.rss HTTP/1.1\r\nHost: x\r\nA : b\r\n\r\n", b"400"),
        (b"GET /feeds/health.rss HTTP/1.1\r\nHost: x\r\n A: b\r\n\r\n", b"400"),
        (b"GET /feeds/health.rss HTTP/1.1\r\nHost: x\r\nA: b\r\n c\r\n\r\n", b"400"),
        (b"GET /feeds/health.rss HTTP/1.1\r\nHost: x\r\n: b\r\n\r\n", b"400"),
        (b"GET /feeds/health.rss\0 HTTP/1.1\r\nHost: x\r\n\r\n", b"400"),
        (b"GET /feeds/h\xc3\xa9.rss HTTP/1.1\r\nHost: x\r\n\r\n", b"400"),
        (b"GET /feeds/health.rss HTTP/1.1 \r\nHost: x\r\n\r\n", b"400"),
        (b"POST / HTTP/1.0\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", b"400"),
        (b"GET feeds/health.rss HTTP/1.1\r\nHost: x\r\n\r\n", b"400"),
        (b"GET /feeds/health.rss HTTP/1.2\r\nHost: x\r\n\r\n", b"400"),
        (b"GET /feeds/health.rss\r\n\r\n", b"505"),
        (b"GET /feeds/health.rss HTTP/2.0\r\nHost: x\r\n\r\n", b"505"),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"505"),
        (b"FETCH /feeds/health.rss HTTP/1.1\r\nHost: x\r\n\r\n", b"400"),
        (b"CONNECT a:1 HTTP/1.1\r\nHost: x\r\n\r\n", b"501"),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b"400"),
        (b"GET /x HTTP/1.1\r\nHost: x\r\nA: " + b"y" * 17_000, b"431"),
        (b"GET /x HTTP/1.1\r\nHost: x\r\nA: " + b"y" * 17_000 + b"\r\n\r\n", b"431"),
        (b"GET /" + b"y" * 17_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", b"431"),
        (b"GET /feeds/health.rss HTTP/1.1\r\nHost: x\r\n" + b"A: b\r\n" * 120 + b"\r\n", b"431"),
    ],
)
def test_what_is_no_request_is_refused_and_the_connection_closed(
    server: ProtocolServer, application: Application, request_: bytes, status: bytes
) -> None:
    is_refused(server, application, request_, status)


# Framing that could be read in two ways (RFC 9112 section 11.2).
@pytest.mark.parametrize(
    ("fields_and_body", "status"),
    [
        (b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", b"400"),
        (b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n", b"400"),
        (b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello", b"400"),
        (b"Content-Length: 5, 5\r\n\r\nhello", b"400"),
        (b"Content-Length: +5\r\n\r\nhello", b"400"),
        (b"Content-Length: -5\r\n\r\nhello", b"400"),
        (b"Content-Length: 99999999999999999999\r\n\r\n", b"400"),
        (b"Transfer-Encoding: gzip, chunked\r\n\r\n", b"501"),
        (b"Transfer-Encoding: xchunked\r\n\r\n", b"400"),
        (b"Transfer-Encoding: chunked, identity\r\n\r\n", b"400"),
        (b"Upgrade: a\r\nConnection: Upgrade\r\nContent-Length: 5\r\n\r\nhello", b"400"),
        (b"Transfer-Encoding: chunked\r\n\r\n0x5\r\nhello\r\n0\r\n\r\n", b"400"),
        (b"Transfer-Encoding: chunked\r\n\r\n5\nhello\n0\n\n", b"400"),
    ],
)
@pytest.mark.parametrize("path", [b"/form", b"/feeds/health.rss"])
def test_nothing_is_smuggled(
    server: ProtocolServer,
    application: Application,
    path: bytes,
    fields_and_body: bytes,
    status: bytes,
) -> None:
    head = b"POST " + path + b" HTTP/1.1\r\nHost: x\r\n"
    if path != b"/form" and fields_and_body.startswith(b"Transfer-Encoding: chunked\r\n\r\n"):
        status = b"405"  # before the fault is seen; nothing comes after it
    is_refused(server, application, head + fields_and_body, status)


def is_refused(
    server: ProtocolServer, application: Application, request_: bytes, status: bytes
) -> None:
    # What comes behind it must not be taken for a request.
    received = server.exchange(request_, POLL)
    assert statuses(received) == [status]
    assert b"\r\nconnection: close\r\n" in received
    assert b"\r\ndate: " in received
    assert application.bodies == []


def test_star_is_no_feed(server: ProtocolServer) -> None:
    head = b"OPTIONS * HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    assert statuses(server.exchange(head)) == [b"200"]


# Bodies


@pytest.mark.parametrize("method", [b"GET", b"HEAD", b"POST"])
def test_a_body_sent_to_a_feed_means_nothing_and_hides_no_request(
    server: ProtocolServer, application: Application, method: bytes
) -> None:
    inner = b"GET /inner HTTP/1.1\r\nHost: x\r\n\r\n"
    head = method + b" /feeds/health.rss HTTP/1.1\r\nHost: x\r\nIf-None-Match: *\r\n"
    expected = b"405" if method == b"POST" else b"304"
    framed = head + b"Content-Length: %d\r\n\r\n" % len(inner) + inner
    assert statuses(server.exchange(framed + framed + LAST)) == [expected, expected, b"304"]
    assert statuses(server.exchange(*[bytes([one]) for one in framed + LAST])) == [expected, b"304"]
    # Behind a chunked one nothing is read, whatever it is.
    chunked = (
        head + b"Transfer-Encoding: chunked\r\n\r\n%x\r\n" % len(inner) + inner + b"\r\n0\r\n\r\n"
    )
    assert statuses(server.exchange(chunked + inner)) == [expected]
    assert statuses(server.exchange(chunked[:-5], b"0\r\n\r\n" + inner)) == [expected]
    assert application.environs == []


def test_a_form_arrives_whole(server: ProtocolServer, application: Application) -> None:
    form = bytes(range(256)) * 300
    head = b"POST /form HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(form)
    assert statuses(server.exchange(head + form[:10], form[10:] + LAST)) == [b"200", b"304"]
    chunks = b"".join(
        b"%x;a=b\r\n%s\r\n" % (len(piece), piece)
        for piece in (form[at : at + 999] for at in range(0, len(form), 999))
    )
    head = b"POST /form HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    trailer = b"0\r\nX-Forwarded-For: 192.0.2.1\r\n\r\n"
    assert statuses(server.exchange(head + chunks + trailer + LAST)) == [b"200"]
    assert application.bodies == [form, form]
    assert "HTTP_X_FORWARDED_FOR" not in application.environs[-1]
    assert application.closed == 2


def test_a_form_that_is_too_long_is_refused_with_an_answer_that_arrives(
    server: ProtocolServer, application: Application
) -> None:
    form = b"x" * 2_000_000
    head = b"POST /unread HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(form)
    assert statuses(server.exchange(head + form + LAST)) == [b"413", b"304"]
    # One that is sent to its end, although nobody may send so much, as well.
    assert protocol.MOST_DISCARDED_BYTES > 2 * LARGEST_UPLOAD_BYTES
    head = b"POST /form HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    chunked = head + b"%x\r\n" % len(form) + form + b"\r\n0\r\n\r\n"
    with server.connect() as connection, contextlib.suppress(ConnectionError):
        connection.sendall(chunked)
        assert statuses(read_to_end(connection)) == [b"413"]
    assert application.bodies == []


def test_bodies_in_memory_are_bounded_together(
    server: ProtocolServer, application: Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pages, "MOST_BODY_BYTES", 1_000)
    head = b"POST /form HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 2000\r\n\r\n"
    assert statuses(server.exchange(head + b"x" * 2_000)) == [b"503"]
    assert application.bodies == []


def test_who_asks_whether_to_go_on_is_told(
    server: ProtocolServer, application: Application
) -> None:
    head = b"POST /form HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n"
    with server.connect() as connection:
        connection.sendall(head)
        assert connection.recv(65_536) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(b"hello")
        assert statuses(read_to_end(connection)) == [b"200"]
    assert application.bodies == [b"hello"]
    feed = head.replace(b"POST /form", b"GET /feeds/health.rss")
    assert statuses(server.exchange(feed + b"hello" + POLL)) == [b"200"]


def test_a_client_that_goes_away_in_the_middle_of_a_form_saves_nothing(
    server: ProtocolServer, application: Application
) -> None:
    with server.connect() as connection:
        connection.sendall(b"POST /form HTTP/1.1\r\nHost: x\r\nContent-Length: 50\r\n\r\nhello")
        eventually(lambda: server.state.tasks)
    eventually(lambda: not server.state.tasks)
    assert application.environs == []


def test_fields_with_underscores_do_not_pass_for_others(
    server: ProtocolServer, application: Application
) -> None:
    server.exchange(
        b"GET /page HTTP/1.1\r\nHost: x\r\nX_Forwarded_For: 192.0.2.1\r\nConnection: close\r\n"
        b"X-Forwarded-For: 192.0.2.2\r\nX-Forwarded-For: 192.0.2.3\r\nX-Forwarded-Proto: https\r\n"
        b"Cookie: a=b\r\nCookie: c=d\r\n\r\n"
    )
    (environ,) = application.environs
    assert environ["HTTP_X_FORWARDED_FOR"] == "192.0.2.2,192.0.2.3"
    assert environ["HTTP_COOKIE"] == "a=b; c=d"
    assert (environ["REMOTE_ADDR"], environ["wsgi.url_scheme"]) == ("127.0.0.1", "http")


def test_octets_of_a_path_reach_the_application_as_they_were_sent(
    server: ProtocolServer, application: Application
) -> None:
    server.exchange(b"GET /a%2Fb/%ff%00?q=%41 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    (environ,) = application.environs
    assert (environ["PATH_INFO"], environ["QUERY_STRING"]) == ("/a/b/\xff\x00", "q=%41")


def test_an_application_that_fails_is_answered_for(
    server: ProtocolServer, caplog: pytest.LogCaptureFixture
) -> None:
    head = b"GET /fails HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    assert statuses(server.exchange(head)) == [b"500"]
    assert "on purpose" in caplog.text


# One behind another


def test_answers_come_in_the_order_of_the_requests(server: ProtocolServer) -> None:
    page = b"GET /page HTTP/1.1\r\nHost: x\r\n\r\n"
    received = server.exchange(POLL * 50 + page + POLL + page * 3 + POLL * 3 + LAST)
    expected = [b"304"] * 50 + [b"200", b"304"] + [b"200"] * 3 + [b"304"] * 4
    assert statuses(received) == expected


def test_a_poll_behind_a_page_waits_for_it_and_others_do_not(
    server: ProtocolServer, application: Application
) -> None:
    with server.connect() as connection:
        connection.sendall(b"GET /waits HTTP/1.1\r\nHost: x\r\n\r\n" + POLL + LAST)
        eventually(lambda: application.environs)
        for _ in range(3):
            assert statuses(server.exchange(LAST)) == [b"304"]
        connection.sendall(POLL)
        application.gate.set()
        assert statuses(read_to_end(connection)) == [b"200", b"304", b"304"]


def test_what_waits_behind_a_page_is_bounded(
    server: ProtocolServer, application: Application
) -> None:
    with server.connect() as connection:
        connection.sendall(b"GET /waits HTTP/1.1\r\nHost: x\r\n\r\n")
        eventually(lambda: application.environs)
        connection.settimeout(0.3)
        sent = 0
        with contextlib.suppress(TimeoutError):
            while sent < 30_000_000:
                sent += connection.send(POLL * 1_000)
        assert sent < 30_000_000
        assert len(server.connections[-1]._rest) < 1_000_000


def test_a_client_that_half_closes_still_gets_its_answers(
    server: ProtocolServer, application: Application
) -> None:
    application.gate.set()
    for sent in (POLL, POLL * 40, b"GET /waits HTTP/1.1\r\nHost: x\r\n\r\n" + POLL):
        with server.connect() as connection:
            connection.sendall(sent)
            connection.shutdown(socket.SHUT_WR)
            received = read_to_end(connection)
        assert len(statuses(received)) == sent.count(b"\r\n\r\n")


def test_who_does_not_read_what_it_asks_for_costs_no_memory(server: ProtocolServer) -> None:
    with server.connect() as connection:
        connection.settimeout(0.3)
        sent = 0
        with contextlib.suppress(TimeoutError):
            while sent < 10_000_000:
                sent += connection.send(WHOLE * 1_000)
        one = server.connections[-1]
        assert len(one._rest) < 1_000_000
        assert one.transport.get_write_buffer_size() < 2 * len(BODY) + 65_536
        # And who begins to read gets everything.
        connection.settimeout(10)
        received = 0
        while received < 50 * len(BODY):
            received += len(connection.recv(1_000_000))


def test_one_that_asks_without_end_does_not_hold_up_the_others(server: ProtocolServer) -> None:
    with server.connect() as greedy, server.connect() as other:
        greedy.sendall(POLL * 3_000)
        begun = time.monotonic()
        other.sendall(LAST)
        read_to_end(other)
        taken = time.monotonic() - begun
        received = b""
        while received.count(b"HTTP/1.1") < 3_000:
            received += greedy.recv(1_000_000)
    assert taken < 0.5


# Time


def test_a_head_that_takes_too_long_is_ended(server: ProtocolServer) -> None:
    with server.connect() as slow, server.connect() as silent:
        slow.sendall(b"GET /feeds")
        eventually(lambda: len(server.state.connections) == 2)
        eventually(lambda: any(one._rest for one in server.connections))
        server.pass_seconds(6)
        slow.sendall(b"/health.rss HTTP/1.1\r\n")
        eventually(lambda: any(len(one._rest) > 20 for one in server.connections))
        server.pass_seconds(protocol.HEAD_SECONDS - 5)
        assert statuses(read_to_end(slow)) == [b"408"]
        assert read_to_end(silent) == b""


def test_an_idle_connection_is_ended_after_a_while(server: ProtocolServer) -> None:
    with server.connect() as connection:
        for _ in range(2):
            connection.sendall(POLL)
            assert statuses(connection.recv(65_536)) == [b"304"]
            server.pass_seconds(protocol.IDLE_SECONDS)
        server.pass_seconds(1)
        assert read_to_end(connection) == b""


def test_where_there_are_many_idle_ones_are_ended_sooner(
    server: ProtocolServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(protocol, "MANY_CONNECTIONS", 1)
    with server.connect() as connection:
        connection.sendall(POLL)
        connection.recv(65_536)
        server.pass_seconds(protocol.CROWDED_IDLE_SECONDS + 1)
        assert read_to_end(connection) == b""


def test_a_form_that_trickles_is_ended_and_takes_no_thread(
    server: ProtocolServer, application: Application
) -> None:
    head = b"POST /form HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n"
    with contextlib.ExitStack() as stack:
        slow = [stack.enter_context(server.connect()) for _ in range(pages.THREADS + 2)]
        for one in slow:
            one.sendall(head)
        page = b"GET /page HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
        assert statuses(server.exchange(page)) == [b"200"]
        for _ in range(2):
            server.pass_seconds(protocol.BODY_SECONDS // 2)
            slow[0].sendall(b"x")
            time.sleep(0.05)
        server.pass_seconds(1)
        assert statuses(read_to_end(slow[0])) == [b"408"]
    assert len(application.bodies) == 1


def test_a_form_that_goes_on_may_take_its_time(
    server: ProtocolServer, application: Application
) -> None:
    piece = b"x" * protocol.SLOWEST_BODY_BYTES_A_SECOND
    head = b"POST /form HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: %d\r\n\r\n"
    with server.connect() as connection:
        connection.sendall(head % (20 * len(piece)))
        for number in range(20):
            connection.sendall(piece)
            eventually(lambda: server.connections)
            time.sleep(0.01)
            server.pass_seconds(1 if number else 15)
        assert statuses(read_to_end(connection)) == [b"200"]


def test_a_page_may_take_as_long_as_it_takes(
    server: ProtocolServer, application: Application
) -> None:
    with server.connect() as connection:
        connection.sendall(b"GET /waits HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        eventually(lambda: application.environs)
        server.pass_seconds(1_000)
        application.gate.set()
        assert statuses(read_to_end(connection)) == [b"200"]


def test_who_asks_one_by_one_and_stops_reading_is_given_up(server: ProtocolServer) -> None:
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        connection.connect(("127.0.0.1", server.port))
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        # Handed over first, and told a moment later that its answers find no room.
        while not any(one.flow.write_paused for one in list(server.connections)):
            connection.sendall(WHOLE)
            time.sleep(0.002)
        (one,) = server.connections
        assert len(one._rest) < 1_000_000
        server.pass_seconds(protocol.STALLED_SECONDS + 3)
        eventually(lambda: not server.state.connections)


def test_a_connection_that_only_polled_is_kept_while_others_are_few(
    server: ProtocolServer,
) -> None:
    with server.connect() as silent, server.connect() as polls:
        polls.sendall(POLL)
        polls.recv(65_536)
        server.pass_seconds(protocol.HEAD_SECONDS + 1)
        assert read_to_end(silent) == b""
        server.pass_seconds(protocol.IDLE_SECONDS - protocol.HEAD_SECONDS - 2)
        polls.sendall(POLL)
        assert statuses(polls.recv(65_536)) == [b"304"]
        assert not server.connections
        server.pass_seconds(protocol.IDLE_SECONDS + 1)
        assert read_to_end(polls) == b""


def test_polls_and_pages_take_turns_on_one_connection(server: ProtocolServer) -> None:
    with server.connect() as connection:
        for request, status in (
            (POLL, b"304"),
            (b"GET /a HTTP/1.1\r\nHost: x\r\n\r\n", b"200"),
        ) * 3:
            connection.sendall(request)
            assert statuses(connection.recv(65_536)) == [status]
        for piece in (POLL[:20], POLL[20:] + POLL[:5], POLL[5:]):
            connection.sendall(piece)
            time.sleep(0.02)
        assert statuses(connection.recv(65_536)) == [b"304", b"304"]


def test_who_stops_reading_is_given_up(server: ProtocolServer) -> None:
    with server.connect() as connection:
        connection.settimeout(0.2)
        with contextlib.suppress(TimeoutError):
            while True:
                connection.send(WHOLE * 1_000)
        one = server.connections[-1]
        assert one.transport.get_write_buffer_size()
        server.pass_seconds(protocol.STALLED_SECONDS + 3)
        eventually(lambda: one not in server.state.connections)


def test_forms_that_trickle_take_nobody_elses_place(
    server: ProtocolServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pages, "MOST_WAITING", 0)
    begun = b"POST /form HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\na"
    with contextlib.ExitStack() as stack:
        for _ in range(pages.THREADS + 2):
            stack.enter_context(server.connect()).sendall(begun)
        eventually(lambda: len(server.connections) == pages.THREADS + 2)
        page = b"GET /page HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
        assert statuses(server.exchange(page)) == [b"200"]


@pytest.mark.parametrize("host", [b"a,b", b"a b", b"a/b", b"a\tb", b"<a>"])
@pytest.mark.parametrize("path", [b"/feeds/health.rss", b"/page"])
def test_a_host_that_names_none_is_refused(
    server: ProtocolServer, path: bytes, host: bytes
) -> None:
    received = server.exchange(b"GET %s HTTP/1.1\r\nHost: %s\r\n\r\n" % (path, host))
    assert statuses(received) == [b"400"]


def test_a_poll_whose_head_is_too_long_is_refused_however_it_arrives(
    server: ProtocolServer,
) -> None:
    head = b"GET /feeds/health.rss HTTP/1.1\r\nHost: x\r\nA: %s\r\n\r\n" % (b"y" * 17_000)
    assert statuses(server.exchange(head)) == [b"431"]
    assert statuses(server.exchange(head[:100], head[100:])) == [b"431"]


def test_where_files_are_few_idle_connections_make_room_sooner(
    server: ProtocolServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("resource.getrlimit", lambda _: (4, 4))
    with server.connect() as one, server.connect() as other:
        for connection in (one, other):
            connection.sendall(POLL)
            connection.recv(65_536)
        server.pass_seconds(protocol.CROWDED_IDLE_SECONDS + 1)
        assert read_to_end(one) == read_to_end(other) == b""


def test_requests_that_wait_for_a_thread_are_bounded(
    server: ProtocolServer, application: Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pages, "MOST_WAITING", 0)
    assert server.front is not None
    with contextlib.ExitStack() as stack:
        connection = stack.enter_context(server.connect())
        connection.sendall(b"GET /page HTTP/1.1\r\nHost: x\r\n\r\n")
        assert statuses(connection.recv(65_536)) == [b"200"]
        (one,) = server.connections
        one.app._waiting = pages.THREADS  # type: ignore[attr-defined]
        connection.sendall(b"GET /page HTTP/1.1\r\nHost: x\r\n\r\n")
        received = connection.recv(65_536)
        assert statuses(received) == [b"503"]
        assert b"retry-after: 5\r\n" in received
        connection.sendall(POLL)
        assert statuses(connection.recv(65_536)) == [b"304"]


# Ending


def test_a_server_that_ends_lets_what_it_answers_be_answered(
    server: ProtocolServer, application: Application
) -> None:
    async def shut_down() -> None:
        for one in list(server.state.connections):
            one.shutdown()

    with server.connect() as idle, server.connect() as busy, server.connect() as silent:
        idle.sendall(POLL)
        idle.recv(65_536)
        busy.sendall(b"GET /waits HTTP/1.1\r\nHost: x\r\n\r\n")
        eventually(lambda: application.environs)
        server.run(shut_down())
        # What was on its way already is answered.
        idle.sendall(POLL + POLL)
        received = read_to_end(idle)
        assert statuses(received) == [b"304"]
        assert b"connection: close\r\n" in received
        assert read_to_end(silent) == b""
        application.gate.set()
        received = read_to_end(busy)
        assert statuses(received) == [b"200"]
        assert b"connection: close\r\n" in received
