"""From the press of Publish to the article in the served feed."""

from __future__ import annotations

import http.client
import random
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import urlencode

import lxml.html

from benchmarks.articles import CATEGORY, body
from benchmarks.servers import HOST, Answer, BenchmarkFault, RunningServer, invitation

PUBLISHES = 30
ACCOUNT = {"name": "ada", "password": "a few words in a row"}
LONGEST_WAIT_SECONDS = 5


@dataclass(frozen=True, slots=True)
class Publish:
    """Milliseconds from sending the form."""

    answered: float
    visible: float


@dataclass(slots=True)
class Browser:
    """An editor on one connection that is kept, with the session's cookie."""

    server: RunningServer
    connection: http.client.HTTPConnection = field(init=False)
    cookie: str = ""

    def __post_init__(self) -> None:
        self.connection = http.client.HTTPConnection(HOST, self.server.port, timeout=20)

    def request(self, method: str, path: str, content: bytes | None = None) -> Answer:
        """One request; keeps the cookie it is given."""
        headers = {"Cookie": self.cookie} if self.cookie else {}
        if content is not None:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        self.connection.request(method, path, content, headers)
        response = self.connection.getresponse()
        found = {name.lower(): value for name, value in response.getheaders()}
        cookie = found.get("set-cookie", "")
        if cookie.startswith("feedsvc_session="):
            self.cookie = cookie.split(";")[0]
        return Answer(response.status, found, response.read())

    def form(self, path: str) -> tuple[str, dict[str, str]]:
        """The main form of a page: where it is sent, and what it holds."""
        answer = self.request("GET", path)
        if answer.status != 200:
            raise BenchmarkFault(f"GET {path} answered {answer.status}")
        form = lxml.html.fromstring(answer.body.decode()).xpath("//main//form")[0]
        return form.get("action") or path, dict(form.form_values())

    def send(self, path: str, fields: Mapping[str, str]) -> None:
        """Send a form that must be accepted."""
        answer = self.request("POST", path, urlencode(fields).encode())
        if answer.status != 303:
            raise BenchmarkFault(f"the form sent to {path} was answered {answer.status}")


@contextmanager
def signed_up(server: RunningServer) -> Iterator[Browser]:
    """The first editor, by the one-time link."""
    browser = Browser(server)
    try:
        link, fields = browser.form(invitation(server))
        browser.send(link, fields | ACCOUNT)
        yield browser
    finally:
        browser.connection.close()


def measure(browser: Browser, feed_path: str) -> list[Publish]:
    """Publish one article after another."""
    chance = random.Random(11)  # noqa: S311 - nothing secret about it
    return [
        publish(browser, feed_path, f"Published number {number:03}", body(chance))
        for number in range(PUBLISHES)
    ]


def publish(browser: Browser, feed_path: str, title: str, text: str) -> Publish:
    """Fetch an empty form (not timed), send it, poll until the feed has the title."""
    path, fields = browser.form("/editor/new")
    fields |= {"title": title, "category": CATEGORY, "body": text, "action": "publish"}
    wanted = title.encode()
    if wanted in browser.request("GET", feed_path).body:
        raise BenchmarkFault(f"{title!r} is in the feed before it is published")
    begun = time.perf_counter()
    browser.send(path, fields)
    answered = time.perf_counter()
    while wanted not in browser.request("GET", feed_path).body:
        if time.perf_counter() - begun > LONGEST_WAIT_SECONDS:
            raise BenchmarkFault(f"{title!r} did not get into the feed")
    visible = time.perf_counter()
    return Publish((answered - begun) * 1000, (visible - begun) * 1000)
