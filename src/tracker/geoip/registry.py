"""Countries without any file: as the internet registries assigned addresses, from a package."""

from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version

from tracker.geoip import NOWHERE, Place
from tracker.geoip.addresses import packed

PACKAGE = "iptocc"
ATTRIBUTION = "Countries as the regional internet registries (nro.net) assigned addresses."


class Registry:
    """Finds countries; loads the package's data when it is made. Raises ImportError."""

    def __init__(self) -> None:
        from iptocc import country_code  # noqa: PLC0415 - an extra
        self._ask = country_code
        self.version = f"{PACKAGE} {version(PACKAGE)}"

    def find(self, addresses: Sequence[str]) -> list[Place]:
        """The country of each address in text."""
        plain = [_plain(address) if ":" in address else address for address in addresses]
        known: dict[str | None, Place] = {None: NOWHERE}
        return [known.get(code) or known.setdefault(code, Place(country=code or ""))
                for code in self._ask(plain)]


def registry() -> Registry | None:
    """The package's data, if it is installed."""
    try:
        return Registry()
    except (ImportError, PackageNotFoundError):
        return None


def _plain(address: str) -> str:
    """The address of IPv4 that one of IPv6 carries, else the same."""
    bytes_ = packed(address)
    return ".".join(map(str, bytes_)) if len(bytes_) == 4 else address
