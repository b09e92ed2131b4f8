"""Whose address a request came from: the socket's, or what a trusted proxy says.

Of `ADDRESS_FIELDS` the first that holds an address wins. X-Forwarded-For stands before Forwarded
since proxies that write the one often pass a client's own other on unread. A proxy that is trusted
must overwrite or extend the first of them that it lets through.
"""

import re
from collections.abc import Iterator
from functools import lru_cache
from ipaddress import ip_address

from tracker.intake.head import ADDRESS_FIELDS, Head
from tracker.settings import Network

CACHED = 16_384
LONGEST = 100
"""More bytes are no address, and are not remembered either: a head may have 64 KiB of them."""

_FOR = re.compile(rb"""(?i)(?:^|[;,])\s*for\s*=\s*("[^"]*"|[^;,\s]*)""")


class ClientAddresses:
    """Finds the client's address in canonical text."""

    def __init__(self, trusted: tuple[Network, ...]) -> None:
        self._trusted = trusted
        self.of_peer = lru_cache(CACHED)(self._of_peer)

    def _of_peer(self, peer: str) -> tuple[str, bool]:
        """The canonical text of a socket's address ("" when none), and whether it is trusted."""
        address = canonical(peer)
        return address, self._is_trusted(address)

    def _is_trusted(self, address: str) -> bool:
        if not address or not self._trusted:
            return False
        parsed = ip_address(address)
        return any(parsed in network for network in self._trusted)

    def behind_proxy(self, peer: str, head: Head) -> str:
        """The client's address as the trusted `peer` tells it; the peer's when it does not."""
        for name in ADDRESS_FIELDS:
            fields = head.values(name)
            if not fields:
                continue
            if name == b"x-forwarded-for":
                address = self._walk(entry for field in reversed(fields)
                                     for entry in reversed(field.split(b",")))
            elif name == b"forwarded":
                address = self._walk(entry for field in reversed(fields)
                                     for entry in reversed(_FOR.findall(field)))
            else:
                address = canonical(fields[-1].decode("latin-1"))
            if address:
                return address
        return self.of_peer(peer)[0]

    def _walk(self, entries: Iterator[bytes]) -> str:
        """The first address from the right that is no trusted proxy's.

        Left of it, or of an entry that is no address, anyone may have written anything.
        """
        client = ""
        for entry in entries:
            if len(entry) > LONGEST:
                break
            address, trusted = self.of_peer(entry.decode("latin-1"))
            if not address:
                break
            client = address
            if not trusted:
                break
        return client


def canonical(text: str) -> str:
    """One spelling per address, without brackets, port and zone; "" when it is no address."""
    text = text.strip().strip('"')
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return ""
    mapped = getattr(address, "ipv4_mapped", None)
    return str(mapped or address)
