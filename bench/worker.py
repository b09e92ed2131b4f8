"""CPU time of the steps that a request takes through a worker.

    python -m bench.worker [--markdown]

Each step is called alone. What a request takes besides, sockets, loop and threads, is the rest of
what `bench/run.py post` gives as CPU of the edge. `--markdown` puts it into docs/performance.md.
"""

import argparse
import ssl
import tempfile
import zlib
from pathlib import Path

from bench.intake import BROWSER, COOKIE, EVENT, FEW, cpu
from bench.rig import page, report
from bench.rig.payloads import TUPLES
from tracker.door.framing import Framing
from tracker.intake import Accepted, Intake, Request
from tracker.routes import RouteMap
from tracker.settings import IntakeSettings
from tracker.spool.segment import encode_group
from tracker.tls import self_signed

GROUP = 64

CASES = {
    "POST": (b"POST", b"/tr/v1/tr/", FEW, EVENT),
    "POST, a browser's headers": (b"POST", b"/tr/v1/tr/", BROWSER + COOKIE, EVENT),
    "GET, path tuples": (b"GET", TUPLES.encode(), FEW, b""),
    "pixel, a browser's headers and cookies": (
        b"GET", b"/tr/v1/img/?vid=v1&ename=open&etyp=mail", BROWSER + COOKIE, b""),
    "array of 100": (b"POST", b"/tr/v1/tr/", FEW, b"[" + b",".join([EVENT] * 100) + b"]"),
}


def steps(method: bytes, target: bytes, fields: bytes, body: bytes) -> dict[str, float]:
    """Microseconds of CPU that each step of one request takes, by its name."""
    length = b"Content-Length: %d\r\n" % len(body) if body else b""
    fields = b"".join(line for line in fields.splitlines(keepends=True)
                      if not line.startswith(b"Content-Length")) + length
    head = b"%b %b HTTP/1.1\r\n%b" % (method, target, fields)
    whole = head + b"\r\n" + body
    framing, routes, intake = Framing(), RouteMap(1), Intake(IntakeSettings(), bytes(8))
    request = Request(method, target, head, body, "127.0.0.1", False)
    accepted = intake.accept(request)
    assert isinstance(accepted, Accepted)
    answer = accepted.answer
    records = [accepted.record] * GROUP
    seed = zlib.crc32(b"salt")
    wire = answer.encode(True, False, b"now")
    return {
        "parse": cpu(lambda: framing.judge(whole)),
        "route": cpu(lambda: routes.find(target.partition(b"?")[0])),
        "check and record": cpu(lambda: intake.accept(request)),
        "answer": cpu(lambda: answer.with_headers(()).encode(True, False, b"now")),
        "its share of a group": cpu(lambda: encode_group(records, seed, 1024, 1, 1)) / GROUP,
        **_tls(whole, wire),
    }


def _tls(whole: bytes, answer: bytes) -> dict[str, float]:
    """What OpenSSL takes of the worker for one request and its answer."""
    with tempfile.TemporaryDirectory() as folder:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*self_signed(Path(folder)))
    trusting = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    trusting.check_hostname = False
    trusting.verify_mode = ssl.CERT_NONE
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    server = context.wrap_bio(to_server, to_client, server_side=True)
    client = trusting.wrap_bio(to_client, to_server)
    _shake_hands(client, server)

    def both() -> None:
        client.write(whole)
        got = 0
        while got < len(whole):
            got += len(server.read(16 << 10))

    def ours() -> None:
        server.write(answer)
        to_client.read()

    decrypting = cpu(both)
    encrypting = cpu(lambda: (client.write(whole), to_server.read()))
    return {"TLS: decrypt": decrypting - encrypting, "TLS: encrypt": cpu(ours)}


def _shake_hands(*sides: ssl.SSLObject) -> None:
    left = list(sides)
    while left:
        for side in tuple(left):
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                continue
            left.remove(side)


def main() -> None:
    """Print a row for each request, a column for each step."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--markdown", action="store_true")
    options = parser.parse_args()
    found = {name: steps(*case) for name, case in CASES.items()}
    rows = [["", *next(iter(found.values()))],
            *([name, *(f"{micros:.1f}" for micros in row.values())] for name, row in found.items())]
    print(report.plain(rows))
    if options.markdown:
        page.put("worker", f"Measured on {page.origin(page.ROOT)}.\n\n{page.grid(rows)}")


if __name__ == "__main__":
    main()
