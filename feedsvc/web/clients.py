"""Who asks: behind proxies, and as one customer with many addresses."""

from __future__ import annotations

import ipaddress
from functools import lru_cache

IPNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network

LONGEST_ADDRESS = 45


def nearest_client(address: str, forwarded: str, trusted: tuple[IPNetwork, ...]) -> str:
    """The nearest address that is no proxy of ours.

    :param address: of the connection.
    :param forwarded: X-Forwarded-For; only a trusted proxy's is believed, from its right end.
    """
    for earlier in reversed([one.strip() for one in forwarded.split(",")]):
        if not earlier or not is_in(address, trusted):
            break
        address = earlier
    return address[:LONGEST_ADDRESS]


def is_in(address: str, networks: tuple[IPNetwork, ...]) -> bool:
    """Whether an address belongs to one of the networks."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return False
    return any(parsed in network for network in networks)


@lru_cache(maxsize=4096)
def subscriber(address: str) -> str:
    """Whom an address belongs to: one customer gets a whole /64 of IPv6."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address[:LONGEST_ADDRESS]
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped is not None:
            return str(parsed.ipv4_mapped)
        return str(ipaddress.ip_network((parsed, 64), strict=False))
    return str(parsed)
