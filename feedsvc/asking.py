"""What the host of a file says of it: its type and its length, before readers are told.

An editor may type any address, and this service may stand where strangers do not: so only
public addresses are asked, each name is resolved once and the very address that was looked
at is connected to, and each redirect is looked at anew.
"""

from __future__ import annotations

import http.client
import ipaddress
import re
import socket
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import SplitResult, urljoin, urlsplit

from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError

from feedsvc.errors import AddressRefused
from feedsvc.phrases import Phrase

MOST_SECONDS = 5.0
MOST_REDIRECTS = 5
# Whoever waits for a slow host keeps one of the threads that make pages.
MOST_AT_ONCE = 2
_REDIRECTS = (301, 302, 303, 307, 308)
_AGENT = "feedsvc (asks for type and length)"
# Addresses that carry one of IPv4 in their last 32 bits (RFC 6052 section 2.1).
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
# The others of IPv6 are nobody's, or not for anybody (RFC 4291 section 2.4).
_GLOBAL_UNICAST = ipaddress.ip_network("2000::/3")
# What not every Python that runs this knows to be special (RFC 6890, 7526 and 9637).
_SPECIAL = [ipaddress.ip_network(one) for one in ("192.0.0.0/24", "192.88.99.0/24", "3fff::/20")]

_threads = ThreadPoolExecutor(MOST_AT_ONCE, "asking")
_free = threading.BoundedSemaphore(MOST_AT_ONCE)


@dataclass(frozen=True, slots=True)
class Told:
    """What it is.

    :param media_type: without parameters; "" where the host does not say.
    :param length_bytes: 0 where it does not say.
    """

    media_type: str
    length_bytes: int


def ask(url: str, *, own_host: str, allows_private: bool = False) -> Told:
    """Ask the host of ``url``, in five seconds at most.

    :param own_host: host and port of this site, which may be private.
    :param allows_private: whether every other may be, too.
    :raises AddressRefused: says why, and the mend where there is one.
    """
    if not _free.acquire(blocking=False):
        raise AddressRefused(Phrase("others are being asked just now: try again in a moment"))

    def work() -> Told:
        try:
            return _Inquiry(own_host, allows_private).follow(url)
        finally:
            _free.release()

    try:
        return _threads.submit(work).result(timeout=MOST_SECONDS)
    except TimeoutError as error:
        raise AddressRefused(_UNREACHABLE) from error


_UNREACHABLE = Phrase("its host cannot be reached just now")
_NO_HTTP = Phrase("its host answers with what is no HTTP")


class _Inquiry:
    def __init__(self, own_host: str, allows_private: bool) -> None:
        self._own_host = own_host
        self._allows_private = allows_private
        self._ends_at = time.monotonic() + MOST_SECONDS

    @property
    def _seconds_left(self) -> float:
        left = self._ends_at - time.monotonic()
        if left <= 0:
            raise AddressRefused(_UNREACHABLE)
        return left

    def follow(self, url: str) -> Told:
        """Ask there, and wherever it leads to."""
        for _ in range(MOST_REDIRECTS + 1):
            parts = checked_url(url)
            status, fields = self._sent("HEAD", parts)
            if status not in _REDIRECTS:
                told = _told(status, fields)
                if status >= 400 or not (told.media_type and told.length_bytes):
                    status, fields = self._sent("GET", parts)
            if status not in _REDIRECTS:
                _check_status(status)
                return _told(status, fields)
            try:
                url = urljoin(url, fields.get("location", ""))
            except ValueError as error:
                raise AddressRefused(_NO_HTTP) from error
        raise AddressRefused(Phrase("it leads on from one address to another without an end"))

    def _sent(self, method: str, parts: SplitResult) -> tuple[int, dict[str, str]]:
        host, address = parts.hostname or "", self._address(parts)
        is_secure = parts.scheme == "https"
        kind = _SecureConnection if is_secure else _Connection
        connection = kind(host, _port(parts), timeout=self._seconds_left)
        connection.address, connection.seconds = address, self._seconds_left
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        headers = {"User-Agent": _AGENT, "Accept-Encoding": "identity", "Accept": "*/*"}
        if method == "GET":
            headers["Range"] = "bytes=0-0"
        try:
            connection.request(method, target, headers=headers, preload_content=False)
            answer = connection.getresponse()
            return answer.status, {name.lower(): value for name, value in answer.headers.items()}
        except (HTTPError, OSError, ValueError) as error:
            raise AddressRefused(_UNREACHABLE) from error
        except http.client.HTTPException as error:
            raise AddressRefused(_NO_HTTP) from error
        finally:
            connection.end()

    def _address(self, parts: SplitResult) -> Any:
        """The one to be connected to: the first that may be."""
        try:
            found = socket.getaddrinfo(parts.hostname, _port(parts), type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            raise AddressRefused(Phrase("there is no host of that name")) from error
        host = parts.netloc.rpartition("@")[2].lower()
        if self._allows_private or host == self._own_host.lower():
            return found[0]
        for one in found:
            if is_public(str(one[4][0])):
                return one
        raise AddressRefused(Phrase("its host is not on the public network, where readers are"))


def is_public(address: str) -> bool:
    """Whether an IP address is one that anybody may reach: neither private nor special."""
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(ip, ipaddress.IPv6Address):
        inner = ip.ipv4_mapped or ip.sixtofour or (ip.teredo[1] if ip.teredo else None)
        if inner is None and ip in _NAT64:
            inner = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
        if inner is not None:
            return is_public(str(inner))
        if ip not in _GLOBAL_UNICAST:
            return False
    is_special = ip.is_multicast or ip.is_unspecified or any(ip in one for one in _SPECIAL)
    return ip.is_global and not is_special


def checked_url(url: str) -> SplitResult:
    """The parts of an address that can be asked.

    :raises AddressRefused: it is not whole, or of another kind.
    """
    try:
        parts = urlsplit(url)
        is_whole = parts.scheme in ("http", "https") and bool(parts.hostname)
        _ = parts.port
    except ValueError:
        is_whole = False
    if not is_whole or re.search(r"[\s\x00-\x20\x7f-\uffff\\]", url):
        raise AddressRefused(Phrase("write a whole address, such as https://example.org/name.mp3"))
    if "@" in parts.netloc:
        raise AddressRefused(Phrase("an address for readers has no user name in it"))
    return parts


def _port(parts: SplitResult) -> int:
    return parts.port or (443 if parts.scheme == "https" else 80)


def _check_status(status: int) -> None:
    if status in (404, 410):
        raise AddressRefused(Phrase("there is nothing at this address"))
    if not 200 <= status < 300:
        raise AddressRefused(Phrase("its host answers %(status)s instead", status=status))


def _told(status: int, fields: dict[str, str]) -> Told:
    media_type = fields.get("content-type", "").partition(";")[0].strip().lower()
    length = fields.get("content-length", "")
    if status == 206:
        # Of a part (RFC 9110 section 14.4): bytes 0-0/12345.
        length = fields.get("content-range", "").rpartition("/")[2]
    if fields.get("content-encoding", "identity") != "identity":
        length = ""
    return Told(media_type, int(length) if re.fullmatch("[0-9]{1,15}", length) else 0)


class _Ended:
    """A connection to an address that was looked at, which ends when its time is over."""

    address: Any
    seconds: float
    _timer: threading.Timer | None = None
    _watched: socket.socket | None = None

    def _new_conn(self) -> socket.socket:
        """As urllib3 makes one, but to the address given instead of any of the name's."""
        family, kind, protocol, _, target = self.address
        made = socket.socket(family, kind, protocol)
        made.settimeout(self.seconds)
        # Its own descriptor: TLS takes the other one over.
        self._watched = made.dup()
        # A host may send an octet a second for as long as it likes.
        self._timer = threading.Timer(self.seconds, _shut, [self._watched])
        self._timer.daemon = True
        self._timer.start()
        try:
            made.connect(target)
        except OSError:
            made.close()
            raise
        return made

    def end(self) -> None:
        """Give it back."""
        if self._timer is not None:
            self._timer.cancel()
        if self._watched is not None:
            self._watched.close()
        close: Callable[[], None] = getattr(self, "close")  # noqa: B009
        close()


def _shut(made: socket.socket) -> None:
    with suppress(OSError):
        made.shutdown(socket.SHUT_RDWR)


class _Connection(_Ended, HTTPConnection):
    pass


class _SecureConnection(_Ended, HTTPSConnection):
    pass
