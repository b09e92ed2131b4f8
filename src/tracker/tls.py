"""A self-signed certificate for a first start, until the owner has a real one."""

import socket
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from tracker.durable import Files, make_directory, write_file

_LIFETIME = timedelta(days=825)  # the most that Apple's clients take
_RENEW = timedelta(days=30)
_BACKDATED = timedelta(days=1)  # clients whose clocks are late


def self_signed(directory: Path, now: datetime | None = None) -> tuple[Path, Path]:
    """Certificate and key in `directory`, for this machine's name and loopback addresses.

    Those found there are kept until they are about to expire. Certificate and key lie in one
    file, so that a crash cannot leave a pair that does not match.
    """
    now = datetime.now(UTC) if now is None else now
    path = directory / "self-signed.pem"
    if not path.exists() or _expires(path) < now + _RENEW:
        make_directory(Files(), directory)
        write_file(Files(), path, _make(now))
    return path, path


def _expires(path: Path) -> datetime:
    return x509.load_pem_x509_certificate(path.read_bytes()).not_valid_after_utc


def _make(now: datetime) -> bytes:
    key = ec.generate_private_key(ec.SECP256R1())
    hosts = dict.fromkeys(("localhost", socket.gethostname()))
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "tracker")])
    names: list[x509.GeneralName] = [x509.DNSName(host) for host in hosts if host.isascii()]
    names += [x509.IPAddress(ip_address(text)) for text in ("127.0.0.1", "::1")]
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _BACKDATED)
        .not_valid_after(now + _LIFETIME)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                                serialization.NoEncryption())
    return certificate.public_bytes(serialization.Encoding.PEM) + private
