"""What the pages need, handed to them by ``app``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import cast

from flask import current_app, request

from feedsvc.model import Site
from feedsvc.publishing import Publisher
from feedsvc.storage import Storage
from feedsvc.web.access import AccessLog
from feedsvc.web.clients import IPNetwork, nearest_client
from feedsvc.web.documents import Documents
from feedsvc.web.in_force import InForce
from feedsvc.web.metrics import Metrics


@dataclass(frozen=True, slots=True)
class Services:
    """Storage, settings and the clock.

    :param in_force: the settings that may change while the service runs.
    :param private_enclosures: whether addresses that only we can reach may be asked.
    :param zone: the site's zone; ``zone_name`` is its IANA name.
    """

    storage: Storage
    in_force: InForce
    documents: Documents
    zone: tzinfo
    zone_name: str
    trusted_proxies: tuple[IPNetwork, ...]
    metrics: Metrics
    metrics_from: tuple[IPNetwork, ...]
    access: AccessLog | None
    private_enclosures: bool
    clock: Callable[[], datetime]

    @property
    def publisher(self) -> Publisher:
        """With the settings that count now."""
        return self.in_force.now.publisher

    @property
    def site(self) -> Site:
        """What the settings that count now say of the site."""
        return self.in_force.now.publisher.site


def services() -> Services:
    """The services of the application that answers this request."""
    return cast(Services, current_app.extensions["feedsvc"])


def client_address() -> str:
    """Who asks."""
    forwarded = request.headers.get("X-Forwarded-For", "")
    return nearest_client(request.remote_addr or "", forwarded, services().trusted_proxies)
