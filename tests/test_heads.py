"""A head that is matched at one glance is read as httptools reads it."""

from __future__ import annotations

import time
from typing import Any

import httptools
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from feedsvc.web.heads import Poll, plain_poll
from feedsvc.web.polls import asked

HEAD = (
    b"GET /feeds/health.rss HTTP/1.1\r\n"
    b"Host: news.example.org\r\n"
    b"User-Agent: A reader/1.0 (+https://reader.example; 3 subscribers)\r\n"
    b"Accept: application/rss+xml, */*;q=0.8\r\n"
    b"Accept-Encoding: gzip, br\r\n"
    b'If-None-Match: W/"abc-gzip"\r\n'
    b"If-Modified-Since: Wed, 21 Jan 2026 18:13:00 GMT\r\n"
    b"Connection: keep-alive\r\n"
    b"\r\n"
)


class Reading:
    """What httptools says of a head."""

    def __init__(self, head: bytes) -> None:
        self.url = b""
        self.fields: list[tuple[str, str]] = []
        self.heads = self.messages = 0
        self.parser = httptools.HttpRequestParser(self)
        self.parser.feed_data(head)

    def on_url(self, url: bytes) -> None:
        self.url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        # Space behind a value is none of it (RFC 9110 section 5.5); here it is left on.
        self.fields.append((name.decode("latin-1").lower(), value.decode("latin-1").rstrip(" \t")))

    def on_headers_complete(self) -> None:
        self.heads += 1
        self.keeps = self.parser.should_keep_alive()
        self.upgrades = self.parser.should_upgrade()
        self.version = self.parser.get_http_version()

    def on_message_complete(self) -> None:
        self.messages += 1


def check(head: bytes) -> Poll | None:
    """The poll, if it is one, after asking httptools for the same."""
    poll = plain_poll(head)
    if poll is None:
        return None
    reading = Reading(head)
    fields = dict(reading.fields)
    names = [name for name, _ in reading.fields]
    assert (reading.heads, reading.messages, reading.version) == (1, 1, "1.1")
    assert poll.method == reading.parser.get_method().decode()
    assert poll.path.encode() == reading.url.partition(b"?")[0]
    assert poll.is_last != reading.keeps
    assert (poll.end == b"\r\n") == reading.keeps
    assert not reading.upgrades
    assert names.count("host") == 1
    assert not {"content-length", "transfer-encoding", "expect", "upgrade"} & set(names)
    decided = ("if-none-match", "if-modified-since", "accept-encoding")
    assert all(names.count(name) <= 1 for name in decided)
    assert poll.asked == asked(*(fields.get(name) for name in decided))
    return poll


def test_what_readers_send_is_plain() -> None:
    poll = check(HEAD)
    assert poll is not None
    assert (poll.method, poll.path, poll.is_last) == ("GET", "/feeds/health.rss", False)
    assert poll.asked.digests == {"abc"}
    assert poll.asked.accept_encoding == "gzip, br"
    assert check(HEAD.replace(b"GET", b"HEAD").replace(b".rss", b".rss?x=y&z")) is not None
    assert check(HEAD.replace(b"keep-alive", b"close"))[4]  # type: ignore[index]
    assert check(b"GET /feeds/all.rss HTTP/1.1\r\nHost:\r\n\r\n") is not None


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"GET", b"POST"),
        (b"GET", b"get"),
        (b"HTTP/1.1", b"HTTP/1.0"),
        (b"health", b"h%65alth"),
        (b" /feeds", b" http://x/feeds"),
        (b"Host: news.example.org\r\n", b""),
        (b"Host: news", b"Host: a\r\nHost: news"),
        (b"keep-alive", b"keep-alive, close"),
        (b"keep-alive", b"upgrade\r\nUpgrade: h2c"),
        (b"Connection", b"Content-Length: 0\r\nConnection"),
        (b"Connection", b"Transfer-Encoding: chunked\r\nConnection"),
        (b"Connection", b"Expect: 100-continue\r\nConnection"),
        (b"Connection", b"if-none-match: *\r\nConnection"),
        (b"\r\n\r\n", b"\r\n\r\nGET / HTTP/1.1\r\n\r\n"),
        (b"\r\n\r\n", b"\r\n\r\n\r\n"),
        (b"\r\n\r\n", b"\r\n"),
        (b"\r\n\r\n", b"\n\r\n"),
        (b"Accept:", b"Accept :"),
        (b"Accept:", b" Accept:"),
        (b"Accept:", b":"),
        (b"*/*", b"\x00"),
        (b"*/*", b"\x7f"),
        (b"*/*", b"\r"),
        (b"*/*", b"\n"),
        (b"GET ", b"\r\nGET "),
        (b"GET ", b"GET  "),
        (b"Accept:", b"A: b\r\n" * 100 + b"Accept:"),
    ],
)
def test_what_is_not_plain_is_left_to_the_parser(old: bytes, new: bytes) -> None:
    assert old in HEAD
    assert plain_poll(HEAD.replace(old, new, 1)) is None


_PIECES = st.sampled_from(
    [
        *(
            b"\r\n",
            b"\n",
            b"\r",
            b" ",
            b"\t",
            b":",
            b",",
            b"\0",
            b"%41",
            b"?",
            b"#",
            b"//",
            b"\xff",
        ),
        *(b"Host: y\r\n", b"Connection: close\r\n", b"connection:upgrade \r\n", b"X_Y: z\r\n"),
        *(b"Content-Length: 1\r\n", b"Transfer-Encoding: x\r\n", b"If-None-Match:\t*  \r\n"),
        *(b"GET ", b"HTTP/1.1"),
    ]
)


@settings(derandomize=True, deadline=None, max_examples=2_000)
@given(st.data())
def test_whatever_is_taken_for_plain_the_parser_reads_the_same(data: Any) -> None:
    head = HEAD
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(head)))
        gone = data.draw(st.integers(0, 3))
        head = head[:at] + data.draw(_PIECES | st.binary(max_size=2)) + head[at + gone :]
    check(head)


@settings(derandomize=True, deadline=None, max_examples=300)
@given(st.integers(0, 255), st.integers(0, len(HEAD) - 1))
@example(0x7F, 40)
def test_no_single_octet_is_read_in_two_ways(octet: int, at: int) -> None:
    check(HEAD[:at] + bytes([octet]) + HEAD[at + 1 :])


def test_no_head_takes_long() -> None:
    for head in (
        b"GET /" + b"a" * 16_000,
        b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * 2_700 + b"!",
        b"GET / HTTP/1.1\r\n" + b"a" * 16_000,
        b"GET / HTTP/1.1\r\nif-none-match:" + b" \t" * 8_000 + b"\n\r\n\r\n",
    ):
        begun = time.perf_counter()
        assert plain_poll(head) is None
        assert time.perf_counter() - begun < 0.05
