"""Addresses as numbers: those of IPv6 that carry one of IPv4 count as that one."""

from ipaddress import IPv4Address, IPv6Address
from socket import AF_INET, AF_INET6, inet_pton

MAPPED = bytes(10) + b"\xff\xff"  # ::ffff:0:0/96, RFC 4291
_NAT64 = bytes.fromhex("0064ff9b") + bytes(8)  # 64:ff9b::/96, RFC 6052
_6TO4 = b"\x20\x02"  # 2002::/16, RFC 3056: the address of the site's router
_TEREDO = bytes.fromhex("20010000")  # 2001::/32, RFC 4380: the client's own, inverted


def packed(text: str) -> bytes:
    """The 4 or 16 bytes of an address in network order; b"" when it is none."""
    try:
        if ":" not in text:
            return inet_pton(AF_INET, text)
        whole = inet_pton(AF_INET6, text)
    except (OSError, ValueError):  # a NUL in the text is a ValueError
        return b""
    if whole.startswith((MAPPED, _NAT64)):
        return whole[12:]
    if whole.startswith(_6TO4):
        return whole[2:6]
    if whole.startswith(_TEREDO):
        return bytes(255 - byte for byte in whole[12:])
    return whole


def is_public(address: bytes) -> bool:
    """Whether an address may be somewhere: not private, loopback, link-local, reserved …"""
    parsed = IPv4Address(address) if len(address) == 4 else IPv6Address(address)
    return parsed.is_global and not parsed.is_multicast
