"""Polls by our own HTTP: answered on the event loop as soon as their head is there.

A subclass of uvicorn's protocol. It cuts the stream into heads and bodies itself, one
request at a time; a poll gets its bytes at once, everything else goes uvicorn's way to
the application. What a server owes (RFC 9112) is owed here: bounds on heads, on time and
on memory. docs/notes/front.md says why, and what is leaned upon.
"""

from __future__ import annotations

import resource
from collections.abc import Iterable
from http import HTTPStatus
from typing import Any

import httptools
import structlog
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from feedsvc.web.documents import Held, http_date_of
from feedsvc.web.front import Front
from feedsvc.web.heads import (
    CLOSES,
    KEEPS,
    MOST_FIELDS,
    Poll,
    conditions,
    forwarded,
    is_host,
    joined,
    path_info,
    plain_poll,
    target,
)

log = structlog.get_logger("feedsvc.web")

# A request's head; what waits behind the request being answered.
LONGEST_HEAD_BYTES = 16_384
MOST_WAITING_BYTES = 65_536
# Of one connection before the others get their turn.
REQUESTS_A_TURN = 16
# From this length on a body is not copied behind its head.
SEPARATE_BYTES = 32_768
# What an answer that came early leaves of a body is read to its end, up to so much: well
# above the largest form, as whoever sends more is to read that it is too much.
MOST_DISCARDED_BYTES = 128_000_000

# Time is counted in sweeps, one a second. Behind a proxy it should be the proxy who
# closes idle connections; nginx keeps them for 60 seconds.
IDLE_SECONDS = 75
CROWDED_IDLE_SECONDS = 2
MANY_CONNECTIONS = 5_000
HEAD_SECONDS = 10
BODY_SECONDS = 20
SLOWEST_BODY_BYTES_A_SECOND = 4_096
STALLED_SECONDS = 60
LINGER_SECONDS = 2
# When the server ends: for a request that is on its way already.
LAST_CALL_SECONDS = 0.4
FOREVER = 1 << 60

# Readers send the same bytes each time; strangers choose them, so only short ones are
# kept, and so many of them.
LONGEST_REMEMBERED_BYTES = 512
MOST_REMEMBERED = 4_096


class Polls:
    """What all connections of one worker share.

    :param front: has the documents and the clock.
    """

    def __init__(self, front: Front) -> None:
        self.held = front.held
        self._front = front
        self.clock = front.clock
        self.remembered: dict[bytes, Poll] = {}
        self._second = -1
        self._date = b""

    def send(self, held: Held, poll: Poll, transport: Any) -> None:
        """Answer one poll."""
        instant = self.clock().timestamp()
        head, body = self._front.reply(
            held,
            poll.path,
            poll.method,
            poll.asked,
            instant,
            poll.forwarded,
            _peer_address,
            transport,
        )
        head += self.date(instant) + poll.end
        # uvloop sends each write by itself: one, of a copy, until the copy costs more.
        if len(body) < SEPARATE_BYTES:
            transport.write(head + body if body else head)
        else:
            transport.writelines((head, body))

    def date(self, instant: float) -> bytes:
        """The Date field (RFC 9110 section 6.6.1), by the clock that validators go by."""
        second = int(instant)
        if second != self._second:
            self._date = f"date: {http_date_of(second)}\r\n".encode()
            self._second = second
        return self._date

    def read(self, head: bytes) -> Poll | None:
        """The poll that exactly these bytes are, or None."""
        poll = self.remembered.get(head)
        if poll is None and len(head) <= LONGEST_HEAD_BYTES:
            poll = plain_poll(head)
            is_short = len(head) <= LONGEST_REMEMBERED_BYTES
            if poll is not None and is_short and poll.path in self.held:
                if len(self.remembered) >= MOST_REMEMBERED:
                    self.remembered.clear()
                self.remembered[head] = poll
        return poll


def _peer_address(transport: Any) -> str:
    return str((transport.get_extra_info("peername") or ("",))[0])


class PollProtocol(HttpToolsProtocol):
    """One connection."""

    def __init__(self, polls: Polls, **given: Any) -> None:
        super().__init__(**given)
        self._polls = polls
        self._held = polls.held
        # Nothing is in flight, nothing waits, nothing is owed.
        self._is_ready = True
        self._rest = b""
        self._body_left = 0  # -1: until the parser says
        self._is_last = False
        self._is_closing = False
        self._has_ended = False
        self._is_draining = False
        self._is_taking_head = False
        self._fault = 0
        self._poll: Poll | None = None
        self._seconds = 0.0
        self._limit = HEAD_SECONDS
        self._discarded = 0
        self._unsent = self._stalled = 0

    # What arrives

    def connection_made(self, transport: Any) -> None:
        """Called by the transport.

        Who it is with is found out when the application is called: seven system calls
        that no poll needs.
        """
        self.transport = transport
        self.flow = FlowControl(transport)
        self.connections.add(self)

    def data_received(self, data: bytes) -> None:
        """Called by the transport."""
        if self._is_ready:
            poll = self._polls.read(data)
            if poll is not None:
                held = self._held.get(poll.path)
                if held is not None:
                    self._answer(held, poll)
                    return
        if not self._is_closing:
            self._rest += data
            self._advance()

    def eof_received(self) -> bool | None:  # type: ignore[override]
        """Called by the transport; true keeps it open for what is still to be sent."""
        self._has_ended = True
        self._is_ready = False
        # Half a form will not be followed by the other half.
        if self._body_left or self._is_closing:
            return None
        return self._is_in_flight() or bool(self._rest)

    def _advance(self) -> None:
        """Take on what has arrived, until something has to be waited for."""
        if self.transport.is_closing():
            return
        for _ in range(REQUESTS_A_TURN):
            if not self._rest or self._is_closing:
                break
            if self._body_left:
                self._take_body()
            elif self._is_held_up() or not self._take_head():
                break
        else:
            self.loop.call_soon(self._advance)
            self._is_ready = False
            return
        if self._is_closing:
            return
        if self._has_ended and not self._is_held_up():
            self._close()
        elif len(self._rest) > MOST_WAITING_BYTES:
            self.flow.pause_reading()
        elif not self._body_left:
            self.flow.resume_reading()
        is_owed = self._rest or self._body_left or self._is_held_up()
        self._is_ready = not (is_owed or self._is_closing or self._is_draining)

    def _is_held_up(self) -> bool:
        """Whether the next request has to wait: for a response, or for the client to read."""
        return self._is_in_flight() or self.flow.write_paused

    def _is_in_flight(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _take_head(self) -> bool:
        """Read one head and begin to answer; false where it is not there yet."""
        # An empty line before it is skipped (RFC 9112 section 2.2).
        rest = self._rest = self._rest.lstrip(b"\r\n")
        end = rest.find(b"\r\n\r\n") + 4
        if end > LONGEST_HEAD_BYTES or (end < 4 and len(rest) > LONGEST_HEAD_BYTES):
            self._refuse(431)
        elif rest and not rest[:1].isalpha():
            self._refuse(400)
        if end < 4 or self._is_closing:
            self._wait(HEAD_SECONDS, goes_on=True)
            return False
        head, self._rest = rest[:end], rest[end:]
        poll = self._polls.read(head)
        if poll is not None and (held := self._held.get(poll.path)) is not None:
            self._answer(held, poll)
            return True
        self._poll = None
        self._discarded = 0
        # If the parser finds no end of it: HTTP/2, which begins with two heads.
        self._fault = 505
        self._is_taking_head = True
        self._feed(head)
        if self._fault and not self._is_closing:
            self._refuse(self._fault)
        self._is_taking_head = False
        return True

    def _take_body(self) -> None:
        piece = self._rest
        if self._body_left > 0:
            piece, self._rest = piece[: self._body_left], piece[self._body_left :]
            self._body_left -= len(piece)
        else:
            self._rest = b""
        self._seconds = max(0.0, self._seconds - len(piece) / SLOWEST_BODY_BYTES_A_SECOND)
        if not self._is_in_flight():
            self._discarded += len(piece)
        if self._discarded > MOST_DISCARDED_BYTES:
            self._close()
        else:
            self._feed(piece)

    def _feed(self, data: bytes) -> None:
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            pass  # on_headers_complete has seen to it
        except httptools.HttpParserError as error:
            if isinstance(error.__context__, _AfterLast):
                return
            if isinstance(error, httptools.HttpParserCallbackError):
                log.error("request not understood", exc_info=error)
            self._refuse(400)

    # What the parser finds

    def on_message_begin(self) -> None:
        """Called by the parser."""
        if not self._is_taking_head:
            raise _AfterLast
        self.url = b""
        self.headers = []

    def on_header(self, name: bytes, value: bytes) -> None:
        """Called by the parser; a trailer is no header (RFC 9110 section 6.5.1)."""
        if self._is_taking_head:
            self.headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        """Called by the parser: answer a poll, hand on everything else."""
        self._fault = 0
        fields = joined(self.headers)
        version, method = self.parser.get_http_version(), self.parser.get_method()
        is_one_zero = version == "1.0"
        self._is_last = not self.parser.should_keep_alive()
        is_plain = version == "1.1" and method in _READING and b"host" in fields
        is_plain = is_plain and len(fields) == len(self.headers) <= MOST_FIELDS
        if not is_host(fields.get(b"host", b"")):
            self._fault = 400
            return
        if not is_plain or not fields.keys().isdisjoint(_RARE):
            self._fault = self._look_closer(fields, version, method)
            if self._fault:
                return
        found = target(self.url)
        if found is None:
            self._fault = 400
            return
        raw_path, query = found
        path = path_info(raw_path)
        held = self._held.get(path)
        if held is None:
            self._hand_on(raw_path, query, fields, is_one_zero=is_one_zero)
            return
        self._poll = self._poll_of(path, method.decode(), fields, is_one_zero=is_one_zero)
        self._answer(held, self._poll)

    def _look_closer(self, fields: dict[bytes, bytes], version: str, method: bytes) -> int:
        """The status of what cannot be answered, or 0; how the body is framed."""
        if version not in ("1.1", "1.0"):
            return 505
        if len(self.headers) > MOST_FIELDS:
            return 431
        # RFC 9112 section 3.2.
        if b"host" not in fields and version == "1.1":
            return 400
        coding = fields.get(b"transfer-encoding")
        coding = None if coding is None else coding.lower()
        if coding is not None and version == "1.0":
            return 400  # section 6.1: faulty framing
        if method == b"CONNECT" or coding not in (None, b"chunked"):
            return 501
        if self.parser.should_upgrade():
            if not fields.keys().isdisjoint(_FRAMING):
                return 400  # the parser takes what follows for the other protocol's
            self._is_last = True
        # Where a chunked body ends only the parser knows: nothing is read behind it.
        self._body_left = -1 if coding else int(fields.get(b"content-length", 0))
        # Answered without having been told to go on, it may send the body or not.
        self._is_last = self._is_last or coding is not None or b"expect" in fields
        return 0

    def _poll_of(
        self, path: str, method: str, fields: dict[bytes, bytes], *, is_one_zero: bool
    ) -> Poll:
        end = b"connection: keep-alive\r\n\r\n" if is_one_zero else KEEPS
        if self._is_last:
            end = CLOSES
        return Poll(path, method, conditions(fields), forwarded(fields), end, self._is_last)

    def _hand_on(
        self, path: bytes, query: bytes, fields: dict[bytes, bytes], *, is_one_zero: bool
    ) -> None:
        """Let uvicorn have the application answer it."""
        headers, flow = self.headers, self.flow
        if self.scheme is None:
            super().connection_made(self.transport)
            self.flow = flow
        super().on_message_begin()
        self.headers += headers
        self.url = path + b"?" + query if query else path
        self.expect_100_continue = fields.get(b"expect", b"").lower() == b"100-continue"
        super().on_headers_complete()
        self.cycle.keep_alive = not (self._is_last or is_one_zero or self._is_draining)
        self._wait(BODY_SECONDS if self._body_left else FOREVER)

    def on_body(self, body: bytes) -> None:
        """Called by the parser; a poll's body means nothing (RFC 9110 section 9.3.1)."""
        if self._poll is None:
            super().on_body(body)

    def on_message_complete(self) -> None:
        """Called by the parser."""
        self._body_left = 0
        if self._poll is not None:
            if self._is_last:
                self._close()
        elif self._fault == 0:
            super().on_message_complete()
            self._wait(FOREVER if self._is_in_flight() else IDLE_SECONDS)

    # What is sent

    def _answer(self, held: Held, poll: Poll) -> None:
        if self._is_draining:
            poll = poll._replace(end=CLOSES, is_last=True)
        self._polls.send(held, poll, self.transport)
        self._seconds = 0.0
        self._limit = BODY_SECONDS if self._body_left else IDLE_SECONDS
        if poll.is_last and not self._body_left:
            self._close()

    def on_response_complete(self) -> None:
        """Called by uvicorn when the application's response is out."""
        if not self.transport.is_closing():
            self.flow.resume_reading()
            self._wait(BODY_SECONDS if self._body_left else IDLE_SECONDS)
            self.loop.call_soon(self._advance)

    def _refuse(self, status: int) -> None:
        """Say why, and hear no more on this connection."""
        if self._is_in_flight():
            if self.cycle.response_started:
                self.transport.abort()
                return
            self.cycle.disconnected = True
            self.cycle.message_event.set()
            self.transport.write(self._refusal(status))
        elif self._is_taking_head or not self._body_left:
            self.transport.write(self._refusal(status))
        # Otherwise it has its answer: a second one would be taken for the next request's.
        # Closed while the client still sends, the system would reset the connection and
        # the client might not see the answer (RFC 9112 section 9.6).
        self.transport.write_eof()
        self._is_closing = True
        self._is_ready = False
        self._rest = b""
        self.flow.resume_reading()
        self._wait(LINGER_SECONDS)

    def _refusal(self, status: int) -> bytes:
        text = f"{HTTPStatus(status).phrase}\n"
        date = self._polls.date(self._polls.clock().timestamp()).decode()
        return (
            f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\n"
            f"content-type: text/plain; charset=utf-8\r\ncontent-length: {len(text)}\r\n"
            f"{date}connection: close\r\n\r\n{text}"
        ).encode()

    def _close(self) -> None:
        self._is_closing = True
        self._is_ready = False
        self.transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        """Called by the transport."""
        self._is_closing = True
        self._is_ready = False
        super().connection_lost(exc)

    def shutdown(self) -> None:
        """Called by uvicorn when the server ends: one more answer, if it is asked for soon."""
        self._is_draining = True
        self._is_ready = False
        if self._is_in_flight():
            super().shutdown()
        else:
            self.loop.call_later(LAST_CALL_SECONDS, self._on_last_call)

    def _on_last_call(self) -> None:
        if not self._is_in_flight():
            self._close()

    def pause_writing(self) -> None:
        """Called by the transport: the client does not read as fast as it asks."""
        super().pause_writing()
        self._is_ready = False

    def resume_writing(self) -> None:
        """Called by the transport."""
        super().resume_writing()
        self.loop.call_soon(self._advance)

    # How long it may take

    def _wait(self, seconds: int, *, goes_on: bool = False) -> None:
        """So long may pass until the next step.

        :param goes_on: what has passed counts if it was this step already.
        """
        if not goes_on or self._limit != seconds:
            self._seconds = 0.0
        self._limit = seconds

    def sweep(self, idle_seconds: int) -> None:
        """Called once a second: end what takes too long."""
        unsent = self.transport.get_write_buffer_size()
        if unsent:
            # Somebody reads slowly: as long as it goes on, it may.
            self._stalled = 0 if unsent < self._unsent else self._stalled + 1
            self._unsent = unsent
            if self._stalled > STALLED_SECONDS:
                self.transport.abort()
            return
        self._unsent = self._stalled = 0
        self._seconds += 1
        limit = min(self._limit, idle_seconds) if self._is_ready else self._limit
        if self._seconds <= limit or self.transport.is_closing():
            return
        is_unfinished = self._rest or (self._body_left and self._is_in_flight())
        if is_unfinished and not self._is_closing:
            self._refuse(408)
        else:
            self._close()


class _AfterLast(Exception):
    """Something follows what was to be the last request."""


_FRAMING = {b"content-length", b"transfer-encoding"}
# What no ordinary poll has.
_RARE = {*_FRAMING, b"expect", b"upgrade"}
_READING = {b"GET", b"HEAD"}


def _many_connections() -> int:
    """So many that idle ones are ended sooner: each is a file, of which there may be few."""
    most_files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if most_files == resource.RLIM_INFINITY:
        return MANY_CONNECTIONS
    return min(MANY_CONNECTIONS, most_files * 7 // 10)


def sweep(connections: Iterable[Any]) -> None:
    """End the connections that take too long; where there are many, idle ones sooner."""
    found = list(connections)
    idle = IDLE_SECONDS if len(found) < _many_connections() else CROWDED_IDLE_SECONDS
    for one in found:
        one.sweep(idle)
