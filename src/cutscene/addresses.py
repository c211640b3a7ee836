"""Which addresses a link from outside may lead to.

The check sits where the socket is made, so that every spelling of an address, every
answer of the name service, every redirect and every retry passes through it.
"""

from __future__ import annotations

import asyncio
import socket
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Any, Final

__all__ = ["NotPublicError", "is_private_host", "is_public", "public_socket"]

PORTS: Final = frozenset({80, 443, 8080, 8443})
"""What public servers are asked on: a link is no port scanner."""

_IPV4_REFUSED: Final = tuple(
    ip_network(network)
    for network in (
        "192.0.0.0/24",  # protocol assignments, and one cloud's metadata
        "192.88.99.0/24",  # 6to4 relays
        "168.63.129.16/32",  # another cloud's metadata, in public space
    )
)
_IPV6_UNICAST: Final = ip_network("2000::/3")
"""The only global unicast space: NAT64, v4-compatible, site-local and the rest lie outside."""
_IPV6_REFUSED: Final = tuple(
    ip_network(network)
    for network in (
        "2001::/23",  # Teredo and protocol assignments
        "2002::/16",  # 6to4: any IPv4 address inside
        "3fff::/20",  # documentation
    )
)


class NotPublicError(OSError):
    """An `OSError`, since that is what the HTTP client expects of a socket that cannot be made."""


def is_public(address: str) -> bool:
    """Whether a numeric address is global unicast and carries no other address inside."""
    try:
        ip = ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(ip, IPv6Address) and ip.ipv4_mapped is not None:
        ip = ip.ipv4_mapped
    if not ip.is_global or ip.is_multicast or ip.is_reserved:
        return False
    if isinstance(ip, IPv4Address):
        return not any(ip in network for network in _IPV4_REFUSED)
    return ip in _IPV6_UNICAST and not any(ip in network for network in _IPV6_REFUSED)


def public_socket(address_info: tuple[Any, ...]) -> socket.socket:
    """A socket for one resolved address (as `socket.getaddrinfo` has it); raises `NotPublicError`."""
    family, kind, protocol, _, address = address_info
    if family not in (socket.AF_INET, socket.AF_INET6) or not is_public(address[0]):
        raise NotPublicError("whose address is not public")
    if address[1] not in PORTS:
        raise NotPublicError("on a port that is not allowed")
    return socket.socket(family, kind, protocol)


async def is_private_host(name: str) -> bool | None:
    """Whether a host's addresses are not all public; None where its name is not known."""
    try:
        found = await asyncio.get_running_loop().getaddrinfo(name, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return None
    return not all(is_public(str(address[0])) for *_, address in found)
