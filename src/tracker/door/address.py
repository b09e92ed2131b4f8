"""The address at the other end of a socket, in canonical text."""

from asyncio import BaseTransport
from ipaddress import IPv6Address, ip_address


def peer_address(transport: BaseTransport) -> str:
    """The peer's IP, "" when it has none (a Unix socket) or is gone already."""
    name = transport.get_extra_info("peername")
    if not isinstance(name, tuple) or not name:
        return ""
    return canonical(str(name[0]))


def canonical(text: str) -> str:
    """One text per address: no zone, IPv4 in IPv6 as IPv4."""
    if ":" not in text:
        return text
    address = ip_address(text.partition("%")[0])
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(address)
