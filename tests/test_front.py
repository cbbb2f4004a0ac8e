"""Polls are answered from memory: 304 where nothing is new, else the stored bytes."""

from __future__ import annotations

import gzip
import sys
import time
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from feedsvc.web.documents import Held, http_date
from feedsvc.web.front import Front
from feedsvc.web.polls import _parsed_http_date, negotiate
from tests.fronts import Answer, ProtocolServer, by_protocol, by_wsgi

PATH = "/feeds/health.rss"
BODY = b"<rss version='2.0'>a feed, and a feed, and a feed, and a feed</rss>"
PACKED = gzip.compress(BODY, mtime=0)
UPDATED = datetime(2026, 1, 21, 18, 13, tzinfo=UTC)
NOW = datetime(2026, 1, 21, 19, 0, tzinfo=UTC)
LAST_MODIFIED = "Wed, 21 Jan 2026 18:13:00 GMT"


class FakeDocuments:
    """What polls are answered from, held by hand."""

    def __init__(self, **changes: Any) -> None:
        values: dict[str, Any] = {
            "digest": "abc",
            "updated": int(UPDATED.timestamp()),
            "last_modified": LAST_MODIFIED,
            "next_due": None,
            "content_type": "application/rss+xml; charset=utf-8",
            "bodies": {"identity": BODY, "gzip": PACKED},
        }
        self.held = {PATH: Held(**{**values, **changes})}

    def find(self, path: str) -> Held | None:
        return None


def fallback(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    start_response("200 OK", [("Content-Type", "text/plain"), ("x-by", "fallback")])
    return [b"fallback"]


@pytest.fixture(scope="module")
def server() -> Iterator[ProtocolServer]:
    with ProtocolServer() as running:
        yield running


@pytest.fixture(autouse=True, params=["wsgi", "protocol"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything here is asked of both."""
    if request.param == "protocol":
        running = request.getfixturevalue("server")
        monkeypatch.setattr(
            sys.modules[__name__], "_asked", lambda *given: by_protocol(running, *given)
        )


def _asked(*given: Any) -> Answer:
    return by_wsgi(*given)


FRESH = "public, max-age=300, stale-while-revalidate=300, stale-if-error=86400"


def ask(
    path: str = PATH,
    *,
    method: str = "GET",
    query: str = "",
    now: datetime = NOW,
    documents: FakeDocuments | None = None,
    **headers: str,
) -> Answer:
    """One request, its headers named as in ``if_none_match``."""
    front = Front(
        documents or FakeDocuments(),  # type: ignore[arg-type]
        fallback,
        max_age_seconds=300,
        clock=lambda: now,
    )
    return _asked(front, method, path, query, headers)


# 200


def test_a_poll_without_validators_gets_the_stored_bytes() -> None:
    answer = ask()

    assert answer.status == "200 OK"
    assert answer.body == BODY
    assert answer.headers == {
        "etag": '"abc"',
        "cache-control": FRESH,
        "vary": "Accept-Encoding",
        "access-control-allow-origin": "*",
        "access-control-expose-headers": "ETag, Last-Modified",
        "last-modified": LAST_MODIFIED,
        "content-type": "application/rss+xml; charset=utf-8",
        "content-length": str(len(BODY)),
        "x-content-type-options": "nosniff",
    }
    assert len(answer.names) == len(set(answer.names))


def test_a_poll_that_takes_gzip_gets_the_packed_bytes_with_their_own_etag() -> None:
    answer = ask(accept_encoding="gzip, deflate, br")

    assert answer.body == PACKED
    assert answer.headers["content-encoding"] == "gzip"
    assert answer.headers["content-length"] == str(len(PACKED))
    assert answer.headers["etag"] == '"abc-gzip"'
    assert answer.headers["vary"] == "Accept-Encoding"


def test_identity_has_no_content_encoding() -> None:
    assert "content-encoding" not in ask(accept_encoding="identity").headers


@pytest.mark.parametrize("accept", ["identity", "gzip"])
def test_head_gets_the_headers_of_get_and_no_body(accept: str) -> None:
    get, head = ask(accept_encoding=accept), ask(accept_encoding=accept, method="HEAD")

    assert (head.status, head.headers) == (get.status, get.headers)
    assert head.body == b""


@pytest.mark.parametrize("query", ["utm_source=reader", "x", "a=1&b=%00"])
def test_a_query_string_changes_nothing(query: str) -> None:
    assert ask(query=query) == ask()
    assert ask(query=query, if_none_match='"abc"').status == "304 Not Modified"


@pytest.mark.parametrize("path", ["/", "/feeds/", "/feeds/health", PATH + "/", "/feeds/x.rss"])
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
def test_every_other_path_falls_through(path: str, method: str) -> None:
    assert ask(path, method=method, if_none_match="*").headers["x-by"] == "fallback"


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
def test_a_feed_is_only_read(method: str) -> None:
    answer = ask(method=method)

    assert answer.status == "405 Method Not Allowed"
    assert answer.headers["allow"] == "GET, HEAD, OPTIONS"
    assert answer.headers["content-length"] == str(len(answer.body))


def test_a_reader_in_a_browser_may_ask_whether_it_may_ask() -> None:
    answer = ask(method="OPTIONS", origin="https://reader.example.org")

    assert (answer.status, answer.body) == ("204 No Content", b"")
    assert answer.headers["allow"] == "GET, HEAD, OPTIONS"
    assert answer.headers["access-control-allow-origin"] == "*"
    assert answer.headers["access-control-allow-methods"] == "GET, HEAD"
    assert answer.headers["access-control-allow-headers"] == "*"
    assert "content-length" not in answer.headers


@pytest.mark.parametrize("accept", ["*;q=0", "identity;q=0", "gzip;q=0, identity;q=0"])
def test_a_client_that_refuses_every_coding_is_told_so(accept: str) -> None:
    answer = ask(accept_encoding=accept, if_none_match='"abc"')

    assert answer.status == "406 Not Acceptable"
    assert answer.headers["vary"] == "Accept-Encoding"
    assert answer.headers["content-length"] == str(len(answer.body))


# 304 by If-None-Match


@pytest.mark.parametrize(
    "etags",
    [
        '"abc"',
        'W/"abc"',
        "*",
        " * ",
        "abc",
        "W/abc",
        '"old", "abc"',
        '"old","abc","older"',
        'W/"old" , W/"abc"',
        '"with, a comma", "abc"',
        "old, abc",
        '"abc-gzip"',
        '"abc;gzip"',
        '"abc--gzip"',
        'W/"abc-gzip"',
        '"abc-br"',
        '"abc-gzip-gzip"',
        '"abc-gzip;gzip"',
        "abc-gzip",
    ],
)
@pytest.mark.parametrize("accept", ["identity", "gzip"])
def test_the_current_etag_is_known_in_every_form_it_comes_back_in(etags: str, accept: str) -> None:
    answer = ask(if_none_match=etags, accept_encoding=accept)

    assert answer.status == "304 Not Modified"
    assert answer.body == b""


@pytest.mark.parametrize(
    "etags",
    ['"old"', '""', "", ",", '"abcd"', '"ab"', '"ABC"', '"old-gzip"', '"*"', '"-gzip"', '"gzip"'],
)
def test_a_stale_etag_gets_the_feed(etags: str) -> None:
    assert ask(if_none_match=etags).status == "200 OK"


def test_a_304_carries_what_a_cache_renews_and_nothing_of_the_body() -> None:
    answer = ask(if_none_match='"abc-gzip"', accept_encoding="gzip")

    assert answer.headers == {
        "etag": '"abc-gzip"',
        "cache-control": FRESH,
        "vary": "Accept-Encoding",
        "access-control-allow-origin": "*",
        "access-control-expose-headers": "ETag, Last-Modified",
        "last-modified": LAST_MODIFIED,
    }


def test_head_gets_304_too() -> None:
    assert ask(method="HEAD", if_none_match='"abc"').status == "304 Not Modified"


def test_if_none_match_wins_over_if_modified_since() -> None:
    older = "Wed, 21 Jan 2026 18:12:59 GMT"

    assert ask(if_none_match='"old"', if_modified_since=LAST_MODIFIED).status == "200 OK"
    assert ask(if_none_match='"abc"', if_modified_since=older).status == "304 Not Modified"


@settings(derandomize=True, deadline=None)
@given(
    st.text(
        st.characters(min_codepoint=0x20, max_codepoint=0xFF, exclude_characters="\x7f"),
        max_size=60,
    )
)
def test_whatever_the_validators_say_the_answer_is_200_or_304(text: str) -> None:
    for headers in ({"if_none_match": text}, {"if_modified_since": text}):
        assert ask(**headers).status in ("200 OK", "304 Not Modified")


# 304 by If-Modified-Since


@pytest.mark.parametrize(
    "since",
    [
        LAST_MODIFIED,
        # The reader's own dates: when no cache gave out what was there before any more.
        "Wed, 21 Jan 2026 18:23:10 GMT",
        "Wed, 21 Jan 2026 19:00:00 GMT",
        "Wednesday, 21-Jan-26 18:13:00 GMT",
        "Wed Jan 21 18:13:00 2026",
        "Wed, 21 Jan 2026 18:13:00 +0000",
        "Wed, 21 Jan 2026 18:13:00 -0000",
        "Wed, 21 Jan 2026 19:13:00 +0100",
    ],
)
def test_a_copy_as_new_as_the_feed_is_current(since: str) -> None:
    assert ask(if_modified_since=since).status == "304 Not Modified"


@pytest.mark.parametrize(
    "since",
    [
        "Wed, 21 Jan 2026 18:12:59 GMT",
        # The reader's own dates, at which another worker may still have had the old feed.
        "Wed, 21 Jan 2026 18:13:01 GMT",
        "Wed, 21 Jan 2026 18:13:09 GMT",
        # Or a cache, fresh or stale.
        "Wed, 21 Jan 2026 18:18:10 GMT",
        "Wed, 21 Jan 2026 18:23:09 GMT",
        "Thu, 01 Jan 1970 00:00:00 GMT",
        "Wed, 21 Jan 2026 19:00:01 GMT",
        "Fri, 01 Jan 2100 00:00:00 GMT",
        "",
        "yesterday",
        "0",
        "2026-01-21T18:13:00Z",
        "Wed, 32 Jan 2026 18:13:00 GMT",
        "Wed, 21 Jan 99999 18:13:00 GMT",
        "Wed, 21 Jan 2026 18:13:00 +9999",
    ],
)
def test_a_copy_that_is_older_or_has_an_impossible_date_is_not(since: str) -> None:
    assert ask(if_modified_since=since).status == "200 OK"


@pytest.mark.parametrize("zone", ["America/New_York", "Asia/Kathmandu"])
def test_the_zone_of_the_process_does_not_change_what_a_date_means(
    zone: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # In none of these two forms does Python's parser see a zone.
    _parsed_http_date.cache_clear()
    with monkeypatch.context() as surroundings:
        surroundings.setenv("TZ", zone)
        time.tzset()
        answers = [
            ask(if_modified_since="Wed Jan 21 18:13:00 2026"),
            ask(if_modified_since="Wed, 21 Jan 2026 18:13:00 -0000"),
            ask(if_modified_since="Wed Jan 21 18:12:59 2026"),
        ]
    time.tzset()

    assert [answer.status[:3] for answer in answers] == ["304", "304", "200"]


def test_a_feed_changed_in_the_same_second_as_now_is_current() -> None:
    assert ask(if_modified_since=LAST_MODIFIED, now=UPDATED).status == "304 Not Modified"


def test_last_modified_is_left_out_while_it_lies_in_the_future() -> None:
    early = datetime(2026, 1, 21, 18, 12, 59, tzinfo=UTC)

    assert "last-modified" not in ask(now=early).headers
    assert ask(now=early, if_modified_since=LAST_MODIFIED).status == "200 OK"
    not_modified = ask(now=early, if_none_match='"abc"')
    assert not_modified.status == "304 Not Modified"
    assert "last-modified" not in not_modified.headers
    assert ask(now=UPDATED).headers["last-modified"] == LAST_MODIFIED


# How long caches may keep it


@pytest.mark.parametrize(
    ("due", "seconds"),
    [
        (None, (300, 300, 86_400)),
        (datetime(2026, 1, 23, 19, 0, tzinfo=UTC), (300, 300, 86_400)),
        (datetime(2026, 1, 21, 20, 0, tzinfo=UTC), (300, 300, 3_299)),
        (datetime(2026, 1, 21, 19, 8, tzinfo=UTC), (300, 179, 179)),
        (datetime(2026, 1, 21, 19, 5, 2, tzinfo=UTC), (300, 1, 1)),
        (datetime(2026, 1, 21, 19, 5, 1, tzinfo=UTC), (300,)),
        (datetime(2026, 1, 21, 19, 5, 0, tzinfo=UTC), (299,)),
        (datetime(2026, 1, 21, 19, 3, 0, tzinfo=UTC), (179,)),
        (datetime(2026, 1, 21, 19, 0, 1, tzinfo=UTC), (0,)),
        (datetime(2026, 1, 21, 19, 0, 0, tzinfo=UTC), (0,)),
        (datetime(2026, 1, 21, 18, 0, 0, tzinfo=UTC), (0,)),
    ],
)
@pytest.mark.parametrize("headers", [{}, {"if_none_match": '"abc"'}], ids=["200", "304"])
def test_no_cache_keeps_a_feed_beyond_its_next_article(
    headers: dict[str, str], due: datetime | None, seconds: tuple[int, ...]
) -> None:
    documents = FakeDocuments(next_due=int(due.timestamp()) if due else None)

    answer = ask(documents=documents, **headers)
    names = ("public, max-age", "stale-while-revalidate", "stale-if-error")
    assert answer.headers["cache-control"] == ", ".join(
        f"{name}={value}" for name, value in zip(names, seconds, strict=False)
    )


# Which encoding


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        (None, "identity"),
        ("", "identity"),
        ("  ", "identity"),
        ("gzip", "gzip"),
        ("GZip", "gzip"),
        ("x-gzip", "gzip"),
        ("X-GZIP;q=0.5", "gzip"),
        ("x-gzip;q=0", "identity"),
        ("gzip, deflate, br, zstd", "gzip"),
        ("br", "identity"),
        ("deflate;q=1, br;q=0.9", "identity"),
        ("identity", "identity"),
        ("gzip, identity", "gzip"),
        ("gzip;q=0.5, identity;q=0.5", "gzip"),
        ("gzip;q=0.5, identity", "identity"),
        ("gzip;q=0.5, identity;q=0.9", "identity"),
        ("gzip;q=0", "identity"),
        ("gzip;q=0.000", "identity"),
        ("gzip; q=0", "identity"),
        ("gzip ; Q=0", "identity"),
        ("gzip;q=0, *", "identity"),
        ("*", "gzip"),
        ("*;q=0.1", "gzip"),
        ("identity;q=0", None),
        ("identity;q=0, *", "gzip"),
        ("identity;q=0, gzip", "gzip"),
        ("gzip, *;q=0", "gzip"),
        ("gzip;q=1.0, identity;q=0.5, *;q=0", "gzip"),
        ("identity, *;q=0", "identity"),
        ("*;q=0", None),
        ("br, *;q=0", None),
        ("gzip;q=0, identity;q=0", None),
        (",,gzip,,", "gzip"),
        ("gzip;level=9", "gzip"),
        ("gzip;q=high", "identity"),
        ("gzip;q=", "identity"),
        ("gzip;q=nan", "identity"),
        ("gzip;q=7", "gzip"),
        ("gzip;q=-1", "identity"),
        (";q=1", "identity"),
        ("gzip gzip", "identity"),
    ],
)
def test_the_coding_that_is_most_welcome_is_sent(accept: str | None, expected: str | None) -> None:
    assert negotiate(accept, ("identity", "gzip")) == expected


def test_a_coding_that_is_not_stored_is_never_sent() -> None:
    assert negotiate("gzip, *", ("identity",)) == "identity"
    assert negotiate("gzip, identity;q=0", ("identity",)) is None


codings = st.sampled_from(["gzip", "identity", "*", "br", "deflate"])
qualities = st.sampled_from(["", ";q=0", "; q=0.0", ";Q=0.000", ";q=0.001", ";q=0.5", ";q=1.000"])
REFUSED = {";q=0", "; q=0.0", ";Q=0.000"}


@settings(derandomize=True, deadline=None, max_examples=500)
@given(st.dictionaries(codings, qualities), st.sampled_from([",", ", ", " , "]))
def test_what_the_client_refuses_is_never_sent(welcome: dict[str, str], comma: str) -> None:
    accept = comma.join(coding + quality for coding, quality in welcome.items())
    chosen = negotiate(accept, ("identity", "gzip"))

    others = welcome.get("*", "")
    refused = {c for c in ("identity", "gzip") if welcome.get(c, others) in REFUSED}
    assert chosen not in refused
    if chosen is None:
        assert "identity" in refused
    if chosen == "gzip":
        assert "gzip" in welcome or "*" in welcome


def test_http_dates_are_in_gmt() -> None:
    assert http_date(datetime(2026, 1, 21, 18, 13, tzinfo=UTC)) == LAST_MODIFIED


def test_head_gets_no_body_with_406() -> None:
    assert ask(method="HEAD", accept_encoding="*;q=0").body == b""
