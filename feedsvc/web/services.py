"""What the pages need, handed to them by ``app``."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import cast

from flask import current_app, request

from feedsvc.model import Site
from feedsvc.publishing import Publisher
from feedsvc.storage import Storage
from feedsvc.web.documents import Documents

IPNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(frozen=True, slots=True)
class Services:
    """Storage, settings and the clock.

    :param zone: the site's zone; ``zone_name`` is its IANA name.
    """

    storage: Storage
    publisher: Publisher
    documents: Documents
    site: Site
    zone: tzinfo
    zone_name: str
    trusted_proxies: tuple[IPNetwork, ...]
    clock: Callable[[], datetime]


def services() -> Services:
    """The services of the application that answers this request."""
    return cast(Services, current_app.extensions["feedsvc"])


def client_address() -> str:
    """Who asks: the nearest address that is no proxy of ours.

    Only a trusted proxy's X-Forwarded-For is believed, from its right end.
    """
    trusted = services().trusted_proxies
    address = request.remote_addr or ""
    forwarded = request.headers.get("X-Forwarded-For", "").split(",")
    for earlier in reversed([one.strip() for one in forwarded]):
        if not _is_in(address, trusted) or not earlier:
            break
        address = earlier
    return address[:45]


def _is_in(address: str, networks: tuple[IPNetwork, ...]) -> bool:
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return False
    return any(parsed in network for network in networks)
