"""Pages and forms: a WSGI application, run in threads beside the event loop.

A request takes a thread only while it is worked on. Its body is read before, by the
event loop, and its response is sent after: who sends or reads slowly holds up nobody.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from typing import Any
from urllib.parse import unquote_to_bytes

import structlog

from feedsvc.web.front import Environ, WsgiApp

log = structlog.get_logger("feedsvc.web")

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]

# What works at the same time. Rendering holds Python's lock, so that more would only
# make each slower; hashing a password takes 64 MB; SQLite has one writer.
THREADS = 4
# Requests that may wait for a thread; and bytes of bodies held in memory, of all of them.
MOST_WAITING = 100
MOST_BODY_BYTES = 64_000_000


class Pages:
    """An ASGI application around a WSGI application (PEP 3333).

    :param largest_body: longer ones are not read; the application is told their length.
    :param largest_upload: the same of a form with a file.
    """

    def __init__(self, app: WsgiApp, *, largest_body: int, largest_upload: int = 0) -> None:
        self._app = app
        self._largest_body = largest_body
        self._largest_upload = max(largest_upload, largest_body)
        self._threads = ThreadPoolExecutor(THREADS, "pages")
        self._waiting = 0
        self._body_bytes = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request (ASGI 3)."""
        body = bytearray()
        try:
            response = await self._read(scope, receive, body)
            if response is None:
                response = await self._work(environ_of(scope, body))
            if response:
                await _respond(send, *response)
        except asyncio.CancelledError:
            # The server ends and has waited for long enough.
            log.warning("not answered before the end", path=scope["path"])
        finally:
            self._body_bytes -= len(body)

    async def _work(self, environ: Environ) -> Response:
        """Have the application answer, unless too many wait for that already."""
        if self._waiting >= THREADS + MOST_WAITING:
            return _BUSY
        self._waiting += 1
        try:
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(self._threads, _run, self._app, environ)
        finally:
            self._waiting -= 1

    async def _read(self, scope: Scope, receive: Receive, body: bytearray) -> Any:
        """Take the body in; what to answer if that cannot be, or None.

        An empty answer where nobody is there to get one.
        """
        fields = dict(scope["headers"])
        declared = int(fields.get(b"content-length", 0))
        is_upload = scope["path"].startswith("/editor/") and fields.get(
            b"content-type", b""
        ).lower().startswith(b"multipart/form-data")
        largest = self._largest_upload if is_upload else self._largest_body
        if declared > largest:
            return None  # refused by the application, which knows what to say
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                return ()
            piece = message.get("body", b"")
            body += piece
            self._body_bytes += len(piece)
            if len(body) > largest:
                return _TOO_LONG
            if self._body_bytes > MOST_BODY_BYTES:
                log.warning("too many bodies at once", bytes=self._body_bytes)
                return _BUSY
            if not message.get("more_body"):
                return None


def environ_of(scope: Scope, body: bytearray) -> Environ:
    """What PEP 3333 calls the environment."""
    server, client = scope["server"], scope["client"] or ("", 0)
    environ: Environ = {
        "REQUEST_METHOD": scope["method"],
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote_to_bytes(scope["raw_path"]).decode("latin-1"),
        "QUERY_STRING": scope["query_string"].decode("latin-1"),
        "SERVER_PROTOCOL": f"HTTP/{scope['http_version']}",
        "SERVER_NAME": server[0],
        "SERVER_PORT": str(server[1]),
        "REMOTE_ADDR": client[0],
        "REMOTE_PORT": str(client[1]),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": scope["scheme"],
        "wsgi.input": BytesIO(body),
        "wsgi.input_terminated": True,
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
    }
    environ.update(_fields(scope))
    return environ


def _fields(scope: Scope) -> Mapping[str, str]:
    fields: dict[str, str] = {}
    for raw_name, raw_value in scope["headers"]:
        # X_Forwarded_For would come out as X-Forwarded-For, which a proxy in front of
        # this, believing it had set that itself, lets through.
        if b"_" in raw_name:
            continue
        name = raw_name.decode("latin-1").upper().replace("-", "_")
        if name not in ("CONTENT_LENGTH", "CONTENT_TYPE"):
            name = f"HTTP_{name}"
        value = raw_value.decode("latin-1")
        if name in fields:
            # RFC 9110 section 5.3; RFC 6265 section 5.4.
            value = fields[name] + ("; " if name == "HTTP_COOKIE" else ",") + value
        fields[name] = value
    return fields


Response = tuple[int, list[tuple[bytes, bytes]], bytes]


def _run(app: WsgiApp, environ: Environ) -> Response:
    """Call the application to its end, in a thread.

    Its pages are its own and fit in memory; whoever reads one slowly keeps no thread.
    """
    started: list[tuple[str, list[tuple[str, str]]]] = []
    content: list[bytes] = []

    def start_response(status: str, fields: list[tuple[str, str]], *_: Any) -> Any:
        started.append((status, fields))
        return content.append

    parts = app(environ, start_response)
    try:
        content.extend(parts)
    finally:
        getattr(parts, "close", lambda: None)()
    status, fields = started[-1]
    body = b"".join(content)
    encoded = [
        (name.lower().encode("latin-1"), v.encode("latin-1"))
        for name, v in fields
        # The server says it of each answer.
        if name.lower() != "date"
    ]
    has_length = any(name == b"content-length" for name, _ in encoded)
    has_content = environ["REQUEST_METHOD"] != "HEAD" and not status.startswith(("204", "304"))
    if has_content and not has_length:
        encoded.append((b"content-length", str(len(body)).encode()))
    return int(status[:3]), encoded, body


async def _respond(send: Send, status: int, fields: Any, body: bytes) -> None:
    await send({"type": "http.response.start", "status": status, "headers": fields})
    await send({"type": "http.response.body", "body": body})


def _refusal(status: int, text: bytes, *more: tuple[bytes, bytes]) -> Response:
    fields = [
        (b"content-type", b"text/plain; charset=utf-8"),
        (b"content-length", str(len(text)).encode()),
        *more,
    ]
    return status, fields, text


_BUSY = _refusal(503, b"Too much at once; feeds are served all the same.\n", (b"retry-after", b"5"))
_TOO_LONG = _refusal(413, b"A form takes less than that.\n")
