"""TLS over real sockets: whole, in pieces, slow, broken, half closed; memory is given back."""

import contextlib
import gc
import socket
import ssl
import struct
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.worker import BODY, PATIENCE, POST, Worker, settings_for, working
from tracker.door.secure import SecureTransport
from tracker.settings import DoorSettings, IntakeSettings, Listener, Settings
from tracker.tls import self_signed

PING = b"GET /ping HTTP/1.1\r\nHost: tracker.test\r\n\r\n"
LARGE = b"large" * 100_000
HASTY = DoorSettings(header_seconds=0.4, body_seconds=0.4, write_seconds=0.6, idle_seconds=1.2,
                     header_bytes=4096, body_bytes=200_000, connections=5)


def secure(directory: Path, door: DoorSettings | None = None) -> Settings:
    """Settings of a worker with a certificate and a large file."""
    certificate, key = self_signed(directory / "tls")
    (directory / "public").mkdir()
    (directory / "public" / "large").write_bytes(LARGE)
    return settings_for(directory, door, IntakeSettings(static_directory=directory / "public"),
                        tls_certificate=certificate, tls_key=key)


@pytest.fixture(scope="module")
def worker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Worker]:
    with working(secure(tmp_path_factory.mktemp("data")),
                 Listener("127.0.0.1", 0, tls=True)) as worker:
        yield worker


@pytest.fixture
def hasty(tmp_path: Path) -> Iterator[Worker]:
    with working(secure(tmp_path, HASTY), Listener("127.0.0.1", 0, tls=True)) as worker:
        yield worker


def client_context(version: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3) -> ssl.SSLContext:
    """A client that takes any certificate and speaks one version."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.minimum_version = context.maximum_version = version
    return context


CONTEXT = client_context()


class Puppet:
    """A client whose encrypted bytes the test sends as it likes."""

    def __init__(self, worker: Worker) -> None:
        self.socket = socket.create_connection(("127.0.0.1", worker.ports[0]), PATIENCE)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = CONTEXT.wrap_bio(self._incoming, self._outgoing)
        while True:
            try:
                self.tls.do_handshake()
            except ssl.SSLWantReadError:
                self.socket.sendall(self._outgoing.read())
                self._incoming.write(self.socket.recv(65536))
            else:
                break
        self.handshake_end = self._outgoing.read()

    def encrypted(self, *texts: bytes) -> bytes:
        """What each text becomes, in a record of its own."""
        for text in texts:
            self.tls.write(text)
        return self._outgoing.read()

    def read(self) -> bytes:
        """The next decrypted bytes; b"" at an end that the worker said by TLS."""
        while True:
            try:
                return self.tls.read(65536)
            except ssl.SSLWantReadError:
                data = self.socket.recv(65536)
                if not data:
                    raise ConnectionError("the connection ended, and TLS had not") from None
                self._incoming.write(data)


@contextlib.contextmanager
def puppet(worker: Worker) -> Iterator[Puppet]:
    """A puppet for the length of a block."""
    found = Puppet(worker)
    with found.socket:
        yield found


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_hit_over_tls_is_on_disk_and_known_as_secure(worker: Worker, version: ssl.TLSVersion,
                                                       ) -> None:
    before = len(worker.hits())
    with worker.connect(client_context(version)) as client:
        statuses = [client.ask(POST).status for _ in range(3)]

    assert statuses == [200] * 3
    hits = worker.hits()[before:]
    assert [(hit.body, hit.secure, hit.address) for hit in hits] == [
        (BODY, True, "127.0.0.1")] * 3


def test_old_versions_of_tls_are_refused(worker: Worker) -> None:
    context = client_context()
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        context.minimum_version = ssl.TLSVersion.TLSv1_1
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    with pytest.raises(OSError, match=r"(?i)version|reset"):
        worker.connect(context)


def test_a_session_is_resumed(worker: Worker) -> None:
    def connected(session: ssl.SSLSession | None) -> tuple[bool | None, ssl.SSLSession | None]:
        with (socket.create_connection(("127.0.0.1", worker.ports[0]), PATIENCE) as plain,
              CONTEXT.wrap_socket(plain, session=session) as client):
            client.sendall(POST)
            client.recv(4096)
            return client.session_reused, client.session

    _, session = connected(None)

    assert connected(session)[0] is True


def test_tiny_records_in_one_packet_are_one_piece(worker: Worker) -> None:
    with puppet(worker) as client:
        records = client.encrypted(*[POST[i:i + 1] for i in range(len(POST))], POST)
        client.socket.sendall(client.handshake_end + records)

        assert client.read().startswith(b"HTTP/1.1 200 OK")
        assert client.read().startswith(b"HTTP/1.1 200 OK")


def test_a_record_may_be_cut_anywhere(worker: Worker) -> None:
    with puppet(worker) as client:
        client.socket.sendall(client.handshake_end)
        record = client.encrypted(POST)
        for cut in range(1, len(record), 7):
            client.socket.sendall(record[:cut])
            time.sleep(0.001)
            client.socket.sendall(record[cut:])

            assert client.read().startswith(b"HTTP/1.1 200 OK")
            record = client.encrypted(POST)


def test_pipelined_requests_change_hands_and_keep_their_order(worker: Worker) -> None:
    with worker.connect(CONTEXT) as client:
        client.send(POST + PING + POST + PING)
        answers = [client.answer() for _ in range(4)]

    assert [a.status for a in answers] == [200] * 4
    assert [answers[1].body, answers[3].body] == [b"pong", b"pong"]


def test_a_large_body_and_a_large_answer_take_many_records(worker: Worker) -> None:
    body = b'{"ename":"' + b"x" * 1_000_000 + b'"}'
    head = b"POST /tr/v1/tr/ HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n" % len(body)
    with worker.connect(CONTEXT) as client:
        assert client.ask(head + body).status == 200
        answer = client.ask(b"GET /tr/v1/pub/large HTTP/1.1\r\nHost: h\r\n\r\n", "GET")

    assert answer.body == LARGE
    assert worker.hits()[-2].body == body


def test_a_client_that_has_shut_its_side_gets_its_answer(worker: Worker) -> None:
    with puppet(worker) as client:
        client.socket.sendall(client.handshake_end + client.encrypted(POST))
        client.socket.shutdown(socket.SHUT_WR)

        assert client.read().startswith(b"HTTP/1.1 200 OK")
        assert client.read() == b""


def test_a_client_that_has_said_its_end_gets_its_answer(worker: Worker) -> None:
    with puppet(worker) as client:
        sent = client.handshake_end + client.encrypted(POST)
        with contextlib.suppress(ssl.SSLWantReadError):
            client.tls.unwrap()
        client.socket.sendall(sent + client._outgoing.read())
        answer = b""
        with contextlib.suppress(ConnectionError):
            while data := client.socket.recv(65536):
                answer += data

    assert len(answer) > 100  # tickets, the answer, the end; all encrypted
    assert worker.hits()[-1].secure


def test_a_closing_answer_ends_by_tls(worker: Worker) -> None:
    with puppet(worker) as client:
        request = POST.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n", 1)
        client.socket.sendall(client.handshake_end + client.encrypted(request))

        assert b"connection: close" in client.read()
        assert client.read() == b""


def test_a_refused_client_that_still_sends_gets_its_answer(hasty: Worker) -> None:
    head = b"POST /tr/v1/tr/ HTTP/1.1\r\nHost: h\r\nContent-Length: 999999\r\n\r\n"
    with puppet(hasty) as client:
        client.socket.sendall(client.handshake_end + client.encrypted(head))
        for _ in range(20):
            client.socket.sendall(client.encrypted(b"x" * 10_000))
            time.sleep(0.005)

        assert client.read().startswith(b"HTTP/1.1 413 ")
        assert client.read() == b""


@pytest.mark.parametrize("data", [POST, b"\0" * 600, b"\x16\x03\x01\xff\xff" + bytes(600)],
                         ids=["plain HTTP", "zeros", "a record too long"])
def test_what_is_no_tls_is_hung_up_on(worker: Worker, data: bytes) -> None:
    before = len(worker.hits())
    with worker.connect() as client:
        client.send(data)

        assert client.socket.recv(1)[:1] in {b"", b"\x15"}  # an alert at most
    assert len(worker.hits()) == before


def test_a_record_that_was_changed_ends_its_connection_alone(worker: Worker) -> None:
    with worker.connect(CONTEXT) as other, puppet(worker) as client:
        record = bytearray(client.encrypted(POST))
        record[-1] ^= 1
        client.socket.sendall(client.handshake_end + record)
        with pytest.raises((ConnectionError, ssl.SSLError)):
            client.read()

        assert other.ask(POST).status == 200


@pytest.mark.parametrize("begun", [b"", b"\x16\x03\x01\x02\x00\x01\x00"])
def test_a_handshake_has_its_time(hasty: Worker, begun: bytes) -> None:
    began = time.monotonic()
    with hasty.connect() as client:
        client.send(begun)

        assert client.is_closed()
    assert time.monotonic() - began < 1.5


def test_handshakes_that_never_end_count_as_connections(hasty: Worker) -> None:
    with contextlib.ExitStack() as stack:
        for _ in range(HASTY.connections):
            stack.enter_context(hasty.connect())
        with pytest.raises(OSError, match=r"(?i)reset|EOF"):
            hasty.connect(CONTEXT)
        time.sleep(1.0)
        with hasty.connect(CONTEXT) as client:
            assert client.ask(POST).status == 200


def test_a_client_that_reads_no_answers_is_hung_up_on(hasty: Worker) -> None:
    request = b"GET /tr/v1/pub/large HTTP/1.1\r\nHost: h\r\n\r\n"
    with hasty.connect(CONTEXT) as client:
        client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.send(request * 40)
        time.sleep(2.0)

        assert hasty.edge.door.connections == 0


def test_closed_connections_leave_no_memory_of_openssl(worker: Worker) -> None:
    def alive() -> int:
        return sum(isinstance(found, SecureTransport) for found in gc.get_objects())

    gc.collect()
    gc.disable()
    try:
        for request in (POST, PING, b"bad\r\n\r\n"):
            with worker.connect(CONTEXT) as client:
                client.ask(request)
        with worker.connect() as client:
            client.send(b"no TLS at all, and nothing more")
            client.is_closed()
        with worker.connect() as client:  # reset amid the handshake
            client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        until = time.monotonic() + 5
        while alive() and time.monotonic() < until:
            time.sleep(0.02)
        assert alive() == 0
    finally:
        gc.enable()
