"""Addresses to listen on: `:8880`, `127.0.0.1:8880`, `[::1]:8880`, `:https`."""

from ipaddress import ip_address

from tracker.errors import ConfigError

_NAMES = {"http": 80, "https": 443}


def parse_address(key: str, text: str) -> tuple[str, int]:
    """Host ("" for all) and port (0 for a free one)."""
    host, colon, port = text.strip().rpartition(":")
    number = _NAMES.get(port.lower(), int(port) if port.isascii() and port.isdigit() else -1)
    if not colon or not 0 <= number <= 65535 or not _is_host(host):
        raise ConfigError(f'{key}: "{text}" is no address; write ":8880", "127.0.0.1:8880" or'
                          ' "[::1]:8880"')
    return host.strip("[]"), number


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches `host`."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _is_host(host: str) -> bool:
    if host.startswith("["):
        return host.endswith("]") and ":" in host
    return ":" not in host and not any(letter.isspace() or letter == "/" for letter in host)
