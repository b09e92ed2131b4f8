import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tracker.tls import self_signed


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "::1"])
def test_a_certificate_serves_this_machine(tmp_path: Path, host: str) -> None:
    certificate, key = self_signed(tmp_path / "tls")

    assert "TLSv1.3" == _handshake(certificate, key, host)


def test_a_certificate_is_made_once_and_for_its_owner_alone(tmp_path: Path) -> None:
    certificate, key = self_signed(tmp_path)
    made = certificate.read_bytes()

    assert (certificate, key) == self_signed(tmp_path)
    assert made == certificate.read_bytes()
    assert 0o600 == key.stat().st_mode & 0o777


def test_a_certificate_is_renewed_before_it_expires(tmp_path: Path) -> None:
    now = datetime.now(UTC)
    old = self_signed(tmp_path, now - timedelta(days=800))[0].read_bytes()

    assert old != self_signed(tmp_path, now)[0].read_bytes()


def _handshake(certificate: Path, key: Path, host: str) -> str | None:
    """The protocol that a client which trusts `certificate` alone agrees on."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    up, down = ssl.MemoryBIO(), ssl.MemoryBIO()
    server = context.wrap_bio(up, down, server_side=True)
    client = ssl.create_default_context(cafile=str(certificate)).wrap_bio(
        down, up, server_hostname=host)
    for side in (client, server, client, server):
        try:
            side.do_handshake()
        except ssl.SSLWantReadError:
            continue
    return client.version()
